//! Talking to a remote repository: what it has, getting it, sending ours.

use anyhow::{Result, bail};

use super::Vault;
use super::object_id::ObjectId;
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::process::Group;
use crate::progress::Progress;

mod address;
mod explain;
mod folder;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod git_program;
mod libgit2;
mod place;
mod preflight;
mod reason;
mod url_match;
mod user_settings;

pub use address::Address;
pub use explain::refused;
pub use preflight::preflight;

use git_program::{GitProgram, OLDEST as OLDEST_GIT};
use libgit2::Libgit2;

/// What a remote repository has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Each reference by its full name, peeled tags left out.
    pub list: Vec<(String, ObjectId)>,
    /// The branch that the remote's `HEAD` names, where it tells.
    pub head: Option<String>,
}

/// The most references of a remote: a backup has one branch.
const MOST_REFERENCES: usize = 100_000;

impl References {
    /// Adds a reference.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] where there are more than any remote of a backup has.
    fn add(&mut self, name: &str, id: ObjectId) -> Result<()> {
        if self.list.len() >= MOST_REFERENCES {
            let message = format!("the remote has more than {MOST_REFERENCES} references");
            bail!(
                Failure::new(ErrorKind::Refused, message)
                    .hint("use a repository of its own for the backup")
            );
        }
        self.list.push((name.to_owned(), id));
        Ok(())
    }

    /// What a reference points to.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ObjectId> {
        self.list.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }
}

/// How a push ended where the remote answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The reference is what was asked for.
    Done,
    /// The remote has commits that ours lacks, or somebody else moved the reference meanwhile.
    Behind,
    /// The remote does not take it, in its own words and ours.
    Refused(String),
}

/// Who speaks to remotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The `git` program where it is on `PATH` and new enough, else libgit2.
    #[default]
    Auto,
    /// libgit2, which is built in.
    Libgit2,
    /// The `git` program.
    Git,
}

impl Choice {
    /// Reads the setting `claude-backup.transport`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is no known word.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Self::Auto,
            "libgit2" => Self::Libgit2,
            "git" => Self::Git,
            _ => {
                let message = format!("`{}` is no transport", text.escape_debug());
                bail!(Failure::new(ErrorKind::Usage, message).hint("use auto, libgit2 or git"));
            }
        })
    }

    /// The word in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Libgit2 => "libgit2",
            Self::Git => "git",
        }
    }
}

impl Vault {
    /// Somebody who speaks to remotes for this repository.
    ///
    /// # Errors
    /// Where git is asked for and there is none that can be used.
    pub fn transport<'a>(
        &'a self,
        choice: Choice,
        env: &'a Env,
    ) -> Result<Box<dyn Transport + 'a>> {
        let limits = self.time_limits(env)?;
        let libgit2 = || Box::new(Libgit2::new(self, env, limits));
        Ok(match choice {
            Choice::Libgit2 => libgit2(),
            Choice::Git => Box::new(GitProgram::find(self, env, limits)?),
            // Libgit2 sends whole files where git sends what changed in them.
            Choice::Auto => match GitProgram::find(self, env, limits) {
                Ok(git) => Box::new(git),
                Err(_) => libgit2(),
            },
        })
    }
}

/// One way to speak to a remote.
///
/// Failures to reach it or to be let in are errors, of the kinds `Unreachable` and `Unauthorized`.
pub trait Transport {
    /// Its name and version, as in `git 2.47.3`.
    fn name(&self) -> String;

    /// What the remote has; nothing where it is empty.
    ///
    /// # Errors
    /// Where the remote cannot be reached or does not let us in.
    fn references(&self, remote: &Address) -> Result<References>;

    /// Gets a reference with all it needs, and lets the local reference `into` point to it.
    ///
    /// The new objects are one pack. `into` is moved whatever it pointed to.
    ///
    /// # Errors
    /// Where the remote cannot be reached or lacks it; where the objects cannot be written.
    fn fetch(
        &self,
        remote: &Address,
        reference: &str,
        into: &str,
        progress: &dyn Progress,
    ) -> Result<()>;

    /// Lets a remote reference point to a commit of ours, never backwards; `None` removes it.
    ///
    /// # Errors
    /// Where the remote cannot be reached or does not let us in.
    fn push(
        &self,
        remote: &Address,
        commit: Option<ObjectId>,
        reference: &str,
        progress: &dyn Progress,
    ) -> Result<Sent>;
}

/// What ssh is told where neither the user nor git's settings name a program. Without a terminal
/// nobody is there to answer it; a server that went away must not hold up a run for long.
fn ssh_options(env: &Env) -> Vec<&'static str> {
    let batch = match Group::of(env) {
        Group::Own => Some("-oBatchMode=yes"),
        Group::Shared => None,
    };
    batch.into_iter().chain(["-oConnectTimeout=30", "-oServerAliveInterval=15"]).collect()
}

/// The failure to fetch what is not there.
fn lacks(remote: &Address, reference: &str) -> anyhow::Error {
    Failure::new(ErrorKind::NotFound, format!("`{remote}` has no `{reference}`")).into()
}

#[cfg(test)]
mod tests;
