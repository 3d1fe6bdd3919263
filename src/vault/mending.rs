//! Objects that were lost or damaged, stored again by their names; packs that nobody needs go.
//!
//! Whatever is put back has the very bytes that its name is the hash of, so nothing that leads to
//! it changes. It goes into a pack of its own, as durably as any other.

use std::path::Path;

use anyhow::Result;

use super::Vault;
use super::content::Content;
use super::entry::{self, Form, Packing};
use super::object_id::{ObjectId, ObjectKind};
use super::pack::PackWriter;
use super::pack_file::PackFile;
use super::pack_folder::{PackFolder, READ_ONLY};
use super::pack_index;
use super::pack_list::Keep;
use super::skeleton::again;
use super::soundness::Soundness;
use crate::fs;

/// An object with its bytes.
#[derive(Clone, Debug)]
pub struct Object {
    kind: ObjectKind,
    bytes: Vec<u8>,
}

impl Object {
    pub(super) fn new(kind: ObjectKind, bytes: Vec<u8>) -> Self {
        Self { kind, bytes }
    }

    /// A file's content.
    #[must_use]
    pub fn blob(bytes: Vec<u8>) -> Self {
        Self::new(ObjectKind::Blob, bytes)
    }

    /// Its name, which is the hash of what it is.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId::of_object(self.kind, &self.bytes)
    }
}

/// Objects on their way back; dropped, it leaves nothing behind.
pub struct Mending<'v> {
    vault: &'v Vault,
    writer: PackWriter,
}

/// What can still be got out of damaged packs.
pub struct Salvage<'v> {
    vault: &'v Vault,
    packs: Vec<PackFile>,
}

impl Vault {
    /// Starts to put objects back. The caller holds the backup's lock.
    ///
    /// # Errors
    /// Where the repository cannot be written.
    pub fn begin_mending(&self) -> Result<Mending<'_>> {
        let packs = self.packs()?;
        packs.mend()?;
        Ok(Mending { vault: self, writer: PackWriter::create(packs.path())? })
    }

    /// An object, whatever it is, from a copy that is sound; nothing where none is.
    #[must_use]
    pub fn object(&self, id: ObjectId) -> Option<Object> {
        let (kind, bytes) = self.read_object(id).ok()?;
        Some(Object::new(kind, bytes))
    }

    /// Opens these packs, to get out of them what can be got.
    ///
    /// # Errors
    /// Where there is no folder of packs.
    pub fn salvage(&self, damaged_packs: &[String]) -> Result<Salvage<'_>> {
        let folder = self.packs()?;
        let packs = damaged_packs.iter().filter_map(|name| folder.open(name).ok()).collect();
        Ok(Salvage { vault: self, packs })
    }

    /// Makes the index of each pack that lost its own, or has a damaged one, anew.
    ///
    /// # Errors
    /// Where the folder of packs cannot be read or written.
    pub fn index_packs_again(&self) -> Result<()> {
        self.index_packs(|packs, name| packs.open(name).is_ok())
    }

    /// Makes the index of each pack that has none: a look at names, for every run.
    ///
    /// # Errors
    /// As [`Self::index_packs_again`].
    pub fn index_packs_without_one(&self) -> Result<()> {
        self.index_packs(|packs, name| packs.file(name, "idx").exists())
    }

    fn index_packs(&self, has_index: impl Fn(&PackFolder, &str) -> bool) -> Result<()> {
        let packs = self.packs()?;
        let (mut names, pending) = (packs.names()?, packs.pending()?);
        names.retain(|name| !pending.contains(name) && !has_index(&packs, name));
        for name in &names {
            let scratch = tempfile::tempdir_in(self.private_dir()?)?;
            let pack = fs_err::File::open(packs.file(name, "pack"))?;
            // Where its own bytes are damaged too, what is in it has to come from elsewhere.
            if let Some(index) = index_of(pack, scratch.path()) {
                let path = packs.file(name, "idx");
                fs::write_atomic(&path, &index, READ_ONLY)?;
                self.warn(again(&path));
            }
        }
        if names.is_empty() { Ok(()) } else { self.reopen() }
    }

    /// Writes what can be got out of damaged packs into a new one, deltas as deltas. They go once
    /// nothing that history needs is lacking; before that, somebody may still get it out of them.
    ///
    /// # Errors
    /// Where a pack cannot be written; all objects are still there.
    pub fn rewrite_damaged_packs(&self, soundness: &Soundness) -> Result<()> {
        let mut salvage = self.salvage(&soundness.damaged_packs)?;
        let mut mending = self.begin_mending()?;
        let lacking: Vec<ObjectId> = soundness.lacking.iter().map(|lacking| lacking.id).collect();
        let is_all_there = lacking.iter().all(|id| salvage.object(*id).is_some());
        let of_packs = || salvage.packs.iter().flat_map(PackFile::ids_by_offset).collect();
        let ids: Vec<ObjectId> = if is_all_there { of_packs() } else { lacking };
        for id in ids {
            // What cannot be had is nobody's, or stays where it is.
            if let Some(object) = salvage.object(id) {
                mending.copy_or_add(&mut salvage.packs, &object)?;
            }
        }
        for base in mending.writer.bases().collect::<Vec<_>>() {
            salvage.object(base).iter().try_for_each(|object| mending.add(object))?;
        }
        if !is_all_there {
            return mending.seal_instead_of(&[]);
        }
        let opened: Vec<String> = salvage.packs.iter().map(|pack| pack.name.clone()).collect();
        let closed = soundness.damaged_packs.iter().filter(|name| !opened.contains(name));
        let closed: Vec<&String> = closed.collect();
        let packs = self.packs()?;
        for id in closed.iter().flat_map(|name| ids_of_index(&packs.file(name, "idx"))) {
            if let Some(object) = self.object(id).filter(|_| !soundness.sound.contains(&id)) {
                mending.add(&object)?;
            }
        }
        mending.seal_instead_of(&opened)?;
        closed.into_iter().try_for_each(|name| self.move_pack_aside(&packs, name))
    }

    /// Takes a pack that cannot even be opened out of git's sight, and keeps it.
    fn move_pack_aside(&self, packs: &PackFolder, name: &str) -> Result<()> {
        let to = self.private_dir()?.join("damaged");
        fs::create_private_dir(&to)?;
        packs.move_to(&to, name)?;
        self.warn(format!("`{}` has a damaged pack that nothing needs any more", to.display()));
        self.reopen()
    }
}

