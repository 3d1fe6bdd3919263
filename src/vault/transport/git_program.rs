//! Speaking to remotes by way of the `git` program. Nothing else starts it.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::child::Answer;
use self::version::Version;
use super::folder::{self, Hooks};
use super::place::{self, Place};
use super::user_settings::{Direction, UserSettings};
use super::{Address, References, Sent, Transport, explain, ssh_options};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::process::{Group, Programs, TimeLimits, Watch};
use crate::progress::{Progress, Silent};
use crate::vault::{ObjectId, Vault};

mod child;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod report;
mod surroundings;
mod version;

pub(super) use version::OLDEST;

/// The `git` program and the repository it works for.
pub(super) struct GitProgram<'a> {
    vault: &'a Vault,
    env: &'a Env,
    programs: Programs<'a>,
    limits: TimeLimits,
    path: PathBuf,
    version: Version,
    user_settings: OnceCell<UserSettings>,
}

impl<'a> GitProgram<'a> {
    /// The first `git` on `PATH`.
    ///
    /// # Errors
    /// Where there is none, it does not run, or it is too old; each with what mends it.
    pub(super) fn find(vault: &'a Vault, env: &'a Env, limits: TimeLimits) -> Result<Self> {
        let programs = Programs::new(env, Some(vault.root()));
        let path = surroundings::find_git(&programs).ok_or_else(|| {
            Failure::new(ErrorKind::Failed, "there is no `git` on PATH")
                .hint(format!("install git {OLDEST} or newer, or set the transport to `libgit2`"))
        })?;
        let (version, user_settings) = (Version::default(), OnceCell::new());
        let mut git = Self { vault, env, programs, limits, path, version, user_settings };
        let said = git.ask(&["--version"])?;
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
    ///
    /// It runs inside `.git`, where no file of a remote ever is.
    fn command(&self) -> Command {
        let mut command = self.programs.command(&self.path);
        command
            .env_clear()
            .envs(surroundings::variables(self.env))
            .env("PATH", self.programs.path());
        command.env("GIT_DIR", &self.vault.git_dir).current_dir(&self.vault.git_dir);
        command
    }

    /// The answer to a question that has nothing to do with a remote.
    fn ask(&self, words: &[&str]) -> Result<Answer> {
        let mut command = self.command();
        command.args(words);
        self.watched(&mut command, "`git`", (Some(self.limits.silence), None), &Silent)
    }

    fn watched(
        &self,
        command: &mut Command,
        subject: &str,
        (total, memory): (Option<Duration>, Option<u64>),
        progress: &dyn Progress,
    ) -> Result<Answer> {
        let stopped = || progress.interrupted() || self.env.interrupted();
        let (silence, group) = (self.limits.silence, Group::of(self.env));
        let watch = Watch { subject, silence, total, stopped: &stopped, group, memory };
        child::run(command, &watch, progress)
    }

    /// A call that speaks to a remote.
    fn talk(&self, call: &Call<'_>, remote: &Address, progress: &dyn Progress) -> Result<Answer> {
        let place = place::of(remote, self.vault.root())?;
        let mut command = self.command();
        let carries_login =
            place.login.is_some() || self.user_settings()?.has("http", "extraheader");
        let redirects = if carries_login { "false" } else { "initial" };
        let login = place.login.as_ref().zip(remote.origin());
        command.envs(surroundings::settings(login, redirects, self.limits.silence));
        if let Some(ssh) = self.ssh_command()? {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        if let Some(certificates) = self.certificates()? {
            command.env("GIT_SSL_CAINFO", certificates);
        }
        // A remote that is a folder was asked for sizes before, and its side needs memory of its own.
        let is_limited = call.verb == LIST || (call.verb == FETCH && remote.local_path().is_none());
        let memory = is_limited.then_some(MEMORY);
        if memory.is_some() && call.verb == FETCH {
            // Each thread may hold a file's content and what it grew from.
            command.args(["-c", "pack.threads=1"]);
        }
        command.arg(call.verb).args(call.options);
        if let Some(service) = self.service(call, &place, remote)? {
            command.arg(service);
        }
        command.arg("--").arg(&place.url).args(call.refspec);
        let total = (call.verb == LIST).then_some(self.limits.answer);
        let subject = format!("the remote `{remote}`");
        self.watched(&mut command, &subject, (total, memory), progress)
    }

    /// The option that says how git is started at a remote that is a folder.
    fn service(&self, call: &Call<'_>, place: &Place, remote: &Address) -> Result<Option<String>> {
        let direction = if call.verb == PUSH { Direction::Push } else { Direction::Fetch };
        let url = self.user_settings()?.rewritten(&place.url, direction);
        let path = Address::new(&url)?.local_path();
        let Some(folder) = path.map(|path| self.vault.git_dir.join(path)) else { return Ok(None) };
        let (service, hooks) = match direction {
            Direction::Fetch => ("upload-pack", Hooks::Skip),
            Direction::Push => ("receive-pack", Hooks::for_push(self.vault, remote, &folder)?),
        };
        let command = folder::service_command(&self.path, service, &hooks);
        Ok(Some(format!("--{service}={command}")))
    }

    /// The ssh program to name, where the user names none.
    fn ssh_command(&self) -> Result<Option<String>> {
        let named = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|n| self.env.variable(n).is_some());
        let is_named = named || self.user_settings()?.has("core", "sshcommand");
        Ok((!is_named).then(|| format!("ssh {}", ssh_options(self.env).join(" "))))
    }

    /// What `SSL_CERT_FILE` names; not every build of git looks there by itself. What git itself
    /// was told comes first.
    fn certificates(&self) -> Result<Option<&OsStr>> {
        let named = self.env.variable("SSL_CERT_FILE");
        let is_told = named.is_none()
            || self.env.variable("GIT_SSL_CAINFO").is_some()
            || self.user_settings()?.has("http", "sslcainfo");
        Ok(named.filter(|_| !is_told))
    }

    fn user_settings(&self) -> Result<&UserSettings> {
        if let Some(known) = self.user_settings.get() {
            return Ok(known);
        }
        let said = self.ask(&["config", "--null", "--list"])?;
        ensure!(said.success, "git cannot read its settings: {}", said.err);
        Ok(self.user_settings.get_or_init(|| UserSettings::parse(&said.out)))
    }
}

/// One call of git that speaks to a remote.
struct Call<'c> {
    verb: &'static str,
    options: &'c [&'c str],
    refspec: Option<&'c str>,
}

