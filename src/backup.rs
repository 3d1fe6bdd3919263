//! One backup from end to end: what `sync`, `init`, a timer and a button all call.

use anyhow::Result;
use serde::Serialize;

use crate::backend::{self, Push};
use crate::error::{ErrorKind, kind};
use crate::progress::Progress;
use crate::repository::{Repository, heal, migrate, settings};
use crate::scan::Scanned;
use crate::source::{self, Roots, Scope};
use crate::sync::{self, Reading, SyncOutcome};
use crate::verify::Today;

/// Whether the copy elsewhere is brought up to date too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// It is.
    Now,
    /// It waits for a later run.
    Later,
}

/// What a backup did, here and elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupOutcome {
    /// Here.
    #[serde(flatten)]
    pub sync: SyncOutcome,
    /// This run brought the copy elsewhere up to date.
    pub pushed: bool,
    /// Elsewhere.
    pub push: Push,
    /// The remote, without what is secret in its address; `None` in local mode.
    pub remote: Option<String>,
    /// The share of the backup that was proven along with it; nothing where that was not its turn.
    pub proof: Option<Today>,
    /// What looks like a secret, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scanned>,
    /// From the first look to the last word.
    pub duration_ms: u64,
}

/// Takes over older layouts, saves what is new, and sends it on. The caller holds the lock.
///
/// # Errors
/// Where the repository cannot be read or written. A copy that could not be sent is no error.
pub fn run(
    repository: &mut Repository,
    roots: &Roots,
    scope: Scope,
    reading: Reading,
    publishing: Publishing,
    progress: &dyn Progress,
) -> Result<BackupOutcome> {
    let started = repository.env().now();
    let made = save_and_send(repository, roots, scope, reading, publishing, progress);
    let (sync, push) = noted(repository, made)?;
    let duration = repository.env().now() - started;
    let duration_ms = u64::try_from(duration.num_milliseconds()).unwrap_or(0);
    let outcome = BackupOutcome {
        sync,
        pushed: push.is_pushed(),
        push,
        remote: settings::shown_remote(&repository.vault)?,
        proof: None,
        scan: None,
        duration_ms,
    };
    if let Err(error) = repository.log(&outcome.line()) {
        repository.warn(format!("the run is not in the log: {error:#}"));
    }
    Ok(outcome)
}

/// Notes why a run ended before its time, for `status` and the log; where another run is at work,
/// nothing failed.
///
/// # Errors
/// The failure itself.
pub fn noted<T>(repository: &Repository, made: Result<T>) -> Result<T> {
    if let Err(error) = &made
        && kind(error) != ErrorKind::Locked
    {
        // A full disk may refuse this too; the failure itself is what has to be told.
        let _ = sync::record_failure(repository, error);
        let _ = repository.log(&format!("failed: {error:#}"));
    }
    made
}

impl BackupOutcome {
    /// What happened, in one line of the log.
    fn line(&self) -> String {
        let SyncOutcome { files, unreadable, new_versions, total_sessions, .. } = &self.sync;
        let mut line = format!(
            "saved: files new {}, changed {}; sessions in all {total_sessions}",
            files.added, files.updated
        );
        if !new_versions.is_empty() {
            line += &format!("; {} were cut or rewritten at the source", new_versions.len());
        }
        if !unreadable.is_empty() {
            line += &format!("; {} files could not be read", unreadable.len());
        }
        match &self.push {
            Push::Pushed => line += "; sent",
            Push::Failed { error, .. } => line += &format!("; not sent: {error}"),
            Push::UpToDate | Push::NotConfigured | Push::Later => {}
        }
        line
    }
}

fn save_and_send(
    repository: &mut Repository,
    roots: &Roots,
    scope: Scope,
    reading: Reading,
    publishing: Publishing,
    progress: &dyn Progress,
) -> Result<(SyncOutcome, Push)> {
    let mut sync = save(repository, roots, scope, reading, progress)?;
    let push = match publishing {
        Publishing::Now => backend::publish(repository, progress)?,
        Publishing::Later => Push::Later,
    };
    if let Some(head) = repository.vault.head()?.filter(|_| sync.commit.is_some()) {
        // On top of what others sent, the commit has another name.
        sync.commit = Some(head.commit.to_string());
    }
    Ok((sync, push))
}

fn save(
    repository: &Repository,
    roots: &Roots,
    scope: Scope,
    reading: Reading,
    progress: &dyn Progress,
) -> Result<SyncOutcome> {
    let adopted = migrate::adopt(repository)?;
    if reading == Reading::Everything {
        heal::everything(repository)?;
        sync::forget_checkpoints(repository)?;
    }
    source::settings::warnings(roots).into_iter().for_each(|warning| repository.warn(warning));
    let mut prepared = sync::plan(repository, roots, scope, reading, progress)?;
    let lost = adopted.lost(&prepared.listing);
    prepared.listing.unreadable.extend(lost);
    sync::apply(repository, prepared, progress)
}
