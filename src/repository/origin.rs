//! Which stored contents this machine committed itself.
//!
//! A machine that takes over a folder of its name from a remote did not write what is in it. The
//! commit that it was taken from stays reachable here, so that its contents can be told apart from
//! what was committed later.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Repository;
use super::layout::{EntryPath, MACHINES, machine_folder};
use super::ledger::Content;
use crate::session::MachineSlug;
use crate::vault::ObjectId;

/// Commits of which this machine took over a folder: `refs/claude-backup/adopted/<commit>`.
const ADOPTED: &str = "refs/claude-backup/adopted/";

/// What is known about where the contents of this machine's folder come from.
#[derive(Debug)]
pub struct Origin {
    machine: MachineSlug,
    /// Names below a machine's folder, with the blobs that were taken over under them.
    adopted: BTreeSet<(String, ObjectId)>,
    /// What was taken over cannot be read: nothing counts as this machine's own.
    is_unknown: bool,
}

impl Origin {
    /// True if the content is stored in this machine's folder and was not taken over from a remote.
    #[must_use]
    pub fn committed_here(
        &self,
        machine: &MachineSlug,
        path: &EntryPath,
        content: &Content,
    ) -> bool {
        let is_adopted = |(name, blob): (String, ObjectId)| self.adopted.contains(&(name, blob));
        let mut files = content.files(path).into_iter().map(|(name, part)| (name, part.blob));
        *machine == self.machine && !self.is_unknown && !files.any(is_adopted)
    }
}

impl Repository {
    /// Notes that this machine is about to take over the folder of a name that a commit has. The
    /// folder that this machine has had under this name is its own.
    ///
    /// # Errors
    /// If git cannot be read or the reference cannot be written.
    pub(super) fn note_adopted(&self, commit: ObjectId, slug: &MachineSlug) -> Result<()> {
        let settled = self.vault.setting("machine")?;
        let tree = self.vault.tree_of(commit)?;
        if settled.as_deref() == Some(slug.as_str()) {
            return Ok(());
        }
        // The shell tool kept one machine's files at the root.
        for folder in [machine_folder(slug).as_str(), "config", "projects"] {
            if self.vault.folder_in(tree, folder)?.is_some() {
                return self.vault.set_reference(&format!("{ADOPTED}{commit}"), commit);
            }
        }
        Ok(())
    }

    /// What this machine committed itself; nothing if git cannot tell.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let mut origin =
            Origin { machine: self.machine.clone(), adopted: BTreeSet::new(), is_unknown: false };
        if let Err(error) = self.read_all_adopted(&mut origin.adopted) {
            origin.is_unknown = true;
            self.warn(format!(
                "git cannot tell what this machine's folder was taken over from; files that can run \
                 programs count as another machine's: {error:#}"
            ));
        }
        origin
    }

    fn read_all_adopted(&self, adopted: &mut BTreeSet<(String, ObjectId)>) -> Result<()> {
        let commits = self.vault.references(ADOPTED)?;
        commits.into_iter().try_for_each(|commit| self.read_adopted(commit, adopted))
    }

    /// Adds the files of all machines' folders, as this machine may have had another name then, and
    /// those at the root, where the shell tool kept one machine's.
    fn read_adopted(
        &self,
        commit: ObjectId,
        adopted: &mut BTreeSet<(String, ObjectId)>,
    ) -> Result<()> {
        for file in self.vault.files_of(self.vault.tree_of(commit)?)? {
            let Some(path) = file.text_path() else { continue };
            let below = path.strip_prefix(MACHINES).and_then(|rest| rest.strip_prefix('/'));
            let name = below.and_then(|rest| rest.split_once('/')).map_or(path, |(_, name)| name);
            adopted.insert((name.to_owned(), file.id));
        }
        Ok(())
    }
}
