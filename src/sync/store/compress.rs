//! Source bytes to staged files: compressed or as they are, read back before they count.

use std::io;
use std::path::Path;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::source_file::SourceFile;
use super::{Step, Store, scanner};
use crate::archive::{self, Part, Resume, Written};
use crate::repository::layout::{EntryPath, Form, form};
use crate::repository::ledger::{Content, Hash, StoredPart, oversized};
use crate::repository::revision::{Origin, Staged};
use crate::repository::stage::StageFiles;
use crate::source::Kind;
use crate::transcript::Scanner;
use crate::vault::{FileMode, ObjectId, Previous};

/// A plain file above this many bytes is compressed, in parts that any host takes.
const LARGEST_PLAIN: u64 = 64 << 20;
/// An appended stretch up to this size is read back alone; beyond it the whole archive is.
const SHORT_TAIL: u64 = 4 << 20;

/// A content that was made, and what puts it into the repository.
pub(super) struct Made {
    pub content: Content,
    pub steps: Vec<Step>,
    pub resume: Option<Resume>,
}

/// What a grown archive shares with the one before it.
pub(super) struct Growth<'a> {
    /// The last part before.
    pub previous: Previous,
    /// Where compression went on.
    pub resume: &'a Resume,
    /// CRC-32 of the bytes after the boundary.
    pub crc: u32,
}

impl Store<'_> {
    /// The whole source for this name, in the form that its kind asks for.
    pub(super) fn make(
        &self,
        path: &EntryPath,
        kind: Kind,
        source: &mut SourceFile,
    ) -> Result<Made> {
        let is_plain = form(path, kind) == Form::Plain;
        if is_plain && source.stat.size <= LARGEST_PLAIN {
            return self.copy(path, source);
        }
        let at = is_plain.then(|| oversized(path));
        self.compress(path, at, kind, source)
    }

    /// The whole source, compressed, under `at` or its own name.
    pub(super) fn compress(
        &self,
        path: &EntryPath,
        at: Option<String>,
        kind: Kind,
        source: &mut SourceFile,
    ) -> Result<Made> {
        let mut hasher = Sha256::new();
        let mut scanner = scanner(kind);
        let files = StageFiles::new(&self.stage);
        let limit = source.stat.size;
        let reader = source.read_from(0, self.progress)?;
        let written = archive::write(reader, limit, &mut files.sink(), &mut |bytes: &[u8]| {
            hasher.update(bytes);
            if let Some(scanner) = &mut scanner {
                scanner.feed(bytes);
            }
        })?;
        let mut content = content_of(source, hasher, written.length, Form::Sectioned);
        content.at = at;
        content.session = scanner.map(Scanner::finish);
        let steps = finish_parts(path, &mut content, &files, &written, None)?;
        Ok(Made { content, steps, resume: Some(written.resume) })
    }

    fn copy(&self, path: &EntryPath, source: &mut SourceFile) -> Result<Made> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut source.read_from(0, self.progress)?, &mut bytes)?;
        let staged = StageFiles::new(&self.stage).path(1);
        fs_err::write(&staged, &bytes)?;
        let (id, length) = ObjectId::of_file(&staged)?;
        if id != ObjectId::of_bytes(&bytes) {
            bail!("`{}` does not read back as it was written", staged.display());
        }
        let mut hasher = Sha256::new();
        hasher.update(&bytes);
        let mut content = content_of(source, hasher, length, Form::Plain);
        content.parts = vec![StoredPart::new(length, length, id)];
        let mode = content.file_mode();
        let (name, _) = content.files(path).remove(0);
        let staged = Staged { path: staged, id, length, origin: Origin::New };
        Ok(Made { content, steps: vec![Step::Put { name, staged, mode }], resume: None })
    }
}

/// Reads back what was written, and adds it to the content's parts.
pub(super) fn finish_parts(
    path: &EntryPath,
    content: &mut Content,
    files: &StageFiles,
    written: &Written,
    growth: Option<&Growth<'_>>,
) -> Result<Vec<Step>> {
    let first = written.first_part as usize - 1;
    content.parts.truncate(first);
    let mut staged = Vec::new();
    for (part, number) in written.parts.iter().zip(written.first_part..) {
        let growth = growth.filter(|_| number == written.first_part);
        let file = files.path(number);
        read_back(&file, part, growth)?;
        let (id, length) = ObjectId::of_file(&file)?;
        let origin = growth.map_or(Origin::New, |growth| Origin::Grown {
            previous: growth.previous.clone(),
            common: written.common,
        });
        content.parts.push(StoredPart::new(length, part.length, id));
        staged.push(Staged { path: file, id, length, origin });
    }
    let names = content.files(path).into_iter().skip(first);
    let put = |((name, _), staged)| Step::Put { name, staged, mode: FileMode::Plain };
    Ok(names.zip(staged).map(put).collect())
}

/// A session counts as backed up once its new bytes were read back from where they lie.
fn read_back(file: &Path, part: &Part, growth: Option<&Growth<'_>>) -> Result<()> {
    let is_true = match growth {
        Some(growth) if appended(part, growth) <= SHORT_TAIL => {
            let length = usize::try_from(appended(part, growth))?;
            let tail = archive::read_tail(file, length)?;
            tail.len() >= length && crc32fast::hash(&tail[tail.len() - length..]) == growth.crc
        }
        _ => archive::check(file)? == *part,
    };
    if !is_true {
        bail!("`{}` does not read back as it was written", file.display());
    }
    Ok(())
}

/// Uncompressed bytes of a grown part after the boundary.
fn appended(part: &Part, growth: &Growth<'_>) -> u64 {
    part.length.saturating_sub(growth.resume.boundary - growth.resume.start)
}

fn content_of(source: &SourceFile, hasher: Sha256, length: u64, form: Form) -> Content {
    Content {
        length,
        sha256: Hash::from(hasher),
        form,
        parts: Vec::new(),
        at: None,
        mode: source.stat.mode,
        modified: source.modified,
        session: None,
    }
}
