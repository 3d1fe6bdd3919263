//! One file: compared with what is stored of it, and what follows from that.

mod compress;
mod source_file;
mod versions;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};

use self::compress::{Growth, Made, Staging, finish_parts};
use self::source_file::SourceFile;
use super::plan::Found;
use super::survey::{Checkpoints, Relation, Survey};
use crate::archive::{self, HISTORY, Resume};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::cache::Known;
use crate::repository::layout::{EntryPath, Form};
use crate::repository::ledger::{Content, Entry, Hash, StoredPart, Unknown, oversized};
use crate::repository::revision::Staged;
use crate::repository::stage::{StageFiles, StageSink};
use crate::source::Kind;
use crate::transcript::Scanner;
use crate::vault::{FileMode, Hashed, Previous};

/// A file to store.
pub(super) struct Job {
    /// The file and its name in the repository.
    pub found: Found,
    /// Its line, or that of the name it moved from.
    pub entry: Option<Entry>,
    /// What the last run knew.
    pub known: Option<Known>,
}

/// What became of a file.
pub(super) struct Stored {
    /// How it relates to what was stored.
    pub verdict: Verdict,
    /// Its new line, where that differs.
    pub entry: Option<Entry>,
    /// The changes below the machine's folder, in order.
    pub steps: Vec<Step>,
    /// For the next run.
    pub known: Known,
    /// Bytes read from the source.
    pub bytes_read: u64,
}

/// How a file related to what was stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was stored.
    New,
    /// Nothing to do but remember its times.
    Same,
    /// The same bytes, back at the source, under another name or with other bits.
    Seen,
    /// More than before.
    Grown,
    /// The source was cut back; what is stored stays.
    Cut,
    /// A file that is rewritten by nature was.
    Updated,
    /// Other bytes: the stored ones are now a version.
    NewVersion {
        /// Messages that the new bytes lack.
        lost: u64,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "stored new",
            Self::Same => "unchanged",
            Self::Seen => "unchanged but for its name or bits",
            Self::Grown => "stored appended",
            Self::Cut => "kept, the source got shorter:",
            Self::Updated => "stored changed",
            Self::NewVersion { .. } => "stored rewritten",
        })
    }
}

/// One change below the machine's folder.
pub(super) enum Step {
    /// A new or grown file.
    Put { name: String, staged: Staged, mode: FileMode },
    /// A stored file gets another name.
    Rename { from: String, to: String, part: StoredPart, mode: FileMode },
    /// A file that newer ones contain.
    Remove(String),
}

impl<'a> Store<'a> {
    /// Makes ready to store files of this repository.
    ///
    /// # Errors
    /// Where there is no place to stage them.
    pub(super) fn new(repository: &'a Repository) -> Result<Self> {
        let stage = repository.stage_dir()?;
        let checkpoints = Checkpoints::new(&repository.vault.private_dir()?);
        Ok(Self { repository, stage, checkpoints, now: repository.env().now() })
    }
}

/// What all jobs share.
pub(super) struct Store<'a> {
    pub repository: &'a Repository,
    pub stage: PathBuf,
    pub checkpoints: Checkpoints,
    pub now: DateTime<Utc>,
}

impl Store<'_> {
    /// Stores one file.
    ///
    /// # Errors
    /// Where the file cannot be read, changed under our eyes other than by growing, cannot be
    /// written, or is too large for a commit.
    pub(super) fn store(&self, job: &Job, progress: &dyn Progress) -> Result<Stored> {
        let source = SourceFile::open(&job.found.file, progress)?;
        let mut task = Task { store: self, job, source };
        let stored = match &job.entry {
            None => task.add()?,
            Some(entry) => task.compare(entry)?,
        };
        self.check_sizes(job, &stored)?;
        Ok(stored)
    }

    /// Refused here, a file is one that could not be saved; later it would stop the whole run.
    fn check_sizes(&self, job: &Job, stored: &Stored) -> Result<()> {
        let name = job.found.file.path.display();
        stored.steps.iter().try_for_each(|step| match step {
            Step::Put { staged, .. } => self.repository.sizes.check(&name, staged.length),
            Step::Rename { .. } | Step::Remove(_) => Ok(()),
        })
    }

    /// The local bytes of a file as a version of its line, unless they are stored already.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub(super) fn set_aside(
        &self,
        found: &Found,
        entry: &Entry,
        progress: &dyn Progress,
    ) -> Result<Option<Stored>> {
        let source = SourceFile::open(&found.file, progress)?;
        let job = Job { found: found.clone(), entry: None, known: None };
        let stored = Task { store: self, job: &job, source }.set_aside(entry)?;
        stored.iter().try_for_each(|stored| self.check_sizes(&job, stored))?;
        Ok(stored)
    }
}

