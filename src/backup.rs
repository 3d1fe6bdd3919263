//! One backup from end to end: what `sync`, `init`, a timer and a button all call.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::backend::{self, Push, Turn};
use crate::error::{ErrorKind, counted, kind};
use crate::progress::Progress;
use crate::repository::lock::Lock;
use crate::repository::{MERGE, Repository, heal, migrate, settings};
use crate::scan::Scanned;
use crate::source::{self, Roots, Scope};
use crate::sync::{self, Reading, SyncOutcome};
use crate::verify::Today;

/// What a backup reads.
#[derive(Clone, Copy, Debug)]
pub struct BackupRequest<'a> {
    /// The Claude homes.
    pub roots: &'a Roots,
    /// Which of their files.
    pub scope: Scope,
    /// Which of these are read again.
    pub reading: Reading,
}

/// Whether the remote is brought up to date too.
#[derive(Debug)]
pub enum Publishing<'a> {
    /// It is, when it is this run's turn.
    Now(Turn<'a>),
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
    #[serde(skip)]
    begun: DateTime<Utc>,
}

/// Takes over older layouts and saves what is new. The caller holds the lock.
///
/// # Errors
/// Where the repository cannot be read or written.
pub fn save(
    repository: &mut Repository,
    request: &BackupRequest<'_>,
    progress: &dyn Progress,
) -> Result<BackupOutcome> {
    let begun = repository.env().now();
    let renamed = repository.follow_renamed_folder();
    noted(repository, renamed)?;
    let sync = noted(repository, save_new(repository, request, progress))?;
    match &sync.commit {
        Some(commit) => progress.step(&format_args!("committed {commit}")),
        None => progress.step(&"nothing to commit"),
    }
    Ok(BackupOutcome {
        sync,
        pushed: false,
        push: Push::Later,
        remote: settings::shown_remote(&repository.vault)?,
        proof: None,
        scan: None,
        duration_ms: 0,
        begun,
    })
}

/// Pushes what was saved. The lock is released while this run talks to the remote.
///
/// # Errors
/// Where the user asked to stop. A push that failed is part of the outcome.
pub fn publish(
    repository: &mut Repository,
    lock: Lock,
    outcome: BackupOutcome,
    publishing: Publishing<'_>,
    progress: &dyn Progress,
) -> Result<BackupOutcome> {
    let mut outcome = outcome;
    let lock = match publishing {
        Publishing::Now(turn) if backend::has_copy(repository)? => {
            let pushed = backend::publish(repository, lock, turn, progress);
            let lock = repository.relock(MERGE);
            outcome.push = noted(repository, pushed)?;
            lock
        }
        Publishing::Now(_) => {
            outcome.push = Push::NotConfigured;
            Ok(lock)
        }
        Publishing::Later => Ok(lock),
    };
    outcome.pushed = outcome.push.is_pushed();
    tell_push(&outcome, progress);
    if let Some(commit) = &outcome.sync.commit {
        outcome.sync.commit = Some(name_now(repository, commit)?);
    }
    let duration = repository.env().now() - outcome.begun;
    outcome.duration_ms = u64::try_from(duration.num_milliseconds()).unwrap_or(0);
    let found = outcome.proof.as_ref().and_then(Today::log_line);
    let mut lines = [outcome.line()].into_iter().chain(found);
    if let Err(error) = lock.and_then(|_lock| lines.try_for_each(|line| repository.log(&line))) {
        repository.warn(format!("the run is not in the log: {error:#}"));
    }
    Ok(outcome)
}

/// The name of a commit of this run: on top of what others pushed it has another one.
fn name_now(repository: &Repository, commit: &str) -> Result<String> {
    let id = commit.parse()?;
    let head = repository.vault.head()?.filter(|_| !repository.contains(id).unwrap_or(false));
    Ok(head.map_or_else(|| commit.to_owned(), |head| head.commit.to_string()))
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
            line += &format!("; cut or rewritten at the source: {}", new_versions.len());
        }
        if !unreadable.is_empty() {
            line += &format!("; {} could not be read", counted(unreadable.len() as u64, "file"));
        }
        match &self.push {
            Push::Pushed => line += "; sent",
            Push::Failed { error, .. } => line += &format!("; not sent: {error}"),
            Push::InProgress { .. } => line += "; another run pushes it",
            Push::UpToDate | Push::NotConfigured | Push::Later => {}
        }
        line
    }
}

fn tell_push(outcome: &BackupOutcome, progress: &dyn Progress) {
    let remote = outcome.remote.as_deref().unwrap_or_default();
    match &outcome.push {
        Push::Pushed => progress.step(&format_args!("pushed to {remote}")),
        Push::UpToDate => progress.step(&format_args!("up to date: {remote}")),
        Push::NotConfigured => progress.step(&"no remote to push to"),
        Push::InProgress { .. } => progress.step(&format_args!("another run pushes to {remote}")),
        Push::Later => progress.step(&"not pushed, as --no-push says"),
        Push::Failed { error, .. } => {
            progress.step(&format_args!("not pushed to {remote}: {error}"));
        }
    }
}

fn save_new(
    repository: &Repository,
    request: &BackupRequest<'_>,
    progress: &dyn Progress,
) -> Result<SyncOutcome> {
    let BackupRequest { roots, scope, reading } = *request;
    let adopted = migrate::adopt(repository)?;
    if adopted.files > 0 {
        let files = counted(adopted.files, "file");
        progress.step(&format_args!("took over {files} of an older layout"));
    }
    if reading == Reading::Everything {
        progress.step(&"comparing the backup folder with git");
        heal::everything(repository)?;
        sync::forget_checkpoints(repository)?;
    }
    source::settings::warnings(roots).into_iter().for_each(|warning| repository.warn(warning));
    let mut prepared = sync::plan(repository, roots, scope, reading, progress)?;
    let lost = adopted.lost(&prepared.listing);
    prepared.listing.unreadable.extend(lost);
    sync::apply(repository, prepared, progress)
}
