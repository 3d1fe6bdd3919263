//! Source bytes to staged files: compressed or as they are, read back before they count.

use std::io;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::source_file::SourceFile;
use super::{Step, Store, scanner};
use crate::archive::{self, Part, Resume, Written};
use crate::repository::layout::{EntryPath, Form, form};
use crate::repository::ledger::{Content, Hash, StoredPart, oversized};
use crate::repository::revision::{Origin, Staged};
use crate::repository::stage::{StageFiles, StageSink};
use crate::source::Kind;
use crate::transcript::Scanner;
use crate::vault::{FileMode, ObjectId, Previous, Shared};

/// A plain file above this many bytes is compressed, in parts that any host takes.
const LARGEST_PLAIN: u64 = 64 << 20;

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
    /// The length of that one's file, where all of its bytes were hashed as they were copied.
    pub hashed: Option<u64>,
    /// Where compression went on.
    pub resume: &'a Resume,
    /// The plain bytes before.
    pub history: &'a [u8],
}

impl Store<'_> {
    /// The whole source for this name, in the form that its kind asks for.
    pub(super) fn make(
        &self,
        path: &EntryPath,
        kind: Kind,
        source: &mut SourceFile<'_>,
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
        source: &mut SourceFile<'_>,
    ) -> Result<Made> {
        let mut hasher = Sha256::new();
        let mut scanner = scanner(kind);
        let files = StageFiles::new(&self.stage);
        let limit = source.stat.size;
        let reader = source.read_from(0)?;
        let mut sink = files.sink();
        let written = archive::write(reader, limit, &mut sink, &mut |bytes: &[u8]| {
            hasher.update(bytes);
            if let Some(scanner) = &mut scanner {
                scanner.feed(bytes);
            }
        })?;
        let mut content = content_of(source, hasher, written.length, Form::Sectioned);
        content.at = at;
        content.session = scanner.map(Scanner::finish);
        let steps = finish_parts(
            path,
            &mut content,
            Staging { files: &files, sink: &sink },
            &written,
            None,
        )?;
        Ok(Made { content, steps, resume: Some(written.resume) })
    }

    fn copy(&self, path: &EntryPath, source: &mut SourceFile<'_>) -> Result<Made> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut source.read_from(0)?, &mut bytes)?;
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

/// Where an archive was written.
#[derive(Clone, Copy)]
pub(super) struct Staging<'a> {
    pub files: &'a StageFiles,
    pub sink: &'a StageSink<'a>,
}

/// Reads back what was written, and adds it to the content's parts.
pub(super) fn finish_parts(
    path: &EntryPath,
    content: &mut Content,
    staging: Staging<'_>,
    written: &Written,
    growth: Option<&Growth<'_>>,
) -> Result<Vec<Step>> {
    let first = written.first_part as usize - 1;
    content.parts.truncate(first);
    let mut staged = Vec::new();
    for (part, number) in written.parts.iter().zip(written.first_part..) {
        let growth = growth.filter(|_| number == written.first_part);
        let common = growth.map_or(0, |_| written.common);
        let back = read_back(staging, number, part, growth, common)?;
        let ReadBack { id, length, crc_of_rest } = back;
        let origin = growth.map_or(Origin::New, |growth| Origin::Grown {
            previous: growth.previous.clone(),
            common,
            shared: growth.hashed.map(|base_length| Shared { base_length, common, crc_of_rest }),
        });
        content.parts.push(StoredPart::new(length, part.length, id));
        staged.push(Staged { path: staging.files.path(number), id, length, origin });
    }
    let names = content.files(path).into_iter().skip(first);
    let put = |((name, _), staged)| Step::Put { name, staged, mode: FileMode::Plain };
    Ok(names.zip(staged).map(put).collect())
}

/// A file as it was found where it was written.
struct ReadBack {
    id: ObjectId,
    length: u64,
    /// CRC-32 of the bytes that it does not have in common with the one before.
    crc_of_rest: u32,
}

