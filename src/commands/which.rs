//! Which session a command is about.

use anyhow::Result;
use clap::Args;

use crate::repository::Repository;
use crate::repository::find::Filter;
use crate::repository::index::IndexEntry;

/// The words that name one session
#[derive(Args, Clone, Debug)]
pub(super) struct Which {
    /// Session id, or a unique prefix
    session: String,
    /// Only sessions of this machine
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// Only projects whose path or folder name has this in it
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, value_parser = super::project_name)]
    project: Option<String>,
}

impl Which {
    /// The session that is meant.
    ///
    /// # Errors
    /// Where none or several fit.
    pub(super) fn find(&self, repository: &Repository) -> Result<IndexEntry> {
        let (machine, project) = (self.machine.clone(), self.project.clone());
        let filter = Filter { machine, project, ..Filter::default() };
        repository.find_session(&self.session, &filter)
    }
}
