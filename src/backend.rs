//! The copy elsewhere.

use anyhow::Result;
use serde::Serialize;

use crate::repository::Repository;
use crate::repository::settings::{self, Mode};

/// What became of the copy elsewhere; a failure is an outcome, for the data is committed already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Push {
    /// It was brought up to date.
    Pushed,
    /// It was up to date.
    UpToDate,
    /// There is none, by choice.
    NotConfigured,
    /// It waits for a later run, by request.
    Later,
    /// It could not be brought up to date.
    Failed {
        /// Why.
        error: String,
    },
}

impl Push {
    /// True where this run sent something.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        *self == Self::Pushed
    }
}

/// Makes the copy elsewhere equal to the repository.
///
/// # Errors
/// Where the repository's settings cannot be read.
pub fn publish(repository: &Repository) -> Result<Push> {
    Ok(match settings::mode(&repository.vault)? {
        Mode::Local => Push::NotConfigured,
        Mode::Github | Mode::Git => {
            Push::Failed { error: "this version keeps backups on this machine only".into() }
        }
    })
}
