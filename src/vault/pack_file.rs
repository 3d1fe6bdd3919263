//! A finished pack of ours, read entry by entry.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::entry::{self, Counted, Form};
use super::object_id::{ObjectId, ObjectKind};
use super::pack_index;

/// The bytes before the first entry.
pub(super) const PACK_HEADER: u64 = 12;
/// The sum after the last entry.
const TRAILER: u64 = 20;

/// A pack whose index was read.
pub(super) struct PackFile {
    /// The hexadecimal name without `pack-`.
    pub(super) name: String,
    /// The length of the pack.
    pub(super) size: u64,
    file: fs_err::File,
    entries: HashMap<ObjectId, PackedEntry>,
}

/// One entry's place and form.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedEntry {
    pub(super) offset: u64,
    /// The packed length, header included.
    pub(super) length: u64,
    pub(super) crc: u32,
    pub(super) form: Form,
}

impl PackFile {
    /// Reads the index and each entry's header; fails on a pack that this program cannot have made.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("pack-{name}.pack"));
        let mut file = fs_err::File::open(&path)?;
        let size = file.metadata()?.len();
        let index = fs_err::read(folder.join(format!("pack-{name}.idx")))?;
        let mut indexed = pack_index::parse(&index).with_context(|| format!("pack {name}"))?;
        check_pack_header(&mut file, indexed.len()).with_context(|| format!("pack {name}"))?;
        indexed.sort_by_key(|entry| entry.offset);
        let end = size.checked_sub(TRAILER).context("a pack without an end")?;
        let ends = indexed.iter().skip(1).map(|entry| entry.offset).chain([end]);
        let mut entries = HashMap::with_capacity(indexed.len());
        for (entry, end) in indexed.iter().zip(ends) {
            let length = end.checked_sub(entry.offset).context("a pack index beyond its pack")?;
            let form = read_form(&mut file, entry.offset, length)?;
            let (offset, crc) = (entry.offset, entry.crc);
            entries.insert(entry.id, PackedEntry { offset, length, crc, form });
        }
        Ok(Self { name: name.into(), size, file, entries })
    }

    /// Checks that each entry's bytes are those that were written.
    pub(super) fn verify(&mut self) -> Result<()> {
        for id in self.ids_by_offset() {
            self.copy_entry(id, &mut io::sink())?;
        }
        Ok(())
    }

    /// Copies an entry as it is, checked against its CRC-32.
    pub(super) fn copy_entry(&mut self, id: ObjectId, out: &mut dyn Write) -> Result<()> {
        let entry = *self.entry(id).context("an object that is not in this pack")?;
        self.file.seek(SeekFrom::Start(entry.offset))?;
        let mut counted = Counted::new(out);
        let copied = io::copy(&mut (&mut self.file).take(entry.length), &mut counted)?;
        let intact = copied == entry.length && counted.finish().1 == entry.crc;
        ensure!(intact, "object {id} in pack {} is damaged", self.name);
        Ok(())
    }

    /// An entry as it is; whoever reads it has the zlib stream's own sum.
    pub(super) fn raw(&mut self, id: ObjectId) -> Result<impl Read> {
        let entry = *self.entry(id).context("an object that is not in this pack")?;
        self.file.seek(SeekFrom::Start(entry.offset))?;
        Ok((&mut self.file).take(entry.length))
    }

    pub(super) fn entry(&self, id: ObjectId) -> Option<&PackedEntry> {
        self.entries.get(&id)
    }

    /// What kind of object the chain of `id` ends in; nothing where it is not here.
    pub(super) fn kind(&self, id: ObjectId) -> Option<ObjectKind> {
        let mut next = id;
        for _ in 0..=self.entries.len() {
            match self.entry(next)?.form {
                Form::Whole(kind) => return Some(kind),
                Form::Delta(base) => next = base,
            }
        }
        None
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (ObjectId, &PackedEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// All ids in the order in which they lie in the file.
    pub(super) fn ids_by_offset(&self) -> Vec<ObjectId> {
        let mut ids: Vec<_> = self.entries.iter().map(|(id, entry)| (entry.offset, *id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// True where this pack has all that the other has.
    pub(super) fn contains_all_of(&self, other: &Self) -> bool {
        other.entries.keys().all(|id| self.entries.contains_key(id))
    }
}

fn check_pack_header(file: &mut fs_err::File, count: usize) -> Result<()> {
    let mut header = [0; PACK_HEADER as usize];
    file.read_exact(&mut header)?;
    ensure!(header[..8] == *b"PACK\0\0\0\x02", "no pack of version 2");
    ensure!(header[8..] == (count as u32).to_be_bytes(), "pack and index have different counts");
    Ok(())
}

fn read_form(file: &mut fs_err::File, offset: u64, length: u64) -> Result<Form> {
    let mut head = Vec::with_capacity(entry::LONGEST_HEADER);
    file.seek(SeekFrom::Start(offset))?;
    file.take(length.min(entry::LONGEST_HEADER as u64)).read_to_end(&mut head)?;
    Ok(entry::parse_header(&head)?.0)
}
