//! `init`: start a backup, or mend and continue the one that is there.

use std::io;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use super::saved::Saved;
use crate::backup::{self, Publishing};
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::settings::{self, Mode};
use crate::session::MachineSlug;
use crate::source::{Roots, Scope};
use crate::sync::Reading;
use crate::ui::words::place;
use crate::ui::{Mark, Page, Report, Span};

/// Start backing up this machine
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Where copies go
    #[arg(long, value_name = "BACKEND")]
    backend: Option<BackendName>,
    /// The same as --backend local
    #[arg(long, conflicts_with = "backend")]
    local: bool,
    /// The machine's name in the backup, to take an earlier folder back
    #[arg(long, value_name = "SLUG")]
    machine: Option<String>,
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
        if let Some(name @ (BackendName::Github | BackendName::Git)) = self.backend {
            return Err(not_yet(name).into());
        }
        let machine = self.machine.map(MachineSlug::new).transpose()?;
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
        let roots = Roots::find(context.claude_dir.as_deref(), context.env);
        let progress = context.ui.progress();
        let saved = backup::run(
            &repository,
            &roots,
            Scope::All,
            Reading::Changed,
            Publishing::Now,
            &*progress,
        );
        context.warn_of(&repository);
        context.ui.emit(&InitReport {
            mode,
            machine: context.env.host.clone(),
            machine_slug: repository.machine.to_string(),
            backup_dir: root.display().to_string(),
            joined: false,
            existing: !is_new,
            shown_dir: place(root, context.env),
            sync: Saved(saved?),
        })
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
        self.sync.exit_code()
    }
}
