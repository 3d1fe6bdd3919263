//! What differs between two trees.

use anyhow::Result;

use super::Vault;
use super::object_id::ObjectId;
use super::read::TreeFile;
use super::tree::{Bounds, TreeEntry, join};

/// A path whose file differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The path from the top of the tree.
    pub path: Vec<u8>,
    /// The older tree has a file there.
    pub was: Option<TreeFile>,
    /// The newer tree has a file there.
    pub is: Option<TreeFile>,
}

impl Vault {
    /// The files that differ between two trees, in no particular order; folders that both have are
    /// not read.
    ///
    /// # Errors
    /// Where a tree is missing or damaged.
    pub fn difference(&self, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Vec<Changed>> {
        let mut changed = Vec::new();
        self.compare_trees(old, new, &[], &mut Bounds::default(), &mut changed)?;
        Ok(changed)
    }

    fn compare_trees(
        &self,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        folder: &[u8],
        bounds: &mut Bounds,
        changed: &mut Vec<Changed>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        bounds.enter(folder)?;
        let read = |id: Option<ObjectId>| match id {
            Some(id) => self.checked_entries(id, folder),
            None => Ok(std::collections::BTreeMap::new()),
        };
        let (mut old, new) = (read(old)?, read(new)?);
        for (name, is) in new {
            let was = old.remove(&name);
            if was.as_ref() != Some(&is) {
                self.compare_entries(
                    was.as_ref(),
                    Some(&is),
                    &join(folder, name.as_bytes()),
                    bounds,
                    changed,
                )?;
            }
        }
        for (name, was) in old {
            self.compare_entries(
                Some(&was),
                None,
                &join(folder, name.as_bytes()),
                bounds,
                changed,
            )?;
        }
        Ok(())
    }

    fn compare_entries(
        &self,
        was: Option<&TreeEntry>,
        is: Option<&TreeEntry>,
        path: &[u8],
        bounds: &mut Bounds,
        changed: &mut Vec<Changed>,
    ) -> Result<()> {
        let folder = |entry: Option<&TreeEntry>| entry.filter(|e| e.is_tree()).map(|e| e.id);
        let file = |entry: Option<&TreeEntry>| {
            let entry = entry.filter(|entry| !entry.is_tree())?;
            Some(TreeFile { path: path.into(), id: entry.id, mode: entry.mode_number() })
        };
        let (file_was, file_is) = (file(was), file(is));
        if file_was.is_some() || file_is.is_some() {
            changed.push(Changed { path: path.into(), was: file_was, is: file_is });
        }
        self.compare_trees(folder(was), folder(is), path, bounds, changed)
    }
}
