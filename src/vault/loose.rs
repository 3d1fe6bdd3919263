//! Objects that lie in a file of their own, as git itself writes them.
//!
//! libgit2 reads these too, but never comes back from one that was cut off. So one that is not
//! whole must not reach it.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use flate2::read::ZlibDecoder;

use super::Vault;
use super::object_id::{ObjectId, ObjectKind};
use crate::fs::is_missing;

/// A kind, a length in decimal digits, and a zero byte.
const LONGEST_HEADER: u64 = 32;

impl Vault {
    /// An object from its own file, checked against its id; nothing where it has no such file.
    pub(super) fn read_loose(&self, id: ObjectId) -> Result<Option<(ObjectKind, Vec<u8>)>> {
        let path = self.loose_file(id);
        let file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let object = unpack(file).with_context(|| format!("`{}` is damaged", path.display()))?;
        let intact = ObjectId::of_object(object.0, &object.1) == id;
        ensure!(intact, "`{}` is damaged", path.display());
        Ok(Some(object))
    }

    fn loose_file(&self, id: ObjectId) -> PathBuf {
        let name = id.to_string();
        self.git_dir.join("objects").join(&name[..2]).join(&name[2..])
    }
}

/// What it says of its length bounds what is inflated, and nothing is set aside for it before.
fn unpack(file: impl Read) -> Result<(ObjectKind, Vec<u8>)> {
    let mut plain = BufReader::new(ZlibDecoder::new(file));
    let mut header = Vec::new();
    plain.by_ref().take(LONGEST_HEADER).read_until(0, &mut header)?;
    let header = std::str::from_utf8(&header)?.strip_suffix('\0').context("no header")?;
    let (kind, length) = header.split_once(' ').context("no header")?;
    let (kind, length): (_, u64) = (ObjectKind::from_name(kind)?, length.parse()?);
    let mut bytes = Vec::new();
    plain.take(length.saturating_add(1)).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == length, "it has {} bytes instead of {length}", bytes.len());
    Ok((kind, bytes))
}
