//! A finished pack, read entry by entry: ours, or one that git or libgit2 wrote.
//!
//! Theirs say of most deltas how far before them the base begins. Such an entry is given as one that
//! names its base by id, with the same compressed bytes: it can then stand anywhere.

use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::entry::{self, Counted, Form, HeaderForm};
use super::object_id::{ObjectId, ObjectKind};
use super::pack_index::{self, Indexed};

/// The bytes before the first entry.
pub(super) const PACK_HEADER: u64 = 12;
/// Bytes that are copied at once.
const AT_ONCE: usize = 256 * 1024;
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

/// The header of an entry, as it is and as this program writes it.
struct Head {
    present: Vec<u8>,
    ours: Vec<u8>,
}

impl PackFile {
    /// Reads the index and each entry's header.
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
            let form = read_form(&mut file, entry.offset, length, &indexed)?;
            let (offset, crc) = (entry.offset, entry.crc);
            // Of an object that is there twice, the first: no base before it can lean on it.
            entries.entry(entry.id).or_insert(PackedEntry { offset, length, crc, form });
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

    /// Copies an entry, checked against its CRC-32; returns the length and CRC-32 of what was
    /// written, which differ from the entry's own where its base was named by its place.
    pub(super) fn copy_entry(&mut self, id: ObjectId, out: &mut dyn Write) -> Result<(u64, u32)> {
        let (entry, head) = self.head(id)?;
        out.write_all(&head.ours)?;
        let mut counted = Counted::new(out);
        let packed = entry.length - head.present.len() as u64;
        let at_once = usize::try_from(packed).unwrap_or(AT_ONCE).min(AT_ONCE);
        let mut content = BufReader::with_capacity(at_once, (&mut self.file).take(packed));
        io::copy(&mut content, &mut counted)?;
        let copied = counted.finish();
        let intact = copied.0 == packed && entry::crc_of(&head.present, copied) == entry.crc;
        ensure!(intact, "object {id} in pack {} is damaged", self.name);
        Ok((head.ours.len() as u64 + copied.0, entry::crc_of(&head.ours, copied)))
    }

    /// An entry with a header of ours; whoever reads it has the zlib stream's own sum.
    pub(super) fn raw(&mut self, id: ObjectId) -> Result<impl Read> {
        let (entry, head) = self.head(id)?;
        let packed = entry.length - head.present.len() as u64;
        Ok(Cursor::new(head.ours).chain((&mut self.file).take(packed)))
    }

    /// An entry's header; the file is then where its compressed bytes begin.
    fn head(&mut self, id: ObjectId) -> Result<(PackedEntry, Head)> {
        let entry = *self.entry(id).context("an object that is not in this pack")?;
        let mut present = read_head(&mut self.file, entry.offset, entry.length)?;
        let header = entry::parse_header(&present)?;
        present.truncate(header.size);
        self.file.seek(SeekFrom::Start(entry.offset + header.size as u64))?;
        let ours = match header.form {
            HeaderForm::Plain(_) => present.clone(),
            HeaderForm::DeltaOnEarlier(_) => entry::header(entry.form, header.length),
        };
        Ok((entry, Head { present, ours }))
    }

    pub(super) fn entry(&self, id: ObjectId) -> Option<&PackedEntry> {
        self.entries.get(&id)
    }

    /// What kind of object the chain of `id` ends in; nothing where it is not here.
    pub(super) fn kind(&self, id: ObjectId) -> Option<ObjectKind> {
        match self.entry(self.root(id)?)?.form {
            Form::Whole(kind) => Some(kind),
            Form::Delta(_) => None,
        }
    }

    /// The whole object that the chain of `id` ends in; nothing where it is not here.
    pub(super) fn root(&self, id: ObjectId) -> Option<ObjectId> {
        let mut next = id;
        for _ in 0..=self.entries.len() {
            match self.entry(next)?.form {
                Form::Whole(_) => return Some(next),
                Form::Delta(base) => next = base,
            }
        }
        None
    }

    /// Forgets all objects but these.
    pub(super) fn retain(&mut self, keep: impl Fn(ObjectId) -> bool) {
        self.entries.retain(|id, _| keep(*id));
    }

    /// How many bytes the entries have.
    pub(super) fn packed_size(&self) -> u64 {
        self.entries.values().map(|entry| entry.length).sum()
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

/// What an entry holds; `indexed` is sorted by place.
fn read_form(
    file: &mut fs_err::File,
    offset: u64,
    length: u64,
    indexed: &[Indexed],
) -> Result<Form> {
    match entry::parse_header(&read_head(file, offset, length)?)?.form {
        HeaderForm::Plain(form) => Ok(form),
        HeaderForm::DeltaOnEarlier(distance) => {
            let base = offset.checked_sub(distance).filter(|_| distance > 0);
            let base = base.and_then(|base| indexed.binary_search_by_key(&base, |e| e.offset).ok());
            Ok(Form::Delta(indexed[base.context("a delta whose base is no entry")?].id))
        }
    }
}

fn read_head(file: &mut fs_err::File, offset: u64, length: u64) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(entry::LONGEST_HEADER);
    file.seek(SeekFrom::Start(offset))?;
    file.take(length.min(entry::LONGEST_HEADER as u64)).read_to_end(&mut head)?;
    Ok(head)
}
