//! Packs that a fetch brings: git and libgit2 write them, and from then on they are ours to join.
//!
//! Each fetch leaves a pack, and libgit2 has nothing that would ever join them. That a pack is ours
//! is noted once the fetch is over, under the backup's lock, which the fetch itself does without. A
//! crash in between costs only that this one stays as it is.

use std::collections::BTreeSet;

use anyhow::Result;

use super::PackFolder;
use super::sizes::{Oversized, oversized};
use crate::error::{ErrorKind, Failure, kind};
use crate::vault::Vault;
use crate::vault::pack_index;
use crate::vault::pack_list::{self, Listed};

/// The packs that were there before a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacksBefore(BTreeSet<String>);

impl Vault {
    /// The packs that are there now; a fetch comes next.
    ///
    /// # Errors
    /// Where the folder of packs cannot be read.
    pub fn packs_before_fetch(&self) -> Result<PacksBefore> {
        self.packs()?.complete().map(PacksBefore)
    }

    /// True if there are other packs than before.
    ///
    /// # Errors
    /// Where the folder of packs cannot be read.
    pub fn has_new_packs(&self, before: &PacksBefore) -> Result<bool> {
        Ok(self.packs()?.complete()?.difference(&before.0).next().is_some())
    }

    /// Takes the packs that a fetch left among those that [`Vault::tidy`] joins.
    ///
    /// Packs that were there before stay whose they are, and so does one with a `.keep`, which
    /// somebody still writes or wants as it is. Those that another run made meanwhile are in the list
    /// already. Packs that could not be noted as ours are a warning: their objects are there all the
    /// same. The caller holds the backup's lock.
    pub fn adopt_packs(&self, before: &PacksBefore) {
        let adopted = self.packs().and_then(|packs| packs.adopt_all_but(&before.0));
        if let Err(error) = adopted {
            self.warn(format!("fetched packs will not be joined: {error:#}"));
        }
    }
}

impl Vault {
    /// Removes the packs of a fetch where one has an object that nobody may read whole. The caller
    /// holds the backup's lock.
    ///
    /// # Errors
    /// [`ErrorKind::CommitRejected`] where there was one; else where the packs cannot be read.
    pub fn refuse_oversized(&self, before: &PacksBefore) -> Result<()> {
        let packs = self.packs()?;
        let complete = packs.complete()?;
        // What another run made meanwhile is in the list.
        let ours = pack_list::read(&packs.list)?;
        let is_fetched = |name: &&String| !ours.contains_key(*name);
        let fetched: Vec<&String> = complete.difference(&before.0).filter(is_fetched).collect();
        for name in &fetched {
            let reason = match oversized(packs.path(), name) {
                Ok(None) => continue,
                Ok(Some(Oversized { id, kind: what, size })) => {
                    format!("the {} {id} has {size} bytes", what.name())
                }
                Err(error) if kind(&error) == ErrorKind::CommitRejected => error.to_string(),
                Err(error) => return Err(error),
            };
            fetched.iter().try_for_each(|name| packs.remove(name, &|_| Ok(())))?;
            self.reopen()?;
            return Err(Failure::new(ErrorKind::CommitRejected, reason)
                .hint("somebody has to take it out of the remote's history")
                .into());
        }
        Ok(())
    }
}

impl PackFolder {
    /// The names of all packs that can be read.
    fn complete(&self) -> Result<BTreeSet<String>> {
        let found = self.scan()?.into_iter();
        Ok(found.filter(|(_, files)| files.pack && files.index).map(|(name, _)| name).collect())
    }

    fn adopt_all_but(&self, before: &BTreeSet<String>) -> Result<()> {
        let old = pack_list::read(&self.list)?;
        let mut list = old.clone();
        for name in self.complete()?.difference(before).filter(|name| self.is_free(name)) {
            // What the list knows already is a pack of our own making.
            list.entry(name.clone()).or_insert(Listed::Kept);
        }
        if list == old { Ok(()) } else { pack_list::write(&self.list, &list) }
    }

    /// False where git treats the pack in a way of its own, or its index is of a kind that joining
    /// would take for damage.
    fn is_free(&self, name: &str) -> bool {
        let marks = ["keep", "promisor", "mtimes"];
        let is_marked = marks.iter().any(|mark| self.file(name, mark).exists());
        !is_marked && pack_index::is_known(&self.file(name, "idx")).unwrap_or(false)
    }
}