/// The most memory that a git which lists or fetches may take: nothing that a backup has needs more.
const MEMORY: u64 = 224 << 20;
/// What git says where that does not do.
const OUT_OF_MEMORY: [&str; 2] = ["Out of memory", "Cannot allocate memory"];
const LIST: &str = "ls-remote";
const FETCH: &str = "fetch";
const PUSH: &str = "push";

impl Transport for GitProgram<'_> {
    fn name(&self) -> String {
        format!("git {}", self.version)
    }

    fn references(&self, remote: &Address) -> Result<References> {
        let answer = self.talk(
            &Call { verb: LIST, options: &["--symref"], refspec: None },
            remote,
            &Silent,
        )?;
        if !answer.success && is_out_of_memory(&answer) {
            let message = format!("`{remote}` has more references than any remote of a backup");
            return Err(Failure::new(ErrorKind::Refused, message)
                .hint("use a repository of its own for the backup")
                .into());
        }
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
        let options = [
            "--progress",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
        ];
        let call = Call { verb: FETCH, options: &options, refspec: Some(&refspec) };
        let answer = self.talk(&call, remote, progress)?;
        if answer.success {
            return self.vault.reopen();
        }
        if answer.err.contains("couldn't find remote ref") {
            return Err(super::lacks(remote, reference));
        }
        if is_out_of_memory(&answer) {
            let most = MEMORY >> 20;
            let message = format!("the remote has an object that git cannot read in {most} MiB");
            return Err(Failure::new(ErrorKind::CommitRejected, message)
                .hint("somebody has to take it out of the remote's history")
                .into());
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
        let options = ["--porcelain", "--progress", "--no-verify"];
        let call = Call { verb: PUSH, options: &options, refspec: Some(&refspec) };
        let answer = self.talk(&call, remote, progress)?;
        report::sent(&answer, reference, |words| remote.scrubbed(words))
            .ok_or_else(|| explain::push_failure(remote, &answer.err).into())
    }
}

fn is_out_of_memory(answer: &Answer) -> bool {
    OUT_OF_MEMORY.iter().any(|words| answer.err.contains(words))
}

/// References are ours, but one that looks like something else would do something else.
fn ensure_names(names: &[&str]) -> Result<()> {
    for name in names {
        let is_name = name.starts_with("refs/") && git2::Reference::is_valid_name(name);
        ensure!(is_name, "`{name}` is no name of a reference");
    }
    Ok(())
}
