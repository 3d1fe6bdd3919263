//! `uninstall`: take the schedule away, and the backup too where that is really wanted.

use std::io;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::schedule::{self, Frequency, Schedulers};
use crate::ui::words::{count, place};
use crate::ui::{Answer, Mark, Page, Report, Span};

/// Take the schedule away, and the backup too if you say so
#[derive(Args, Clone, Debug)]
pub struct UninstallArgs {
    /// Delete the backup's folder, with all that only it has
    #[arg(long)]
    delete_data: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

impl UninstallArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the schedule cannot be taken away; then the backup stays too.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let found = Repository::find(&context.backup_dir, context.env)?;
        let schedulers = Schedulers::of(context.env);
        let Some(repository) = found else {
            schedule::remove(&schedulers)?;
            return context.ui.emit(&UninstallReport::new(false, context));
        };
        // Nobody may be pushing what is deleted.
        let remote_lock = repository.lock_remote("uninstall")?;
        let lock = repository.lock("uninstall")?;
        schedule::forget(&repository, &schedulers)?;
        let data_deleted = self.wants_data_deleted(&repository, context)?;
        if data_deleted {
            drop((lock, remote_lock));
            delete(&repository)?;
        }
        context.ui.emit(&UninstallReport::new(data_deleted, context))
    }

    /// What cannot be taken back is asked for twice: by the flag, and by a question or `--yes`.
    fn wants_data_deleted(
        &self,
        repository: &Repository,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        if !self.delete_data && !context.ui.can_ask() {
            return Ok(false);
        }
        if self.yes {
            return Ok(self.delete_data);
        }
        let sessions = repository.index()?.sessions;
        let gone = sessions.iter().filter(|session| session.gone_since.is_some()).count() as u64;
        let question = format!(
            "Delete {} with {}, {} of which are nowhere else on this machine?",
            place(repository.root(), context.env),
            count(sessions.len() as u64, "session"),
            gone
        );
        match context.ui.ask(&question, Answer::No) {
            Some(answer) => Ok(answer == Answer::Yes),
            None if self.delete_data => {
                Err(Failure::new(ErrorKind::Usage, "nobody answers whether to delete the backup")
                    .hint("add --yes, or leave --delete-data out")
                    .into())
            }
            None => Ok(false),
        }
    }
}

fn delete(repository: &Repository) -> Result<()> {
    let root = repository.root();
    fs_err::remove_dir_all(root)
        .with_context(|| format!("cannot delete all of `{}`", root.display()))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UninstallReport {
    schedule: &'static str,
    data_deleted: bool,
    #[serde(skip)]
    dir: String,
    #[serde(skip)]
    is_there: bool,
}

impl UninstallReport {
    fn new(data_deleted: bool, context: &Context<'_>) -> Self {
        Self {
            schedule: Frequency::Off.as_str(),
            data_deleted,
            dir: place(&context.backup_dir, context.env),
            is_there: context.backup_dir.exists(),
        }
    }
}

impl Report for UninstallReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.mark(Mark::Good, "Automatic backups are off")?;
        match (self.data_deleted, self.is_there) {
            (true, _) => page.mark(Mark::Good, format!("Deleted {}", self.dir))?,
            (false, true) => page.mark(Mark::Good, format!("The backup in {} stays", self.dir))?,
            (false, false) => {}
        }
        page.blank()?;
        page.fields(&[("the program", Span::plain("remove it the way it was installed"))])
    }

    fn is_news(&self) -> bool {
        true
    }
}
