//! Git's delta encoding: an object as copies out of another and inserted bytes.
//!
//! A delta is the base's length, the result's length, then instructions: a byte with the high bit
//! set copies a range of the base, a byte from 1 to 127 is followed by that many bytes to insert.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;

use anyhow::{Context, Result, ensure};

/// The longest range one copy instruction can name.
const LONGEST_COPY: u64 = 0x00ff_ffff;
/// The most bytes one instruction can insert.
const LONGEST_INSERT: usize = 127;
/// No delta makes more: git itself makes none of files above 512 MiB. A few bytes that copy the same
/// range again and again would fill the memory.
pub(super) const LONGEST_RESULT: usize = 1 << 30;
/// What is looked for in the base; an id with its mode and a few letters of its name is longer.
const BLOCK: usize = 16;

/// One instruction of a delta.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// A range of the base.
    Copy(Range<usize>),
    /// A range of the delta itself.
    Insert(Range<usize>),
}

/// A delta, taken apart.
pub(super) struct Delta {
    pub(super) base_length: usize,
    pub(super) length: usize,
    pub(super) instructions: Vec<Instruction>,
}

/// The delta that makes `target` out of `base`; worth its bytes only if the two are alike.
pub(super) fn encode(base: &[u8], target: &[u8]) -> Vec<u8> {
    let mut delta = Vec::new();
    put_length(&mut delta, base.len() as u64);
    put_length(&mut delta, target.len() as u64);
    let head = common_prefix(base, target);
    let tail =
        common_prefix_of(base[head..].iter().rev().copied(), target[head..].iter().rev().copied());
    put_copy(&mut delta, 0, head as u64);
    encode_middle(&mut delta, base, target, head..target.len() - tail);
    put_copy(&mut delta, (base.len() - tail) as u64, tail as u64);
    delta
}

/// The beginning of a delta that keeps `common` bytes of the base; [`Inserts`] is the rest.
pub(super) fn grown_head(base_length: u64, length: u64, common: u64) -> Vec<u8> {
    let mut delta = Vec::new();
    put_length(&mut delta, base_length);
    put_length(&mut delta, length);
    put_copy(&mut delta, 0, common);
    delta
}

/// How long `rest` bytes are as insert instructions.
pub(super) fn inserts_length(rest: u64) -> u64 {
    rest + rest.div_ceil(LONGEST_INSERT as u64)
}

/// Reads as the insert instructions for all that its source still has.
pub(super) struct Inserts<R> {
    source: R,
    pending: [u8; LONGEST_INSERT + 1],
    unread: Range<usize>,
}

impl<R: Read> Inserts<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, pending: [0; LONGEST_INSERT + 1], unread: 0..0 }
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut filled = 0;
        while filled < LONGEST_INSERT {
            let count = self.source.read(&mut self.pending[1 + filled..])?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        self.pending[0] = filled as u8;
        self.unread = if filled == 0 { 0..0 } else { 0..filled + 1 };
        Ok(())
    }
}

impl<R: Read> Read for Inserts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.refill()?;
        }
        let count = buffer.len().min(self.unread.len());
        buffer[..count].copy_from_slice(&self.pending[self.unread.start..][..count]);
        self.unread.start += count;
        Ok(count)
    }
}

/// Takes a delta apart and checks that its lengths add up.
pub(super) fn parse(delta: &[u8]) -> Result<Delta> {
    let mut at = 0;
    let base_length = take_length(delta, &mut at).context("a delta without lengths")?;
    let length = take_length(delta, &mut at).context("a delta without lengths")?;
    ensure!(length <= LONGEST_RESULT, "a delta that makes {length} bytes");
    let mut instructions = Vec::new();
    let mut made = 0;
    while at < delta.len() {
        let instruction = take_instruction(delta, &mut at).context("a delta that is cut off")?;
        made += match &instruction {
            Instruction::Copy(range) => {
                ensure!(range.end <= base_length, "a delta reads past its base");
                range.len()
            }
            Instruction::Insert(range) => range.len(),
        };
        ensure!(made <= length, "a delta makes more than {length} bytes");
        instructions.push(instruction);
    }
    ensure!(made == length, "a delta makes {made} bytes instead of {length}");
    Ok(Delta { base_length, length, instructions })
}

