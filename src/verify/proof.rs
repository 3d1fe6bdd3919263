//! Giving everything back into an empty folder, and comparing it with what the source still has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;

use super::{Line, Problem, ProblemKind, Proof, Subject, receipts, stopped};
use crate::fs::open_real;
use crate::progress::{Progress, Silent};
use crate::repository::Repository;
use crate::repository::layout::EntryPath;
use crate::repository::ledger::Hash;
use crate::restore::{self, Bytes, Item, RestorePlan, State};
use crate::source::Scope;
use crate::sync::{self, Change, Reading};

/// So many bytes are given back before what was is compared and removed.
const AT_ONCE: u64 = 256 << 20;

/// What a trial gave.
pub(super) struct Tried {
    pub(super) proof: Proof,
    pub(super) problems: Vec<Problem>,
    pub(super) proven: BTreeSet<String>,
}

/// Gives the present content of these lines back, except those that are known to be lost.
pub(super) fn try_out(
    subject: &Subject<'_>,
    lines: &[Line],
    known: &[Problem],
    progress: &dyn Progress,
) -> Result<Tried> {
    let repository = subject.stored;
    let scratch = subject.own.scratch_folder("proof")?;
    let mut trial = Trial {
        repository,
        scratch: scratch.path(),
        live: live_files(subject)?,
        problems: Vec::new(),
        proven: BTreeSet::new(),
        compared: 0,
    };
    let bytes = lines.iter().map(|line| line.entry.content.length).sum();
    progress.start("test-restoring", lines.len() as u64, bytes);
    let lost = known.iter().filter(|problem| problem.leaves_no_copy());
    let lost: BTreeSet<_> = lost.map(Problem::place).collect();
    let is_sound = |line: &&Line| line.places().all(|place| !lost.contains(&place));
    let mut waiting: Vec<&Line> = Vec::new();
    for line in lines.iter().filter(is_sound) {
        waiting.push(line);
        if waiting.iter().map(|line| line.entry.content.length).sum::<u64>() >= AT_ONCE {
            trial.give_back(&std::mem::take(&mut waiting), progress)?;
        }
    }
    trial.give_back(&waiting, progress)?;
    progress.finish();
    let Trial { problems, proven, compared, .. } = trial;
    let tried = lines.iter().filter(|line| line.is_session()).count() as u64;
    let at = receipts::now(subject.own);
    let from_remote = !std::ptr::eq(subject.stored, subject.own);
    let proof = Proof { at, proven: proven.len() as u64, tried, compared, from_remote };
    Ok(Tried { proof, problems, proven })
}

struct Trial<'a> {
    repository: &'a Repository,
    scratch: &'a Path,
    /// Files of this machine that look as they did at the last backup, by stored name.
    live: BTreeMap<String, PathBuf>,
    problems: Vec<Problem>,
    proven: BTreeSet<String>,
    compared: u64,
}

