//! `machines forget`: the next key that the machine signs with is trusted in place of this one.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::commands::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::ui::{Mark, Page, Report};

#[derive(Args, Clone, Debug)]
pub(super) struct ForgetArgs {
    /// The machine's name in the backup
    machine: String,
}

impl ForgetArgs {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let machine = repository.known_machine(&self.machine)?;
        if machine == repository.machine {
            let message = format!("`{machine}` is this machine, and its key is its own");
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint("name another machine; `claude-backup machines list` lists them")
                .into());
        }
        let lock = repository.lock("machines forget")?;
        repository.forget(&machine)?;
        drop(lock);
        context.warn_of(&repository);
        context.ui.emit(&ForgetReport { slug: machine.to_string() })
    }
}

#[derive(Debug, Serialize)]
struct ForgetReport {
    slug: String,
}

impl Report for ForgetReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let slug = &self.slug;
        page.mark(Mark::Good, format!("Forgot the key of {slug}; its sessions stay"))?;
        page.line("The next key that it signs with is trusted")
    }

    fn is_news(&self) -> bool {
        true
    }
}
