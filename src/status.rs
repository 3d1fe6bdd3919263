//! How the backup is, at one glance.

mod long_runs;
mod push;
mod unique;

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use crate::backend::{self, GithubState};
use crate::error::counted;
use crate::progress::Silent;
use crate::push_scan::{self, UnpushedSecret};
use crate::repository::index::IndexEntry;
use crate::repository::lock::Owner;
use crate::repository::lost::LOST_HISTORY;
use crate::repository::manifest::{
    LastRun, MachineLine, Manifest, VERSION, parse_stamp, size_words,
};
use crate::repository::settings;
use crate::repository::{Rejection, Repository};
use crate::scan::{self, LastScan};
use crate::schedule::{self, Frequency, Scheduled, Schedulers, State};
use crate::secrets::Finding;
use crate::session::MachineSlug;
use crate::source::{self, Kind, Roots, Scope, SourceFile};
use crate::sync::{self, Change, Prepared, Reading, SyncPlan};
use crate::verify::Receipts;

pub use self::push::{Copy, CopyState};
pub use self::unique::OnlyInBackup;

/// Claude Code's own retention, where the settings name none.
const DEFAULT_CLEANUP_DAYS: i64 = 30;
/// Sessions this close to their sweep are told of.
const SWEEP_WARNING_DAYS: i64 = 5;

/// A backup is daily where nothing else was said.
const USUAL_HOURS: u32 = 24;

/// Everything that `status` tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// In one word.
    pub health: Health,
    /// In sentences, the worst first.
    pub warnings: Vec<String>,
    /// `local`, `github` or `git`.
    pub mode: String,
    /// The remote, without what is secret in it; nothing in local mode.
    pub repo: Option<String>,
    /// Where the backup lies.
    pub backup_dir: String,
    /// When content was last stored: the time of the last commit, RFC 3339; empty if never.
    pub last_backup: String,
    /// How the last run here ended.
    pub last_run: Option<LastRun>,
    /// Runs that are active now.
    pub running: Vec<Owner>,
    /// What this machine's sessions take, as in `380M`.
    pub backup_size: String,
    /// The same in bytes.
    pub backup_size_bytes: u64,
    /// This machine's host name.
    pub machine: String,
    /// Its folder.
    pub machine_slug: String,
    /// The config profile.
    pub config: Part,
    /// The sessions of this machine.
    pub sessions: Part,
    /// Sessions of all machines.
    pub index: IndexCount,
    /// `active` or `inactive`.
    pub scheduler: String,
    /// `off`, `daily`, `6h`, `hourly`, or nothing.
    pub schedule: String,
    /// When the next run is due, where one is.
    pub next_run: Option<DateTime<Utc>>,
    /// As set, and what the system makes of it.
    #[serde(skip)]
    pub scheduled: Scheduled,
    /// Sessions that the source lacks and the backup keeps.
    pub gone: u64,
    /// Since when the first of them is gone.
    pub gone_since: Option<DateTime<Utc>>,
    /// The Claude home is there.
    #[serde(skip)]
    pub source_exists: bool,
    /// Sessions whose present bytes lack messages that an earlier version has.
    pub lost: Vec<Loss>,
    /// Files that are new or changed since the last backup.
    pub pending: u64,
    /// What Claude Code will delete soon.
    pub at_risk: AtRisk,
    /// The copy elsewhere.
    pub push: Copy,
    /// Who can read the remote; `None` where that is not at GitHub.
    pub github: Option<GithubState>,
    /// What another machine committed and this one does not take over.
    pub rejected: Option<Rejection>,
    /// Bytes of the whole git repository here.
    pub repository_bytes: u64,
    /// A backup was made here, and git knows of none.
    #[serde(skip)]
    pub has_lost_history: bool,
    /// What was given back on trial; nothing before there was a trial.
    pub proof: Option<Proven>,
    /// Stored files that were seen to be damaged or lost, and not to be mended since.
    pub damaged: u64,
    /// What looks like a secret in what is saved; nothing before there was a look.
    pub secrets: Option<LastScan>,
    /// What looks like a secret in commits that the remote lacks, and is not allowed: it stops the push.
    pub unpushed_secrets: Vec<UnpushedSecret>,
    /// Every machine in the backup.
    pub machines: Vec<MachineLine>,
}

