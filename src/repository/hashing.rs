//! Bytes that are summed up while somebody else reads them.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::ledger::Hash;

/// A reader that knows what passed through it.
pub struct Hashing<R> {
    from: R,
    hasher: Sha256,
    length: u64,
}

impl<R: Read> Hashing<R> {
    /// Nothing was read yet.
    pub fn new(from: R) -> Self {
        Self { from, hasher: Sha256::new(), length: 0 }
    }

    /// The hash, and the number, of the bytes that were read.
    pub fn finish(self) -> (Hash, u64) {
        (Hash::from(self.hasher), self.length)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.length += count as u64;
        Ok(count)
    }
}
