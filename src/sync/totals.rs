//! Sums and manifests: what other programs read of a backup.

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::SyncOutcome;
use crate::repository::Repository;
use crate::repository::cache::{Cache, Totals};
use crate::repository::ledger::Ledger;
use crate::repository::manifest::{
    ConfigTotals, LastRun, Manifest, SessionTotals, VERSION, stamp, user_of,
};
use crate::repository::settings;
use crate::source::Kind;

/// The sums of one ledger.
pub(super) fn totals_of(ledger: &Ledger) -> Totals {
    let mut totals = Totals::default();
    for entry in ledger.entries.values() {
        let stored: u64 = entry.contents().map(|content| content.stored_bytes()).sum();
        if entry.kind == Kind::Config {
            totals.config_files += 1;
            totals.config_bytes += entry.content.length;
            continue;
        }
        totals.sessions += u64::from(entry.kind == Kind::Transcript);
        totals.stored_bytes += stored;
        if entry.gone_since.is_none() {
            totals.source_bytes += entry.content.length;
        }
    }
    totals
}

/// This machine's manifest for a state of its files.
pub(super) fn machine_manifest(
    repository: &Repository,
    cache: &Cache,
    now: DateTime<Utc>,
) -> Result<Manifest> {
    let mut manifest = repository.machine_manifest(&repository.machine);
    let vault = &repository.vault;
    manifest.version = VERSION.into();
    manifest.mode = settings::mode(vault)?.as_str().into();
    manifest.schedule = vault.setting("schedule")?.unwrap_or_default();
    manifest.machine.clone_from(&repository.env().host);
    manifest.machine_slug = repository.machine.to_string();
    manifest.machine_id = settings::settle_machine(vault, &repository.machine)?;
    manifest.user = user_of(vault.remote_url()?.as_deref());
    manifest.last_sync = stamp(now);
    (manifest.config, manifest.sessions) = sums_of(cache);
    Ok(manifest)
}

/// What a machine's manifest counts.
pub(super) fn sums_of(cache: &Cache) -> (ConfigTotals, SessionTotals) {
    let projects = || cache.totals.iter().filter(|(name, _)| name.is_projects());
    let config = ConfigTotals {
        files: cache.totals.values().map(|totals| totals.config_files).sum(),
        size_bytes: cache.totals.values().map(|totals| totals.config_bytes).sum(),
    };
    let sessions = SessionTotals {
        files: projects().map(|(_, totals)| totals.sessions).sum(),
        projects: projects().count() as u64,
        size_bytes: projects().map(|(_, totals)| totals.stored_bytes).sum(),
        uncompressed_bytes: projects().map(|(_, totals)| totals.source_bytes).sum(),
    };
    (config, sessions)
}

/// What a change of the backup was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A backup, which is the last one from now on.
    Backup,
    /// Something beside one: the last backup stays the last one.
    Beside,
}

/// The root manifest: this machine's, the last run's result, and a line for each machine.
pub(super) fn write_root_manifest(
    repository: &Repository,
    mut manifest: Manifest,
    outcome: &SyncOutcome,
    occasion: Occasion,
) -> Result<()> {
    let mut root = repository.root_manifest();
    manifest.unknown.append(&mut root.unknown);
    manifest.machine_id = String::new();
    manifest.machines = Some(repository.machine_lines()?);
    manifest.last_push = root.last_push;
    match occasion {
        Occasion::Backup => manifest.last_run = Some(last_run(&manifest.last_sync, outcome)),
        Occasion::Beside => {
            manifest.last_run = root.last_run;
            manifest.last_sync = root.last_sync;
        }
    }
    repository.write_root_manifest(&manifest)
}

fn last_run(at: &str, outcome: &SyncOutcome) -> LastRun {
    let unreadable = outcome.unreadable.len() as u64;
    let result = if unreadable == 0 { "ok" } else { "incomplete" };
    LastRun { at: at.into(), result: result.into(), error: None, unreadable }
}

/// Notes in the root manifest that a run failed, and why.
///
/// # Errors
/// As the file system says, with the path.
pub fn record_failure(repository: &Repository, error: &anyhow::Error) -> Result<()> {
    let mut root = repository.root_manifest();
    root.last_run = Some(LastRun {
        at: stamp(repository.env().now()),
        result: "failed".into(),
        error: Some(format!("{error:#}")),
        unreadable: 0,
    });
    repository.write_root_manifest(&root)
}
