//! `machines reject`: continue without what a machine committed.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::backend::{self, Push};
use crate::repository::{Rejection, Repository};
use crate::ui::{Mark, Page, Report};

/// Continue without a rejected commit: the machine's folder stays as it was last accepted
#[derive(Args, Clone, Debug)]
pub(super) struct RejectArgs {
    /// The machine that `status` names, or the commit where it names no machine
    #[arg(value_name = "MACHINE", required = true)]
    machines: Vec<String>,
}

impl RejectArgs {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let mut repository = Repository::open(&context.backup_dir, context.env)?;
        let remote_lock = repository.lock_remote("machines reject")?;
        let progress = context.ui.progress();
        let rejected = backend::reject(&mut repository, remote_lock, &self.machines, &*progress);
        drop(progress);
        context.warn_of(&repository);
        let (rejected, push) = rejected?;
        context.ui.emit(&RejectReport { rejected, push })
    }
}

/// What was left out, and how the push went.
#[derive(Debug, Serialize)]
struct RejectReport {
    rejected: Rejection,
    push: Push,
}

impl Report for RejectReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let Rejection { reason, .. } = &self.rejected;
        let name = self.rejected.name();
        let done = format!("The backup continues without what `{name}` committed: {reason}");
        page.mark(Mark::Good, done)?;
        match &self.push {
            Push::Failed { error, hint, said, .. } => {
                page.mark(Mark::Bad, format!("not pushed yet: {error}"))?;
                said.iter().chain(hint).try_for_each(|line| page.line(format!("  {line}")))
            }
            Push::Pushed => page.mark(Mark::Good, "Pushed"),
            _ => Ok(()),
        }
    }

    fn exit_code(&self) -> u8 {
        if matches!(self.push, Push::Failed { .. }) { 3 } else { 0 }
    }
}
