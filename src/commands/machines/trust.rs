//! `machines trust`: the new key of a reinstalled machine, accepted by somebody who compared it.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::commands::Context;
use crate::commands::accept::{AcceptArgs, Question};
use crate::repository::Repository;
use crate::repository::trust::{Acceptance, KeyChange};
use crate::sync;
use crate::ui::{Mark, Page, Report};

#[derive(Args, Clone, Debug)]
pub(super) struct TrustArgs {
    /// The machine's name in the backup
    machine: String,
    #[command(flatten)]
    accept: AcceptArgs,
    /// Accept the key that the machine publishes now
    #[arg(long)]
    yes: bool,
}

impl TrustArgs {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let machine = repository.known_machine(&self.machine)?;
        let KeyChange { old, new } = repository.key_change(&machine)?;
        if !self.yes {
            let trusted = old.as_ref().map_or_else(|| "none".into(), ToString::to_string);
            let question = Question {
                notes: vec![
                    format!("trusted key   {trusted}"),
                    format!("new key       {}", new.name()),
                ],
                text: format!("Trust what `{machine}` stores with the new key?"),
                command: format!("claude-backup machines trust {machine}"),
            };
            self.accept.agree(&new, &question, context)?;
        }
        let lock = repository.lock("machines trust")?;
        match &new {
            Acceptance::Key(key) if machine != repository.machine => {
                repository.trust(&machine, key)?;
            }
            _ => merge_kept_state(&repository, &new)?,
        }
        repository.refresh_derived()?;
        drop(lock);
        context.warn_of(&repository);
        context.ui.emit(&TrustReport {
            slug: machine.to_string(),
            fingerprint: new.name(),
            former_fingerprint: old.map(|key| key.fingerprint()),
        })
    }
}

/// Takes over what a key that is accepted now put into this machine's own folder.
fn merge_kept_state(repository: &Repository, acceptance: &Acceptance) -> Result<()> {
    let Some((commit, _)) = repository.kept_states()?.pop() else { return Ok(()) };
    repository.accept_own(&repository.machine, commit, acceptance)?;
    if let Some(folder) = repository.accepted_state(commit, acceptance)? {
        sync::reunite(repository, folder)?;
    }
    repository.drop_kept_state(commit)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustReport {
    slug: String,
    fingerprint: String,
    former_fingerprint: Option<String>,
}

impl Report for TrustReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.mark(Mark::Good, format!("Trusting {} with the key {}", self.slug, self.fingerprint))
    }

    fn is_news(&self) -> bool {
        true
    }
}
