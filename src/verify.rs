//! Whether the backup holds: what is stored is looked at, read to its end, or given back on trial.

mod contents;
mod daily;
mod elsewhere;
mod history;
mod problem;
mod proof;
mod receipts;
mod records;
mod remake;
mod repair;
mod share;
mod structure;

use anyhow::Result;
use serde::Serialize;

pub use self::daily::{Today, prove_daily};
pub use self::elsewhere::Elsewhere;
pub use self::problem::{Problem, ProblemKind};
pub use self::receipts::{Proof, Receipts};
pub use self::repair::{Origin, Repaired, repair};
pub use self::share::Share;
use crate::error::{ErrorKind, Failure, counted};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::ledger::Entry;
use crate::session::MachineSlug;
use crate::source::Roots;

/// How closely the backup is looked at; each depth has all of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Every line has its files, in the work tree and in git, and every file its line.
    #[default]
    Structure,
    /// Every archive inflates to the bytes that its line promises, here and in git.
    Read,
    /// Every session is given back into an empty folder and compared with the source.
    Proof,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Machines.
    pub machines: u64,
    /// Ledger lines.
    pub files: u64,
    /// Transcripts among them.
    pub sessions: u64,
    /// Stored bytes that were read; 0 where only names and sizes were looked at.
    pub bytes: u64,
}

/// What a look at the backup found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// What was looked at.
    pub checked: Checked,
    /// What is wrong, sorted by machine and path.
    pub problems: Vec<Problem>,
    /// What was given back on trial, where that was asked for.
    pub proof: Option<Proof>,
}

/// Which backup is looked at.
pub struct Subject<'a> {
    /// The one whose files are looked at: the one here, or a fresh clone of its copy elsewhere.
    pub stored: &'a Repository,
    /// The one on this machine, which knows the source and keeps the receipts.
    pub own: &'a Repository,
    /// Where the source is.
    pub roots: &'a Roots,
}

/// A line and whose it is.
struct Line {
    machine: MachineSlug,
    entry: Entry,
}

/// Looks at a share of what is stored, as closely as asked.
///
/// # Errors
/// Where nothing can be given back on trial, or the user stopped it.
pub fn verify(
    subject: &Subject<'_>,
    depth: Depth,
    share: Share,
    progress: &dyn Progress,
) -> Result<Found> {
    let repository = subject.stored;
    let mut found = Found::default();
    let mut lines = Vec::new();
    let machines = machines(repository, &mut found.problems);
    for machine in machines {
        found.checked.machines += 1;
        match structure::check(repository, &machine, &mut found.problems) {
            Ok(all) => {
                let files = counted(all.len() as u64, "file");
                progress
                    .step(&format_args!("looked at the names and sizes of {files} of {machine}"));
                lines.extend(all.into_iter().filter(|line| share.has(line)));
            }
            Err(error) => found.problems.push(Problem::of_history(&machine, &error)),
        }
    }
    found.checked.files = lines.len() as u64;
    found.checked.sessions = lines.iter().filter(|line| line.is_session()).count() as u64;
    if depth >= Depth::Read {
        found.checked.bytes = contents::read(repository, &lines, &mut found.problems, progress)?;
        if share.is_all() {
            history::check(repository, &lines, &mut found.problems, progress)?;
        }
    }
    if depth >= Depth::Proof {
        let tried = proof::try_out(subject, &lines, &found.problems, progress)?;
        receipts::remember(subject.own, &tried.proof, tried.proven)?;
        found.problems.extend(tried.problems);
        found.proof = Some(tried.proof);
    }
    problem::say_once(&mut found.problems);
    let is_of_here = std::ptr::eq(subject.stored, subject.own);
    if !is_of_here {
        found.problems.iter_mut().for_each(Problem::is_elsewhere);
    } else if depth >= Depth::Read && share.is_all() {
        receipts::remember_problems(subject.own, &found.problems)
            .unwrap_or_else(|error| subject.own.warn(format!("not noted: {error:#}")));
    }
    Ok(found)
}

/// The machines to look at; none where git cannot tell.
fn machines(repository: &Repository, problems: &mut Vec<Problem>) -> Vec<MachineSlug> {
    let own = &repository.machine;
    if repository.lost_its_history().is_ok_and(|lost| lost) {
        problems.push(Problem::of_lost_history(own));
    } else if repository.vault.branch_is_lost() {
        problems.push(Problem::of_branch(own));
    }
    repository.machines().unwrap_or_else(|error| {
        // A lost branch was just named.
        if problems.is_empty() {
            problems.push(Problem::of_history(own, &error));
        }
        Vec::new()
    })
}

impl Line {
    fn is_session(&self) -> bool {
        self.entry.kind == crate::source::Kind::Transcript
    }
}

fn stopped() -> anyhow::Error {
    Failure::new(ErrorKind::Interrupted, "stopped; nothing was changed").into()
}
