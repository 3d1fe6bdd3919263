//! What is taken over of our own folder, when a remote has another state of it.

use anyhow::Result;

use super::examine::SignedFolders;
use super::known::KnownKeys;
use super::{ACCEPTED_UNSIGNED, UNVERIFIED};
use crate::repository::Repository;
use crate::repository::layout::machine_folder;
use crate::session::MachineSlug;
use crate::vault::{ObjectId, PublicKey, TreeEdits};

/// So many states of our own folder are kept that somebody else made.
const MOST_UNVERIFIED: usize = 64;

/// Why a folder that is at a remote is this machine's from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The user knows the key that signed it.
    Key(PublicKey),
    /// The user takes it without a signature.
    Unsigned,
}

/// What a remote has of our own folder, where that is not what we have or published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnFolder {
    /// Nothing new.
    Unchanged,
    /// A key of this machine signed it as it is at the remote.
    Signed(ObjectId),
    /// The remote's is somebody else's; this is the newest state that a key of this machine signed.
    Replaced(Option<ObjectId>),
}

impl Repository {
    /// Makes a folder this machine's: what its key signed, or all of it.
    ///
    /// # Errors
    /// If git or the keys cannot be written.
    pub fn accept_own(
        &self,
        machine: &MachineSlug,
        commit: ObjectId,
        acceptance: &Acceptance,
    ) -> Result<()> {
        match acceptance {
            Acceptance::Key(key) => {
                let mut known = KnownKeys::load(&self.vault)?;
                let id = self.vault.setting("machineId")?.unwrap_or_default();
                known.add(machine, key, &id);
                known.save(&self.vault)
            }
            Acceptance::Unsigned => {
                self.vault.set_reference(&format!("{ACCEPTED_UNSIGNED}/{commit}"), commit)
            }
        }
    }

    /// Judges what a remote has of our own folder; what we did not sign is kept and reported once.
    ///
    /// # Errors
    /// If git cannot be read or written.
    pub fn judge_own_folder(&self, theirs: ObjectId, signed: &SignedFolders) -> Result<OwnFolder> {
        let there = match self.vault.head()? {
            Some(_) => self.changed_elsewhere(theirs)?,
            None => self.folder_at(theirs, &self.machine)?,
        };
        let Some(there) = there else { return Ok(OwnFolder::Unchanged) };
        if signed.own.contains(&there) || self.is_accepted_unsigned(there)? {
            return Ok(OwnFolder::Signed(there));
        }
        self.keep_unverified(theirs, there)?;
        Ok(OwnFolder::Replaced(signed.own.last().copied()))
    }

    /// Joins a remote where our folder is somebody else's: with what we signed of it, or without it.
    ///
    /// # Errors
    /// As [`Self::integrate`].
    pub fn follow_without_own_folder(
        &self,
        theirs: ObjectId,
        signed: Option<ObjectId>,
    ) -> Result<()> {
        let mut edits = TreeEdits::new();
        let folder = machine_folder(&self.machine);
        match signed {
            Some(signed) => edits.put_folder(folder, signed),
            None => edits.remove_folder(folder),
        }
        let info = self.commit_info("sync: this machine's folder as it was signed".into());
        let commit = self.vault.commit_on(theirs, &edits, &info)?;
        self.follow(commit)
    }

    /// True for a state of the folder that the user made this machine's.
    fn is_accepted_unsigned(&self, folder: ObjectId) -> Result<bool> {
        for (_, commit) in self.vault.references_below(&format!("{ACCEPTED_UNSIGNED}/"))? {
            if self.folder_at(commit, &self.machine)? == Some(folder) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn keep_unverified(&self, theirs: ObjectId, folder: ObjectId) -> Result<()> {
        let kept = self.vault.references_below(&format!("{UNVERIFIED}/"))?;
        for (_, commit) in &kept {
            if self.folder_at(*commit, &self.machine)? == Some(folder) {
                return Ok(());
            }
        }
        let reference = format!("{UNVERIFIED}/{theirs}");
        let machine = &self.machine;
        self.warn(format!(
            "somebody else changed this machine's folder `{machine}` at the remote; nothing of that \
             is taken over, and it is kept as `{reference}`"
        ));
        match kept.len() < MOST_UNVERIFIED {
            true => self.vault.set_reference(&reference, theirs),
            false => Ok(()),
        }
    }
}
