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
    out: BufWriter<Summed>,
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
        let file = Summed { file: temporary(folder, TEMPORARY_PACK)?, sum: None };
        let mut out = BufWriter::with_capacity(256 * 1024, file);
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
        let mut file = self.out.get_ref().file.reopen()?;
        file.seek(SeekFrom::Start(entry.offset))?;
        Ok(file.take(entry.length))
    }

    /// Forgets all entries behind the first `size` bytes of them.
    pub(super) fn cut_back(&mut self, size: u64) -> Result<()> {
        self.end = PACK_HEADER + size;
        let end = self.end;
        self.entries.retain(|_, entry| entry.offset < end);
        self.out.seek(SeekFrom::Start(self.end))?;
        let file = self.out.get_mut();
        file.sum = None;
        Ok(file.file.as_file().set_len(self.end)?)
    }

    /// Says that so many entries more will come, and no others: from now on the pack's sum is taken
    /// as it is written, and need not be read for it at the end.
    pub(super) fn expect_only(&mut self, more: usize) -> Result<()> {
        self.write_count(self.entries.len() + more)?;
        let file = self.out.get_mut();
        let sum = sum_of(file.file.as_file_mut(), self.end);
        let named = || format!("failed to read a new pack in `{}`", self.folder.display());
        file.sum = Some(sum.with_context(named)?);
        Ok(())
    }

    /// Completes the pack and makes it and its index durable.
    pub(super) fn finish(self) -> Result<FinishedPack> {
        let folder = self.folder.clone();
        let finished = self.complete();
        finished.with_context(|| format!("failed to write a pack in `{}`", folder.display()))
    }

    fn complete(mut self) -> Result<FinishedPack> {
        self.out.flush()?;
        let sum = match self.out.get_mut().sum.take() {
            Some(sum) if self.count_is_right()? => sum,
            _ => {
                self.write_count(self.entries.len())?;
                let file = self.out.get_mut().file.as_file_mut();
                sum_of(file, self.end).context("failed to read a new pack")?
            }
        };
        let sum: [u8; 20] = sum.finalize().into();
        let mut pack = self.out.into_inner().map_err(|error| error.into_error())?.file;
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

    /// Puts the number of entries into the header; the file is at its end again.
    fn write_count(&mut self, count: usize) -> Result<()> {
        let count = u32::try_from(count).context("too many objects for one pack")?;
        self.out.get_mut().sum = None;
        self.out.seek(SeekFrom::Start(PACK_HEADER - 4))?;
        self.out.write_all(&count.to_be_bytes())?;
        self.out.seek(SeekFrom::Start(self.end))?;
        Ok(())
    }

    /// True where the header has the number of the entries that there are.
    fn count_is_right(&mut self) -> Result<bool> {
        let file = &mut self.out.get_mut().file;
        let mut count = [0; 4];
        file.seek(SeekFrom::Start(PACK_HEADER - 4))?;
        file.read_exact(&mut count)?;
        file.seek(SeekFrom::Start(self.end))?;
        Ok(u32::from_be_bytes(count) as usize == self.entries.len())
    }

    fn keep(&mut self, id: ObjectId, form: Form, written: Result<(u64, u32)>) -> Result<()> {
        match written {
            Ok((length, crc)) => {
                self.entries.insert(id, Written { offset: self.end, length, crc, form });
                self.end += length;
                Ok(())
            }
            Err(error) => {
                let size = self.size();
                self.cut_back(size)?;
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

/// The file of a pack; what is written to its end is summed up once that makes sense.
struct Summed {
    file: NamedTempFile,
    sum: Option<Sha1>,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        if let Some(sum) = &mut self.sum {
            sum.update(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Summed {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.seek(place)
    }
}

/// The SHA-1 of the first `length` bytes; the file is then at its end.
fn sum_of(file: &mut std::fs::File, length: u64) -> io::Result<Sha1> {
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
    Ok(sha)
}
