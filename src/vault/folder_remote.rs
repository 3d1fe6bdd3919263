//! A remote that is a folder, looked at before anything is fetched from it.
//!
//! What sends from there runs on this machine, be it git or libgit2, and reads each object whole. So
//! the sizes of what is new are asked first, by headers alone. What else may be wrong is found once it
//! was fetched.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use git2::{ObjectType, Odb, Oid, Repository};

use super::Vault;
use super::limits::{
    DEEPEST, LARGEST_BLOB, LARGEST_COMMIT, LARGEST_TREE, MOST_COMMITS, MOST_TREES,
};
use super::object_id::ObjectId;
use super::tree;
use super::tree_check::Fault;

impl Vault {
    /// The first object that led to `tip` in the repository at `folder`, is new here, and is larger
    /// than one of a backup, with the commit that it was found in. Nothing where that repository
    /// cannot be opened: whoever fetches says why.
    ///
    /// # Errors
    /// Where this repository cannot be read.
    pub fn oversized_at(&self, folder: &Path, tip: ObjectId) -> Result<Option<(ObjectId, Fault)>> {
        let Ok(remote) = Repository::open(folder) else { return Ok(None) };
        let Ok(objects) = remote.odb() else { return Ok(None) };
        let mut search = Search { vault: self, objects: &objects, seen: HashSet::new() };
        let mut waiting = vec![tip.oid()];
        let mut commits = HashSet::new();
        while let Some(id) = waiting.pop() {
            if commits.len() > MOST_COMMITS || !commits.insert(id) || self.exists(id.into())? {
                continue;
            }
            if let Some(fault) = search.oversized(id, b"", LARGEST_COMMIT) {
                return Ok(Some((id.into(), fault)));
            }
            let Ok(commit) = remote.find_commit(id) else { continue };
            if let Some(fault) = search.folder(commit.tree_id(), b"", 0)? {
                return Ok(Some((id.into(), fault)));
            }
            waiting.extend(commit.parent_ids());
        }
        Ok(None)
    }
}

struct Search<'a> {
    vault: &'a Vault,
    objects: &'a Odb<'a>,
    seen: HashSet<Oid>,
}

impl Search<'_> {
    fn folder(&mut self, id: Oid, path: &[u8], depth: usize) -> Result<Option<Fault>> {
        let is_known = depth > DEEPEST
            || self.seen.len() > MOST_TREES
            || !self.seen.insert(id)
            || self.vault.exists(id.into())?;
        if is_known {
            return Ok(None);
        }
        if let Some(fault) = self.oversized(id, path, LARGEST_TREE) {
            return Ok(Some(fault));
        }
        let Ok(object) = self.objects.read(id) else { return Ok(None) };
        let entries = tree::parse_unchecked(object.data()).unwrap_or_default();
        for (name, entry) in entries {
            let below = tree::join(path, &name);
            let fault = match entry.is_tree() {
                true => self.folder(entry.id.oid(), &below, depth + 1)?,
                false => self.oversized(entry.id.oid(), &below, LARGEST_BLOB),
            };
            if fault.is_some() {
                return Ok(fault);
            }
        }
        Ok(None)
    }

    /// The fault of an object that has more bytes than this; one that is not there has none.
    fn oversized(&self, id: Oid, path: &[u8], most: u64) -> Option<Fault> {
        let (size, kind) = self.objects.read_header(id).ok()?;
        if size as u64 <= most {
            return None;
        }
        let reason = format!("has {size} bytes, more than the {most} of a backup");
        Some(match kind {
            ObjectType::Commit => {
                Fault { path: Vec::new(), reason: format!("its message {reason}") }
            }
            _ => Fault::at(path, &reason),
        })
    }
}
