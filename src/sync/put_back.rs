//! What the newest commit lacks although the ledger lists it and its bytes are still here.

use anyhow::Result;

use super::apply::{Run, stored};
use super::totals::Occasion;
use crate::fs::{PRIVATE_FILE, write_atomic};
use crate::repository::Repository;
use crate::repository::ledger::StoredPart;
use crate::repository::revision::{Origin, Staged};
use crate::source::{Listing, Scope};
use crate::vault::ObjectId;

/// Commits these stored files of this machine again, by their names below its folder; gives those
/// that could be.
///
/// # Errors
/// Where the repository cannot be read or written.
pub fn commit_again(repository: &Repository, names: Vec<String>) -> Result<Vec<String>> {
    let mut run = Run::begin(repository, stored(repository)?, Scope::All, &Listing::default())?;
    let mut put = Vec::new();
    for (_, ledger) in repository.ledgers(&repository.machine)? {
        for entry in ledger.entries.into_values() {
            for content in entry.contents() {
                for (name, part) in content.files(&entry.path) {
                    if names.contains(&name)
                        && let Some(staged) = staged(repository, &name, part)?
                    {
                        run.revision.put(&name, staged, content.file_mode())?;
                        put.push(name);
                    }
                }
            }
        }
    }
    if !put.is_empty() {
        run.finish(Occasion::Beside)?;
    }
    Ok(put)
}

/// Its bytes, waiting to be committed: from git's history, else from the work tree.
fn staged(repository: &Repository, name: &str, part: &StoredPart) -> Result<Option<Staged>> {
    let here = || fs_err::read(repository.work_file(&repository.machine, name)).ok();
    let bytes = repository.vault.read(part.blob).ok().or_else(here);
    let Some(bytes) = bytes.filter(|bytes| ObjectId::of_bytes(bytes) == part.blob) else {
        return Ok(None);
    };
    let path = repository.stage_dir()?.join(format!("again-{}", part.blob));
    write_atomic(&path, &bytes, PRIVATE_FILE)?;
    Ok(Some(Staged { path, id: part.blob, length: part.length, origin: Origin::New }))
}
