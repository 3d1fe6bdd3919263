//! How an object of a batch is stored: whole, or as a delta on one in the same pack.

use std::io::Read;

use anyhow::Result;

use super::{ACTIVE_LIMIT, Batch, DEPTH_LIMIT};
use crate::vault::content::Content;
use crate::vault::delta;
use crate::vault::entry::{self, Form, Packing};
use crate::vault::object_id::{ObjectId, ObjectKind};

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

    /// What a delta on `id` can stand on, with the first of its chain: `id` itself, or the first
    /// where the chain is long already. Nothing where `id` is not in this pack.
    pub(super) fn standing(&self, id: ObjectId) -> Option<(ObjectId, ObjectId)> {
        let mut root = id;
        let mut depth = 0;
        while let Form::Delta(base) = self.form(root)? {
            root = base;
            depth += 1;
        }
        Some((if depth < DEPTH_LIMIT { id } else { root }, root))
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