impl Salvage<'_> {
    /// An object from a sound copy, or from a damaged pack whose bad bytes are not its own: what
    /// it leans on may lie whole elsewhere.
    pub fn object(&mut self, id: ObjectId) -> Option<Object> {
        let kind = self.packs.iter().find_map(|pack| pack.kind(id));
        let content = Content::read(id, |next| self.unpack(next)).ok();
        let object = content.and_then(|content| Some(Object::new(kind?, content.to_vec())));
        object.filter(|object| object.id() == id).or_else(|| self.vault.object(id))
    }

    /// An entry taken apart: one that needs no other comes first, then a sound copy, then a delta.
    fn unpack(&mut self, id: ObjectId) -> Result<(Form, Vec<u8>)> {
        let mut delta = None;
        for pack in self.packs.iter_mut().filter(|pack| pack.entry(id).is_some()) {
            match pack.raw(id).and_then(entry::unpack) {
                Ok((Form::Whole(kind), bytes)) if ObjectId::of_object(kind, &bytes) == id => {
                    return Ok((Form::Whole(kind), bytes));
                }
                Ok((Form::Delta(base), bytes)) => delta = Some((Form::Delta(base), bytes)),
                _ => {}
            }
        }
        // Reading it may lead through the very packs that are damaged.
        let sound = self.vault.read_object(id).map(|(kind, bytes)| (Form::Whole(kind), bytes));
        sound.or_else(|error| delta.ok_or(error))
    }
}

impl Mending<'_> {
    /// Puts an object back.
    ///
    /// # Errors
    /// Where the pack cannot be written.
    pub fn add(&mut self, object: &Object) -> Result<()> {
        let id = object.id();
        if self.writer.form(id).is_some() {
            return Ok(());
        }
        let packing = match object.kind {
            ObjectKind::Blob => Packing::Stored,
            ObjectKind::Tree | ObjectKind::Commit | ObjectKind::Tag => Packing::Deflated,
        };
        self.writer.add_bytes(id, Form::Whole(object.kind), packing, &object.bytes)
    }

    /// True where nothing was put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writer.size() == 0
    }

    /// Makes everything durable; from now on git finds it.
    ///
    /// # Errors
    /// Where the repository cannot be written.
    pub fn seal(self) -> Result<()> {
        self.seal_instead_of(&[])
    }

    /// Takes an object's entry over as it is from a pack that has it sound, else stores it whole.
    fn copy_or_add(&mut self, packs: &mut [PackFile], object: &Object) -> Result<()> {
        let id = object.id();
        let is_there = self.writer.form(id).is_some();
        if is_there || packs.iter_mut().any(|pack| self.writer.copy(pack, id).is_ok()) {
            return Ok(());
        }
        self.add(object)
    }

    fn seal_instead_of(self, old: &[String]) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let Self { vault, writer } = self;
        let packs = vault.packs()?;
        let finished = writer.finish()?;
        let name = finished.name.clone();
        let passed = |step| vault.passed(step);
        packs.publish(finished, Keep::Publishing, &passed)?;
        packs.settle(&name, old, &passed)?;
        packs.drop_keep(&name)?;
        vault.reopen()
    }
}

/// What the index of a pack names; nothing where it cannot be read either.
fn ids_of_index(path: &Path) -> Vec<ObjectId> {
    let index = fs_err::read(path).ok().and_then(|index| pack_index::parse(&index).ok());
    index.unwrap_or_default().into_iter().map(|entry| entry.id).collect()
}

/// The index of a pack whose own bytes are whole, made by libgit2 beside a copy of it.
fn index_of(mut pack: fs_err::File, scratch: &Path) -> Option<Vec<u8>> {
    let mut indexer = git2::Indexer::new(None, scratch, 0o600, false).ok()?;
    std::io::copy(&mut pack, &mut indexer).ok()?;
    let made = indexer.commit().ok()?;
    fs_err::read(scratch.join(format!("pack-{made}.idx"))).ok()
}
