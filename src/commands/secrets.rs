//! `secrets`: likely secrets in the config profile that stop a push.

use std::io;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::Context;
use crate::backup::{self, BackupRequest};
use crate::push_scan::{self, UnpushedSecret};
use crate::repository::Repository;
use crate::source::Scope;
use crate::sync::Reading;
use crate::ui::words::count;
use crate::ui::{Mark, Page, Report};

/// List, allow or remove likely secrets that stop a push
#[derive(Args, Clone, Debug)]
pub struct SecretsArgs {
    #[command(subcommand)]
    command: SecretsCommand,
}

/// What to do about them.
#[derive(Clone, Debug, Subcommand)]
enum SecretsCommand {
    /// List likely secrets in commits that were not pushed yet
    List,
    /// Let secrets be pushed from now on
    Allow(AllowArgs),
    /// Remove secrets from commits that were never pushed, once they are removed from the files
    Purge,
}

#[derive(Args, Clone, Debug)]
struct AllowArgs {
    /// The secrets' fingerprints, as `secrets list` prints them
    #[arg(required = true, value_name = "FINGERPRINT")]
    fingerprints: Vec<String>,
}

impl SecretsArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let mut repository = Repository::open(&context.backup_dir, context.env)?;
        let report = match self.command {
            SecretsCommand::List => {
                SecretsReport::List { secrets: push_scan::find_unpushed(&repository)? }
            }
            SecretsCommand::Allow(args) => {
                let _lock = repository.lock("secrets allow")?;
                let allowed = push_scan::allow(&repository, &args.fingerprints)?;
                SecretsReport::Allow { allowed }
            }
            SecretsCommand::Purge => purge(&mut repository, context)?,
        };
        context.warn_of(&repository);
        context.ui.emit(&report)
    }
}

/// Saves the files as they are now, so that the newest commit has what is to stay.
fn purge(repository: &mut Repository, context: &Context<'_>) -> Result<SecretsReport> {
    // Nobody pushes the commits that are about to be rewritten.
    let _remote_lock = repository.lock_remote("secrets purge")?;
    let _lock = repository.lock("secrets purge")?;
    let roots = context.roots(repository)?;
    let progress = context.ui.progress();
    let request =
        BackupRequest { roots: &roots, scope: Scope::ConfigOnly, reading: Reading::Changed };
    backup::save(repository, &request, &*progress)?;
    let purged = push_scan::purge(repository)?;
    Ok(SecretsReport::Purge { purged: purged.secrets, commits: purged.commits })
}

/// What there is, what may be pushed, or what is gone.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SecretsReport {
    List { secrets: Vec<UnpushedSecret> },
    Allow { allowed: Vec<UnpushedSecret> },
    Purge { purged: Vec<UnpushedSecret>, commits: usize },
}

impl Report for SecretsReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        match self {
            Self::List { secrets } if secrets.is_empty() => page
                .mark(Mark::Good, "No unpushed commit has a likely secret in the config profile"),
            Self::List { secrets } => {
                let number = count(secrets.len() as u64, "likely secret");
                page.mark(Mark::Warn, format!("{number} in commits that were not pushed yet"))?;
                lines(page, secrets)?;
                page.line("  to push one anyway: claude-backup secrets allow FINGERPRINT")?;
                page.line("  to remove them: edit the files, then claude-backup secrets purge")
            }
            Self::Allow { allowed } => {
                page.mark(Mark::Good, "These will be pushed from now on")?;
                lines(page, allowed)
            }
            Self::Purge { purged, .. } if purged.is_empty() => {
                page.mark(Mark::Good, "No unpushed commit has a likely secret; nothing was changed")
            }
            Self::Purge { purged, commits } => {
                let number = count(purged.len() as u64, "secret");
                let commits = count(*commits as u64, "commit");
                page.mark(Mark::Good, format!("Removed {number} from {commits}"))?;
                lines(page, purged)
            }
        }
    }
}

fn lines(page: &mut Page<'_>, secrets: &[UnpushedSecret]) -> io::Result<()> {
    for UnpushedSecret { path, finding, allowed, .. } in secrets {
        let allowed = if *allowed { ", allowed" } else { "" };
        let (line, kind, fingerprint) = (finding.line, finding.kind, &finding.fingerprint);
        page.line(format!("  {fingerprint}  {path}:{line}: {kind}{allowed}"))?;
    }
    Ok(())
}
