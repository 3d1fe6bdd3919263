//! Objects that lie in a file of their own, as git itself writes them.
//!
//! libgit2 reads these too, but never comes back from one that was cut off. So one that is not
//! whole must not reach it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::ZlibDecoder;

use super::Vault;
use super::object_id::{ObjectId, ObjectKind};
use crate::error::{ErrorKind, Failure};
use crate::fs::is_missing;

/// A kind, a length in decimal digits, and a zero byte.
const LONGEST_HEADER: u64 = 32;

/// Digits of an id without the two that name its folder.
const NAME_LENGTH: usize = 38;

impl Vault {
    /// An object from its own file, checked against its id; `None` if it has no such file.
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

    /// What an object's own file says it is, and how long; `None` if it has no such file.
    pub(super) fn loose_header(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>> {
        let path = self.loose_file(id);
        let file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut plain = BufReader::new(ZlibDecoder::new(file));
        let header = take_header(&mut plain);
        header.map(Some).with_context(|| format!("`{}` is damaged", path.display()))
    }

    /// Makes sure that libgit2 may walk through history and send it.
    ///
    /// # Errors
    /// Where one of these files is not whole; it says which, and what mends it.
    pub fn refuse_torn_objects(&self) -> Result<()> {
        let files = walkdir::WalkDir::new(self.git_dir.join("objects")).min_depth(2).max_depth(2);
        // Beside them lie packs, and what git was writing when it was stopped.
        let is_object = |file: &walkdir::DirEntry| file.file_name().len() == NAME_LENGTH;
        for file in files.into_iter().flatten().filter(is_object) {
            let is_whole = unpack(fs_err::File::open(file.path())?).is_ok();
            // libgit2 asks packs first.
            if !is_whole && !self.is_packed(file.path())? {
                let message = format!("`{}` is damaged", file.path().display());
                return Err(Failure::new(ErrorKind::Failed, message)
                    .hint("mend it with `claude-backup verify --repair`")
                    .into());
            }
        }
        Ok(())
    }

    fn is_packed(&self, loose: &Path) -> Result<bool> {
        let names = [loose.parent().and_then(Path::file_name), loose.file_name()];
        let id: String = names.into_iter().flatten().map(|name| name.to_string_lossy()).collect();
        let Ok(id) = id.parse() else { return Ok(false) };
        Ok(self.packs()?.read_any_copy(id)?.is_some())
    }

    pub(super) fn loose_file(&self, id: ObjectId) -> PathBuf {
        let name = id.to_string();
        self.git_dir.join("objects").join(&name[..2]).join(&name[2..])
    }
}

/// What it says of its length bounds what is inflated, and nothing is set aside for it before.
fn unpack(file: impl Read) -> Result<(ObjectKind, Vec<u8>)> {
    let mut plain = BufReader::new(ZlibDecoder::new(file));
    let (kind, length) = take_header(&mut plain)?;
    let mut bytes = Vec::new();
    plain.take(length.saturating_add(1)).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == length, "it has {} bytes instead of {length}", bytes.len());
    Ok((kind, bytes))
}

fn take_header(plain: &mut impl BufRead) -> Result<(ObjectKind, u64)> {
    let mut header = Vec::new();
    plain.take(LONGEST_HEADER).read_until(0, &mut header)?;
    let header = std::str::from_utf8(&header)?.strip_suffix('\0').context("no header")?;
    let (kind, length) = header.split_once(' ').context("no header")?;
    Ok((ObjectKind::from_name(kind)?, length.parse()?))
}
