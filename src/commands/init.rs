//! `init`: start a backup, or mend and continue the one that is there.

use std::io;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use super::saved::Saved;
use crate::backup::{self, BackupOutcome, Publishing};
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::settings::{self, Mode};
use crate::restore::{self, Conflict, RestoreOutcome};
use crate::session::MachineSlug;
use crate::source::{Roots, Scope};
use crate::sync::Reading;
use crate::ui::words::{count, place};
use crate::ui::{Mark, Page, Report, Span};

/// Start backing up this machine
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Where copies go
    #[arg(long, value_name = "BACKEND")]
    backend: Option<BackendName>,
    /// The same as --backend local
    #[arg(long, conflicts_with = "backend")]
    local: bool,
    /// The git remote that copies go to
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    remote: Option<String>,
    /// The machine's name in the backup, to take an earlier folder back
    #[arg(long, value_name = "SLUG")]
    machine: Option<String>,
    /// How often to back up by itself
    #[arg(long, value_name = "FREQ", conflicts_with = "no_schedule")]
    schedule: Option<Frequency>,
    /// Back up only when asked to
    #[arg(long)]
    no_schedule: bool,
    /// What to give back of a backup that is there already
    #[arg(long, value_name = "WHAT", default_value = "none", hide_default_value = true)]
    restore: Wish,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

/// How often a backup is made by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Frequency {
    /// Never
    Off,
    /// Every day
    Daily,
    /// Every six hours
    #[value(name = "6h")]
    SixHours,
    /// Every hour
    Hourly,
}

/// What is given back at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Wish {
    /// Everything that is missing
    All,
    /// Nothing
    #[default]
    None,
}

/// A backend by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BackendName {
    /// This machine only
    Local,
    /// A private GitHub repository
    Github,
    /// Any git remote
    Git,
}

impl InitArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        self.refuse_what_is_not_here()?;
        let machine = self.machine.as_deref().map(MachineSlug::new).transpose()?;
        let root = &context.backup_dir.clone();
        let found = Repository::find(root, context.env)?;
        let is_new = found.is_none();
        let mut repository = match found {
            Some(repository) => repository,
            None => Repository::create(root, context.env)?,
        };
        let _lock = repository.lock("init")?;
        let mode = agree_on_mode(&repository, self.backend.is_some() || self.local, is_new)?;
        if let Some(machine) = machine {
            take_machine(&mut repository, machine)?;
        }
        settings::set_mode(&repository.vault, mode)?;
        let done = self.save_and_give_back(&repository, context);
        context.warn_of(&repository);
        let (saved, restored) = done?;
        context.ui.emit(&InitReport {
            mode,
            machine: context.env.host.clone(),
            machine_slug: repository.machine.to_string(),
            backup_dir: root.display().to_string(),
            joined: false,
            existing: !is_new,
            shown_dir: place(root, context.env),
            sync: Saved(saved),
            schedule: repository.vault.setting("schedule")?.unwrap_or_default(),
            restored,
        })
    }

    /// The first backup comes first: what it saves cannot be lost by what comes after it.
    fn save_and_give_back(
        &self,
        repository: &Repository,
        context: &Context<'_>,
    ) -> Result<(BackupOutcome, RestoreOutcome)> {
        let roots = Roots::find(context.claude_dir.as_deref(), context.env);
        let progress = &*context.ui.progress();
        let (scope, reading) = (Scope::All, Reading::Changed);
        let saved = backup::run(repository, &roots, scope, reading, Publishing::Now, progress)?;
        if self.restore == Wish::None {
            return Ok((saved, RestoreOutcome::default()));
        }
        let plan = restore::plan_all(repository, None, roots.primary(), Conflict::Keep)?;
        Ok((saved, restore::apply(repository, &plan, progress)?))
    }

    fn refuse_what_is_not_here(&self) -> Result<()> {
        if let Some(name @ (BackendName::Github | BackendName::Git)) = self.backend {
            return Err(not_yet(name).into());
        }
        if self.remote.is_some() {
            return Err(not_yet(BackendName::Git).into());
        }
        if self.schedule.is_some_and(|schedule| schedule != Frequency::Off) {
            let message = "schedules are not part of this version";
            return Err(Failure::new(ErrorKind::Failed, message)
                .hint("let a timer of your system run `claude-backup sync`")
                .into());
        }
        Ok(())
    }
}

fn not_yet(name: BackendName) -> Failure {
    let word = if name == BackendName::Git { "git" } else { "github" };
    Failure::new(ErrorKind::Failed, format!("the {word} backend is not part of this version"))
        .hint("keep the backup on this machine with `claude-backup init --backend local`")
}

/// The mode of a new backup is local; an existing one keeps its own.
fn agree_on_mode(repository: &Repository, wants_local: bool, is_new: bool) -> Result<Mode> {
    if is_new {
        return Ok(Mode::Local);
    }
    let mode = settings::mode(&repository.vault)?;
    if wants_local && mode != Mode::Local {
        let message = format!("this backup is in {} mode already", mode.as_str());
        return Err(Failure::new(ErrorKind::Usage, message)
            .hint("leave --backend and --local out to continue as it is")
            .into());
    }
    Ok(mode)
}

fn take_machine(repository: &mut Repository, machine: MachineSlug) -> Result<()> {
    let settled = repository.vault.setting("machine")?;
    if settled.as_deref().is_some_and(|settled| settled != machine.as_str()) {
        let message = format!("this machine is `{}` in the backup already", repository.machine);
        return Err(Failure::new(ErrorKind::Usage, message)
            .hint("leave --machine out to continue")
            .into());
    }
    settings::settle_machine(&repository.vault, &machine)?;
    repository.machine = machine;
    Ok(())
}

/// What `init` found and did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitReport {
    mode: Mode,
    machine: String,
    machine_slug: String,
    backup_dir: String,
    joined: bool,
    existing: bool,
    #[serde(skip)]
    shown_dir: String,
    sync: Saved,
    schedule: String,
    restored: RestoreOutcome,
}

impl Report for InitReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (dir, slug) = (&self.shown_dir, &self.machine_slug);
        let news = match self.existing {
            true => format!("The backup in {dir} is in order; this machine is {slug}"),
            false => format!("Made a backup in {dir}; this machine is {slug}"),
        };
        page.mark(Mark::Good, news)?;
        self.sync.words(page)?;
        let RestoreOutcome { restored, files, failures, .. } = &self.restored;
        if files.restored > 0 {
            let (sessions, files) = (count(*restored, "session"), count(files.restored, "file"));
            page.mark(Mark::Good, format!("Restored {sessions} ({files})"))?;
        }
        for failure in failures {
            page.mark(Mark::Bad, format!("not restored: {}: {}", failure.path, failure.error))?;
        }
        page.blank()?;
        page.fields(&[
            ("save again", Span::plain("claude-backup sync")),
            ("look", Span::plain("claude-backup status")),
            ("get back", Span::plain("claude-backup restore --list")),
        ])
    }

    fn is_news(&self) -> bool {
        true
    }

    fn exit_code(&self) -> u8 {
        match self.restored.failures.is_empty() {
            true => self.sync.exit_code(),
            false => 1,
        }
    }
}
