//! Speaking to remotes by way of the `git` program. Nothing else starts it.

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use self::child::Answer;
use self::version::Version;
use super::{Address, References, Sent, Transport, explain, place};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::progress::{Progress, Silent};
use crate::vault::{ObjectId, Vault};

mod child;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod report;
mod surroundings;
mod version;

pub(super) use version::OLDEST;

/// What is asked where neither the user nor git's settings name an ssh program: nobody sits there
/// to answer it, and a server that went away must not hold up a run for hours.
const SSH: &str = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15";

/// The `git` program and the repository it works for.
pub(super) struct GitProgram<'a> {
    vault: &'a Vault,
    env: &'a Env,
    path: PathBuf,
    version: Version,
    ssh: OnceCell<Option<OsString>>,
}

impl<'a> GitProgram<'a> {
    /// The first `git` on `PATH`.
    ///
    /// # Errors
    /// Where there is none, it does not run, or it is too old; each with what mends it.
    pub(super) fn find(vault: &'a Vault, env: &'a Env) -> Result<Self> {
        let path = surroundings::find_git(env).ok_or_else(|| {
            Failure::new(ErrorKind::Failed, "there is no `git` on PATH")
                .hint(format!("install git {OLDEST} or newer, or set the transport to `libgit2`"))
        })?;
        let version = Version::default();
        let mut git = Self { vault, env, path, version, ssh: OnceCell::new() };
        let said = child::run(git.command().arg("--version"), &|| false, &Silent)?;
        let words = said.out.trim();
        git.version = Version::parse(words)
            .with_context(|| format!("`{} --version` says `{words}`", git.path.display()))?;
        if git.version < OLDEST {
            let message = format!("git {} is too old, {OLDEST} is needed", git.version);
            let failure = Failure::new(ErrorKind::Failed, message);
            return Err(failure.hint("update git, or set the transport to `libgit2`").into());
        }
        Ok(git)
    }

    /// One call of git, without anything of the user's that could change what it does or ask back.
    #[expect(clippy::disallowed_methods, reason = "the one file that may start git")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(surroundings::variables(self.env));
        command.arg("-C").arg(self.vault.root());
        command
    }

    /// A call that speaks to a remote.
    fn talk(&self, words: &[&str], remote: &Address, progress: &dyn Progress) -> Result<Answer> {
        let (verb, options) = words.split_first().context("a call has a verb")?;
        let place = place::of(remote, self.vault.root())?;
        let mut command = self.command();
        command.envs(surroundings::settings(place.login.as_ref()));
        if let Some(ssh) = self.ssh_command()? {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        if let Some(certificates) = self.certificates()? {
            command.env("GIT_SSL_CAINFO", certificates);
        }
        command.arg(verb);
        let at = options.iter().position(|word| *word == URL).unwrap_or(options.len());
        command.args(&options[..at]).arg("--").arg(&place.url).args(options.iter().skip(at + 1));
        let stopped = || progress.interrupted() || self.env.interrupted();
        child::run(&mut command, &stopped, progress)
    }

    /// The ssh program to name, where the user names none.
    fn ssh_command(&self) -> Result<Option<OsString>> {
        if let Some(known) = self.ssh.get() {
            return Ok(known.clone());
        }
        let named = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|n| self.env.variable(n).is_some());
        let chosen =
            if named || self.has_setting(r"^core\.sshcommand$")? { None } else { Some(SSH.into()) };
        Ok(self.ssh.get_or_init(|| chosen).clone())
    }

    /// What `SSL_CERT_FILE` names; not every build of git looks there by itself. What git itself
    /// was told comes first.
    fn certificates(&self) -> Result<Option<&OsStr>> {
        let named = self.env.variable("SSL_CERT_FILE");
        let is_told = named.is_none()
            || self.env.variable("GIT_SSL_CAINFO").is_some()
            || self.has_setting(r"^http\..*sslcainfo$")?;
        Ok(named.filter(|_| !is_told))
    }

    /// True where a setting's name fits.
    fn has_setting(&self, pattern: &str) -> Result<bool> {
        let mut command = self.command();
        command.args(["config", "--get-regexp", pattern]);
        Ok(child::run(&mut command, &|| false, &Silent)?.success)
    }
}

/// Stands among the words of a call where the address goes.
const URL: &str = "<url>";

impl Transport for GitProgram<'_> {
    fn name(&self) -> String {
        format!("git {}", self.version)
    }

    fn references(&self, remote: &Address) -> Result<References> {
        let answer = self.talk(&["ls-remote", "--symref"], remote, &Silent)?;
        if !answer.success {
            return Err(explain::failure(remote, &answer.err).into());
        }
        report::references(&answer.out)
    }

    fn fetch(
        &self,
        remote: &Address,
        reference: &str,
        into: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        ensure_names(&[reference, into])?;
        let refspec = format!("+{reference}:{into}");
        let words = [
            "fetch",
            "--progress",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            URL,
            &refspec,
        ];
        let answer = self.talk(&words, remote, progress)?;
        if answer.success {
            return self.vault.reopen();
        }
        if answer.err.contains("couldn't find remote ref") {
            return Err(super::lacks(remote, reference));
        }
        Err(explain::failure(remote, &answer.err).into())
    }

    fn push(
        &self,
        remote: &Address,
        commit: Option<ObjectId>,
        reference: &str,
        progress: &dyn Progress,
    ) -> Result<Sent> {
        ensure_names(&[reference])?;
        let from = commit.map(|commit| commit.to_string()).unwrap_or_default();
        let refspec = format!("{from}:{reference}");
        let words = ["push", "--porcelain", "--progress", "--no-verify", URL, &refspec];
        let answer = self.talk(&words, remote, progress)?;
        report::sent(&answer, reference, |words| remote.scrubbed(words))
            .ok_or_else(|| explain::push_failure(remote, &answer.err).into())
    }
}

/// References are ours, but one that looks like something else would do something else.
fn ensure_names(names: &[&str]) -> Result<()> {
    for name in names {
        let is_name = name.starts_with("refs/") && git2::Reference::is_valid_name(name);
        ensure!(is_name, "`{name}` is no name of a reference");
    }
    Ok(())
}
