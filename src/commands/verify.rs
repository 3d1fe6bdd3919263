//! `verify`: prove that the backup holds.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::backend;
use crate::repository::Repository;
use crate::source::Roots;
use crate::ui::words::{count, size};
use crate::ui::{Mark, Page, Report};
use crate::verify::{self, Depth, Elsewhere, Found, Problem, Repaired, Share, Subject};

/// So many problems are shown to a person; programs get all.
const MOST_SHOWN: usize = 20;

/// Prove that the backup holds
#[derive(Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// Read every stored byte, here and in git, and compare it with its hash
    #[arg(long)]
    read: bool,
    /// Give every session back into an empty folder and compare it with the source
    #[arg(long)]
    proof: bool,
    /// Look at N percent only, other ones each day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
    /// Look at a fresh clone of the copy elsewhere instead
    #[arg(long, conflicts_with = "repair")]
    from_remote: bool,
    /// Read everything, and mend what can be mended: from here, from the source, from the copy elsewhere
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
        let roots = Roots::find(context.claude_dir.as_deref(), context.env);
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
        let mut found = look()?;
        let mut repaired = Vec::new();
        if self.repair && !found.problems.is_empty() {
            let _lock = repository.lock_as_it_is("verify --repair")?;
            let has_copy = || backend::has_copy(&repository);
            let mut elsewhere = Elsewhere::new(|| has_copy()?.then(clone).transpose());
            (found, repaired) =
                verify::repair(&subject, &found, &look, &mut elsewhere, &*progress)?;
        }
        drop(progress);
        context.warn_of(&repository);
        context.ui.emit(&VerifyReport { depth: self.depth(), found, repaired })
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

#[derive(Debug, Serialize)]
struct VerifyReport {
    #[serde(skip)]
    depth: Depth,
    #[serde(flatten)]
    found: Found,
    repaired: Vec<Repaired>,
}

impl VerifyReport {
    fn headline(&self) -> String {
        let checked = &self.found.checked;
        let (sessions, files) = (count(checked.sessions, "session"), count(checked.files, "file"));
        match (&self.found.proof, self.depth) {
            (Some(proof), _) => format!(
                "{} of {} proven restorable ({} compared with the source)",
                proof.proven,
                count(proof.tried, "session"),
                proof.compared
            ),
            (None, Depth::Structure) => format!("{sessions} ({files}) have their places"),
            (None, _) => format!("{sessions} ({files}) read to the end, {}", size(checked.bytes)),
        }
    }
}

impl Report for VerifyReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let problems = &self.found.problems;
        let mark = if problems.is_empty() { Mark::Good } else { Mark::Warn };
        page.mark(mark, self.headline())?;
        if !self.repaired.is_empty() {
            let repaired = count(self.repaired.len() as u64, "problem");
            page.mark(Mark::Good, format!("{repaired} mended"))?;
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
