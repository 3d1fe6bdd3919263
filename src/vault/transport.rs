//! Talking to a remote repository: what it has, getting it, sending ours.

use anyhow::Result;

use super::object_id::ObjectId;
use crate::progress::Progress;

mod address;

pub use address::Address;

/// What a remote repository has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Each reference by its full name, peeled tags left out.
    pub list: Vec<(String, ObjectId)>,
    /// The branch that the remote's `HEAD` names, where it tells.
    pub head: Option<String>,
}

impl References {
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
