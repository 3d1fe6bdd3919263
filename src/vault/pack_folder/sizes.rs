//! How large the objects of a pack are, by its headers alone: nothing is unpacked but the first few
//! bytes of each delta.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Decompress, FlushDecompress};

use crate::error::{ErrorKind, Failure};
use crate::vault::delta;
use crate::vault::entry::{self, Form, HeaderForm};
use crate::vault::limits::{LARGEST_COMMIT, LARGEST_TREE, MOST_OBJECTS};
use crate::vault::object_id::{ObjectId, ObjectKind};
use crate::vault::pack_index::{self, Indexed};

/// The most compressed bytes that hold the two lengths at the beginning of a delta: the tables of a
/// deflated block alone can have more than five hundred.
const DELTA_START: usize = 1024;
/// Longer chains are none of git's.
const LONGEST_CHAIN: usize = 4096;

/// An object that is larger than one of its kind may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vault) struct Oversized {
    pub(in crate::vault) id: ObjectId,
    pub(in crate::vault) kind: ObjectKind,
    pub(in crate::vault) size: u64,
}

/// The first commit, tag or folder of a pack that is larger than any of a backup. These are read
/// whole, by git as well, before anybody can look at them; a file's content is not.
pub(in crate::vault) fn oversized(folder: &Path, name: &str) -> Result<Option<Oversized>> {
    let index = folder.join(format!("pack-{name}.idx"));
    let length = fs_err::metadata(&index)?.len();
    if length / INDEX_ENTRY > MOST_OBJECTS {
        let message = format!("the remote sent more than {MOST_OBJECTS} objects at once");
        return Err(Failure::new(ErrorKind::CommitRejected, message).into());
    }
    let mut indexed = pack_index::parse(&fs_err::read(index)?)?;
    indexed.sort_unstable_by_key(|entry| entry.offset);
    let file = fs_err::File::open(folder.join(format!("pack-{name}.pack")))?;
    let mut pack = Pack { file, indexed, zlib: Decompress::new(true) };
    for at in 0..pack.indexed.len() {
        if let Some(found) = pack.oversized(at)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The bytes of an object in an index.
const INDEX_ENTRY: u64 = 28;

struct Pack {
    file: fs_err::File,
    /// Sorted by place.
    indexed: Vec<Indexed>,
    zlib: Decompress,
}

impl Pack {
    fn oversized(&mut self, at: usize) -> Result<Option<Oversized>> {
        let (head, header) = self.header(at)?;
        let id = self.indexed[at].id;
        let (kind, size) = match header.form {
            HeaderForm::Plain(Form::Whole(kind)) => (Some(kind), header.length),
            _ => (None, self.result_size(&head[header.size.min(head.len())..])?),
        };
        // Most are smaller than any limit, and a chain is followed only where it matters.
        if size <= LARGEST_COMMIT || (kind.is_none() && size <= LARGEST_TREE) {
            return Ok(None);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => self.kind(at)?,
        };
        let most = match kind {
            ObjectKind::Blob => return Ok(None),
            ObjectKind::Tree => LARGEST_TREE,
            ObjectKind::Commit | ObjectKind::Tag => LARGEST_COMMIT,
        };
        Ok((size > most).then_some(Oversized { id, kind, size }))
    }

    fn header(&mut self, at: usize) -> Result<(Vec<u8>, entry::Header)> {
        let mut head = Vec::with_capacity(entry::LONGEST_HEADER + DELTA_START);
        self.file.seek(SeekFrom::Start(self.indexed[at].offset))?;
        let most = entry::LONGEST_HEADER + DELTA_START;
        self.file.by_ref().take(most as u64).read_to_end(&mut head)?;
        let header = entry::parse_header(&head)?;
        Ok((head, header))
    }

    /// The second of the two lengths that a delta begins with.
    fn result_size(&mut self, packed: &[u8]) -> Result<u64> {
        self.zlib.reset(true);
        let mut start = [0; 20];
        self.zlib.decompress(packed, &mut start, FlushDecompress::Sync)?;
        let length = usize::try_from(self.zlib.total_out())?;
        delta::result_length(&start[..length.min(start.len())])
    }

    /// What the chain of deltas that an entry stands on ends in.
    fn kind(&mut self, at: usize) -> Result<ObjectKind> {
        let mut at = at;
        for _ in 0..LONGEST_CHAIN {
            let offset = self.indexed[at].offset;
            at = match self.header(at)?.1.form {
                HeaderForm::Plain(Form::Whole(kind)) => return Ok(kind),
                HeaderForm::Plain(Form::Delta(base)) => {
                    let found = self.indexed.iter().position(|entry| entry.id == base);
                    found.context("a delta whose base is elsewhere")?
                }
                HeaderForm::DeltaOnEarlier(distance) => {
                    let base = offset.checked_sub(distance).context("a base before its pack")?;
                    let found = self.indexed.binary_search_by_key(&base, |entry| entry.offset);
                    found.ok().context("a delta whose base is no entry")?
                }
            };
        }
        anyhow::bail!("a chain of more than {LONGEST_CHAIN} deltas")
    }
}
