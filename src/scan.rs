//! A look for likely secrets in everything that is saved: transcripts carry tokens too.

use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Result;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};
use crate::fs::{read_if_exists, write_durable};
use crate::progress::{CountedReader, FileProgress, Progress};
use crate::repository::Repository;
use crate::repository::manifest::stamp;
use crate::secrets::Secrets;
use crate::source::{self, Options, Roots};

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scanned {
    /// In numbers.
    #[serde(flatten)]
    pub last: LastScan,
    /// By file, sorted; the files as the source has them.
    pub secrets: Vec<Secrets>,
}

/// What is remembered of it: no places, as those are nobody else's business.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastScan {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Files that were looked at.
    pub files: u64,
    /// Files with something that looks like a secret.
    pub suspicious: u64,
    /// Lines of those.
    pub lines: u64,
}

/// Looks at every file that would be saved, several at once, and remembers the numbers. A file that
/// cannot be read was told of by whoever saved.
///
/// # Errors
/// Where the user stopped it, or the numbers cannot be kept.
pub fn run(repository: &Repository, roots: &Roots, progress: &dyn Progress) -> Result<Scanned> {
    let listing = source::list(roots, &Options::default(), progress)?;
    let bytes = listing.files.iter().map(|file| file.stat.size).sum();
    progress.start("looking for secrets", listing.files.len() as u64, bytes);
    let look = |file: &source::SourceFile| {
        if progress.interrupted() {
            return None;
        }
        let progress = FileProgress::new(progress, file.stat.size);
        let opened = CountedReader::new(file.open().ok()?, &progress);
        let found = Secrets::of(&file.relative.display().to_string(), BufReader::new(opened));
        progress.step(&format_args!("scanned {}", file.path.display()));
        found.ok().flatten()
    };
    let secrets: Vec<Secrets> = listing.files.par_iter().with_max_len(1).filter_map(look).collect();
    progress.finish();
    if progress.interrupted() {
        let failure = Failure::new(ErrorKind::Interrupted, "stopped; what was saved is saved");
        return Err(failure.into());
    }
    let last = LastScan {
        at: stamp(repository.env().now()),
        files: listing.files.len() as u64,
        suspicious: secrets.len() as u64,
        lines: secrets.iter().map(Secrets::lines).sum(),
    };
    write_durable(&file(repository)?, &serde_json::to_vec(&last)?)?;
    Ok(Scanned { last, secrets })
}

/// What the last look found; nothing before there was one.
#[must_use]
pub fn last(repository: &Repository) -> Option<LastScan> {
    let text = read_if_exists(&file(repository).ok()?).ok()??;
    serde_json::from_slice(&text).ok()
}

fn file(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.vault.private_dir()?.join("secrets.json"))
}
