//! What is stored as one file too large for any git host, written anew: format 1, in parts.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};

use super::layout::{EntryPath, Form};
use super::ledger::{Content, Hash, StoredPart, oversized};
use super::revision::{Origin, Staged};
use super::stage::StageFiles;
use crate::archive::{self, ArchiveReader, Limits};
use crate::vault::ObjectId;

/// A content in parts, and the files that wait to be its own.
pub(super) struct InParts {
    pub(super) content: Content,
    pub(super) staged: Vec<Staged>,
}

impl InParts {
    /// Writes the bytes of `files`, which are `content`'s, into parts of these limits.
    ///
    /// The files are read as a stream, and what was written is read back.
    ///
    /// # Errors
    /// Where a file cannot be read, is not what `content` says, or nothing can be written.
    pub(super) fn write(
        stage: &Path,
        path: &EntryPath,
        content: &Content,
        files: Vec<PathBuf>,
        limits: Limits,
    ) -> Result<Self> {
        let waiting = StageFiles::new(stage);
        let mut hasher = Sha256::new();
        let bytes = plain_bytes(content.form, files)?;
        // A byte more than there should be would be one that gets lost.
        let limit = content.length.saturating_add(1);
        let observe = &mut |bytes: &[u8]| hasher.update(bytes);
        let written = archive::write_within(limits, bytes, limit, &mut waiting.sink(), observe)?;
        let is_same = (Hash::from(hasher), written.length) == (content.sha256, content.length);
        ensure!(is_same, "its bytes changed while they were read");
        let mut new = Content { form: Form::Sectioned, parts: Vec::new(), ..content.clone() };
        if content.form == Form::Plain && content.at.is_none() {
            new.at = Some(oversized(path));
        }
        let mut staged = Vec::new();
        for (part, number) in written.parts.iter().zip(written.first_part..) {
            let file = waiting.path(number);
            let (stored, waits) = read_back(&file, part)?;
            new.parts.push(stored);
            staged.push(waits);
        }
        Ok(Self { content: new, staged })
    }
}

fn plain_bytes(form: Form, files: Vec<PathBuf>) -> Result<Box<dyn Read>> {
    Ok(match (form, files.first()) {
        (Form::Plain, Some(file)) => Box::new(fs_err::File::open(file)?),
        _ => Box::new(ArchiveReader::open(files)),
    })
}

fn read_back(file: &Path, part: &archive::Part) -> Result<(StoredPart, Staged)> {
    let is_true = archive::check(file)? == *part;
    ensure!(is_true, "`{}` does not read back as it was written", file.display());
    let (id, length) = ObjectId::of_file(file)?;
    let staged = Staged { path: file.to_path_buf(), id, length, origin: Origin::New };
    Ok((StoredPart::new(length, part.length, id), staged))
}
