//! What other commands than a backup store, or note of what is stored.

use anyhow::Result;

use super::{Learned, Occasion, Run, stored};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::layout::EntryPath;
use crate::source::{Listing, Scope};
use crate::sync::Found;
use crate::sync::store::{Job, Store};

/// Keeps the present bytes of these files before a restore displaces them: as versions of their
/// lines, or as lines of their own where this machine has none.
///
/// # Errors
/// Where one cannot be read or stored: then nothing may be displaced.
pub fn store_displaced(
    repository: &Repository,
    files: Vec<Found>,
    progress: &dyn Progress,
) -> Result<()> {
    let listing = Listing::default();
    let mut run = Run::begin(repository, stored(repository)?, Scope::All, &listing)?;
    let store = Store::new(repository)?;
    for found in files {
        let path = found.path.clone();
        let entry = run.revision.entry(&found.path)?.cloned();
        let stored = match &entry {
            Some(entry) => store.set_aside(&found, entry, progress)?,
            None => Some(store.store(&Job { found, entry: None, known: None }, progress)?),
        };
        if let Some(stored) = stored {
            if entry.is_none() {
                run.cache.files.insert(path.as_str(), stored.known.clone());
            }
            run.place(stored)?;
        }
        run.acknowledge(&path)?;
    }
    run.finish(Occasion::Beside).map(drop)
}

/// Stores the present bytes of these files anew: of what their lines speak of, no whole copy is left.
/// Their versions stay.
///
/// # Errors
/// Where one cannot be read or stored; then nothing has changed.
pub fn store_again(
    repository: &Repository,
    files: Vec<Found>,
    progress: &dyn Progress,
) -> Result<()> {
    let mut run = Run::begin(repository, stored(repository)?, Scope::All, &Listing::default())?;
    let store = Store::new(repository)?;
    for found in files {
        let before = run.revision.entry(&found.path)?.cloned();
        let mut new = store.store(&Job { found, entry: None, known: None }, progress)?;
        if let (Some(before), Some(entry)) = (before, &mut new.entry) {
            entry.first_seen = before.first_seen;
            entry.versions = before.versions;
            entry.acknowledged = before.acknowledged;
            run.cache.files.insert(entry.path.as_str(), new.known.clone());
        }
        run.learned = Learned::Something;
        run.place(new)?;
    }
    run.finish(Occasion::Beside).map(drop)
}

/// Remembers that the user knows of the messages that a session's current content lacks.
///
/// # Errors
/// Where the repository cannot be written.
pub fn acknowledge(repository: &Repository, path: &EntryPath) -> Result<()> {
    let mut run = Run::begin(repository, stored(repository)?, Scope::All, &Listing::default())?;
    run.acknowledge(path)?;
    run.finish(Occasion::Beside).map(drop)
}
