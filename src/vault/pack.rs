//! Writes a pack: entries as they come, the count and the sum at the end.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha1::{Digest, Sha1};
use tempfile::NamedTempFile;

use super::entry::{self, Form, Packing};
use super::object_id::ObjectId;
use super::pack_file::{PACK_HEADER, PackFile};
use super::pack_index::{self, Indexed};

/// Git removes leftovers that begin with `tmp_pack_` or `tmp_idx_`; the rest of the name says ours.
pub(super) const TEMPORARY_PACK: &str = "tmp_pack_claude-backup-";
/// The same for the index.
pub(super) const TEMPORARY_INDEX: &str = "tmp_idx_claude-backup-";

/// A pack that is being written into a temporary file, which is gone if this is dropped.
pub(super) struct PackWriter {
    folder: PathBuf,
    out: BufWriter<NamedTempFile>,
    end: u64,
    entries: BTreeMap<ObjectId, Written>,
}

/// One entry that was written.
#[derive(Clone, Copy)]
struct Written {
    offset: u64,
    length: u64,
    crc: u32,
    form: Form,
}

/// A pack and its index, complete and durable but not yet named.
pub(super) struct FinishedPack {
    /// The hexadecimal name without `pack-`.
    pub(super) name: String,
    pub(super) pack: NamedTempFile,
    pub(super) index: NamedTempFile,
}

impl PackWriter {
    /// Starts a pack in git's folder of packs.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let mut out = BufWriter::with_capacity(256 * 1024, temporary(folder, TEMPORARY_PACK)?);
        out.write_all(b"PACK\0\0\0\x02\0\0\0\0").context("failed to start a pack")?;
        Ok(Self { folder: folder.into(), out, end: PACK_HEADER, entries: BTreeMap::new() })
    }

    /// How many bytes the entries have.
    pub(super) fn size(&self) -> u64 {
        self.end - PACK_HEADER
    }

    pub(super) fn form(&self, id: ObjectId) -> Option<Form> {
        self.entries.get(&id).map(|entry| entry.form)
    }

    /// The bases of all deltas.
    pub(super) fn bases(&self) -> impl Iterator<Item = ObjectId> {
        self.entries.values().filter_map(|entry| match entry.form {
            Form::Delta(base) => Some(base),
            Form::Whole(_) => None,
        })
    }

    /// Adds an entry whose unpacked bytes are `length` bytes of `content`.
    ///
    /// `check` runs after the last byte was read. If anything fails, the pack is as it was before.
    pub(super) fn add<R: Read>(
        &mut self,
        id: ObjectId,
        form: Form,
        packing: Packing,
        length: u64,
        mut content: R,
        check: impl FnOnce(R) -> Result<()>,
    ) -> Result<()> {
        let header = entry::header(form, length);
        let written = entry::write_entry(&mut self.out, &header, packing, &mut content)
            .context("failed to write a pack")
            .and_then(|written| check(content).map(|()| written));
        self.keep(id, form, written)
    }

    /// Adds an entry from memory.
    pub(super) fn add_bytes(
        &mut self,
        id: ObjectId,
        form: Form,
        packing: Packing,
        bytes: &[u8],
    ) -> Result<()> {
        self.add(id, form, packing, bytes.len() as u64, bytes, |_| Ok(()))
    }

    /// Adds an entry of another pack, its compressed bytes as they are.
    pub(super) fn copy(&mut self, from: &mut PackFile, id: ObjectId) -> Result<()> {
        let form = from.entry(id).context("an object that is not in this pack")?.form;
        let copied = from.copy_entry(id, &mut self.out);
        self.keep(id, form, copied)
    }

    /// An entry that was written, as it is.
    pub(super) fn raw(&mut self, id: ObjectId) -> Result<impl Read + use<>> {
        let entry = *self.entries.get(&id).context("an object that is not in this pack")?;
        self.out.flush()?;
        // A handle of its own, so that writing goes on where it was.
        let mut file = self.out.get_ref().reopen()?;
        file.seek(SeekFrom::Start(entry.offset))?;
        Ok(file.take(entry.length))
    }

    /// Completes the pack and makes it and its index durable.
    pub(super) fn finish(mut self) -> Result<FinishedPack> {
        let count = u32::try_from(self.entries.len()).context("too many objects for one pack")?;
        self.out.seek(SeekFrom::Start(PACK_HEADER - 4))?;
        self.out.write_all(&count.to_be_bytes())?;
        let mut pack = self.out.into_inner().map_err(|error| error.into_error())?;
        let sum = sum_of(pack.as_file_mut(), self.end).context("failed to read a new pack")?;
        pack.write_all(&sum)?;
        pack.as_file().sync_all()?;
        let entries: Vec<Indexed> = self
            .entries
            .iter()
            .map(|(id, entry)| Indexed { id: *id, offset: entry.offset, crc: entry.crc })
            .collect();
        let mut index = temporary(&self.folder, TEMPORARY_INDEX)?;
        pack_index::write(&mut index, &entries, sum)?;
        index.as_file().sync_all()?;
        let name = ObjectId::from_bytes(sum).to_string();
        Ok(FinishedPack { name, pack, index })
    }

    fn keep(&mut self, id: ObjectId, form: Form, written: Result<(u64, u32)>) -> Result<()> {
        match written {
            Ok((length, crc)) => {
                self.entries.insert(id, Written { offset: self.end, length, crc, form });
                self.end += length;
                Ok(())
            }
            Err(error) => {
                self.out.seek(SeekFrom::Start(self.end))?;
                self.out.get_ref().as_file().set_len(self.end)?;
                Err(error)
            }
        }
    }
}

fn temporary(folder: &Path, prefix: &str) -> Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempfile_in(folder)
        .with_context(|| format!("failed to write in `{}`", folder.display()))
}

/// The SHA-1 of the first `length` bytes; the file is then at its end.
fn sum_of(file: &mut std::fs::File, length: u64) -> io::Result<[u8; 20]> {
    file.seek(SeekFrom::Start(0))?;
    let mut sha = Sha1::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut left = length;
    while left > 0 {
        let wanted = left.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..wanted])?;
        sha.update(&buffer[..wanted]);
        left -= wanted as u64;
    }
    Ok(sha.finalize().into())
}