/// What a delta makes of its base.
pub(super) fn apply(base: &[u8], delta: &[u8]) -> Result<Vec<u8>> {
    let parsed = parse(delta)?;
    ensure!(parsed.base_length == base.len(), "a delta for another base");
    let mut result = Vec::with_capacity(parsed.length);
    for instruction in parsed.instructions {
        result.extend_from_slice(match instruction {
            Instruction::Copy(range) => &base[range],
            Instruction::Insert(range) => &delta[range],
        });
    }
    Ok(result)
}

/// How many bytes two byte strings begin with alike.
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    const STRIDE: usize = 4096;
    let chunks = one.chunks_exact(STRIDE).zip(other.chunks_exact(STRIDE));
    let same = chunks.take_while(|(a, b)| a == b).count() * STRIDE;
    same + common_prefix_of(one[same..].iter().copied(), other[same..].iter().copied())
}

fn common_prefix_of(one: impl Iterator<Item = u8>, other: impl Iterator<Item = u8>) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).count()
}

/// Finds the blocks of the base inside `span` of the target; the rest is inserted.
fn encode_middle(delta: &mut Vec<u8>, base: &[u8], target: &[u8], span: Range<usize>) {
    let mut blocks = HashMap::new();
    if span.len() >= BLOCK {
        for (number, block) in base.chunks_exact(BLOCK).enumerate() {
            blocks.entry(block).or_insert(number * BLOCK);
        }
    }
    let mut inserted = span.start;
    let mut at = span.start;
    while at + BLOCK <= span.end {
        let Some(&found) = blocks.get(&target[at..at + BLOCK]) else {
            at += 1;
            continue;
        };
        let back = common_prefix_of(
            base[..found].iter().rev().copied(),
            target[inserted..at].iter().rev().copied(),
        );
        let length = common_prefix(&base[found..], &target[at..span.end]);
        put_inserts(delta, &target[inserted..at - back]);
        put_copy(delta, (found - back) as u64, (length + back) as u64);
        at += length;
        inserted = at;
    }
    put_inserts(delta, &target[inserted..span.end]);
}

fn put_length(delta: &mut Vec<u8>, mut length: u64) {
    while length >= 0x80 {
        delta.push(length as u8 | 0x80);
        length >>= 7;
    }
    delta.push(length as u8);
}

fn put_inserts(delta: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(LONGEST_INSERT) {
        delta.push(chunk.len() as u8);
        delta.extend_from_slice(chunk);
    }
}

fn put_copy(delta: &mut Vec<u8>, mut offset: u64, mut length: u64) {
    while length > 0 {
        let piece = length.min(LONGEST_COPY);
        let start = delta.len();
        delta.push(0x80);
        let offset_bytes = (0..4).map(|byte| (byte, offset));
        // A length without any byte means 0x10000.
        let length_bytes = (0..3).filter(|_| piece != 0x1_0000).map(|byte| (byte, piece));
        for (bit, (byte, value)) in offset_bytes.enumerate() {
            put_if_set(delta, start, bit, value >> (8 * byte));
        }
        for (bit, (byte, value)) in length_bytes.enumerate() {
            put_if_set(delta, start, 4 + bit, value >> (8 * byte));
        }
        offset += piece;
        length -= piece;
    }
}

/// Appends a byte of a number unless it is 0, and marks it in the instruction's first byte.
fn put_if_set(delta: &mut Vec<u8>, start: usize, bit: usize, value: u64) {
    if value as u8 != 0 {
        delta[start] |= 1 << bit;
        delta.push(value as u8);
    }
}