/// How the backup is, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Everything is saved.
    #[default]
    Ok,
    /// This machine made no backup here yet.
    Never,
    /// Something that is stored was seen to be damaged.
    Damaged,
    /// Sessions are about to be swept that are not saved.
    AtRisk,
    /// There is something to save, and nothing was saved for days.
    Overdue,
    /// A run has been active for more than an hour.
    LongRun,
    /// A schedule is set, and no run will start.
    NotScheduled,
    /// The copy elsewhere lacks something.
    NotPushed,
    /// The last run could not save everything.
    Incomplete,
    /// A session lost messages at the source; the backup has them.
    Loss,
}

/// A part of the backup in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Files, or sessions.
    pub files: u64,
    /// Projects, for sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<u64>,
    /// As in `380M`.
    pub size: String,
    /// The same in bytes.
    pub size_bytes: u64,
}

/// Which sessions were given back on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// When the last trial was, RFC 3339.
    pub at: String,
    /// Sessions that came back at some time, of all machines.
    pub proven: u64,
    /// All sessions with a transcript.
    pub sessions: u64,
    /// When the one that was tried longest ago was.
    pub since: Option<DateTime<Utc>>,
}

/// Sessions of all machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexCount {
    /// How many.
    pub sessions: u64,
}

/// A session that became shorter at the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Its id.
    pub uuid: String,
    /// Its title.
    pub title: Option<String>,
    /// Messages that an earlier version has and the present one lacks.
    pub lost_messages: u64,
}

/// Sessions that Claude Code's own sweep will delete soon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtRisk {
    /// Sessions that will be swept within `within_days`.
    pub sessions: u64,
    /// Those of them that the backup lacks, or has less of.
    pub unsaved: u64,
    /// How soon.
    pub within_days: i64,
    /// After how many days Claude Code deletes a session.
    pub cleanup_days: i64,
}

/// Looks at the backup and at the source.
///
/// # Errors
/// Where the repository cannot be read.
pub fn read(repository: &Repository, roots: &Roots) -> Result<Status> {
    let mode = settings::mode(&repository.vault)?;
    let head = repository.vault.head()?;
    if head.is_some() && repository.vault.branch_is_lost() {
        repository.warn(LOST_BRANCH.into());
    }
    let index = repository.index()?.sessions;
    let prepared = sync::plan(repository, roots, Scope::All, Reading::Changed, &Silent)?;
    let manifest = manifest(repository, &prepared)?;
    let size = manifest.sessions.size_bytes;
    let scheduled = schedule::look(repository, &Schedulers::of(repository.env()))?;
    let receipts = Receipts::load(repository);
    let mut status = Status {
        version: VERSION.into(),
        mode: mode.as_str().into(),
        repo: settings::shown_remote(&repository.vault)?,
        backup_dir: repository.root().display().to_string(),
        last_backup: head.map(|head| head.time.to_rfc3339()).unwrap_or_default(),
        last_run: manifest.last_run,
        running: repository.running()?,
        backup_size: size_words(size),
        backup_size_bytes: size,
        machine: repository.env().host.clone(),
        machine_slug: repository.machine.to_string(),
        config: part(manifest.config.files, None, manifest.config.size_bytes),
        sessions: part(manifest.sessions.files, Some(manifest.sessions.projects), size),
        proof: proven(&receipts, &index),
        damaged: receipts.problems.len() as u64,
        secrets: scan::last(repository),
        index: IndexCount { sessions: index.len() as u64 },
        scheduler: if scheduled.state == State::Active { "active" } else { "inactive" }.into(),
        schedule: scheduled.frequency.map(Frequency::as_str).unwrap_or_default().into(),
        next_run: scheduled.next,
        scheduled,
        gone: index.iter().filter(|session| session.gone_since.is_some()).count() as u64,
        gone_since: index.iter().filter_map(|session| session.gone_since).min(),
        source_exists: roots.primary().is_dir(),
        lost: losses(&index, &repository.machine),
        pending: pending(&prepared.plan),
        at_risk: at_risk(&prepared, roots, repository.env().now()),
        machines: manifest.machines.unwrap_or_default(),
        push: Copy::of(repository, manifest.last_push)?,
        github: backend::check_visibility(repository)?,
        repository_bytes: repository.vault.pack_bytes()?,
        has_lost_history: repository.lost_its_history()?,
        rejected: repository.pending_rejection()?,
        ..Status::default()
    };
    if status.push.state != CopyState::NotConfigured {
        status.unpushed_secrets = push_scan::find_unpushed(repository)?;
        status.unpushed_secrets.retain(|secret| !secret.allowed);
    }
    judge(&mut status, repository.env().now());
    if status.push.state != CopyState::NotConfigured {
        status.warnings.extend(repository.sizes.warning(status.repository_bytes));
    }
    status.warnings.extend(source::settings::warnings(roots));
    let met = repository.take_warnings().into_iter();
    status.warnings.extend(met.filter(|warning| warning != LOST_HISTORY));
    Ok(status)
}

