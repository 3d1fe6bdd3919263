//! What an earlier state of a machine's folder has and a later one lacks.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::repository::ledger::{Entry, Ledger};
use crate::vault::{ObjectId, Vault};

/// What a later state lacks, by stored path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) sessions: BTreeSet<String>,
    pub(super) files: BTreeSet<String>,
}

impl Lost {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Compares two states of a machine's folder; only ledgers that differ are read.
    pub(super) fn between(vault: &Vault, old: ObjectId, new: Option<ObjectId>) -> Result<Self> {
        if Some(old) == new {
            return Ok(Self::default());
        }
        let (before, after) = (ledgers(vault, Some(old))?, ledgers(vault, new)?);
        if before.is_empty() {
            return Self::between_archives(vault, old, new);
        }
        let changed = |name: &String, blob: &ObjectId| before.get(name) != Some(blob);
        let mut present = Present::default();
        for (_, blob) in after.iter().filter(|(name, blob)| changed(name, blob)) {
            present.add(Ledger::parse(&vault.read(*blob)?).0);
        }
        let mut lost = Self::default();
        for (_, blob) in before.iter().filter(|(name, blob)| after.get(*name) != Some(blob)) {
            let entries = Ledger::parse(&vault.read(*blob)?).0.entries;
            entries.values().filter(|entry| !present.has(entry)).for_each(|entry| {
                lost.add(entry.path.as_str(), entry.path.session().map(String::from));
            });
        }
        Ok(lost)
    }

    /// The same for a folder of the shell tool, which has archives and no ledgers.
    fn between_archives(vault: &Vault, old: ObjectId, new: Option<ObjectId>) -> Result<Self> {
        let mut lost = Self::default();
        for changed in vault.difference(Some(old), new)? {
            let Ok(path) = std::str::from_utf8(&changed.path) else { continue };
            if changed.is.is_none() && path.ends_with(".jsonl.gz") && path.starts_with("projects/")
            {
                lost.add(path, Some(path.to_owned()));
            }
        }
        // It was taken over into ledgers, or it was removed.
        match ledgers(vault, new)?.is_empty() {
            true => Ok(lost),
            false => Ok(Self::default()),
        }
    }

    fn add(&mut self, path: &str, session: Option<String>) {
        self.files.insert(path.to_owned());
        self.sessions.extend(session);
    }
}

/// What the changed ledgers of the later state have.
#[derive(Default)]
struct Present {
    paths: BTreeSet<String>,
    sessions: BTreeSet<String>,
    hashes: BTreeSet<[u8; 32]>,
}

impl Present {
    fn add(&mut self, ledger: Ledger) {
        for (path, entry) in ledger.entries {
            self.sessions.extend(path.session().map(String::from));
            self.hashes.extend(entry.contents().map(|content| content.sha256.0));
            self.paths.insert(path.as_str().to_owned());
        }
        self.paths.extend(ledger.unread.into_keys());
    }

    /// True if it is there, under its own path or, moved, under another.
    fn has(&self, entry: &Entry) -> bool {
        self.paths.contains(entry.path.as_str())
            || self.hashes.contains(&entry.content.sha256.0)
            || entry.path.session().is_some_and(|id| self.sessions.contains(id.as_str()))
    }
}

fn ledgers(vault: &Vault, folder: Option<ObjectId>) -> Result<BTreeMap<String, ObjectId>> {
    let ledger = folder.map(|folder| vault.folder_in(folder, "ledger")).transpose()?.flatten();
    let Some(ledger) = ledger else { return Ok(BTreeMap::new()) };
    let files = vault.files_of(ledger)?.into_iter();
    Ok(files.filter_map(|file| Some((file.text_path()?.to_owned(), file.id))).collect())
}