/// How long the result of a delta is, by the delta's beginning.
pub(super) fn result_length(delta: &[u8]) -> Result<u64> {
    let mut at = 0;
    take_length(delta, &mut at).context("a damaged delta")?;
    Ok(take_length(delta, &mut at).context("a damaged delta")? as u64)
}

fn take_length(delta: &[u8], at: &mut usize) -> Option<usize> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = *delta.get(*at)?;
        *at += 1;
        length |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 63)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return usize::try_from(length).ok();
        }
    }
}

fn take_instruction(delta: &[u8], at: &mut usize) -> Option<Instruction> {
    let code = *delta.get(*at)?;
    *at += 1;
    if code & 0x80 == 0 {
        let range = *at..*at + usize::from(code);
        *at = range.end;
        return (code != 0 && range.end <= delta.len()).then_some(Instruction::Insert(range));
    }
    let mut number = |bits: Range<usize>| {
        let mut value = 0;
        for (byte, bit) in bits.enumerate() {
            if code & (1 << bit) != 0 {
                value |= usize::from(*delta.get(*at)?) << (8 * byte);
                *at += 1;
            }
        }
        Some(value)
    };
    let offset = number(0..4)?;
    let length = match number(4..7)? {
        0 => 0x1_0000,
        length => length,
    };
    Some(Instruction::Copy(offset..offset.checked_add(length)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grown(base: &[u8], target: &[u8], common: usize) -> Vec<u8> {
        let mut delta = grown_head(base.len() as u64, target.len() as u64, common as u64);
        let head = delta.len();
        Inserts::new(&target[common..]).read_to_end(&mut delta).unwrap();
        assert_eq!((delta.len() - head) as u64, inserts_length((target.len() - common) as u64));
        delta
    }

    #[test]
    fn copies_above_16_mib_and_of_64_kib_come_back() {
        let base: Vec<u8> = (0..40_000_000u32).map(|n| (n >> 3) as u8 ^ n as u8).collect();
        for common in [0, 1, 0xffff, 0x1_0000, 0x1_0001, 0xff_ffff, 0x100_0000, 40_000_000] {
            let mut target = base[..common].to_vec();
            target.extend_from_slice(b"and more");
            assert!(apply(&base, &grown(&base, &target, common)).unwrap() == target, "{common}");
        }
    }

    #[test]
    fn two_changed_entries_cost_few_bytes() {
        let base: Vec<u8> = (0..5000u32).flat_map(|n| (n * 7919).to_be_bytes()).collect();
        let mut target = base.clone();
        target[40..60].fill(1);
        target[15_000..15_020].fill(2);
        let delta = encode(&base, &target);
        assert_eq!(apply(&base, &delta).unwrap(), target);
        assert!(delta.len() < 120, "{}", delta.len());
    }

    #[test]
    fn a_damaged_delta_is_an_error() {
        let delta = encode(b"0123456789abcdefghij", b"0123456789abcdefghijk");
        for cut in 0..delta.len() {
            assert!(apply(b"0123456789abcdefghij", &delta[..cut]).is_err(), "{cut}");
        }
        assert!(apply(b"012", &delta).is_err());
        assert!(parse(&[0xff; 30]).is_err());
    }

    proptest! {
        #[test]
        fn any_edit_round_trips(
            base in proptest::collection::vec(0u8..4, 0..2000),
            edits in proptest::collection::vec((0usize..2000, 0usize..60, proptest::collection::vec(any::<u8>(), 0..90)), 0..6),
        ) {
            let mut target = base.clone();
            for (at, removed, inserted) in edits {
                let at = at.min(target.len());
                let end = (at + removed).min(target.len());
                target.splice(at..end, inserted);
            }
            prop_assert_eq!(&apply(&base, &encode(&base, &target)).unwrap(), &target);
            let common = common_prefix(&base, &target);
            prop_assert_eq!(&apply(&base, &grown(&base, &target, common)).unwrap(), &target);
        }

        #[test]
        fn any_bytes_parse_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
