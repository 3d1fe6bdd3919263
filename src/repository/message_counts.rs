//! How complete the copies of a session are: the messages in their content are counted.
//!
//! The numbers in ledgers and indexes come from whoever wrote them. Only what an archive really
//! holds decides which machine's copy is the most complete.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Repository;
use super::index::IndexEntry;
use super::layout::{EntryPath, LedgerName};
use super::ledger::{Content, Hash};
use crate::fs::{PRIVATE_FILE, write_atomic};
use crate::session::MachineSlug;
use crate::transcript::Scanner;

/// Changes whenever messages are counted in another way.
const FORMAT: u32 = 1;
/// Uncompressed bytes of one copy: a longer one is not counted.
const MAX_BYTES: u64 = 1 << 30;
/// Uncompressed bytes of all copies in one run.
const MAX_BYTES_PER_RUN: u64 = 8 << 30;
/// Messages of one copy: no session has as many, and each takes memory.
const MAX_MESSAGES: u64 = 1_000_000;
/// Counts that are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// How much a copy of a session holds: messages, then bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completeness {
    /// Messages, counted in the content.
    pub messages: u64,
    /// Uncompressed bytes.
    pub bytes: u64,
}

/// The transcript that a restore gives of one machine's copy.
#[derive(Clone, Debug)]
pub struct SessionCopy {
    /// The machine whose folder it is stored in.
    pub machine: MachineSlug,
    path: EntryPath,
    content: Content,
}

/// Counts, each made once for a content.
pub struct MessageCounts<'a> {
    repository: &'a Repository,
    cache: Cached,
    /// Bytes that may still be read.
    budget: u64,
    is_changed: bool,
}

/// The file below `.git/claude-backup/`: it can be deleted at any time.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cached {
    format: u32,
    /// By content: its messages, or `None` if the archive is not what its ledger says.
    counts: HashMap<Hash, Option<u64>>,
}

impl SessionCopy {
    /// The SHA-256 that the ledger gives for the content.
    #[must_use]
    pub fn claimed_hash(&self) -> Hash {
        self.content.sha256
    }

    /// Names the very bytes that are read: the ledger's hash and the blobs of the archive.
    fn key(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.content.sha256.0);
        hasher.update([u8::from(self.content.form == super::layout::Form::Plain)]);
        self.content.parts.iter().for_each(|part| hasher.update(part.blob.as_bytes()));
        Hash::from(hasher)
    }
}

impl<'a> MessageCounts<'a> {
    /// The counts that earlier runs made.
    #[must_use]
    pub fn load(repository: &'a Repository) -> Self {
        let bytes = file(repository).ok().and_then(|path| fs_err::read(path).ok());
        let cache = bytes.and_then(|bytes| postcard::from_bytes::<Cached>(&bytes).ok());
        let cache = cache.filter(|cache| cache.format == FORMAT).unwrap_or_default();
        Self { repository, cache, budget: MAX_BYTES_PER_RUN, is_changed: false }
    }

    /// How complete a copy is; `None` if its archive cannot be read, is not what its ledger says,
    /// or is too large to be counted.
    pub fn completeness(&mut self, copy: &SessionCopy) -> Option<Completeness> {
        let (key, bytes) = (copy.key(), copy.content.length);
        let known = self.cache.counts.get(&key).copied();
        let messages = match known {
            Some(known) => known,
            None if bytes > MAX_BYTES.min(self.budget) => return None,
            None => {
                self.budget -= bytes;
                let counted = self.count(copy).ok()?;
                self.remember(key, counted);
                counted
            }
        };
        messages.map(|messages| Completeness { messages, bytes })
    }

    /// Writes the counts for later runs. They are only a shortcut: what cannot be written is counted
    /// again.
    pub fn save(self) {
        if !self.is_changed {
            return;
        }
        let cache = Cached { format: FORMAT, ..self.cache };
        let saved = file(self.repository)
            .and_then(|path| Ok(write_atomic(&path, &postcard::to_stdvec(&cache)?, PRIVATE_FILE)?));
        drop(saved);
    }

    fn remember(&mut self, key: Hash, counted: Option<u64>) {
        if self.cache.counts.len() >= MAX_REMEMBERED {
            self.cache.counts.clear();
        }
        self.cache.counts.insert(key, counted);
        self.is_changed = true;
    }

    /// Reads an archive to its end; `None` if it is not what its ledger says.
    fn count(&self, copy: &SessionCopy) -> Result<Option<u64>> {
        let content = self.repository.open_content(&copy.machine, &copy.path, &copy.content)?;
        let mut scanner = Scanner::new();
        let (sha256, length) = Hash::of_each(content, |bytes| {
            scanner.feed(bytes);
            match scanner.messages() > MAX_MESSAGES {
                true => Err(io::Error::other("more messages than any session has")),
                false => Ok(()),
            }
        })?;
        let is_whole = sha256 == copy.content.sha256 && length == copy.content.length;
        Ok(is_whole.then(|| scanner.finish().messages))
    }
}

impl Repository {
    /// The transcript that a restore gives of a listed session; `None` if it has none.
    ///
    /// # Errors
    /// If the machine's ledger cannot be read.
    pub fn session_copy(&self, session: &IndexEntry) -> Result<Option<SessionCopy>> {
        let machine = MachineSlug::new(session.machine.as_str())?;
        let name = format!("projects/{}/{}.jsonl", session.project_hash, session.uuid);
        let Ok(path) = EntryPath::parse(name) else { return Ok(None) };
        let lines = self.lines(&machine, &LedgerName::of_project(&session.project_hash))?;
        let entry = lines.entries.get(&path);
        Ok(entry.map(|entry| {
            let version = entry.preferred();
            let content = version.map_or(&entry.content, |version| &version.content).clone();
            SessionCopy { machine, path, content }
        }))
    }
}

fn file(repository: &Repository) -> Result<PathBuf> {
    let folder = repository.vault.private_dir();
    Ok(folder.context("the backup's own folder cannot be made")?.join("message-counts"))
}
