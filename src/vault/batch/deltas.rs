//! How an object of a batch is stored: whole, or as a delta on one in the same pack.

use std::io::Read;

use anyhow::Result;

use super::{ACTIVE_LIMIT, Batch, DEPTH_LIMIT};
use crate::vault::content::Content;
use crate::vault::delta;
use crate::vault::entry::{self, Form, Packing};
use crate::vault::object_id::{ObjectId, ObjectKind};
use crate::vault::pack_file::PackedEntry;

impl Batch<'_> {
    pub(super) fn add_whole(&mut self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<()> {
        let packing = match kind {
            ObjectKind::Blob => Packing::Stored,
            ObjectKind::Tree | ObjectKind::Commit | ObjectKind::Tag => Packing::Deflated,
        };
        self.writer.add_bytes(id, Form::Whole(kind), packing, bytes)
    }

    pub(in crate::vault) fn add_text(
        &mut self,
        kind: ObjectKind,
        id: ObjectId,
        bytes: &[u8],
        previous: Option<ObjectId>,
    ) -> Result<()> {
        if self.has(id)? {
            return Ok(());
        }
        if let Some((base, delta)) = self.text_delta(kind, bytes, previous)? {
            return self.writer.add_bytes(id, Form::Delta(base), Packing::Deflated, &delta);
        }
        self.writer.add_bytes(id, Form::Whole(kind), Packing::Deflated, bytes)
    }

    /// A delta on the previous text, or on the first of its chain, if it saves half.
    fn text_delta(
        &mut self,
        kind: ObjectKind,
        bytes: &[u8],
        previous: Option<ObjectId>,
    ) -> Result<Option<(ObjectId, Vec<u8>)>> {
        let Some((base, root)) = previous.and_then(|id| self.standing(id)) else {
            return Ok(None);
        };
        if self.form(root) != Some(Form::Whole(kind)) || bytes.len() as u64 > ACTIVE_LIMIT {
            return Ok(None);
        }
        // A base that cannot be read is no base; its pack is dealt with when it is copied.
        let Ok(old) = self.content(base).map(|content| content.to_vec()) else { return Ok(None) };
        let delta = delta::encode(&old, bytes);
        let worth_it = delta.len() + 20 < bytes.len() / 2;
        let right = worth_it && delta::apply(&old, &delta)? == bytes;
        Ok(right.then_some((base, delta)))
    }

    /// What a delta on `id` can stand on, with the first of its chain: `id` itself, or an earlier one
    /// where the chain is long already. Nothing where `id` is not in this pack.
    pub(super) fn standing(&self, id: ObjectId) -> Option<(ObjectId, ObjectId)> {
        let mut chain = vec![id];
        let mut root = id;
        while let Form::Delta(base) = self.form(root)? {
            root = base;
            chain.push(root);
        }
        let is_long = chain.len() > DEPTH_LIMIT;
        Some((if is_long { self.branching(&chain) } else { id }, root))
    }

    /// Where a long chain, newest first, goes on from: where the present run of deltas left an older
    /// one, so that no more than this run is stored once more; else from the chain's first.
    fn branching(&self, chain: &[ObjectId]) -> ObjectId {
        let root = chain[chain.len() - 1];
        let starts_run = |at: &usize| self.leaning_on(chain[at + 1]) > 1;
        let start = (1..chain.len() - 1).find(starts_run);
        // What is left for the next run is not to be short.
        let has_room = |at: &usize| chain.len() - at <= DEPTH_LIMIT / 4 * 3;
        start.filter(has_room).map_or(root, |at| chain[at])
    }

    /// How many deltas stand directly on an object.
    fn leaning_on(&self, id: ObjectId) -> usize {
        let joined = self.active.iter().filter(|_| self.joins_active);
        let old = joined.flat_map(|active| active.pack.entries());
        let is_on_it = |(_, entry): &(ObjectId, &PackedEntry)| entry.form == Form::Delta(id);
        let new = self.writer.bases().filter(|base| *base == id);
        new.count() + old.filter(is_on_it).count()
    }

    /// How an object is stored in the pack that this batch will become.
    pub(super) fn form(&self, id: ObjectId) -> Option<Form> {
        let joined = self.active.as_ref().filter(|_| self.joins_active);
        let in_active = || joined.and_then(|active| active.pack.entry(id)).map(|entry| entry.form);
        self.writer.form(id).or_else(in_active)
    }

    pub(super) fn content(&mut self, id: ObjectId) -> Result<Content> {
        Content::read(id, |id| entry::unpack(self.raw(id)?))
    }

    /// The packed entry of an object that [`Self::form`] knows.
    pub(super) fn raw(&mut self, id: ObjectId) -> Result<Box<dyn Read + '_>> {
        Ok(match &mut self.active {
            Some(active) if self.writer.form(id).is_none() => Box::new(active.pack.raw(id)?),
            _ => Box::new(self.writer.raw(id)?),
        })
    }
}
