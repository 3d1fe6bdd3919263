//! What the newest commit changed, where no journal tells whether all of it has its place.

use std::collections::BTreeMap;

use anyhow::Result;

use super::folder_of;
use super::journal::lies_inside;
use crate::repository::Repository;
use crate::repository::layout::machine_folder;
use crate::vault::{Changed, ObjectId, TreeFile};

/// The files of the newest commit in whose places still stands what was there before it.
///
/// Each run finishes what the one before left, so no older commit can be unfinished. Other bytes
/// than those before are somebody's, and stay; where no run of ours has committed yet, all do.
pub(super) fn unfinished(repository: &Repository) -> BTreeMap<String, Option<ObjectId>> {
    // History that cannot be read is for others to mend.
    let changed = changed(repository).unwrap_or_default();
    changed.iter().filter_map(|changed| as_before(repository, changed)).collect()
}

fn changed(repository: &Repository) -> Result<Vec<Changed>> {
    let vault = &repository.vault;
    let Some(head) = vault.head()? else { return Ok(Vec::new()) };
    let ledgers = format!("{}/ledger", machine_folder(&repository.machine));
    if vault.folder(&ledgers)?.is_none() {
        return Ok(Vec::new());
    }
    let before = head.parent.map(|parent| vault.tree_of(parent)).transpose()?;
    vault.difference(before, Some(head.tree))
}

/// A machine's file that is as it was before the commit, with the blob that it shall be.
fn as_before(
    repository: &Repository,
    Changed { path, was, is }: &Changed,
) -> Option<(String, Option<ObjectId>)> {
    let name = std::str::from_utf8(path).ok()?;
    let is_ours = folder_of(name).is_some() && lies_inside(name);
    let is_file = [was, is].into_iter().flatten().all(TreeFile::is_plain);
    let path = repository.root().join(name);
    let stands = ObjectId::of_file(&path).ok().map(|(id, _)| id);
    let id = |file: &Option<TreeFile>| file.as_ref().map(|file| file.id);
    (is_ours && is_file && stands == id(was)).then(|| (name.to_owned(), id(is)))
}
