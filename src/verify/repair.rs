//! Mending what was found, and never by dropping: from the work tree and the source, then from
//! git's history, then from the copy elsewhere.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::elsewhere::Elsewhere;
use super::{Found, Problem, ProblemKind, Subject, records};
use crate::progress::{Progress, Silent};
use crate::repository::layout::{EntryPath, MACHINES};
use crate::repository::{Repository, heal};
use crate::session::MachineSlug;
use crate::source::Scope;
use crate::sync::{self, Reading};
use crate::vault::ObjectId;

/// A problem that is none any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Whose file it is.
    pub machine: String,
    /// The stored name below the machine's folder.
    pub path: String,
    /// Where the bytes came from.
    pub from: Origin,
}

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Git's own objects and notes.
    Git,
    /// The work tree.
    WorkTree,
    /// The Claude home.
    Source,
    /// The copy elsewhere.
    Remote,
}

/// Mends what can be mended of what `before` names, and looks again; the caller holds the lock.
///
/// # Errors
/// Where the repository cannot be written, or looking at it fails.
pub fn repair(
    subject: &Subject<'_>,
    before: &Found,
    look: &dyn Fn() -> Result<Found>,
    elsewhere: &Elsewhere,
    progress: &dyn Progress,
) -> Result<(Found, Vec<Repaired>)> {
    let repository = subject.own;
    let repaired = records::mend(repository, subject.roots, elsewhere, progress)?;
    let mut repairs = Repairs { repository, repaired };
    // Without a commit that can be read there is nothing that the rest could go by.
    if repository.finish_interrupted().is_ok() {
        let problems = look()?.problems;
        repairs.source_to_backup(subject, &problems, progress)?;
        repairs.commit_again(&problems)?;
        repairs.list_again(&problems)?;
        repairs.git_to_work_tree(&problems)?;
    }
    let mut after = look()?;
    let mended = mended(&before.problems, &after.problems, &repairs.repaired);
    let verdict = elsewhere.verdict();
    after.problems.iter_mut().for_each(|problem| problem.is_beyond_repair(&verdict));
    Ok((after, mended))
}

/// Which problems are none any more; what nobody noted was finished from the commit, as after a crash.
fn mended(before: &[Problem], after: &[Problem], tried: &[Repaired]) -> Vec<Repaired> {
    let mut gone: Vec<&Problem> = before
        .iter()
        .filter(|problem| after.iter().all(|p| p.place() != problem.place()))
        .collect();
    gone.dedup_by_key(|problem| problem.place());
    gone.into_iter()
        .map(|problem| {
            let (machine, path) = problem.place();
            let noted = tried.iter().find(|r| r.machine == machine && r.path == path);
            Repaired { machine, path, from: noted.map_or(Origin::Git, |repaired| repaired.from) }
        })
        .collect()
}

struct Repairs<'a> {
    repository: &'a Repository,
    repaired: Vec<Repaired>,
}

impl Repairs<'_> {
    fn note(&mut self, problem: &Problem, from: Origin) {
        let (machine, path) = problem.place();
        self.repaired.push(Repaired { machine, path, from });
    }

    fn git_to_work_tree(&mut self, problems: &[Problem]) -> Result<()> {
        let here = [ProblemKind::Missing, ProblemKind::Damaged];
        let problems: Vec<_> = problems.iter().filter(|p| here.contains(&p.kind)).collect();
        heal::put_back(self.repository, problems.iter().map(|problem| name(problem)).collect())?;
        for problem in problems {
            let path = self.work_file(problem)?;
            let committed = self.repository.vault.find(&name(problem))?;
            if committed.is_some_and(|c| ObjectId::of_file(&path).is_ok_and(|(id, _)| id == c.id)) {
                self.note(problem, Origin::Git);
            }
        }
        Ok(())
    }

    /// No whole copy is left in the backup: what the source has is stored anew.
    fn source_to_backup(
        &mut self,
        subject: &Subject<'_>,
        problems: &[Problem],
        progress: &dyn Progress,
    ) -> Result<()> {
        let kinds = [ProblemKind::Lost, ProblemKind::WrongContent];
        let lost = self.own(problems, &kinds);
        if lost.is_empty() {
            return Ok(());
        }
        let roots = subject.roots;
        let prepared = sync::plan(self.repository, roots, Scope::All, Reading::Changed, &Silent)?;
        let mut found = Vec::new();
        for file in prepared.listing.files {
            let path = EntryPath::from_source(&file.relative, file.kind);
            if let Some(problem) = lost.iter().find(|problem| is_of(&problem.path, &path)) {
                self.note(problem, Origin::Source);
                found.push(sync::Found { path, file });
            }
        }
        sync::store_again(self.repository, found, progress)
    }

    /// A listed file that the newest commit lacks, while its bytes are still here, is committed.
    fn commit_again(&mut self, problems: &[Problem]) -> Result<()> {
        let lacked = self.own(problems, &[ProblemKind::NotCommitted]);
        let names = lacked.iter().map(|problem| problem.path.clone()).collect();
        let put = if lacked.is_empty() {
            Vec::new()
        } else {
            sync::commit_again(self.repository, names)?
        };
        for problem in lacked.into_iter().filter(|problem| put.contains(&problem.path)) {
            self.note(problem, Origin::Git);
        }
        Ok(())
    }

    /// A stored file whose line somebody took out of its ledger gets the one that it had.
    fn list_again(&mut self, problems: &[Problem]) -> Result<()> {
        let unlisted = self.own(problems, &[ProblemKind::Unlisted]);
        let names: Vec<String> = unlisted.iter().map(|problem| problem.path.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        sync::relist(self.repository, &names)
    }

    /// Those of this machine: another's folder is written by that one alone.
    fn own<'p>(&self, problems: &'p [Problem], kinds: &[ProblemKind]) -> Vec<&'p Problem> {
        let own = self.repository.machine.as_str();
        problems.iter().filter(|p| p.machine == own && kinds.contains(&p.kind)).collect()
    }

    fn work_file(&self, problem: &Problem) -> Result<PathBuf> {
        let machine = MachineSlug::new(problem.machine.as_str())?;
        Ok(self.repository.work_file(&machine, &problem.path))
    }
}

/// A problem's file from the root on.
fn name(problem: &Problem) -> String {
    format!("{MACHINES}/{}/{}", problem.machine, problem.path)
}

/// True where a stored name is that of a file's present content, or of a part of it.
fn is_of(stored: &str, path: &EntryPath) -> bool {
    let Some(rest) = stored.strip_prefix(path.as_str()) else { return false };
    rest.is_empty() || rest == ".gz" || (rest.ends_with(".gz") && rest.len() == 7)
}
