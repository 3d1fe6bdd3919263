//! Remotes over ssh, by the `ssh` program: with the user's configuration, agents and hardware keys.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};

use super::conversation::Conversation;
use super::duplex::{Duplex, stream};
use super::ssh_url::SshUrl;
use crate::process::{Group, Running};
use crate::vault::transport::ssh_options;

/// The subtransport.
pub(super) struct Ssh {
    conversation: Arc<Conversation>,
}

impl Ssh {
    pub(super) fn new(conversation: Arc<Conversation>) -> Self {
        Self { conversation }
    }

    fn connect(&self, url: &str, service: &str) -> Result<Duplex> {
        let url = SshUrl::parse(url).with_context(|| {
            format!("`{}` is not an ssh address that can be used", self.conversation.remote)
        })?;
        let mut command = self.command()?;
        self.add_port(&mut command, &url)?;
        command.arg(url.destination()).arg(format!("{service} {}", url.quoted_path()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let group = Group::of(&self.conversation.env);
        let program = Running::start(&mut command, group)?;
        Ok(Duplex::to_program(Arc::clone(&self.conversation), program))
    }

    /// The ssh program as git would start it: `GIT_SSH_COMMAND`, `core.sshCommand`, `GIT_SSH`, `ssh`.
    fn command(&self) -> Result<Command> {
        let conversation = &self.conversation;
        let programs = conversation.programs();
        let named = conversation.env.variable("GIT_SSH_COMMAND").map(ToOwned::to_owned);
        let named = named.or_else(|| conversation.settings.get("core.sshcommand").map(Into::into));
        let mut command = if let Some(words) = named {
            let mut command = programs.command(Path::new("/bin/sh"));
            let mut script = words.clone();
            script.push(" \"$@\"");
            command.arg("-c").arg(script).arg(words);
            command
        } else {
            let named = conversation.env.variable("GIT_SSH").map(Path::new);
            let name = named.unwrap_or_else(|| Path::new("ssh"));
            let found = match name.is_absolute() {
                true => Some(name.to_owned()),
                false => programs.find(&name.to_string_lossy()).next(),
            };
            let path =
                found.with_context(|| format!("there is no `{}` on PATH", name.display()))?;
            let mut command = programs.command(&path);
            if named.is_none() {
                command.args(ssh_options(&conversation.env));
            }
            command
        };
        command.envs([("LC_ALL", "C"), ("SSH_ASKPASS_REQUIRE", "never")]);
        Ok(command)
    }

    fn add_port(&self, command: &mut Command, url: &SshUrl) -> Result<()> {
        let Some(port) = &url.port else { return Ok(()) };
        let variant =
            self.conversation.env.variable("GIT_SSH_VARIANT").map(|v| v.to_string_lossy());
        let variant = variant.as_deref().or_else(|| self.conversation.settings.get("ssh.variant"));
        let flag = match variant {
            Some("plink" | "putty" | "tortoiseplink") => "-P",
            Some(simple) => {
                ensure!(simple != "simple", "the ssh variant `simple` takes no port");
                "-p"
            }
            None => "-p",
        };
        command.args([flag, port]);
        Ok(())
    }
}

impl SmartSubtransport for Ssh {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        let connect = |program: &str| self.connect(url, program);
        stream(service, |program| connect(program).map_err(|error| self.conversation.fail(error)))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