/// What is told while the branch is read from its log.
const LOST_BRANCH: &str = "git's branch is lost; the reflog knows where it was, and the next \
                           `claude-backup sync` puts it there again";

/// The root manifest; what a missing or damaged one, or another machine's, would say is counted again.
fn manifest(repository: &Repository, prepared: &Prepared) -> Result<Manifest> {
    let mut manifest = repository.root_manifest();
    // A shell tool's may be of another machine; ours may have been lost.
    if manifest.machine_slug != repository.machine.as_str() {
        (manifest.config, manifest.sessions) = prepared.sums();
        let lines = repository.machines()?.into_iter();
        let lines = lines.map(|slug| repository.machine_manifest(&slug).line(slug.as_str()));
        manifest.machines = Some(lines.collect());
    }
    Ok(manifest)
}

fn proven(receipts: &Receipts, index: &[IndexEntry]) -> Option<Proven> {
    let at = receipts.last.as_ref()?.at.clone();
    let whole = index.iter().filter(|session| !session.without_transcript);
    let names: Vec<String> =
        whole.map(|session| format!("{}/{}", session.machine, session.uuid)).collect();
    let (proven, since) = receipts.proven(names.iter().map(String::as_str));
    Some(Proven { at, proven, sessions: names.len() as u64, since })
}

fn part(files: u64, projects: Option<u64>, size_bytes: u64) -> Part {
    Part { files, projects, size: size_words(size_bytes), size_bytes }
}

/// This machine's: each machine tells of its own, and only it can take note of them.
fn losses(index: &[IndexEntry], machine: &MachineSlug) -> Vec<Loss> {
    let own = index.iter().filter(|session| session.machine == machine.as_str());
    let lost = own.filter(|session| session.lost_messages > 0 && !session.acknowledged);
    lost.map(|session| Loss {
        uuid: session.uuid.clone(),
        title: session.title.clone(),
        lost_messages: session.lost_messages,
    })
    .collect()
}

/// Files that a sync would store; what is gone is stored already.
fn pending(plan: &SyncPlan) -> u64 {
    plan.changes.iter().filter(|c| !matches!(c, Change::GoneAtSource(_))).count() as u64
}

fn at_risk(prepared: &Prepared, roots: &Roots, now: DateTime<Utc>) -> AtRisk {
    let cleanup_days = cleanup_days(roots);
    let age = Duration::try_days(cleanup_days.saturating_sub(SWEEP_WARNING_DAYS));
    let swept_until =
        age.and_then(|age| now.checked_sub_signed(age)).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let limit = i128::from(swept_until.timestamp()) * 1_000_000_000;
    let is_due = |file: &SourceFile| file.kind == Kind::Transcript && file.stat.mtime_ns <= limit;
    let unsaved = prepared.plan.changes.iter().filter(|change| match change {
        Change::Add(found) | Change::Grow(found) | Change::Compare(found) => is_due(&found.file),
        Change::Move { .. } | Change::GoneAtSource(_) => false,
    });
    AtRisk {
        sessions: prepared.listing.files.iter().filter(|file| is_due(file)).count() as u64,
        unsaved: unsaved.count() as u64,
        within_days: SWEEP_WARNING_DAYS,
        cleanup_days,
    }
}

/// `cleanupPeriodDays` of the settings.
fn cleanup_days(roots: &Roots) -> i64 {
    let settings = source::settings::read(&roots.primary().join("settings.json")).ok().flatten();
    let days = settings.and_then(|settings| settings["cleanupPeriodDays"].as_i64());
    days.filter(|days| *days > 0).unwrap_or(DEFAULT_CLEANUP_DAYS)
}

