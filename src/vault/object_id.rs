//! The name git gives to content.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// A git object's SHA-1; as text 40 lower case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId([u8; 20]);

/// What an object is; the numbers are those of the pack format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A backup.
    Commit = 1,
    /// A folder.
    Tree = 2,
    /// A file.
    Blob = 3,
    /// A name that somebody gave to a commit.
    Tag = 4,
}

impl ObjectId {
    /// The id that these bytes have as a blob.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_object(ObjectKind::Blob, bytes)
    }

    /// The id and the length that a file's content has as a blob, read as a stream.
    ///
    /// # Errors
    /// As the file system says, with the path; also where the file changes while it is read.
    pub fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        Self::of_observed_file(path, &mut |_| {})
    }

    /// The same, while `observe` sees the bytes as they pass.
    ///
    /// # Errors
    /// As [`Self::of_file`].
    pub fn of_observed_file(
        path: &Path,
        observe: &mut dyn FnMut(&[u8]),
    ) -> io::Result<(Self, u64)> {
        let mut file = fs_err::File::open(path)?;
        let length = file.metadata()?.len();
        let mut hasher = ObjectHasher::new(ObjectKind::Blob, length);
        let mut buffer = vec![0; 128 * 1024];
        let mut read = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            observe(&buffer[..count]);
            read += count as u64;
        }
        if read == length {
            return Ok((hasher.finish(), length));
        }
        let message = format!("`{}` changed while it was read", path.display());
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    pub(super) fn of_object(kind: ObjectKind, bytes: &[u8]) -> Self {
        let mut hasher = ObjectHasher::new(kind, bytes.len() as u64);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Result<Self> {
        Ok(Self(bytes.try_into().context("an object id has 20 bytes")?))
    }

    pub(super) fn oid(self) -> git2::Oid {
        git2::Oid::from_bytes(&self.0).expect("an object id has 20 bytes")
    }
}

impl From<git2::Oid> for ObjectId {
    fn from(oid: git2::Oid) -> Self {
        Self(oid.as_bytes().try_into().expect("the repository's hash is SHA-1"))
    }
}

impl ObjectKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    pub(super) fn from_name(name: &str) -> Result<Self> {
        let kinds = [Self::Commit, Self::Tree, Self::Blob, Self::Tag];
        kinds.into_iter().find(|kind| kind.name() == name).context("an object of no known kind")
    }

    pub(super) fn from_git(kind: git2::ObjectType) -> Result<Self> {
        Ok(match kind {
            git2::ObjectType::Commit => Self::Commit,
            git2::ObjectType::Tree => Self::Tree,
            git2::ObjectType::Blob => Self::Blob,
            git2::ObjectType::Tag => Self::Tag,
            git2::ObjectType::Any => anyhow::bail!("an object without a kind"),
        })
    }
}

/// Hashes an object whose length is known beforehand.
pub(super) struct ObjectHasher(Sha1);

impl ObjectHasher {
    pub(super) fn new(kind: ObjectKind, length: u64) -> Self {
        let mut sha = Sha1::new();
        sha.update(format!("{} {length}\0", kind.name()));
        Self(sha)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> ObjectId {
        ObjectId(self.0.finalize().into())
    }
}

/// Hashes what is read through it.
pub struct Hashed<R> {
    source: R,
    hasher: ObjectHasher,
}

impl<R> Hashed<R> {
    /// Reads a blob of so many bytes.
    #[must_use]
    pub fn blob(source: R, length: u64) -> Self {
        Self { source, hasher: ObjectHasher::new(ObjectKind::Blob, length) }
    }

    /// Tells whether all that was read is this blob.
    ///
    /// A source that ended early gives another hash, because the length is hashed too.
    ///
    /// # Errors
    /// Where it is another one.
    pub fn check(self, id: ObjectId) -> Result<()> {
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

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        ensure!(text.len() == 40 && digits, "`{}` is no object id", text.escape_default());
        let mut bytes = [0; 20];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ObjectId {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_the_id_that_git_gives_it() {
        let id = ObjectId::of_bytes(b"hello\n");
        assert_eq!(id.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
    }

    #[test]
    fn a_file_and_its_bytes_have_one_id() {
        let home = tempfile::tempdir().unwrap();
        let bytes = vec![7; 300_000];
        fs_err::write(home.path().join("f"), &bytes).unwrap();
        let (id, length) = ObjectId::of_file(&home.path().join("f")).unwrap();
        assert_eq!((id, length), (ObjectId::of_bytes(&bytes), 300_000));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "CE013625030BA8DBA906F756967F9E9CA394464A", "ce01", &"é".repeat(20)] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }
}
