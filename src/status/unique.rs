//! What would be lost with the backup folder.

use anyhow::Result;
use serde::Serialize;

use super::push::owed;
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::settings;
use crate::source::Roots;

/// What this machine has nowhere but in the backup folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnlyInBackup {
    /// Sessions of this machine that are no longer in the Claude homes.
    pub deleted_sessions: u64,
    /// Messages of this machine's sessions that only earlier versions have.
    pub earlier_messages: u64,
    /// Sessions of other machines.
    pub other_machines_sessions: u64,
    /// Commits that the remote lacks; `None` where there is no remote.
    pub unpushed_commits: Option<u64>,
}

impl OnlyInBackup {
    /// Counts it. The remote is not asked.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn count(repository: &Repository, roots: &Roots) -> Result<Self> {
        let mut counts = Self::default();
        for session in repository.index()?.sessions {
            if session.machine != repository.machine.as_str() {
                counts.other_machines_sessions += 1;
                continue;
            }
            counts.earlier_messages += session.lost_messages;
            counts.deleted_sessions += u64::from(!is_at_the_source(&session, roots));
        }
        if settings::shown_remote(&repository.vault)?.is_some() {
            counts.unpushed_commits = Some(owed(repository)?);
        }
        Ok(counts)
    }
}

/// True where a Claude home has the session's transcript now, whatever the last run saw.
fn is_at_the_source(session: &IndexEntry, roots: &Roots) -> bool {
    let file = format!("{}.jsonl", session.uuid);
    let path =
        |home: &std::path::PathBuf| home.join("projects").join(&session.project_hash).join(&file);
    !session.without_transcript && roots.all().iter().any(|home| path(home).is_file())
}
