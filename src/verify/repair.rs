//! Mending what was found, and never by dropping: from git, from the work tree, from the source.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::{Problem, ProblemKind};
use crate::progress::{Progress, Silent};
use crate::repository::layout::{EntryPath, MACHINES};
use crate::repository::{Repository, heal};
use crate::session::MachineSlug;
use crate::source::{Roots, Scope};
use crate::sync::{self, Found, Reading};
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
    /// The commit.
    Git,
    /// The work tree.
    WorkTree,
    /// The Claude home.
    Source,
}

/// Mends what can be mended; the caller holds the lock, and looks again afterwards.
///
/// # Errors
/// Where the repository cannot be written.
pub fn repair(
    repository: &Repository,
    roots: &Roots,
    problems: &[Problem],
    progress: &dyn Progress,
) -> Result<Vec<Repaired>> {
    let mut repairs = Repairs { repository, repaired: Vec::new() };
    repairs.source_to_backup(roots, problems, progress)?;
    repairs.work_tree_to_git(problems)?;
    repairs.git_to_work_tree(problems)?;
    Ok(repairs.repaired)
}

/// Which problems are none any more; what nobody noted was finished from the commit, as after a crash.
#[must_use]
pub fn mended(before: &[Problem], after: &[Problem], tried: &[Repaired]) -> Vec<Repaired> {
    let gone = before.iter().filter(|problem| after.iter().all(|p| p.place() != problem.place()));
    gone.map(|problem| {
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

    /// Git's copy is damaged, and the work tree has the very bytes, by now at least.
    fn work_tree_to_git(&mut self, problems: &[Problem]) -> Result<()> {
        let vault = &self.repository.vault;
        let kinds = [ProblemKind::GitDamaged, ProblemKind::Lost];
        for problem in problems.iter().filter(|problem| kinds.contains(&problem.kind)) {
            let path = self.work_file(problem)?;
            let Ok((id, length)) = ObjectId::of_file(&path) else { continue };
            let committed = vault.find(&name(problem))?;
            if committed.is_some_and(|file| file.id == id) {
                vault.store_file_again(&path, id, length)?;
                self.note(problem, Origin::WorkTree);
            }
        }
        Ok(())
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
        roots: &Roots,
        problems: &[Problem],
        progress: &dyn Progress,
    ) -> Result<()> {
        let own = self.repository.machine.as_str();
        let kinds = [ProblemKind::Lost, ProblemKind::WrongContent];
        let lost: Vec<&Problem> =
            problems.iter().filter(|p| p.machine == own && kinds.contains(&p.kind)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let prepared = sync::plan(self.repository, roots, Scope::All, Reading::Changed, &Silent)?;
        let mut found = Vec::new();
        for file in prepared.listing.files {
            let path = EntryPath::from_source(&file.relative, file.kind);
            let is_meant = |problem: &&&Problem| is_of(&problem.path, &path);
            if let Some(problem) = lost.iter().find(is_meant) {
                self.note(problem, Origin::Source);
                found.push(Found { path, file });
            }
        }
        sync::store_again(self.repository, found, progress)
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
