//! What a commit is about to put in place, noted until it is there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::paths_of;
use crate::fs::{read_if_exists, sync_below, write_durable};
use crate::path_rules::is_forbidden_name;
use crate::repository::Repository;
use crate::vault::ObjectId;

/// What a commit is about to put in place, written before the branch moves.
///
/// Below the root: every file that is written, renamed or removed, with the blob that it shall be,
/// or nothing. Unless the newest commit says the same of all of them, it is not the one that was
/// meant: then nothing of the work tree has changed, and a file that git does not know may be the
/// only copy.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::repository) struct Journal(pub(super) BTreeMap<String, Option<ObjectId>>);

impl Journal {
    pub(in crate::repository) fn new(files: BTreeMap<String, Option<ObjectId>>) -> Self {
        Self(files)
    }

    /// Notes these files, durably, beside those of earlier runs that still wait for their place.
    pub(in crate::repository) fn write(mut self, repository: &Repository) -> Result<()> {
        let earlier = Self::read(repository)?.unwrap_or_default().0;
        // Should this commit not come about, nobody looks at the files of the one before again.
        sync_below(repository.root(), &paths_of(repository, &earlier))?;
        for (name, id) in earlier {
            let committed = repository.vault.find(&name)?.map(|file| file.id);
            if committed == id {
                self.0.entry(name).or_insert(id);
            }
        }
        Ok(write_durable(&journal_file(repository)?, &serde_json::to_vec(&self)?)?)
    }

    /// What waits for its place; nothing where there may have been a journal that nobody can read any
    /// more: it is damaged, no run of ours wrote it, or all that runs note is gone.
    pub(super) fn read(repository: &Repository) -> Result<Option<Self>> {
        Ok(match read_if_exists(&journal_file(repository)?)? {
            Some(text) => Self::parse(&text),
            None => repository.vault.index_is_noted()?.then(Self::default),
        })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let journal: Self = serde_json::from_slice(text).ok()?;
        journal.0.keys().all(|name| lies_inside(name)).then_some(journal)
    }
}

/// True for a name that leads from the root to a file below it, and not into `.git`.
pub(super) fn lies_inside(name: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !is_forbidden_name(part);
    name.split('/').all(is_plain)
}

pub(super) fn journal_file(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.vault.private_dir()?.join("journal"))
}
