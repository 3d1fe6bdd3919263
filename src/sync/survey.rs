//! One pass over a source file that tells what it is compared with what is stored of it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::archive::Resume;
use crate::repository::ledger::{Content, Entry, Hash};
use crate::transcript::{Scanner, Summary};

const BUFFER: usize = 1 << 18;

/// What one pass over the source's bytes found.
pub(super) struct Survey {
    /// Bytes read.
    pub length: u64,
    /// Of all of them.
    pub sha256: Hash,
    /// What a list shows, if it was asked for.
    pub session: Option<Summary>,
    /// Of the bytes after the resume boundary, if there is one.
    pub crc_after_boundary: u32,
    /// The stored archive's own checksums agree with the source's bytes.
    pub resumable: bool,
    prefixes: BTreeMap<u64, Hash>,
}

/// How the source's bytes relate to the stored ones.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Equal.
    Same,
    /// The stored ones, and more.
    Grown,
    /// Fewer than are stored; whether they are a prefix is not known yet.
    Shorter,
    /// They are, or begin with, those of an earlier version (its index).
    Again(usize),
    /// Anything else.
    Different,
}

impl Survey {
    /// Reads `source` to its end.
    ///
    /// # Errors
    /// As reading does.
    pub(super) fn take(
        source: &mut impl Read,
        entry: &Entry,
        resume: Option<&Resume>,
        scanner: Option<Scanner>,
    ) -> io::Result<Self> {
        let mut pass = Pass::new(entry, resume, scanner);
        let mut buffer = vec![0; BUFFER];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(pass.finish()),
                Ok(count) => pass.feed(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Compares with the current content and the earlier ones.
    pub(super) fn relation(&self, entry: &Entry) -> Relation {
        if self.begins_with(&entry.content) {
            let is_same = self.length == entry.content.length;
            return if is_same { Relation::Same } else { Relation::Grown };
        }
        let earlier = entry.versions.iter().enumerate();
        let again = earlier.filter(|(_, version)| self.begins_with(&version.content));
        if let Some((index, _)) = again.max_by_key(|(_, version)| version.content.length) {
            return Relation::Again(index);
        }
        if self.length < entry.content.length { Relation::Shorter } else { Relation::Different }
    }

    fn begins_with(&self, content: &Content) -> bool {
        self.prefixes.get(&content.length) == Some(&content.sha256)
    }
}

/// The running sums of a survey, noted whenever a length of interest is reached.
struct Pass {
    position: u64,
    sha256: Sha256,
    stops: Vec<u64>,
    prefixes: BTreeMap<u64, Hash>,
    scanner: Option<Scanner>,
    archive: Option<ArchiveSums>,
}

impl Pass {
    fn new(entry: &Entry, resume: Option<&Resume>, scanner: Option<Scanner>) -> Self {
        let mut stops: Vec<u64> = entry.contents().map(|content| content.length).collect();
        stops.extend(resume.into_iter().flat_map(|r| [r.start, r.boundary, r.length]));
        stops.sort_unstable();
        stops.dedup();
        let mut pass = Self {
            position: 0,
            sha256: Sha256::new(),
            stops,
            prefixes: BTreeMap::new(),
            scanner,
            archive: resume.map(ArchiveSums::new),
        };
        pass.note();
        pass
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let next = self.stops.iter().find(|stop| **stop > self.position);
            let room = next.map_or(u64::MAX, |stop| stop - self.position);
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(count);
            self.sha256.update(now);
            if let Some(scanner) = &mut self.scanner {
                scanner.feed(now);
            }
            if let Some(archive) = &mut self.archive {
                archive.feed(self.position, now);
            }
            self.position += count as u64;
            bytes = later;
            self.note();
        }
    }

    fn note(&mut self) {
        if self.stops.binary_search(&self.position).is_ok() {
            self.prefixes.insert(self.position, hash(&self.sha256));
            if let Some(archive) = &mut self.archive {
                archive.note(self.position);
            }
        }
    }

    fn finish(self) -> Survey {
        Survey {
            length: self.position,
            sha256: hash(&self.sha256),
            session: self.scanner.map(Scanner::finish),
            crc_after_boundary: self.archive.as_ref().map_or(0, ArchiveSums::after_boundary),
            resumable: self.archive.is_some_and(|archive| archive.agree()),
            prefixes: self.prefixes,
        }
    }
}

/// The checksums that a resume state claims, taken again from the source.
struct ArchiveSums {
    resume: Resume,
    of_part: crc32fast::Hasher,
    of_rest: crc32fast::Hasher,
    at_boundary: Option<u32>,
    at_length: Option<u32>,
}

impl ArchiveSums {
    fn new(resume: &Resume) -> Self {
        let (of_part, of_rest) = Default::default();
        Self { resume: *resume, of_part, of_rest, at_boundary: None, at_length: None }
    }

    fn feed(&mut self, position: u64, bytes: &[u8]) {
        // The stops cut the stream at the part's start and at the boundary.
        if position >= self.resume.start && position < self.resume.length {
            self.of_part.update(bytes);
        }
        if position >= self.resume.boundary {
            self.of_rest.update(bytes);
        }
    }

    fn note(&mut self, position: u64) {
        let sum = self.of_part.clone().finalize();
        if position == self.resume.boundary {
            self.at_boundary = Some(sum);
        }
        if position == self.resume.length {
            self.at_length = Some(sum);
        }
    }

    fn after_boundary(&self) -> u32 {
        self.of_rest.clone().finalize()
    }

    fn agree(&self) -> bool {
        self.at_boundary == Some(self.resume.crc_boundary)
            && self.at_length == Some(self.resume.crc_end)
    }
}

fn hash(sums: &Sha256) -> Hash {
    Hash::from(sums.clone())
}
