//! `backend`: where copies go.

use std::io;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::Context;
use super::saved::push_words;
use crate::backend::{self, AllowPublic, Destination, Push};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::repository::settings::{self, Mode};
use crate::repository::{Repository, SecretPolicy};
use crate::ui::{Mark, Page, Report, Span};

/// Choose where copies go
#[derive(Args, Clone, Debug)]
pub struct BackendArgs {
    #[command(subcommand)]
    command: BackendCommand,
}

/// What to do with it.
#[derive(Clone, Debug, Subcommand)]
enum BackendCommand {
    /// Send copies elsewhere from now on, or keep them here
    Set(SetArgs),
    /// Tell where copies go
    Show,
}

#[derive(Args, Clone, Debug)]
struct SetArgs {
    /// Where copies go
    backend: BackendName,
    /// The git remote, for git
    #[arg(long, value_name = "URL")]
    remote: Option<String>,
    /// Accept a GitHub repository that others can read
    #[arg(long)]
    allow_public: bool,
    /// Do not ask: scripts give it to every command, and this one asks nothing
    #[arg(long = "yes", hide = true)]
    _yes: bool,
    /// Push what looks like a secret too
    #[arg(long)]
    allow_secrets: bool,
}

/// A backend by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BackendName {
    /// This machine only
    Local,
    /// A private GitHub repository
    Github,
    /// Any git remote
    Git,
}

impl BackendName {
    /// The mode of a backup that uses it.
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Local => Mode::Local,
            Self::Github => Mode::Github,
            Self::Git => Mode::Git,
        }
    }

    /// What a backend's word and the flags beside it mean.
    pub(super) fn destination(
        self,
        remote: Option<&str>,
        allow: AllowPublic,
        env: &Env,
    ) -> Result<Destination> {
        match (self, remote) {
            (Self::Git, Some(typed)) => {
                backend::resolve_remote(typed, env).map(|remote| Destination::Git(remote, allow))
            }
            (Self::Git, None) => Err(Failure::new(ErrorKind::Usage, "git needs --remote URL")
                .hint("name the remote: `--remote git@host:me/backup.git`")
                .into()),
            (_, Some(_)) => Err(Failure::new(ErrorKind::Usage, "--remote is for the backend git")
                .hint("leave --remote out, or choose git")
                .into()),
            (Self::Local, None) => Ok(Destination::Local),
            (Self::Github, None) => Ok(Destination::Github(allow)),
        }
    }
}

impl BackendArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        match self.command {
            BackendCommand::Set(args) => set(&args, context),
            BackendCommand::Show => {
                let repository = Repository::open(&context.backup_dir, context.env)?;
                context.ui.emit(&BackendReport::of(&repository, None)?)
            }
        }
    }
}

fn set(args: &SetArgs, context: &mut Context<'_>) -> Result<u8> {
    let (remote, allow) = (args.remote.as_deref(), args.allow_public.into());
    let destination = args.backend.destination(remote, allow, context.env)?;
    let mut repository = Repository::open(&context.backup_dir, context.env)?;
    repository.secret_policy = SecretPolicy::of(args.allow_secrets);
    let remote_lock = repository.lock_remote("backend set")?;
    // Finishes what an interrupted run left, before anything is sent.
    drop(repository.lock("backend set")?);
    let progress = context.ui.progress();
    let push = backend::switch(&mut repository, remote_lock, &destination, &*progress);
    drop(progress);
    context.warn_of(&repository);
    context.ui.emit(&BackendReport::of(&repository, Some(push?))?)
}

/// Where copies go.
#[derive(Debug, Serialize)]
struct BackendReport {
    mode: Mode,
    remote: Option<String>,
    transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<Push>,
}

impl BackendReport {
    fn of(repository: &Repository, push: Option<Push>) -> Result<Self> {
        let mode = settings::mode(&repository.vault)?;
        let remote = settings::shown_remote(&repository.vault)?;
        let transport = match mode {
            Mode::Local => None,
            Mode::Github | Mode::Git => Some(backend::transport_name(repository)?),
        };
        Ok(Self { mode, remote, transport, push })
    }
}

impl Report for BackendReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        match (&self.remote, &self.push) {
            (None, _) => page.mark(Mark::Good, "No remote: the backup is only on this machine")?,
            (Some(remote), Some(push)) => push_words(page, push, Some(remote))?,
            (Some(remote), None) => page.mark(Mark::Good, format!("The remote is {remote}"))?,
        }
        page.blank()?;
        let mut fields = vec![("backend", Span::plain(self.mode.as_str()))];
        fields.extend(self.transport.as_ref().map(|name| ("sent with", Span::plain(name))));
        page.fields(&fields)
    }

    fn exit_code(&self) -> u8 {
        if matches!(self.push, Some(Push::Failed { .. })) { 3 } else { 0 }
    }
}