fn judge(status: &mut Status, now: DateTime<Utc>) {
    let mut found: Vec<(Health, String)> = Vec::new();
    if status.has_lost_history {
        found.push((Health::Damaged, LOST_HISTORY.into()));
    }
    if status.gone > 0 && !status.source_exists {
        let text = "the Claude home is not there; get it back with `claude-backup restore --all`";
        found.push((Health::Loss, text.to_owned()));
    }
    let has_folder = status.machines.iter().any(|line| line.slug == status.machine_slug);
    if status.last_run.is_none() && !has_folder {
        let text = "this machine has not saved anything here yet; run `claude-backup sync`";
        found.push((Health::Never, text.to_owned()));
    }
    if status.damaged > 0 {
        let files = counted(status.damaged, "file");
        let text = format!(
            "damage was seen in {files} of the backup; run `claude-backup verify --repair`"
        );
        found.push((Health::Damaged, text));
    }
    if status.at_risk.unsaved > 0 {
        let AtRisk { unsaved, within_days, .. } = status.at_risk;
        found.push((
            Health::AtRisk,
            format!(
                "{} will be deleted by Claude Code within {within_days} days; run `claude-backup sync`",
                counted(unsaved, "unsaved session")
            ),
        ));
    }
    let long_runs = long_runs::warnings(&status.running, now);
    found.extend(long_runs.map(|text| (Health::LongRun, text)));
    found.extend(overdue(status, now).map(|text| (Health::Overdue, text)));
    let Scheduled { frequency, state, .. } = &status.scheduled;
    found.extend(schedule::problem(*frequency, state).map(|text| (Health::NotScheduled, text)));
    let refused = open_to_others(status).or_else(|| status.rejected.as_ref().map(rejected));
    if let Some(text) = refused.or_else(|| not_pushed(status)) {
        found.push((Health::NotPushed, text));
    }
    if let Some(run) = status.last_run.as_ref().filter(|run| run.result != "ok") {
        let unread = || format!("{} could not be read", counted(run.unreadable, "file"));
        let why = run.error.clone().unwrap_or_else(unread);
        let text = format!("the last run did not save everything: {why}; see `claude-backup sync`");
        found.push((Health::Incomplete, text));
    }
    for loss in &status.lost {
        let Loss { uuid, lost_messages, .. } = loss;
        found.push((
            Health::Loss,
            format!(
                "session {uuid} lost {} at the source; the backup has them: `claude-backup versions {uuid}`",
                counted(*lost_messages, "message")
            ),
        ));
    }
    status.health = found.first().map_or(Health::Ok, |(health, _)| *health);
    status.warnings = found.into_iter().map(|(_, text)| text).collect();
}

/// There is something to save, and two runs were missed.
fn overdue(status: &Status, now: DateTime<Utc>) -> Option<String> {
    let every = status.scheduled.frequency.and_then(Frequency::hours).unwrap_or(USUAL_HOURS);
    let hours = last_run_time(status).map_or(0, |last| (now - last).num_hours());
    if status.pending == 0 || hours < 2 * i64::from(every) {
        return None;
    }
    let pending = counted(status.pending, "file");
    let passed = match hours / 24 {
        0 | 1 => format!("{hours} hours"),
        days => format!("{days} days"),
    };
    Some(format!("{pending} new or changed, and no backup for {passed}; run `claude-backup sync`"))
}

/// Others can read the remote, so nothing is pushed.
fn open_to_others(status: &Status) -> Option<String> {
    let refusal = status.github.as_ref()?.refusal()?;
    let hint = refusal.hint.as_deref().unwrap_or_default();
    Some(format!("{refusal}, so nothing is pushed; {hint}"))
}

/// What is at the remote and not taken over, with the way out.
fn rejected(rejection: &Rejection) -> String {
    let failure = rejection.failure();
    let hint = failure.hint.as_deref().unwrap_or_default();
    format!("nothing is pushed or merged: {failure}; {hint}")
}

fn not_pushed(status: &Status) -> Option<String> {
    if let Some(secret) = status.unpushed_secrets.first() {
        let (path, Finding { line, kind, .. }) = (&secret.path, &secret.finding);
        let secrets = counted(status.unpushed_secrets.len() as u64, "likely secret");
        return Some(format!(
            "no push: {secrets} in the config profile ({path}:{line}: {kind}); see `claude-backup secrets list`"
        ));
    }
    let copy = &status.push;
    let owed = match copy.owed {
        0 => "the copy elsewhere has everything of this machine".to_owned(),
        owed => format!("the copy elsewhere lacks {}", counted(owed, "backup")),
    };
    match (copy.state, &copy.error) {
        (CopyState::Failed, Some(error)) => {
            Some(format!("{owed}, and the last try failed: {error}; run `claude-backup sync`"))
        }
        (CopyState::Owed, _) => Some(format!("{owed}; run `claude-backup sync`")),
        _ => None,
    }
}

/// The time of the last run here; where none is known, that of the last commit.
#[must_use]
pub fn last_run_time(status: &Status) -> Option<DateTime<Utc>> {
    let run = status.last_run.as_ref().and_then(|run| parse_stamp(&run.at));
    run.or_else(|| parse_stamp(&status.last_backup))
}
