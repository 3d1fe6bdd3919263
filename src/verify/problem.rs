//! Something that is wrong with a stored file, and what mends it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::repository::lost::LOST_HISTORY;
use crate::session::MachineSlug;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The work tree lacks a file that git has.
    Missing,
    /// A file of the work tree has other bytes than git.
    Damaged,
    /// Git's own copy is missing or damaged; the work tree's is whole.
    GitDamaged,
    /// Neither the work tree nor git has the bytes.
    Lost,
    /// The newest commit has nothing, or something else, in the place of a listed file.
    NotCommitted,
    /// The newest commit has a file that no line speaks of.
    Unlisted,
    /// Git's records of what is stored cannot be read: a commit, a tree or a ledger.
    HistoryDamaged,
    /// A ledger line cannot be read.
    LineDamaged,
    /// The bytes are whole, but not those that the line promises.
    WrongContent,
    /// It could not be given back on trial.
    NotRestorable,
    /// The source changed without its size or times telling.
    ChangedUnnoticed,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose file it is.
    pub machine: String,
    /// The stored name below the machine's folder, or the file's name at the source.
    pub path: String,
    /// What is wrong.
    pub kind: ProblemKind,
    /// The same in words.
    pub error: String,
    /// The command or the thing that mends it.
    pub remedy: String,
}

/// What mends most of it.
const REPAIR: &str = "claude-backup verify --repair";

impl ProblemKind {
    fn remedy(self) -> &'static str {
        match self {
            Self::Missing
            | Self::Damaged
            | Self::GitDamaged
            | Self::Lost
            | Self::WrongContent
            | Self::NotCommitted
            | Self::HistoryDamaged => REPAIR,
            Self::NotRestorable => {
                "mend what the error names, then look again: claude-backup verify --proof"
            }
            Self::ChangedUnnoticed => "claude-backup sync --full",
            Self::Unlisted => {
                "claude-backup verify --repair looks for its line in earlier commits; where none has \
                 one, look at it, and remove it with `git rm` and `git commit` if it is not yours"
            }
            Self::LineDamaged => {
                "update claude-backup if a newer one wrote it, else undo that change with git: \
                 `git log -p` shows it"
            }
        }
    }

    /// What mends it where a fresh clone of the copy elsewhere has it.
    fn remedy_elsewhere(self) -> &'static str {
        match self {
            Self::Missing
            | Self::Damaged
            | Self::GitDamaged
            | Self::Lost
            | Self::HistoryDamaged => {
                "send everything to a new, empty place: claude-backup backend set git --remote URL"
            }
            Self::WrongContent | Self::NotCommitted => {
                "on the machine that it is of: claude-backup verify --repair, then claude-backup sync"
            }
            Self::ChangedUnnoticed => "claude-backup sync --full",
            Self::NotRestorable | Self::Unlisted | Self::LineDamaged => self.remedy(),
        }
    }
}

impl Problem {
    pub(super) fn new(
        machine: &MachineSlug,
        path: impl Into<String>,
        kind: ProblemKind,
        error: impl Into<String>,
    ) -> Self {
        let (path, error) = (path.into(), error.into());
        Self { machine: machine.to_string(), path, kind, error, remedy: kind.remedy().into() }
    }

    /// Git cannot tell what is stored of a machine.
    pub(super) fn of_history(machine: &MachineSlug, error: &anyhow::Error) -> Self {
        Self::new(machine, "", ProblemKind::HistoryDamaged, format!("{error:#}"))
    }

    /// Git's branch is gone.
    pub(super) fn of_branch(machine: &MachineSlug) -> Self {
        let error = "git's branch is lost; the reflog knows where it was";
        Self::new(machine, super::history::BRANCH, ProblemKind::HistoryDamaged, error)
    }

    /// It is wrong at the copy elsewhere.
    pub(super) fn is_elsewhere(&mut self) {
        self.remedy = self.kind.remedy_elsewhere().into();
    }

    /// A repair was tried and left it: says what is lost, and what is still to be done.
    pub(super) fn is_beyond_repair(&mut self, verdict: &str) {
        if self.remedy != REPAIR {
            return;
        }
        let rest = match (self.kind, self.path.is_empty()) {
            (ProblemKind::HistoryDamaged, true) => {
                "what lies in the folder is kept: move its `.git` away and run `claude-backup init`"
            }
            (ProblemKind::HistoryDamaged, false) => {
                "what is not named here can be restored, and `claude-backup sync` goes on"
            }
            _ => {
                "earlier contents, if there are any: `claude-backup versions` with the session's id"
            }
        };
        self.remedy = format!("{verdict}; {rest}");
    }

    /// True where it would be no use to give it back on trial.
    pub(super) fn leaves_no_copy(&self) -> bool {
        matches!(self.kind, ProblemKind::Lost | ProblemKind::WrongContent)
    }

    /// Git knows of no backup any more.
    pub(super) fn of_lost_history(machine: &MachineSlug) -> Self {
        let found = Self::new(machine, "", ProblemKind::HistoryDamaged, LOST_HISTORY);
        Self { remedy: "claude-backup sync".into(), ..found }
    }

    /// Whose it is and where.
    #[must_use]
    pub fn place(&self) -> (String, String) {
        (self.machine.clone(), self.path.clone())
    }
}

/// Sorts problems by place, and leaves out what a worse one of the same place says too.
pub(super) fn say_once(problems: &mut Vec<Problem>) {
    problems.sort_by_key(|problem| (problem.place(), problem.kind));
    let places = |kinds: &[ProblemKind]| -> BTreeSet<_> {
        problems.iter().filter(|p| kinds.contains(&p.kind)).map(Problem::place).collect()
    };
    let missing = places(&[ProblemKind::Missing]);
    let lost = places(&[ProblemKind::Lost]);
    problems.dedup_by_key(|problem| (problem.place(), problem.kind));
    problems.retain(|problem| match problem.kind {
        ProblemKind::Missing => !lost.contains(&problem.place()),
        ProblemKind::Damaged => {
            !missing.contains(&problem.place()) && !lost.contains(&problem.place())
        }
        _ => true,
    });
}
