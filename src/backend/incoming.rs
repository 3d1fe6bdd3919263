//! What was fetched and is not merged yet, and whether it may be.

use anyhow::Result;

use crate::repository::{INCOMING, Rejection, Repository};
use crate::vault::ObjectId;
use crate::vault::transport::Address;

/// A remote that is a folder is asked for the sizes of what is new before anything reads it.
pub(super) fn refuse_oversized(
    repository: &Repository,
    remote: &Address,
    tip: ObjectId,
) -> Result<()> {
    let Some(folder) = remote.local_path() else { return Ok(()) };
    match repository.vault.oversized_at(&repository.root().join(folder), tip)? {
        Some((commit, fault)) => refuse(repository, &Rejection::new(commit, &fault)),
        None => Ok(()),
    }
}

/// Refuses what was fetched where a commit of it is rejected; else nothing is pending any more.
pub(super) fn examine(repository: &Repository, tip: Option<ObjectId>) -> Result<()> {
    let Some(tip) = tip else { return Ok(()) };
    match repository.rejection(tip)? {
        Some(rejection) => {
            // What was fetched before may have been in order.
            repository.vault.set_reference(INCOMING, tip)?;
            refuse(repository, &rejection)
        }
        None => repository.forget_rejection(),
    }
}

fn refuse(repository: &Repository, rejection: &Rejection) -> Result<()> {
    repository.note_rejection(rejection)?;
    Err(rejection.failure().into())
}

/// Lets the reference be what it was before a fetch.
pub(super) fn put_back(repository: &Repository, before: Option<ObjectId>) -> Result<()> {
    match before {
        Some(before) => repository.vault.set_reference(INCOMING, before),
        None => repository.vault.remove_references(INCOMING),
    }
}

/// Nothing that was fetched is pending any more.
pub(super) fn forget(repository: &Repository) {
    let vault = &repository.vault;
    let is_there = vault.reference(INCOMING).is_ok_and(|found| found.is_some());
    if is_there && let Err(error) = vault.remove_references(INCOMING) {
        repository.warn(format!("`{INCOMING}` is left: {error:#}"));
    }
}