/// What a grown source has behind the last boundary of its archive.
#[derive(Clone, Copy)]
struct Rest<'a> {
    survey: &'a Survey,
    resume: &'a Resume,
    /// The bytes before that boundary.
    history: &'a [u8],
}

/// One job at work.
struct Task<'a> {
    store: &'a Store<'a>,
    job: &'a Job,
    source: SourceFile<'a>,
}

impl Task<'_> {
    fn add(&mut self) -> Result<Stored> {
        let Found { path, file } = &self.job.found;
        let made = self.store.make(path, file.kind, &mut self.source)?;
        let entry = Entry {
            path: path.clone(),
            kind: file.kind,
            first_seen: self.store.now,
            last_seen: self.store.now,
            gone_since: None,
            cut_to: None,
            acknowledged: false,
            versions: Vec::new(),
            unknown: Unknown::new(),
            content: made.content,
        };
        Ok(self.changed(Verdict::New, entry, made.steps, made.resume))
    }

    fn compare(&mut self, entry: &Entry) -> Result<Stored> {
        let known = self.job.known.as_ref().and_then(|known| known.resume);
        let resume = known.or_else(|| self.find_resume(entry));
        let survey = self.survey(entry, resume.as_ref())?;
        match survey.relation(entry) {
            Relation::Same => self.same(entry, &survey, resume),
            _ if entry.content.form == Form::Plain && self.job.found.path != entry.path => {
                self.add()
            }
            _ if entry.content.form == Form::Plain => self.update(entry, &survey),
            Relation::Grown => match resume.filter(|_| survey.resumable) {
                Some(resume) => self.grow(entry, &survey, &resume),
                None => self.update(entry, &survey),
            },
            Relation::Shorter if self.is_prefix_of_stored(entry, &survey) => {
                Ok(self.cut(entry, survey.length, resume))
            }
            // Other bytes under another name are another file.
            _ if self.job.found.path != entry.path => self.add(),
            Relation::Again(index) => self.new_version(entry, &survey, Some(index)),
            Relation::Shorter | Relation::Different => self.new_version(entry, &survey, None),
        }
    }

    /// From where the last one ended, where that is known; else from the beginning.
    fn survey(&mut self, entry: &Entry, resume: Option<&Resume>) -> Result<Survey> {
        let checkpoints = &self.store.checkpoints;
        if let Some(checkpoint) = checkpoints.load(&entry.path, &entry.content) {
            let reader = &mut self.source.read_from(0)?;
            if let Some(survey) = Survey::go_on(reader, entry, resume, checkpoint)? {
                return Ok(survey);
            }
        }
        let reader = &mut self.source.read_from(0)?;
        Ok(Survey::take(reader, entry, resume, scanner(entry.kind))?)
    }

    /// The same bytes: the line changes only where the file came back, moved, or has other bits.
    fn same(&mut self, entry: &Entry, survey: &Survey, resume: Option<Resume>) -> Result<Stored> {
        let has_other_bits = self.source.stat.mode != entry.content.mode;
        let may_run = |mode: u32| mode & 0o100 != 0;
        let is_plain = entry.content.form == Form::Plain;
        // Git knows of no other bits; the rest stands in the ledger.
        if is_plain && may_run(self.source.stat.mode) != may_run(entry.content.mode) {
            return self.update(entry, survey);
        }
        let is_news = has_other_bits
            || self.job.found.path != entry.path
            || entry.gone_since.is_some()
            || entry.cut_to.is_some();
        if !is_news {
            return Ok(self.unchanged(Verdict::Same, entry, resume));
        }
        let mut new = self.seen(entry);
        new.content.mode = self.source.stat.mode;
        let steps = moved(entry, &new);
        Ok(self.changed(Verdict::Seen, new, steps, resume))
    }

    /// More of the same: the archive's last part goes on where it ended.
    fn grow(&mut self, entry: &Entry, survey: &Survey, resume: &Resume) -> Result<Stored> {
        let files = entry.content.files(&entry.path);
        let (name, part) = files.last().context("an archive has a part")?;
        let from = resume.boundary.saturating_sub(HISTORY as u64).max(resume.start);
        let history = self.source.read_range(from, resume.boundary)?;
        let staged = StageFiles::new(&self.store.stage);
        let mut sink = staged.sink();
        let rest = Rest { survey, resume, history: &history };
        // Nothing in the work tree changes before the commit.
        let repository = self.store.repository;
        let lies_at = repository.work_file(&repository.machine, name);
        let Some((written, hashed)) = self.go_on(&lies_at, part, rest, &mut sink)? else {
            return self.update(entry, survey);
        };
        let mut new = self.seen(entry);
        new.content.length = survey.length;
        new.content.sha256 = survey.sha256;
        new.content.session.clone_from(&survey.session);
        new.content.modified = self.source.modified;
        new.content.mode = self.source.stat.mode;
        let mut steps = moved(entry, &new);
        let previous = Previous { id: part.blob, path: lies_at };
        let growth = Growth { previous, hashed, resume, history: &history };
        let path = new.path.clone();
        let staging = Staging { files: &staged, sink: &sink };
        steps.extend(finish_parts(&path, &mut new.content, staging, &written, Some(&growth))?);
        if let Some(checkpoint) = &survey.checkpoint {
            self.store.checkpoints.save(&path, checkpoint);
        }
        Ok(self.changed(Verdict::Grown, new, steps, Some(written.resume)))
    }

    /// Goes on with a stored file whose bytes are surely the ledger's: that of the work tree, else
    /// git's. Also tells that one's length where all of it was hashed as it was copied.
    fn go_on(
        &mut self,
        lies_at: &Path,
        part: &StoredPart,
        rest: Rest<'_>,
        sink: &mut StageSink<'_>,
    ) -> Result<Option<(archive::Written, Option<u64>)>> {
        if let Ok(file) = fs_err::File::open(lies_at) {
            let mut stored = Hashed::blob(file, part.length);
            if let Ok(written) = self.write_rest(&mut stored, rest, sink)
                && stored.check(part.blob).is_ok()
            {
                return Ok(Some((written, Some(part.length))));
            }
        }
        // An older file in its place, or a damaged end, may have told where to go on: then the whole is
        // written anew.
        let stored = self.store.repository.open_part(lies_at, part);
        let written = stored.and_then(|stored| self.write_rest(stored, rest, sink));
        Ok(written.ok().map(|written| (written, None)))
    }

    fn write_rest(
        &mut self,
        stored: impl Read,
        Rest { survey, resume, history }: Rest<'_>,
        sink: &mut StageSink<'_>,
    ) -> Result<archive::Written> {
        let rest = self.source.read_from(resume.boundary)?;
        let last_part = archive::Stored { file: stored, resume, history };
        let mut crc = crc32fast::Hasher::new();
        let observe = &mut |bytes: &[u8]| crc.update(bytes);
        let written = archive::grow(last_part, rest, survey.length, sink, observe)?;
        if written.length != survey.length || crc.finalize() != survey.crc_after_boundary {
            let path = self.source.path.display();
            bail!("`{path}` changed while it was read; the next run takes it");
        }
        Ok(written)
    }

    /// The whole file anew in the place of what was stored, which it contains or may replace.
    fn update(&mut self, entry: &Entry, survey: &Survey) -> Result<Stored> {
        let path = &self.job.found.path;
        let made = self.make_what_was_surveyed(survey)?;
        let kept = made.content.files(path);
        let old = entry.content.files(&entry.path).into_iter().map(|(name, _)| name);
        let superseded = old.filter(|name| !kept.iter().any(|(kept, _)| kept == name));
        let mut steps: Vec<Step> = superseded.map(Step::Remove).collect();
        steps.extend(made.steps);
        let mut new = self.seen(entry);
        steps.extend(moved_versions(entry, &new));
        new.content = made.content;
        let verdict = match entry.content.form {
            Form::Plain => Verdict::Updated,
            Form::Sectioned | Form::Gzip => Verdict::Grown,
        };
        Ok(self.changed(verdict, new, steps, made.resume))
    }

    /// The whole source again, which must still be what was compared with the stored bytes.
    fn make_what_was_surveyed(&mut self, survey: &Survey) -> Result<Made> {
        let Found { path, file } = &self.job.found;
        let made = self.store.make(path, file.kind, &mut self.source)?;
        if made.content.sha256 != survey.sha256 {
            let path = self.source.path.display();
            bail!("`{path}` changed while it was read; the next run takes it");
        }
        Ok(made)
    }

    /// The source was cut back to some of the stored bytes, which stay.
    fn cut(&mut self, entry: &Entry, length: u64, resume: Option<Resume>) -> Stored {
        let is_known = entry.cut_to == Some(length) && entry.gone_since.is_none();
        if is_known && self.job.found.path == entry.path {
            return self.unchanged(Verdict::Cut, entry, resume);
        }
        let mut new = self.seen(entry);
        new.cut_to = Some(length);
        let steps = moved(entry, &new);
        self.changed(Verdict::Cut, new, steps, resume)
    }

    /// What cannot be read any more is no reason to keep it in the place of what can.
    fn is_prefix_of_stored(&self, entry: &Entry, survey: &Survey) -> bool {
        if survey.length > entry.content.length {
            return false;
        }
        let repository = self.store.repository;
        let stored = repository.open_content(&repository.machine, &entry.path, &entry.content);
        let hash = stored.and_then(|stored| Ok(Hash::of(stored.take(survey.length))?));
        hash.is_ok_and(|hash| hash == (survey.sha256, survey.length))
    }

    /// The resume state from the archive alone.
    fn find_resume(&self, entry: &Entry) -> Option<Resume> {
        if entry.content.form != Form::Sectioned {
            return None;
        }
        let repository = self.store.repository;
        let (name, part) = entry.content.files(&entry.path).pop()?;
        let number = u32::try_from(entry.content.parts.len()).ok()?;
        let start = entry.content.length.checked_sub(part.uncompressed)?;
        let file = repository.work_file(&repository.machine, &name);
        let found = archive::inspect(&file, number, start).ok()??;
        // What lies there may be newer than the branch, or older.
        let is_that = (found.length, found.compressed) == (entry.content.length, part.length);
        is_that.then_some(found)
    }

    fn seen(&self, entry: &Entry) -> Entry {
        let mut new = entry.clone();
        new.path = self.job.found.path.clone();
        new.last_seen = self.store.now;
        new.gone_since = None;
        new.cut_to = None;
        // What made room for a folder is back at its own name.
        let is_oversized = new.content.at == Some(oversized(&entry.path));
        new.content.at = is_oversized.then(|| oversized(&new.path));
        let (from, to) = (entry.path.versions_folder(), new.path.versions_folder());
        for at in new.versions.iter_mut().filter_map(|version| version.content.at.as_mut()) {
            // The old name may be used again, and then its versions have the old folder.
            if let Some(rest) = at.strip_prefix(&from).filter(|rest| rest.starts_with('/')) {
                *at = format!("{to}{rest}");
            }
        }
        new
    }

    fn changed(
        &self,
        verdict: Verdict,
        entry: Entry,
        steps: Vec<Step>,
        resume: Option<Resume>,
    ) -> Stored {
        let known = self.known(entry.content.length, resume);
        Stored { verdict, entry: Some(entry), steps, known, bytes_read: self.source.stat.size }
    }

    fn unchanged(&self, verdict: Verdict, entry: &Entry, resume: Option<Resume>) -> Stored {
        let known = self.known(entry.content.length, resume);
        Stored { verdict, entry: None, steps: Vec::new(), known, bytes_read: self.source.stat.size }
    }

    fn known(&self, length: u64, resume: Option<Resume>) -> Known {
        let kind = self.job.found.file.kind;
        Known { kind, gone: false, stat: Some(self.source.stat), length, resume }
    }
}

/// What is read of a session on the way, where it is one.
fn scanner(kind: Kind) -> Option<Scanner> {
    matches!(kind, Kind::Transcript).then(Scanner::new)
}

/// The steps that give a moved file's archive, and its earlier versions, their new names.
fn moved(old: &Entry, new: &Entry) -> Vec<Step> {
    let mut steps = renames(&old.path, &old.content, &new.path, &new.content);
    steps.extend(moved_versions(old, new));
    steps
}

fn moved_versions(old: &Entry, new: &Entry) -> Vec<Step> {
    let versions = old.versions.iter().zip(&new.versions);
    versions.flat_map(|(a, b)| renames(&old.path, &a.content, &new.path, &b.content)).collect()
}

fn renames(from: &EntryPath, old: &Content, to: &EntryPath, new: &Content) -> Vec<Step> {
    let names = old.files(from).into_iter().zip(new.files(to));
    let differ = names.filter(|((from, _), (to, _))| from != to);
    let mode = old.file_mode();
    differ
        .map(|((from, part), (to, _))| Step::Rename { from, to, part: part.clone(), mode })
        .collect()
}