impl Trial<'_> {
    fn give_back(&mut self, lines: &[&Line], progress: &dyn Progress) -> Result<()> {
        let plan = RestorePlan {
            items: lines.iter().map(|line| self.item(line)).collect(),
            ..RestorePlan::default()
        };
        let outcome = restore::apply(self.repository, &plan, &BytesAlone(progress))?;
        let failures: BTreeMap<&str, &str> =
            outcome.failures.iter().map(|f| (f.path.as_str(), f.error.as_str())).collect();
        let fates: Vec<Fate> = lines
            .par_iter()
            .zip(&plan.items)
            .map(|(line, item)| {
                let fate = self.fate(line, item, &failures);
                progress.advance(1, 0);
                progress.step(&format_args!("{fate} {}/{}", line.machine, line.entry.path));
                fate
            })
            .collect();
        lines.iter().zip(fates).for_each(|(line, fate)| self.take(line, fate));
        for item in &plan.items {
            crate::fs::remove_if_exists(&item.target)?;
        }
        if progress.interrupted() { Err(stopped()) } else { Ok(()) }
    }

    fn item(&self, line: &Line) -> Item {
        let (machine, entry) = (line.machine.clone(), line.entry.clone());
        let content = entry.content.clone();
        // Where a file became a folder, or a folder a file, both have to find room.
        let when = entry.gone_since.map_or("here".to_owned(), |gone| gone.timestamp().to_string());
        let target = self.scratch.join(machine.as_str()).join(when).join(entry.path.to_source());
        let (name, bytes) = (entry.path.clone(), Bytes::of(&content));
        let (place, rehome, state) = (name.to_source(), None, State::Free);
        let (code, seen) = (None, None);
        Item { machine, entry, content, rehome, bytes, target, name, place, state, code, seen }
    }

    fn fate(&self, line: &Line, item: &Item, failures: &BTreeMap<&str, &str>) -> Fate {
        if let Some(error) = failures.get(item.target.display().to_string().as_str()) {
            return Fate::Failed((*error).to_owned());
        }
        let live = self.live.get(line.entry.path.as_str());
        let live = live.filter(|_| line.machine == self.repository.machine);
        let Some(live) = live else { return Fate::Back };
        match open_real(live).and_then(Hash::of) {
            Ok((hash, _)) if hash == item.content.sha256 => Fate::Compared,
            // It went away or on while it was looked at: the next backup sees to it.
            Err(_) => Fate::Back,
            Ok((_, length)) if length != item.content.length => Fate::Back,
            Ok(_) => Fate::Changed,
        }
    }

    fn take(&mut self, line: &Line, fate: Fate) {
        let problem = match fate {
            Fate::Failed(error) => Some((ProblemKind::NotRestorable, error)),
            Fate::Changed => {
                let error = "the source has other bytes, of the same length and time";
                Some((ProblemKind::ChangedUnnoticed, error.to_owned()))
            }
            Fate::Compared => {
                self.compared += u64::from(line.is_session());
                None
            }
            Fate::Back => None,
        };
        let came_back = !matches!(problem, Some((ProblemKind::NotRestorable, _)));
        if let Some(id) = line.entry.path.session().filter(|_| came_back && line.is_session()) {
            self.proven.insert(format!("{}/{id}", line.machine));
        }
        if let Some((kind, error)) = problem {
            self.problems.push(Problem::new(&line.machine, line.entry.path.as_str(), kind, error));
        }
    }
}

/// Counts the bytes of the restore inside a test restore, whose files count once they are compared.
struct BytesAlone<'a>(&'a dyn Progress);

impl Progress for BytesAlone<'_> {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}

    fn advance(&self, _files: u64, bytes: u64) {
        self.0.advance(0, bytes);
    }

    fn finish(&self) {}

    fn interrupted(&self) -> bool {
        false
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Back => "test-restored",
            Self::Compared => "test-restored and compared",
            Self::Changed => "differs from the source",
            Self::Failed(_) => "not restorable",
        })
    }
}

/// What became of one file.
enum Fate {
    /// It came back.
    Back,
    /// It came back, and the source has the same.
    Compared,
    /// It came back, and the source has something else without saying so.
    Changed,
    /// It did not come back.
    Failed(String),
}

impl Line {
    /// The file's name, and those of the stored files that hold its present content.
    fn places(&self) -> impl Iterator<Item = (String, String)> {
        let files = self.entry.content.files(&self.entry.path).into_iter().map(|(name, _)| name);
        let names = std::iter::once(self.entry.path.as_str().to_owned()).chain(files);
        names.map(|name| (self.machine.to_string(), name))
    }
}

/// The files that no sync would read again, by stored name.
fn live_files(subject: &Subject<'_>) -> Result<BTreeMap<String, PathBuf>> {
    let Subject { own, roots, .. } = subject;
    let prepared = sync::plan(own, roots, Scope::All, Reading::Changed, &Silent)?;
    let mut files: BTreeMap<String, PathBuf> = prepared
        .listing
        .files
        .iter()
        .map(|file| {
            (EntryPath::from_source(&file.relative, file.kind).to_string(), file.path.clone())
        })
        .collect();
    for change in &prepared.plan.changes {
        match change {
            Change::Add(found) | Change::Grow(found) | Change::Compare(found) => {
                files.remove(found.path.as_str());
            }
            Change::Move { to, .. } => drop(files.remove(to.path.as_str())),
            Change::GoneAtSource(_) => {}
        }
    }
    Ok(files)
}
