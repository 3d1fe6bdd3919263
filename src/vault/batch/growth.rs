//! A file that grew, stored as a delta on its older version, of which little is held in memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};

use super::Batch;
use crate::vault::delta::{self, Inserts};
use crate::vault::entry::{self, Form, Packing, read_full};
use crate::vault::object_id::{ObjectHasher, ObjectId, ObjectKind};

/// A delta's copies can reach no further.
const COPY_REACH: u64 = u32::MAX as u64;
/// How much of two versions is compared at once.
const CHUNK: usize = 128 * 1024;

/// A file that begins as a stored blob does.
#[derive(Clone, Copy, Debug)]
pub struct Grown<'a> {
    /// Where the file lies.
    pub path: &'a Path,
    /// Its blob.
    pub id: ObjectId,
    /// Its bytes.
    pub length: u64,
    /// The blob that it grew from.
    pub previous: &'a Previous,
    /// What the two were seen to have in common when the file was made; else it is measured.
    pub shared: Option<Shared>,
}

/// What a file and the one that it grew from begin with alike.
///
/// Whoever says so has hashed all of both: the older one as its first bytes were copied, the newer
/// one as it was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Bytes of the older one.
    pub base_length: u64,
    /// Leading bytes that are equal.
    pub common: u64,
    /// CRC-32 of the newer one's bytes behind them.
    pub crc_of_rest: u32,
}

/// A stored blob that another grew from.
#[derive(Clone, Debug)]
pub struct Previous {
    /// The blob.
    pub id: ObjectId,
    /// A file with its bytes, there until the commit; without it they are taken from git.
    pub path: PathBuf,
}

/// What a file and the base of its delta begin with alike.
struct Prefix {
    base_length: u64,
    common: u64,
    proof: Proof,
}

/// How the bytes behind the common ones are known again.
enum Proof {
    /// Has hashed the common bytes as the beginning of the file.
    Id(Box<ObjectHasher>),
    /// The CRC-32 that they shall have, and that of what was read of them.
    Sum(u32, crc32fast::Hasher),
}

/// The bytes behind the common ones, proved as they are read.
struct Rest<R> {
    source: R,
    proof: Proof,
}

