//! How the copy elsewhere is.

use anyhow::Result;
use serde::Serialize;

use crate::repository::manifest::LastPush;
use crate::repository::settings::{self, Mode};
use crate::repository::{Repository, SEEN};

/// The copy elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// In one word.
    pub state: CopyState,
    /// When it was last known to be equal, RFC 3339; nothing before the first time.
    pub at: Option<String>,
    /// Commits that it lacks.
    pub owed: u64,
    /// Why the last try failed.
    pub error: Option<String>,
    /// What was last sent with, as in `git 2.47.3`.
    pub transport: Option<String>,
}

/// The copy elsewhere, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// There is none, by choice.
    #[default]
    NotConfigured,
    /// It has everything.
    UpToDate,
    /// It lacks something, and nothing went wrong.
    Owed,
    /// It could not be reached or brought up to date.
    Failed,
}

impl Copy {
    /// What is known here; the remote is not asked.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(super) fn of(repository: &Repository, last: Option<LastPush>) -> Result<Self> {
        if settings::mode(&repository.vault)? == Mode::Local {
            return Ok(Self::default());
        }
        let LastPush { at, error, transport, .. } = last.unwrap_or_default();
        let owed = owed(repository)?;
        let state = match (&error, owed) {
            (Some(_), _) => CopyState::Failed,
            (None, 0) => CopyState::UpToDate,
            (None, _) => CopyState::Owed,
        };
        let transport = Some(transport).filter(|name| !name.is_empty());
        Ok(Self { state, at, owed, error, transport })
    }
}

/// Commits that the remote lacks, as far as is known here.
pub(super) fn owed(repository: &Repository) -> Result<u64> {
    let vault = &repository.vault;
    let Some(head) = vault.head()? else { return Ok(0) };
    match vault.reference(SEEN)? {
        Some(seen) if seen == head.commit => Ok(0),
        seen => Ok(vault.commits_between(seen, head.commit)?.len() as u64),
    }
}
