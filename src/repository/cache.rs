//! What the last run saw, so that the next one reads only what changed. Safe to delete.

mod files;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub use self::files::Files;
use super::layout::{EntryPath, LedgerName};
use super::ledger::Entry;
use crate::archive::Resume;
use crate::fs::{PRIVATE_FILE, write_atomic};
use crate::source::{Kind, Stat};

/// Changes whenever the fields below do: an older cache is then no cache.
const FORMAT: u32 = 2;

/// What is known of a machine's files as of one state of its folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    format: u32,
    /// The git tree of the machine's folder that this describes; any other state voids it.
    pub tree: String,
    /// Each stored file.
    pub files: Files,
    /// Sums per ledger, for the manifests.
    pub totals: BTreeMap<LedgerName, Totals>,
}

/// What is known of one stored file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What the file is to its agent.
    pub kind: Kind,
    /// The source lacked it at the last run.
    pub gone: bool,
    /// As it was when its bytes were last compared.
    pub stat: Option<Stat>,
    /// Uncompressed bytes stored.
    pub length: u64,
    /// Where compression may go on.
    pub resume: Option<Resume>,
}

/// Sums of one ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Transcripts.
    pub sessions: u64,
    /// Bytes of all that is stored.
    pub stored_bytes: u64,
    /// Uncompressed bytes of all that is at the source.
    pub source_bytes: u64,
    /// Config files.
    pub config_files: u64,
    /// Their bytes.
    pub config_bytes: u64,
}

impl Known {
    /// What a ledger line tells of a file that was not looked at yet.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let (gone, length) = (entry.gone_since.is_some(), entry.content.length);
        Self { kind: entry.kind, gone, stat: None, length, resume: None }
    }
}

impl Cache {
    /// An empty cache of this state.
    #[must_use]
    pub fn new(tree: String) -> Self {
        Self { format: FORMAT, tree, ..Self::default() }
    }

    /// The cache in `folder`, if it describes this very state.
    #[must_use]
    pub fn load(folder: &Path, tree: &str) -> Option<Self> {
        let bytes = fs_err::read(file(folder)).ok()?;
        let cache: Self = postcard::from_bytes(&bytes).ok()?;
        (cache.format == FORMAT && cache.tree == tree).then_some(cache)
    }

    /// Writes the cache.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn save(&self, folder: &Path) -> Result<()> {
        Ok(write_atomic(&file(folder), &postcard::to_stdvec(self)?, PRIVATE_FILE)?)
    }

    /// What is known of a file.
    #[must_use]
    pub fn get(&self, path: &EntryPath) -> Option<&Known> {
        self.files.get(path.as_str())
    }
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("cache")
}
