//! Content and sinks for this module's tests.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::format::Limits;
use super::parts::PartSink;
use super::writer::{Written, write_within};

/// Parts kept in memory, in order.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) parts: Vec<(u32, Vec<u8>)>,
}

impl Memory {
    /// The files, which must be numbered without a gap from this number on.
    pub(super) fn files(self, first: u32) -> Vec<Vec<u8>> {
        let numbers: Vec<u32> = self.parts.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (first..).take(numbers.len()).collect::<Vec<_>>());
        self.parts.into_iter().map(|(_, file)| file).collect()
    }
}

impl PartSink for Memory {
    type Writer = Vec<u8>;

    fn begin(&mut self, _number: u32) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn finish(&mut self, number: u32, writer: Vec<u8>) -> io::Result<()> {
        self.parts.push((number, writer));
        Ok(())
    }
}

/// Bytes that compress about as well as a transcript; a shorter one is a prefix of a longer one.
pub(super) fn text(seed: u64, length: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the",
        "session",
        "{\"type\":",
        "\"assistant\",",
        "fn",
        "main()",
        "error",
        "tool_result",
        "\"uuid\":",
        "0x",
        "let",
        "return",
        "\\n",
        "content",
        "of",
        "file",
    ];
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        let next = random.next();
        bytes.extend_from_slice(WORDS[(next % 16) as usize].as_bytes());
        bytes.push(b' ');
        if next & 0x300 == 0 {
            bytes.extend_from_slice(format!("{next:x}").as_bytes());
        }
    }
    bytes.truncate(length);
    bytes
}

/// Bytes that do not compress.
#[cfg(test)]
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A small generator, good enough to defeat deflate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Writes a whole stream with these limits and gives its files and what was said of them.
pub(super) fn written(limits: Limits, plain: &[u8]) -> (Vec<Vec<u8>>, Written) {
    let mut sink = Memory::default();
    let mut seen = Vec::new();
    let mut observe = |bytes: &[u8]| seen.extend_from_slice(bytes);
    let written = write_within(limits, plain, u64::MAX, &mut sink, &mut observe)
        .expect("memory can be written");
    assert!(seen == plain);
    (sink.files(1), written)
}

/// Writes a stream that fits into one part.
#[cfg(test)]
pub(super) fn archive(plain: &[u8]) -> Vec<u8> {
    let (mut files, _) = written(Limits::default(), plain);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// What any other reader makes of one part: a single member, and nothing behind it.
pub(super) fn decoded(file: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(file);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).expect("what was written reads back");
    assert!(decoder.into_inner().is_empty());
    plain
}
