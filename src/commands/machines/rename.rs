//! `machines rename`: another name for this machine's folder, with its history and its key.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::commands::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::{Repository, migrate};
use crate::session::MachineSlug;
use crate::ui::{Mark, Page, Report};

#[derive(Args, Clone, Debug)]
pub(super) struct RenameArgs {
    /// This machine's name in the backup
    old: String,
    /// Its new name
    new: String,
}

impl RenameArgs {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let new = MachineSlug::new(self.new.as_str())?;
        let mut repository = Repository::open(&context.backup_dir, context.env)?;
        let old = repository.known_machine(&self.old)?;
        if old != repository.machine {
            let message = format!("only `{old}` itself can rename its folder");
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint(format!(
                    "run the same command on {old}; this machine is {}",
                    repository.machine
                ))
                .into());
        }
        if repository.machines()?.contains(&new) {
            let message = format!("the backup has a machine `{new}` already");
            return Err(Failure::new(ErrorKind::Exists, message)
                .hint("choose another name")
                .into());
        }
        let lock = repository.lock("machines rename")?;
        migrate::adopt(&repository)?;
        repository.rename_to(&new)?;
        repository.refresh_derived()?;
        drop(lock);
        context.warn_of(&repository);
        context.ui.emit(&RenameReport { former: old.to_string(), slug: new.to_string() })
    }
}

#[derive(Debug, Serialize)]
struct RenameReport {
    former: String,
    slug: String,
}

impl Report for RenameReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.mark(Mark::Good, format!("{} is called {} from now on", self.former, self.slug))?;
        page.line("The next `claude-backup sync` tells the other machines")
    }

    fn is_news(&self) -> bool {
        true
    }
}
