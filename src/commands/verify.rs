//! `verify`: check the backup, and repair it.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::backend;
use crate::repository::Repository;
use crate::ui::words::{count, size};
use crate::ui::{Mark, Page, Report};
use crate::verify::{self, Depth, Elsewhere, Found, Problem, Repaired, Share, Subject};

/// So many problems are shown to a person; programs get all.
const MOST_SHOWN: usize = 20;

/// Check the backup; repair it with --repair
#[derive(Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// Read every stored byte, here and in git, and compare it with its hash
    #[arg(long)]
    read: bool,
    /// Restore every session into an empty folder and compare it with ~/.claude
    #[arg(long)]
    proof: bool,
    /// Check a sample of N percent only, another one each day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
    /// Check a fresh clone of the remote instead
    #[arg(long, conflicts_with = "repair")]
    from_remote: bool,
    /// Read everything and repair what is damaged: from the backup, from ~/.claude, from the remote
    #[arg(long)]
    repair: bool,
}

impl VerifyArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let roots = context.roots(&repository)?;
        let share = self
            .percent
            .map_or_else(Share::all, |percent| Share::of_day(percent, context.env.now()));
        let progress = context.ui.progress();
        if self.from_remote {
            warn_of_readers(&repository)?;
        }
        let folder = repository.scratch_folder("clone")?;
        let clone = || backend::clone_into(&repository, folder.path(), &*progress);
        let copy = self.from_remote.then(clone).transpose()?;
        let stored = copy.as_ref().unwrap_or(&repository);
        let subject = Subject { stored, own: &repository, roots: &roots };
        let look = || verify::verify(&subject, self.depth(), share, &*progress);
        let repair = |found: &Found, elsewhere: &Elsewhere| {
            let _lock = repository.lock_as_it_is("verify --repair")?;
            verify::repair(&subject, found, &look, elsewhere, &*progress)
        };
        let mut found = look()?;
        let mut repaired = Vec::new();
        if self.repair && !found.problems.is_empty() {
            (found, repaired) = repair(&found, &Elsewhere::Absent)?;
        }
        // The lock is free while the remote is asked for the rest.
        if self.repair && !found.problems.is_empty() && backend::has_copy(&repository)? {
            let (rest, more) = repair(&found, &Elsewhere::of(clone()))?;
            found = rest;
            repaired.extend(more);
        }
        drop(progress);
        context.warn_of(&repository);
        context.ui.emit(&VerifyReport {
            depth: self.depth(),
            percent: self.percent,
            from_remote: self.from_remote,
            repair: self.repair.then(|| repair_words(repaired.len() as u64, &found)),
            found,
            repaired,
        })
    }

    fn depth(&self) -> Depth {
        // A repair that looks at names and sizes alone would leave most of what it could mend.
        match (self.proof, self.read || self.repair) {
            (true, _) => Depth::Proof,
            (false, true) => Depth::Read,
            (false, false) => Depth::Structure,
        }
    }
}

/// Warns where others can read the remote that is verified.
fn warn_of_readers(repository: &Repository) -> Result<()> {
    let github = backend::check_visibility(repository)?;
    if let Some(refusal) = github.and_then(|github| github.refusal()) {
        let hint = refusal.hint.as_deref().unwrap_or_default();
        repository.warn(format!("{refusal}; {hint}"));
    }
    Ok(())
}

fn repair_words(repaired: u64, found: &Found) -> (Mark, String) {
    match (repaired, found.problems.len()) {
        (0, 0) => (Mark::Good, "Nothing to repair".to_owned()),
        (0, _) => (Mark::Bad, "Nothing could be repaired".to_owned()),
        (repaired, _) => (Mark::Good, format!("{} repaired", count(repaired, "problem"))),
    }
}

#[derive(Debug, Serialize)]
struct VerifyReport {
    #[serde(skip)]
    depth: Depth,
    #[serde(skip)]
    percent: Option<u8>,
    #[serde(skip)]
    from_remote: bool,
    /// The line about repairs, where one was asked for.
    #[serde(skip)]
    repair: Option<(Mark, String)>,
    #[serde(flatten)]
    found: Found,
    repaired: Vec<Repaired>,
}

impl VerifyReport {
    /// What was checked, what was found, and what was not read.
    fn headline(&self) -> String {
        let checked = &self.found.checked;
        let what = self.what();
        let problems = self.found.problems.len() as u64;
        match (&self.found.proof, self.depth, problems) {
            (Some(proof), _, _) => format!(
                "{} of {} proven restorable ({} compared with the source)",
                proof.proven,
                count(proof.tried, "session"),
                proof.compared
            ),
            (None, Depth::Structure, 0) => {
                let verb = if checked.files == 1 { "is" } else { "are" };
                format!("{what} {verb} in place; contents not read: --read reads them")
            }
            (None, Depth::Structure, _) => {
                let problems = count(problems, "problem");
                format!("{what} checked, contents not read: {problems}; --read reads them")
            }
            (None, _, 0) => format!("{what} read and checked ({}): no damage", size(checked.bytes)),
            (None, _, _) => {
                let problems = count(problems, "problem");
                format!("{what} read and checked ({}): {problems}", size(checked.bytes))
            }
        }
    }

    fn what(&self) -> String {
        let checked = &self.found.checked;
        let (sessions, files) = (count(checked.sessions, "session"), count(checked.files, "file"));
        let place = if self.from_remote { " in a fresh clone of the remote" } else { "" };
        let share = self.percent.map(|percent| format!(" (a sample of {percent} %)"));
        format!("{files} of {sessions}{place}{}", share.unwrap_or_default())
    }
}

impl Report for VerifyReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let problems = &self.found.problems;
        let mark = if problems.is_empty() { Mark::Good } else { Mark::Warn };
        page.mark(mark, self.headline())?;
        if let Some((mark, text)) = &self.repair {
            page.mark(*mark, text)?;
        }
        for problem in problems.iter().take(MOST_SHOWN) {
            problem_words(page, problem)?;
        }
        match problems.len().checked_sub(MOST_SHOWN) {
            Some(more @ 1..) => page.line(format!("and {more} more; --json lists all")),
            _ => Ok(()),
        }
    }

    fn is_news(&self) -> bool {
        true
    }

    fn exit_code(&self) -> u8 {
        u8::from(!self.found.problems.is_empty())
    }
}

/// A problem and what mends it.
pub(super) fn problem_words(page: &mut Page<'_>, problem: &Problem) -> io::Result<()> {
    let Problem { machine, path, error, remedy, .. } = problem;
    let place = match path.as_str() {
        "" => machine.clone(),
        path if path.starts_with(".git/") => path.to_owned(),
        path => format!("{machine}/{path}"),
    };
    page.mark(Mark::Bad, format!("{place}: {error}"))?;
    page.line(format!("  {remedy}"))
}
