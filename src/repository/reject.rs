//! Continuing without what another machine committed.
//!
//! The new commit stands on top of what was fetched, so it can be pushed, and has the tree that was
//! accepted last, with every folder of theirs that is in order and was not rejected.

use anyhow::Result;

use super::Repository;
use super::layout::MACHINES;
use super::rejection::{Examination, INCOMING, REJECTS, Rejection, machine_of};
use crate::error::{ErrorKind, Failure};
use crate::vault::{Fault, Listed, ObjectId, TreeEdits};

/// A commit that leaves out what was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// It.
    pub commit: ObjectId,
    /// What was fetched, and is among what led to it.
    pub fetched: ObjectId,
    /// What is left out.
    pub rejection: Rejection,
}

impl Repository {
    /// Makes a commit on top of what was fetched, without the folders of these machines; each name
    /// is a machine's, or the beginning of a rejected commit's id. No branch moves.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where no such commit is rejected; [`ErrorKind::CommitRejected`] where
    /// more is to be rejected than these.
    pub fn leave_out(&self, names: &[String]) -> Result<LeftOut> {
        let Some(fetched) = self.vault.reference(INCOMING)? else { return Err(nothing(names)) };
        let Some(rejection) = self.rejection(fetched)? else { return Err(nothing(names)) };
        let commit = rejection.commit.to_string();
        let is_named = |name: &String| {
            rejection.machine.as_ref().is_some_and(|machine| machine.as_str() == name)
                || (name.len() >= SHORTEST_ID && commit.starts_with(name.as_str()))
        };
        if !names.iter().any(is_named) {
            return Err(rejection.failure().into());
        }
        let mut rest = Remainder::begin(self, names, rejection.commit)?;
        rest.take(self.vault.tree_of(fetched)?)?;
        let Remainder { edits, .. } = rest;
        let info = self.commit_info(format!(
            "reject: leave out what {} committed\n\n{REJECTS}{commit}",
            names.join(", ")
        ));
        let ours = self.vault.head()?.map(|head| head.tree);
        let commit = self.vault.commit_tree_on(fetched, ours, &edits, &info)?;
        Ok(LeftOut { commit, fetched, rejection })
    }
}

/// A commit's id is not told from a machine's name by fewer digits.
const SHORTEST_ID: usize = 7;

fn nothing(names: &[String]) -> anyhow::Error {
    let names = names.join("`, `");
    Failure::new(ErrorKind::NotFound, format!("no commit of `{names}` is rejected"))
        .hint("`claude-backup status` names what is")
        .into()
}

/// What is taken from a tree of which something is rejected.
struct Remainder<'a> {
    repository: &'a Repository,
    examination: Examination<'a>,
    names: &'a [String],
    rejected: ObjectId,
    /// Changes to the tree that was accepted last.
    edits: TreeEdits,
}

impl<'a> Remainder<'a> {
    fn begin(repository: &'a Repository, names: &'a [String], rejected: ObjectId) -> Result<Self> {
        let examination = Examination::begin(repository)?;
        Ok(Self { repository, examination, names, rejected, edits: TreeEdits::new() })
    }

    fn take(&mut self, theirs: ObjectId) -> Result<()> {
        for (name, listed) in self.examination.valid_entries(theirs, "")? {
            match self.examination.fault_beside_machines(&name, listed)? {
                _ if name == MACHINES => {}
                Some(fault) => self.is_to_be_left_out(&fault)?,
                None => self.put(name, listed),
            }
        }
        let Some(machines) = self.repository.vault.folder_in(theirs, MACHINES)? else {
            return Ok(());
        };
        for (slug, listed) in self.examination.valid_entries(machines, MACHINES)? {
            let Listed::Folder(id) = listed else { continue };
            if self.names.contains(&slug) {
                continue;
            }
            match self.examination.fault_of_machine(&slug, id)? {
                Some(fault) => self.is_to_be_left_out(&fault)?,
                None => self.put(format!("{MACHINES}/{slug}"), listed),
            }
        }
        Ok(())
    }

    fn put(&mut self, path: String, listed: Listed) {
        match listed {
            Listed::Folder(id) => self.edits.put_folder(path, id),
            Listed::File(id, mode) => self.edits.put(path, id, mode),
            Listed::Link => {}
        }
    }

    /// A further machine must be named before its commits are left out too.
    fn is_to_be_left_out(&self, fault: &Fault) -> Result<()> {
        match machine_of(&fault.path) {
            Some(machine) if !self.names.iter().any(|name| name == machine.as_str()) => {
                let reason = fault.reason.clone();
                let other = Rejection { commit: self.rejected, machine: Some(machine), reason };
                let all = [self.names, &[other.name()]].concat().join(" ");
                let hint = format!("name both: `claude-backup machines reject {all}`");
                Err(other.failure().hint(hint).into())
            }
            _ => Ok(()),
        }
    }
}
