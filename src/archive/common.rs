//! The stored file of the part that is continued: its copy, and its comparison with the new one.

use std::io::{self, Read, Write};

use super::format::{HEADER, PIECE_BOUND, Resume, TRAILER, invalid, trailer};

/// How far the continued part's new file equals its old one.
#[derive(Default)]
pub(super) struct Common {
    /// Leading bytes that are equal.
    pub(super) length: u64,
    /// The old file's bytes behind them, until a difference was seen.
    old: Vec<u8>,
}

impl Common {
    /// Copies the stored file up to the boundary of its state and keeps what is behind it.
    ///
    /// The file must belong to the state: its length, header and trailer are compared.
    pub(super) fn copy(
        mut stored: impl Read,
        resume: &Resume,
        writer: &mut impl Write,
    ) -> io::Result<Self> {
        let mut header = [0; HEADER.len()];
        stored.read_exact(&mut header)?;
        if header != HEADER {
            return Err(invalid("the stored part is not in archive format 1"));
        }
        writer.write_all(&header)?;
        let pieces = resume.offset - HEADER.len() as u64;
        io::copy(&mut stored.by_ref().take(pieces), writer)?;

        // No tail comes near the bound, so a longer file does not match the length.
        let mut old = Vec::new();
        stored.take((PIECE_BOUND + TRAILER) as u64).read_to_end(&mut old)?;
        let end = trailer(resume.crc_end, resume.length - resume.start);
        if resume.offset + old.len() as u64 != resume.compressed || !old.ends_with(&end) {
            return Err(invalid("the stored part does not belong to its resume state"));
        }
        Ok(Self { length: resume.offset, old })
    }

    /// Compares the next bytes of the new file.
    pub(super) fn see(&mut self, new: &[u8]) {
        let equal = self.old.iter().zip(new).take_while(|(old, new)| old == new).count();
        self.length += equal as u64;
        if equal == new.len() {
            self.old.drain(..equal);
        } else {
            self.end();
        }
    }

    /// The part is complete: what follows is in another file.
    pub(super) fn end(&mut self) {
        self.old.clear();
    }
}
