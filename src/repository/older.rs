//! Files that an older version stored: what they are copies of, and what is in them.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::layout::{EntryPath, Form};
use super::ledger::{Content, Entry, Hash, StoredPart, Unknown};
use crate::archive::{self, ArchiveReader};
use crate::fs::PRIVATE_FILE;
use crate::source::{self, Kind, Stat};
use crate::transcript::Scanner;
use crate::vault::ObjectId;

/// A file of an older layout, and what it is a copy of.
pub(super) struct Candidate {
    /// Below the root.
    pub stored: PathBuf,
    /// Below the Claude home.
    pub source: PathBuf,
    /// What its name says of how it is kept.
    pub form: Form,
    /// What it is to its agent.
    pub kind: Kind,
}

impl Candidate {
    /// The file at `stored`, which is a copy of `source`, or its archive.
    pub(super) fn new(stored: PathBuf, source: &Path) -> Self {
        let name = source.to_str().and_then(|name| name.strip_suffix(".gz"));
        let (source, form) = match name.filter(|name| name.ends_with(".jsonl")) {
            Some(name) => (PathBuf::from(name), Form::Gzip),
            None => (source.to_path_buf(), Form::Plain),
        };
        let kind = source::kind_of(&source).unwrap_or(match source.starts_with("projects") {
            true => Kind::Sidecar,
            false => Kind::Config,
        });
        Self { stored, source, form, kind }
    }

    /// Its name in our layout.
    pub(super) fn path(&self) -> EntryPath {
        EntryPath::from_source(&self.source, self.kind)
    }

    /// Its ledger line.
    pub(super) fn entry(&self, content: Content) -> Entry {
        Entry {
            path: self.path(),
            kind: self.kind,
            first_seen: content.modified,
            last_seen: content.modified,
            gone_since: None,
            cut_to: None,
            acknowledged: false,
            versions: Vec::new(),
            unknown: Unknown::new(),
            content,
        }
    }

    /// Reads a file that was stored for it, end to end.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    pub(super) fn inspect(&self, file: &Path) -> Result<Content> {
        let (blob, length) = ObjectId::of_file(file)?;
        let metadata = fs_err::metadata(file)?;
        let mut reader: Box<dyn Read> = match self.form {
            Form::Plain => Box::new(fs_err::File::open(file)?),
            _ => Box::new(ArchiveReader::open(vec![file.to_path_buf()])),
        };
        let mut scanner = (self.kind == Kind::Transcript).then(Scanner::new);
        let (sha256, uncompressed) = Hash::of_each(&mut reader, |bytes| {
            scanner.iter_mut().for_each(|scanner| scanner.feed(bytes));
            Ok(())
        })?;
        let form = match self.form {
            Form::Gzip if archive::inspect(file, 1, 0)?.is_some() => Form::Sectioned,
            form => form,
        };
        let is_plain = form == Form::Plain;
        Ok(Content {
            length: uncompressed,
            sha256,
            form,
            parts: vec![StoredPart::new(length, uncompressed, blob)],
            at: None,
            // The old tool gave archives the umask's bits; the sessions themselves are private.
            mode: if is_plain { Stat::of(&metadata).mode } else { PRIVATE_FILE },
            modified: Stat::of(&metadata).modified(),
            session: scanner.map(Scanner::finish),
        })
    }
}
