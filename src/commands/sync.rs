//! `sync`: save what is new.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use super::saved::Saved;
use crate::backend::Turn;
use crate::backup::{self, BackupRequest, Publishing};
use crate::repository::{Repository, SecretPolicy};
use crate::scan;
use crate::source::Scope;
use crate::sync::{self, Change, Prepared, Reading};
use crate::ui::words::{count, size};
use crate::ui::{Page, Report};
use crate::verify;

/// Save what is new
#[derive(Args, Clone, Debug, Default)]
pub struct SyncArgs {
    /// Save the config profile only
    #[arg(long, conflicts_with = "sessions_only")]
    config_only: bool,
    /// Save everything but the config profile
    #[arg(long)]
    sessions_only: bool,
    /// Show what would be saved, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Read every file again, changed or not
    #[arg(long)]
    full: bool,
    /// Look for what may be secrets in everything that is saved, too
    #[arg(long, conflicts_with = "dry_run")]
    scan: bool,
    /// Do not send the copy elsewhere
    #[arg(long)]
    no_push: bool,
    /// Push what looks like a secret too
    #[arg(long, conflicts_with = "no_push")]
    allow_secrets: bool,
}

impl SyncArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let mut repository = Repository::open(&context.backup_dir, context.env)?;
        repository.secret_policy = SecretPolicy::of(self.allow_secrets);
        let roots = context.roots(&repository)?;
        if self.dry_run {
            let progress = context.ui.progress();
            let (scope, reading) = (self.scope(), self.reading());
            let prepared = sync::plan(&repository, &roots, scope, reading, &*progress)?;
            return context.ui.emit(&DryRun::new(&prepared));
        }
        let lock = backup::noted(&repository, repository.lock("sync"))?;
        let progress = context.ui.progress();
        let request = BackupRequest { roots: &roots, scope: self.scope(), reading: self.reading() };
        let mut outcome = backup::save(&mut repository, &request, &*progress)?;
        outcome.proof = verify::prove_daily(&repository, &roots, &*progress);
        if self.scan {
            outcome.scan = Some(scan::run(&repository, &roots, &*progress)?);
        }
        let publishing = match self.no_push {
            true => Publishing::Later,
            false => Publishing::Now(Turn::Wanted("sync")),
        };
        let outcome = backup::publish(&mut repository, lock, outcome, publishing, &*progress)?;
        drop(progress);
        context.warn_of(&repository);
        let backup_dir = context.backup_dir.clone();
        context.ui.emit(&Saved { outcome, backup_dir })
    }

    fn scope(&self) -> Scope {
        match (self.config_only, self.sessions_only) {
            (true, _) => Scope::ConfigOnly,
            (_, true) => Scope::SessionsOnly,
            _ => Scope::All,
        }
    }

    fn reading(&self) -> Reading {
        if self.full { Reading::Everything } else { Reading::Changed }
    }
}

/// What a sync would do.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRun {
    dry_run: bool,
    add: Vec<String>,
    grow: Vec<String>,
    compare: Vec<String>,
    moved: Vec<String>,
    gone_at_source: Vec<String>,
    unchanged: u64,
    unreadable: u64,
    bytes_to_read: u64,
}

impl DryRun {
    fn new(prepared: &Prepared) -> Self {
        let plan = &prepared.plan;
        let unreadable = prepared.listing.unreadable.len() as u64;
        let unchanged = plan.unchanged;
        let mut report = Self { dry_run: true, unchanged, unreadable, ..Self::default() };
        for change in &plan.changes {
            let (list, path, bytes) = match change {
                Change::Add(found) => (&mut report.add, &found.path, found.file.stat.size),
                Change::Grow(found) => (&mut report.grow, &found.path, found.file.stat.size),
                Change::Compare(found) => (&mut report.compare, &found.path, found.file.stat.size),
                Change::Move { to, .. } => (&mut report.moved, &to.path, to.file.stat.size),
                Change::GoneAtSource(path) => (&mut report.gone_at_source, path, 0),
            };
            list.push(path.to_string());
            report.bytes_to_read += bytes;
        }
        report
    }
}

impl Report for DryRun {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        for (word, paths) in [
            ("add", &self.add),
            ("grow", &self.grow),
            ("compare", &self.compare),
            ("move", &self.moved),
            ("keep", &self.gone_at_source),
        ] {
            for path in paths {
                page.line(format!("{word:8} {path}"))?;
            }
        }
        let changes = self.add.len() + self.grow.len() + self.compare.len() + self.moved.len();
        let changes = count(changes as u64, "file");
        let unchanged = count(self.unchanged, "file");
        page.line(format!(
            "Would read {changes} ({}); {unchanged} unchanged; nothing was written",
            size(self.bytes_to_read)
        ))
    }
}
