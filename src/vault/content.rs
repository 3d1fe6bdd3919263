//! An object put together from a chain of deltas, without making each version on the way.
//!
//! A version that grew is "all of the older one, then this". Following that down a chain gives a
//! short list of byte ranges, so the newest of 48 versions costs as much to read as the first.

use std::io::{self, Read};
use std::ops::Range;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};

use super::delta::{self, Instruction};
use super::entry::{self, Form};
use super::object_id::ObjectId;

/// More links than any chain of ours; a cycle would be followed for ever.
const LONGEST_CHAIN: usize = 4096;

/// An object's bytes, as ranges of buffers in memory.
#[derive(Default)]
pub(super) struct Content {
    pieces: Vec<Piece>,
    length: usize,
}

#[derive(Clone)]
struct Piece {
    buffer: Rc<Vec<u8>>,
    range: Range<usize>,
}

impl Content {
    /// Follows the chain of `id`; `raw` gives the packed entry of an object.
    pub(super) fn read(
        id: ObjectId,
        mut raw: impl FnMut(ObjectId) -> Result<Vec<u8>>,
    ) -> Result<Self> {
        let mut deltas = Vec::new();
        let mut next = id;
        let whole = loop {
            ensure!(deltas.len() < LONGEST_CHAIN, "object {id} is a delta on itself");
            let (form, bytes) = entry::unpack(&raw(next)?)?;
            match form {
                Form::Whole(_) => break bytes,
                Form::Delta(base) => {
                    deltas.push(bytes);
                    next = base;
                }
            }
        };
        let mut content = Self::of(whole);
        while let Some(delta) = deltas.pop() {
            content = content.changed_by(delta).with_context(|| format!("object {id}"))?;
        }
        Ok(content)
    }

    /// The content of a whole object.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let mut content = Self::default();
        let length = bytes.len();
        content.push(&Rc::new(bytes), 0..length);
        content
    }

    pub(super) fn length(&self) -> u64 {
        self.length as u64
    }

    /// The first `length` bytes, range by range.
    pub(super) fn prefix(&self, length: u64) -> impl Iterator<Item = &[u8]> {
        let mut left = usize::try_from(length).unwrap_or(usize::MAX);
        self.pieces.iter().map_while(move |piece| {
            let bytes = &piece.buffer[piece.range.clone()];
            let taken = &bytes[..bytes.len().min(left)];
            left -= taken.len();
            (!taken.is_empty()).then_some(taken)
        })
    }

    /// All bytes in one piece.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.prefix(self.length()).for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// How many bytes the stream begins with that this begins with too.
    pub(super) fn common_prefix(&self, stream: &mut impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 128 * 1024];
        let mut common = 0;
        for piece in self.prefix(self.length()) {
            for chunk in piece.chunks(buffer.len()) {
                let read = read_full(stream, &mut buffer[..chunk.len()])?;
                let same = delta::common_prefix(chunk, &buffer[..read]);
                common += same as u64;
                if same < chunk.len() {
                    return Ok(common);
                }
            }
        }
        Ok(common)
    }

    fn changed_by(&self, delta: Vec<u8>) -> Result<Self> {
        let parsed = delta::parse(&delta)?;
        ensure!(parsed.base_length == self.length, "a delta for another base");
        let delta = Rc::new(delta);
        let mut result = Self::default();
        let starts = self.starts();
        for instruction in parsed.instructions {
            match instruction {
                Instruction::Insert(range) => result.push(&delta, range),
                Instruction::Copy(range) => self.copy_into(&mut result, range, &starts),
            }
        }
        Ok(result)
    }

    /// Where each piece begins in the content.
    fn starts(&self) -> Vec<usize> {
        let lengths = self.pieces.iter().map(|piece| piece.range.len());
        lengths.scan(0, |end, length| Some(std::mem::replace(end, *end + length))).collect()
    }

    fn copy_into(&self, result: &mut Self, range: Range<usize>, starts: &[usize]) {
        let first = starts.partition_point(|start| *start <= range.start).saturating_sub(1);
        for (piece, start) in self.pieces.iter().zip(starts).skip(first) {
            let from = range.start.max(*start);
            let to = range.end.min(start + piece.range.len());
            if from >= to {
                break;
            }
            let offset = piece.range.start;
            result.push(&piece.buffer, offset + from - start..offset + to - start);
        }
    }

    fn push(&mut self, buffer: &Rc<Vec<u8>>, range: Range<usize>) {
        if !range.is_empty() {
            self.length += range.len();
            self.pieces.push(Piece { buffer: Rc::clone(buffer), range });
        }
    }
}

fn read_full(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            break;
        }
        filled += count;
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vault::entry::Packing;
    use crate::vault::object_id::ObjectKind;

    fn packed(form: Form, bytes: &[u8]) -> Vec<u8> {
        let mut raw = Vec::new();
        let header = entry::header(form, bytes.len() as u64);
        entry::write_entry(&mut raw, &header, Packing::Stored, &mut &bytes[..]).unwrap();
        raw
    }

    proptest! {
        #[test]
        fn a_chain_gives_what_applying_each_delta_gives(
            versions in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..400), 1..6),
        ) {
            let mut store = vec![];
            for (at, version) in versions.iter().enumerate() {
                let id = ObjectId::of_bytes(&[at as u8]);
                let raw = match at.checked_sub(1) {
                    None => packed(Form::Whole(ObjectKind::Blob), version),
                    Some(older) => {
                        let base = ObjectId::of_bytes(&[older as u8]);
                        packed(Form::Delta(base), &delta::encode(&versions[older], version))
                    }
                };
                store.push((id, raw));
            }
            let find = |id| Ok(store.iter().find(|(other, _)| *other == id).unwrap().1.clone());
            for (at, version) in versions.iter().enumerate() {
                let content = Content::read(ObjectId::of_bytes(&[at as u8]), find).unwrap();
                prop_assert_eq!(&content.to_vec(), version);
                let mut other = version.clone();
                other.extend_from_slice(b"x");
                prop_assert_eq!(content.common_prefix(&mut &other[..]).unwrap(), version.len() as u64);
            }
        }
    }

    #[test]
    fn a_cycle_ends() {
        let id = ObjectId::of_bytes(b"a");
        let raw = packed(Form::Delta(id), &delta::encode(b"", b""));
        assert!(Content::read(id, |_| Ok(raw.clone())).is_err());
    }
}
