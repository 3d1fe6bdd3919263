//! `uninstall`: remove the schedule, and the backup too where that is really wanted.

use std::io;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::settings;
use crate::repository::{Repository, place as folder};
use crate::schedule::{self, Frequency, Schedulers};
use crate::status::OnlyInBackup;
use crate::ui::words::{count, place};
use crate::ui::{Answer, Mark, Page, Report, Span};

/// Remove the schedule (and, with --delete-data, the backup)
#[derive(Args, Clone, Debug)]
pub struct UninstallArgs {
    /// Delete the backup folder too, with all that only it has
    #[arg(long)]
    delete_data: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl UninstallArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Where another run holds the backup, or the schedule cannot be removed; then the backup stays too.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let found = Repository::find(&context.backup_dir, context.env)?;
        let schedulers = Schedulers::of(context.env);
        let Some(repository) = found else {
            schedule::remove(&schedulers)?;
            return context.ui.emit(&UninstallReport::new(false, None, context));
        };
        // Nobody may be pushing what is deleted.
        let remote_lock = repository.lock_remote("uninstall")?;
        let lock = repository.lock("uninstall")?;
        let only_there = match OnlyInBackup::count(&repository, &context.homes()) {
            Ok(counts) => Some(counts),
            Err(error) => {
                context
                    .ui
                    .warn(format!("what is only in the backup could not be counted: {error:#}"));
                None
            }
        };
        let is_agreed =
            self.delete_data && self.agrees(&repository, only_there.as_ref(), context)?;
        schedule::forget(&repository, &schedulers)?;
        if is_agreed {
            let (root, roots) = (&context.backup_dir, context.homes());
            folder::delete(root, &roots, context.env)
                .with_context(|| format!("cannot delete all of `{}`", root.display()))?;
        }
        drop((lock, remote_lock));
        context.ui.emit(&UninstallReport::new(is_agreed, only_there, context))
    }

    /// What cannot be undone needs two words: the flag, and an answer or `--yes`.
    fn agrees(
        &self,
        repository: &Repository,
        only_there: Option<&OnlyInBackup>,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        let shown = place(repository.root(), context.env);
        let remote = settings::shown_remote(&repository.vault)?;
        let home = place(context.homes().primary(), context.env);
        let losses = only_there.map(|counts| losses(counts, &home, remote.as_deref()));
        let losses = losses.unwrap_or_default();
        let question = format!("Delete {shown}?{losses}");
        match context.ui.ask(&question, Answer::No) {
            Some(answer) => Ok(answer == Answer::Yes),
            None => {
                let message = "--delete-data needs confirmation, and this is not a terminal";
                Err(Failure::new(ErrorKind::Usage, message).hint("add --yes").into())
            }
        }
    }
}

/// What would be lost, in sentences for the question.
fn losses(counts: &OnlyInBackup, home: &str, remote: Option<&str>) -> String {
    let parts = [
        (counts.deleted_sessions, "deleted session"),
        (counts.earlier_messages, "message of earlier versions"),
        (counts.other_machines_sessions, "session of other machines"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, noun)| counted(number, noun)).collect();
    let mut text = match parts.is_empty() {
        true => format!(" All of its sessions are in {home} too."),
        false => format!(" Not in {home}: {}.", parts.join(", ")),
    };
    match (counts.unpushed_commits, remote) {
        (Some(0), Some(remote)) => text += &format!(" All of it was pushed to {remote}."),
        (Some(number), Some(remote)) => {
            text += &format!(" Not pushed to {remote}: {}.", count(number, "commit"));
        }
        _ => text += " There is no remote copy.",
    }
    text
}

/// `2 messages of earlier versions`: the first word has the plural.
fn counted(number: u64, noun: &str) -> String {
    match noun.split_once(" of ") {
        Some((thing, rest)) => format!("{} of {rest}", count(number, thing)),
        None => count(number, noun),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UninstallReport {
    schedule: &'static str,
    data_deleted: bool,
    only_in_backup: Option<OnlyInBackup>,
    #[serde(skip)]
    dir: String,
    #[serde(skip)]
    is_there: bool,
}

impl UninstallReport {
    fn new(
        data_deleted: bool,
        only_in_backup: Option<OnlyInBackup>,
        context: &Context<'_>,
    ) -> Self {
        Self {
            schedule: Frequency::Off.as_str(),
            data_deleted,
            only_in_backup,
            dir: place(&context.backup_dir, context.env),
            is_there: context.backup_dir.exists(),
        }
    }
}

impl Report for UninstallReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.mark(Mark::Good, "Automatic backups are off")?;
        let mut fields = Vec::new();
        match (self.data_deleted, self.is_there) {
            (true, _) => page.mark(Mark::Good, format!("Deleted the backup in {}", self.dir))?,
            (false, true) => {
                page.mark(Mark::Good, format!("The backup in {} stays", self.dir))?;
                let command = "claude-backup uninstall --delete-data";
                fields.push(("delete the backup", Span::plain(command)));
            }
            (false, false) => {}
        }
        page.blank()?;
        fields.push(("the program", Span::plain("remove it the way you installed it")));
        page.fields(&fields)
    }

    fn is_news(&self) -> bool {
        true
    }
}
