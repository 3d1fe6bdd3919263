//! How an object of a batch is stored: whole, or as a delta on one in the same pack.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Result, ensure};

use super::{ACTIVE_LIMIT, Batch, DEPTH_LIMIT};
use crate::vault::content::Content;
use crate::vault::delta::{self, Inserts};
use crate::vault::entry::{Form, Packing};
use crate::vault::object_id::{ObjectHasher, ObjectId, ObjectKind};
use crate::vault::pack_file::PackFile;

/// Where a delta can stand: its base and how much they have in common.
pub(super) struct GrownBase {
    id: ObjectId,
    content: Content,
    common: u64,
}

impl Batch<'_> {
    pub(super) fn add_whole(&mut self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<()> {
        let packing = match kind {
            ObjectKind::Blob => Packing::Stored,
            ObjectKind::Tree | ObjectKind::Commit | ObjectKind::Tag => Packing::Deflated,
        };
        self.writer.add_bytes(id, Form::Whole(kind), packing, bytes)
    }

    pub(super) fn add_text(
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
        let old = self.content(base)?.to_vec();
        let delta = delta::encode(&old, bytes);
        let worth_it = delta.len() + 20 < bytes.len() / 2;
        let right = worth_it && delta::apply(&old, &delta)? == bytes;
        Ok(right.then_some((base, delta)))
    }

    /// The base for a grown file; nothing where the previous version is not to be had.
    pub(super) fn grown_base(
        &mut self,
        path: &Path,
        previous: ObjectId,
        common: u64,
    ) -> Result<Option<GrownBase>> {
        if self.form(previous).is_none() {
            // A base that cannot be read is no loss: the file is then stored whole.
            let Ok(bytes) = self.vault.read(previous) else {
                return Ok(None);
            };
            self.add_whole(ObjectKind::Blob, previous, &bytes)?;
            let content = Content::of(bytes);
            return Ok(Some(GrownBase { id: previous, content, common }));
        }
        let Some((id, _)) = self.standing(previous) else {
            return Ok(None);
        };
        let content = self.content(id)?;
        let common = if id == previous {
            common
        } else {
            content.common_prefix(&mut fs_err::File::open(path)?)?
        };
        Ok(Some(GrownBase { id, content, common }))
    }

    pub(super) fn add_grown_on(
        &mut self,
        base: &GrownBase,
        path: &Path,
        id: ObjectId,
        length: u64,
    ) -> Result<()> {
        let common = base.common;
        ensure!(common <= base.content.length() && common <= length, "less is common");
        let mut hasher = ObjectHasher::new(ObjectKind::Blob, length);
        base.content.prefix(common).for_each(|piece| hasher.update(piece));
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(common))?;
        let rest = Hashed { source: file.take(length - common), hasher };
        let head = delta::grown_head(base.content.length(), length, common);
        let total = head.len() as u64 + delta::inserts_length(length - common);
        let content = head.as_slice().chain(Inserts::new(rest));
        let check = |content: io::Chain<_, Inserts<Hashed<_>>>| {
            content.into_inner().1.into_source().check(id)
        };
        self.writer.add(id, Form::Delta(base.id), Packing::Stored, total, content, check)
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
        let writer = &mut self.writer;
        let mut active: Option<&mut PackFile> = self.active.as_mut().map(|active| &mut active.pack);
        Content::read(id, |id| match active.as_deref_mut() {
            Some(pack) if writer.form(id).is_none() => pack.raw(id),
            _ => writer.raw(id),
        })
    }
}

/// Hashes what is read through it.
pub(super) struct Hashed<R> {
    pub(super) source: R,
    pub(super) hasher: ObjectHasher,
}

impl<R> Hashed<R> {
    /// A source that ended early gives another hash, because the length is hashed too.
    pub(super) fn check(self, id: ObjectId) -> Result<()> {
        let found = self.hasher.finish();
        ensure!(found == id, "its bytes are no longer those that were hashed before");
        Ok(())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