impl Batch<'_> {
    /// Adds a file that grew: only what it has more than its previous version is stored.
    ///
    /// What both begin with alike is measured, and all bytes are hashed, unless that was done when
    /// the file was made; then only the bytes that are stored are checked. Where little is alike, or
    /// where the previous version is not to be had, the file is stored whole.
    ///
    /// # Errors
    /// Where the file's bytes do not hash to `id`, or cannot be read. The batch stays usable.
    pub fn add_grown(&mut self, grown: Grown<'_>) -> Result<()> {
        if self.has(grown.id)? {
            return Ok(());
        }
        // What goes wrong with the base is no loss: the file is then stored whole.
        if grown.length <= COPY_REACH && self.add_growth(grown).is_ok() {
            return Ok(());
        }
        self.add_file(grown.path, grown.id, grown.length)
    }

    fn add_growth(&mut self, grown: Grown<'_>) -> Result<()> {
        let Previous { id, path } = grown.previous;
        if self.form(*id).is_none() {
            self.add_base(*id, path)?;
        }
        let base = self.standing(*id).map_or(*id, |(base, _)| base);
        let prefix = self.prefix(base, grown)?;
        ensure!(prefix.common >= grown.length / 2, "little is common");
        self.add_rest(base, prefix, grown)?;
        self.older_files.insert(*id, path.clone());
        Ok(())
    }

    /// Adds the whole base of a delta: from the file that has its bytes, else from git.
    pub(super) fn add_base(&mut self, id: ObjectId, path: &Path) -> Result<()> {
        self.vault.has_doubles.store(true, Ordering::Relaxed);
        let length = fs_err::metadata(path).map(|data| data.len());
        if length.is_ok_and(|length| self.add_file_again(path, id, length).is_ok()) {
            return Ok(());
        }
        let (kind, bytes) = self.vault.read_object(id)?;
        self.add_whole(kind, id, &bytes)
    }

    /// Compares the file with the base, streaming wherever the base is not itself a delta.
    fn prefix(&mut self, base: ObjectId, grown: Grown<'_>) -> Result<Prefix> {
        if let Some(shared) = grown.shared.filter(|_| base == grown.previous.id) {
            return Prefix::known(shared, grown);
        }
        if base == grown.previous.id
            && let Ok(file) = fs_err::File::open(&grown.previous.path)
            && let Ok(prefix) = Prefix::measure(base, file.metadata()?.len(), file, grown)
        {
            return Ok(prefix);
        }
        if let Some(Form::Whole(_)) = self.form(base) {
            let (_, length, content) = entry::open(self.raw(base)?)?;
            return Prefix::measure(base, length, content, grown);
        }
        let bytes = self.content(base)?.to_vec();
        Prefix::measure(base, bytes.len() as u64, &bytes[..], grown)
    }

    fn add_rest(&mut self, base: ObjectId, prefix: Prefix, grown: Grown<'_>) -> Result<()> {
        let Grown { path, id, length, .. } = grown;
        let Prefix { base_length, common, proof } = prefix;
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(common))?;
        let rest = Rest { source: file.take(length - common), proof };
        let head = delta::grown_head(base_length, length, common);
        let total = head.len() as u64 + delta::inserts_length(length - common);
        let content = head.as_slice().chain(Inserts::new(rest));
        let check = |content: io::Chain<_, Inserts<Rest<_>>>| {
            content.into_inner().1.into_source().check(id)
        };
        self.writer.add(id, Form::Delta(base), Packing::Stored, total, content, check)
    }
}

impl<R> Rest<R> {
    fn check(self, id: ObjectId) -> Result<()> {
        let is_true = match self.proof {
            Proof::Id(hasher) => hasher.finish() == id,
            Proof::Sum(expected, found) => found.finalize() == expected,
        };
        ensure!(is_true, "its bytes are no longer those that were hashed before");
        Ok(())
    }
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match &mut self.proof {
            Proof::Id(hasher) => hasher.update(&buffer[..count]),
            Proof::Sum(_, found) => found.update(&buffer[..count]),
        }
        Ok(count)
    }
}

impl Prefix {
    fn known(shared: Shared, grown: Grown<'_>) -> Result<Self> {
        let Shared { base_length, common, crc_of_rest } = shared;
        ensure!(common <= base_length.min(grown.length), "more is common than there is");
        let proof = Proof::Sum(crc_of_rest, crc32fast::Hasher::new());
        Ok(Self { base_length, common, proof })
    }

    /// Fails where the base's bytes do not hash to `base`.
    fn measure(
        base: ObjectId,
        base_length: u64,
        mut base_content: impl Read,
        grown: Grown<'_>,
    ) -> Result<Self> {
        let mut file = fs_err::File::open(grown.path)?.take(grown.length);
        let mut base_hasher = ObjectHasher::new(ObjectKind::Blob, base_length);
        let mut hasher = ObjectHasher::new(ObjectKind::Blob, grown.length);
        let mut common = 0;
        let (mut old, mut new) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut is_alike = true;
        loop {
            let read = read_full(&mut base_content, &mut old)?;
            if read == 0 {
                break;
            }
            base_hasher.update(&old[..read]);
            if is_alike {
                let present = read_full(&mut file, &mut new[..read])?;
                let same = delta::common_prefix(&old[..read], &new[..present]);
                hasher.update(&old[..same]);
                common += same as u64;
                is_alike = same == read;
            }
        }
        ensure!(base_hasher.finish() == base, "not the bytes of the older version");
        Ok(Self { base_length, common, proof: Proof::Id(Box::new(hasher)) })
    }
}
