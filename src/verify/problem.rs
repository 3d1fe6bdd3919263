//! Something that is wrong with a stored file, and what mends it.

use serde::Serialize;

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

impl ProblemKind {
    fn remedy(self) -> &'static str {
        match self {
            Self::Missing | Self::Damaged | Self::GitDamaged | Self::Lost | Self::WrongContent => {
                "claude-backup verify --repair"
            }
            Self::NotCommitted | Self::NotRestorable => "claude-backup verify --read --repair",
            Self::HistoryDamaged => {
                "move the backup's folder away and get it from its copy elsewhere with \
                 `claude-backup init --remote URL --machine NAME`"
            }
            Self::ChangedUnnoticed => "claude-backup sync --full",
            Self::Unlisted => "look at it, and remove it with git if it is not yours",
            Self::LineDamaged => "update claude-backup, or take the line from `git log -p`",
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

    /// Whose it is and where.
    #[must_use]
    pub fn place(&self) -> (String, String) {
        (self.machine.clone(), self.path.clone())
    }
}
