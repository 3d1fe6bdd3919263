//! What went wrong, as a kind, a chain of causes and a hint.
//!
//! Work returns `anyhow::Result`; a [`Failure`] somewhere in the chain carries the kind (and so the
//! exit code and the JSON `code`) and the command that mends it. Anything else is [`ErrorKind::Failed`].

use std::fmt;

use serde::Serialize;

/// The kinds of failure that scripts can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Anything not named below.
    Failed,
    /// The words of the call are wrong.
    Usage,
    /// There is no backup at the given place.
    NoRepository,
    /// Another run is at work.
    Locked,
    /// No session, file or version of that name.
    NotFound,
    /// More than one session fits.
    Ambiguous,
    /// Something else is where a file should go.
    Exists,
    /// A remote cannot be reached.
    Unreachable,
    /// A remote does not let us in.
    Unauthorized,
    /// A remote or its host does not take what it is given.
    Refused,
    /// Others can read the remote repository, and the user has not accepted that.
    PublicRepository,
    /// A remote or a program made no progress for too long.
    TimedOut,
    /// A commit of another machine has what no backup has, and is not taken over.
    CommitRejected,
    /// A push would publish what looks like a secret.
    SecretFound,
    /// A machine's key would have to be accepted first.
    KeyNotAccepted,
    /// Stopped by the user.
    Interrupted,
}

impl ErrorKind {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed
            | Self::NotFound
            | Self::Ambiguous
            | Self::Exists
            | Self::Unreachable
            | Self::Unauthorized
            | Self::Refused
            | Self::PublicRepository
            | Self::TimedOut
            | Self::SecretFound
            | Self::KeyNotAccepted => 1,
            Self::Usage => 2,
            Self::CommitRejected => 3,
            Self::NoRepository => 10,
            Self::Locked => 11,
            Self::Interrupted => 130,
        }
    }
}

/// A failure that knows its kind and how to mend it.
#[derive(Debug)]
pub struct Failure {
    /// Decides exit code and JSON code.
    pub kind: ErrorKind,
    /// A lowercase fragment.
    pub message: String,
    /// The command to type, or the thing to do.
    pub hint: Option<String>,
    /// Rows of a table for a person, such as the sessions to choose from; programs read `details`.
    pub rows: Vec<Vec<String>>,
    /// Further lines for a person, below the rows.
    pub lines: Vec<String>,
    /// Extra JSON fields, such as `candidates`.
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Failure {
    /// A failure of this kind with this message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let details = serde_json::Map::new();
        let (rows, lines) = (Vec::new(), Vec::new());
        Self { kind, message: message.into(), hint: None, rows, lines, details }
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a row that only a person sees; all rows have the same number of cells.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = String>) -> Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Adds a line that only a person sees.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds a JSON field.
    #[must_use]
    pub fn detail(mut self, name: &str, value: serde_json::Value) -> Self {
        self.details.insert(name.into(), value);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The failure inside a chain, if one was named.
#[must_use]
pub fn failure(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>().or_else(|| error.chain().find_map(|e| e.downcast_ref()))
}

/// The kind of a chain.
#[must_use]
pub fn kind(error: &anyhow::Error) -> ErrorKind {
    failure(error).map_or(ErrorKind::Failed, |f| f.kind)
}

/// The chain in one line: `outermost: …: innermost`.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

/// A number with its noun in the right form, for messages: `1 file`, `2 files`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
