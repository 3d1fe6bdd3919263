//! An object put together from a chain of deltas, without making each version on the way.
//!
//! A version that grew is "all of the older one, then this". Following that down a chain gives a
//! short list of byte ranges, so the newest of 48 versions costs as much to read as the first.

use std::ops::Range;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};

use super::delta::{self, Instruction};
use super::entry::Form;
use super::object_id::ObjectId;

/// More links than any chain of ours; a cycle would be followed for ever.
const LONGEST_CHAIN: usize = 4096;

/// More ranges than a chain of ours ever has; each delta of a bomb multiplies those of the one before.
const MOST_PIECES: usize = 1 << 24;

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
    /// Follows the chain of `id`; `unpack` takes an object's packed entry apart.
    pub(super) fn read(
        id: ObjectId,
        mut unpack: impl FnMut(ObjectId) -> Result<(Form, Vec<u8>)>,
    ) -> Result<Self> {
        let mut deltas = Vec::new();
        let mut next = id;
        let whole = loop {
            ensure!(deltas.len() < LONGEST_CHAIN, "object {id} is a delta on itself");
            let (form, bytes) = unpack(next)?;
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

    fn of(bytes: Vec<u8>) -> Self {
        let mut content = Self::default();
        let length = bytes.len();
        content.push(&Rc::new(bytes), 0..length);
        content
    }

    /// How many bytes it has.
    #[cfg(any(test, fuzzing))]
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// All bytes in one piece.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        for piece in &self.pieces {
            bytes.extend_from_slice(&piece.buffer[piece.range.clone()]);
        }
        bytes
    }

    fn changed_by(&self, delta: Vec<u8>) -> Result<Self> {
        let parsed = delta::parse(&delta)?;
        ensure!(parsed.base_length == self.length, "a delta for another base");
        let is_copy = |instruction: &&Instruction| matches!(instruction, Instruction::Copy(_));
        let copies = parsed.instructions.iter().filter(is_copy).count();
        if self.pieces.len() > 1 && copies.saturating_mul(self.pieces.len()) > MOST_PIECES {
            return Self::of(self.to_vec()).changed_by(delta);
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vault::object_id::ObjectKind;

    proptest! {
        #[test]
        fn a_chain_gives_what_applying_each_delta_gives(
            versions in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..400), 1..6),
        ) {
            let mut store = vec![];
            for (at, version) in versions.iter().enumerate() {
                let id = ObjectId::of_bytes(&[at as u8]);
                let entry = match at.checked_sub(1) {
                    None => (Form::Whole(ObjectKind::Blob), version.clone()),
                    Some(older) => {
                        let base = ObjectId::of_bytes(&[older as u8]);
                        (Form::Delta(base), delta::encode(&versions[older], version))
                    }
                };
                store.push((id, entry));
            }
            let find = |id| Ok(store.iter().find(|(other, _)| *other == id).unwrap().1.clone());
            for (at, version) in versions.iter().enumerate() {
                let content = Content::read(ObjectId::of_bytes(&[at as u8]), find).unwrap();
                prop_assert_eq!(&content.to_vec(), version);
            }
        }
    }

    #[test]
    fn a_cycle_ends() {
        let id = ObjectId::of_bytes(b"a");
        let entry = (Form::Delta(id), delta::encode(b"", b""));
        assert!(Content::read(id, |_| Ok(entry.clone())).is_err());
    }
}
