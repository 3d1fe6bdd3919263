//! One pass over a source file that tells what it is compared with what is stored of it.

mod checkpoint;

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

pub(super) use self::checkpoint::{Checkpoint, Checkpoints};
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
    /// For the next survey, where the file is worth one.
    pub checkpoint: Option<Checkpoint>,
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
        read_all(source, |bytes| {
            pass.feed(bytes);
            Going::On
        })?;
        Ok(pass.finish())
    }

    /// The same for a file whose stored bytes were surveyed before: of these only the CRC-32 is
    /// taken again. `None` where it is not that of the bytes then: all have to be looked at.
    ///
    /// # Errors
    /// As reading does.
    pub(super) fn go_on(
        source: &mut impl Read,
        entry: &Entry,
        resume: Option<&Resume>,
        checkpoint: Checkpoint,
    ) -> io::Result<Option<Self>> {
        let (length, crc) = (checkpoint.length, checkpoint.crc);
        let Some(mut pass) = Pass::going_on(entry, resume, checkpoint) else { return Ok(None) };
        let mut is_true = length == 0;
        read_all(source, |bytes| {
            let before = pass.position;
            // The new bytes are for nothing where the old ones are not what they were.
            let old = usize::try_from(length.saturating_sub(before)).unwrap_or(usize::MAX);
            let (old, new) = bytes.split_at(old.min(bytes.len()));
            pass.feed(old);
            if before < length && pass.position == length {
                is_true = pass.crcs.between(0, length) == crc;
            }
            if new.is_empty() || is_true {
                pass.feed(new);
                return Going::On;
            }
            Going::NoFurther
        })?;
        Ok(is_true.then(|| pass.finish()))
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

/// Whether more of a file is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    NoFurther,
}

fn read_all(source: &mut impl Read, mut each: impl FnMut(&[u8]) -> Going) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) if each(&buffer[..count]) == Going::On => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The running sums of a survey, noted whenever a length of interest is reached.
struct Pass {
    position: u64,
    sha256: Sha256,
    /// The SHA-256 has the bytes before this already.
    hashed: u64,
    stops: Vec<u64>,
    prefixes: BTreeMap<u64, Hash>,
    scanner: Option<Scanner>,
    /// The scanner has the bytes before this already.
    scanned: u64,
    crcs: Crcs,
    resume: Option<Resume>,
}

impl Pass {
    fn new(entry: &Entry, resume: Option<&Resume>, scanner: Option<Scanner>) -> Self {
        let stops = entry.contents().map(|content| content.length).collect();
        let mut pass = Self {
            position: 0,
            sha256: Sha256::new(),
            hashed: 0,
            stops,
            prefixes: BTreeMap::new(),
            scanner,
            scanned: 0,
            crcs: Crcs::default(),
            resume: resume.copied(),
        };
        pass.stop_also_at(resume.into_iter().flat_map(|r| [r.start, r.boundary, r.length]));
        pass.note();
        pass
    }

    fn going_on(entry: &Entry, resume: Option<&Resume>, checkpoint: Checkpoint) -> Option<Self> {
        let (length, sha256) = (checkpoint.length, checkpoint.sha256()?);
        let (scanner, scanned) = match checkpoint.scan {
            Some(state) => {
                let position = state.position;
                (Some(Scanner::resume(state)?), position)
            }
            None => (None, 0),
        };
        let mut pass = Self::new(entry, resume, None);
        pass.prefixes.clear();
        pass.stop_also_at([length, scanned]);
        Some(Self { sha256, hashed: length, scanner, scanned, ..pass })
    }

    fn stop_also_at(&mut self, places: impl IntoIterator<Item = u64>) {
        self.stops.extend(places);
        self.stops.sort_unstable();
        self.stops.dedup();
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let next = self.stops.iter().find(|stop| **stop > self.position);
            let room = next.map_or(u64::MAX, |stop| stop - self.position);
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if self.position >= self.hashed {
                self.sha256.update(now);
            }
            if let Some(scanner) = &mut self.scanner
                && self.position >= self.scanned
            {
                scanner.feed(now);
            }
            self.crcs.feed(now);
            self.position += count as u64;
            bytes = later;
            self.note();
        }
    }

    fn note(&mut self) {
        if self.stops.binary_search(&self.position).is_ok() {
            if self.position >= self.hashed {
                self.prefixes.insert(self.position, hash(&self.sha256));
            }
            self.crcs.cut(self.position);
        }
    }

    fn finish(self) -> Survey {
        let crc = |from, to| self.crcs.between(from, to);
        let after_boundary = self.resume.map(|resume| crc(resume.boundary, self.position));
        let agrees = |resume: Resume| {
            self.position >= resume.length
                && crc(resume.start, resume.boundary) == resume.crc_boundary
                && crc(resume.start, resume.length) == resume.crc_end
        };
        Survey {
            length: self.position,
            sha256: hash(&self.sha256),
            crc_after_boundary: after_boundary.unwrap_or_default(),
            resumable: self.resume.is_some_and(agrees),
            checkpoint: Checkpoint::of(
                self.position,
                &self.sha256,
                crc(0, self.position),
                self.scanner.as_ref(),
            ),
            session: self.scanner.map(Scanner::finish),
            prefixes: self.prefixes,
        }
    }
}

/// One CRC-32 for each stretch between two stops, from which follows that of several.
#[derive(Default)]
struct Crcs {
    /// Where each closed stretch ends.
    closed: Vec<(u64, crc32fast::Hasher)>,
    open: crc32fast::Hasher,
}

impl Crcs {
    fn feed(&mut self, bytes: &[u8]) {
        self.open.update(bytes);
    }

    fn cut(&mut self, position: u64) {
        self.closed.push((position, std::mem::take(&mut self.open)));
    }

    /// Of the bytes from one stop to another one, or to the end.
    fn between(&self, from: u64, to: u64) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        let open = (u64::MAX, self.open.clone());
        let mut start = 0;
        for (end, stretch) in self.closed.iter().chain([&open]) {
            if start >= from && (*end <= to || start < to && *end == u64::MAX) {
                sum.combine(stretch);
            }
            start = *end;
        }
        sum.finalize()
    }
}

fn hash(sums: &Sha256) -> Hash {
    Hash::from(sums.clone())
}