/// A session counts as backed up once its new bytes were read back from where they lie.
///
/// What was copied must be what was written; what was compressed must also inflate to the source's
/// bytes.
fn read_back(
    staging: Staging<'_>,
    number: u32,
    part: &Part,
    growth: Option<&Growth<'_>>,
    common: u64,
) -> Result<ReadBack> {
    let file = staging.files.path(number);
    let inflates = match growth {
        Some(growth) => archive::check_rest(&file, growth.resume, growth.history, part)?,
        None => archive::check(&file)? == *part,
    };
    let (mut of_common, mut of_rest) = <(crc32fast::Hasher, crc32fast::Hasher)>::default();
    let mut left = common;
    let (id, length) = ObjectId::of_observed_file(&file, &mut |bytes| {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        of_common.update(&bytes[..count]);
        of_rest.update(&bytes[count..]);
        left -= count as u64;
    })?;
    of_common.combine(&of_rest);
    if !inflates || staging.sink.sum(number) != Some(of_common.finalize()) {
        bail!("`{}` does not read back as it was written", file.display());
    }
    Ok(ReadBack { id, length, crc_of_rest: of_rest.finalize() })
}

fn content_of(source: &SourceFile<'_>, hasher: Sha256, length: u64, form: Form) -> Content {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Stored, grow, write};

    /// More than a piece, so that growth has something to copy; it shrinks little.
    fn plain(length: u32) -> Vec<u8> {
        (0..length).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
    }

    fn nothing_yet() -> Content {
        Content {
            length: 0,
            sha256: Hash([0; 32]),
            form: Form::Sectioned,
            parts: Vec::new(),
            at: None,
            mode: 0o600,
            modified: chrono::DateTime::UNIX_EPOCH,
            session: None,
        }
    }

    /// Whether a part counts as stored where the disk gave back other bytes at this place.
    fn counts(
        files: &StageFiles,
        sink: &StageSink<'_>,
        written: &Written,
        growth: Option<&Growth<'_>>,
        damage: Option<usize>,
    ) -> bool {
        let file = files.path(1);
        let whole = fs_err::read(&file).unwrap();
        if let Some(at) = damage {
            let mut bytes = whole.clone();
            bytes[at % whole.len()] ^= 1;
            fs_err::write(&file, bytes).unwrap();
        }
        let path = EntryPath::parse("projects/-p/a.jsonl").unwrap();
        let staging = Staging { files, sink };
        let result = finish_parts(&path, &mut nothing_yet(), staging, written, growth);
        fs_err::write(&file, whole).unwrap();
        result.is_ok()
    }

    #[test]
    fn what_does_not_read_back_as_it_was_written_does_not_count() {
        let home = tempfile::tempdir().unwrap();
        let files = StageFiles::new(home.path());
        let mut sink = files.sink();
        let text = plain(20_000);
        let written = write(&text[..], text.len() as u64, &mut sink, &mut |_| {}).unwrap();
        assert!(counts(&files, &sink, &written, None, None));
        let size = fs_err::metadata(files.path(1)).unwrap().len() as usize;
        for at in (0..size).step_by(size / 50).chain([size - 1]) {
            assert!(!counts(&files, &sink, &written, None, Some(at)), "byte {at} of {size}");
        }
    }

    #[test]
    fn a_grown_archive_is_read_back_from_its_first_byte_on() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (StageFiles::new(home.path()), StageFiles::new(home.path()));
        let text = plain(60_000);
        let (before, all) = (150_000, text.len() as u64);
        let first = write(&text[..], before, &mut old.sink(), &mut |_| {}).unwrap();
        let resume = &first.resume;
        let boundary = usize::try_from(resume.boundary).unwrap();
        let history = &text[boundary - archive::HISTORY..boundary];
        let file = fs_err::File::open(old.path(1)).unwrap();
        let mut sink = new.sink();
        let stored = Stored { file, resume, history };
        let written = grow(stored, &text[boundary..], all, &mut sink, &mut |_| {}).unwrap();
        let (id, length) = ObjectId::of_file(&old.path(1)).unwrap();
        let previous = Previous { id, path: old.path(1) };
        let growth = Growth { previous, hashed: Some(length), resume, history };
        assert!(counts(&new, &sink, &written, Some(&growth), None));
        let size = fs_err::metadata(new.path(1)).unwrap().len() as usize;
        for at in (0..size).step_by(size / 50).chain([size - 1]) {
            assert!(!counts(&new, &sink, &written, Some(&growth), Some(at)), "byte {at} of {size}");
        }
    }
}
