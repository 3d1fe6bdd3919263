//! `restore`: list sessions, and give them back.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use super::Context;
use super::restore_words::{AllReport, Ends, ListReport, OneReport};
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::find::{DayEnd, Filter, Presence, parse_date_beginning, parse_moment};
use crate::repository::index::IndexEntry;
use crate::repository::ledger::Hash;
use crate::repository::migrate;
use crate::restore::{self, Conflict, Item, Place, RestorePlan, SessionLines, Times, Wanted};
use crate::source::{Kind, Roots};
use crate::ui::Format;

/// List sessions, or give them back
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The session: its id, or a part of it that fits no other
    #[arg(conflicts_with_all = ["list", "last", "date", "since", "until", "all"])]
    session: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// Give back everything that is missing
    #[arg(long, conflicts_with_all = ["list", "last", "date", "since", "until"])]
    all: bool,
    /// Replace what stands there; its bytes are kept as a version first
    #[arg(long)]
    force: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Give back this version (see `versions`; 0 is the current one)
    #[arg(long, value_name = "N", requires = "session")]
    #[arg(conflicts_with_all = ["fullest", "all", "list"])]
    version: Option<u32>,
    /// Give back the version with the most messages
    #[arg(long, requires = "session", conflicts_with_all = ["all", "list"])]
    fullest: bool,
    /// Write below this folder, or as this .jsonl file, instead of into the Claude home
    #[arg(long, value_name = "PATH", requires = "session", conflicts_with_all = ["all", "list"])]
    to: Option<PathBuf>,
    /// Write the transcript to standard output
    #[arg(long, requires = "session", conflicts_with_all = ["to", "force", "all", "list"])]
    stdout: bool,
    /// Give files their original time of change; Claude Code may delete old ones again
    #[arg(long)]
    keep_mtime: bool,
}

/// What a list is narrowed to
#[derive(Args, Clone, Debug)]
struct Filters {
    /// List the sessions in the backup
    #[arg(long)]
    list: bool,
    /// List the N most recent
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    last: Option<usize>,
    /// List those last active on a date (UTC), as 2026-11-20 or 2026-11
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// List those last active since a date
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// List those last active until a date
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Only projects whose path or folder name has this in it
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, value_parser = super::project_name)]
    project: Option<String>,
    /// Only what this machine saved
    #[arg(long, value_name = "SLUG")]
    machine: Option<String>,
    /// Only what the source has no more; unless a list is asked for, it is given back
    #[arg(long)]
    gone: bool,
}

impl Filters {
    fn filter(&self) -> Result<Filter> {
        let moment = |text: &Option<String>, end| {
            text.as_deref().map(|text| parse_moment(text, end)).transpose()
        };
        Ok(Filter {
            machine: self.machine.clone(),
            project: self.project.clone(),
            date: self.date.as_deref().map(parse_date_beginning).transpose()?,
            since: moment(&self.since, DayEnd::First)?,
            until: moment(&self.until, DayEnd::Last)?,
            presence: if self.gone { Presence::Gone } else { Presence::Any },
            last: self.last,
        })
    }

    fn asks_for_a_list(&self) -> bool {
        let narrowed = [&self.project, &self.machine];
        self.names_a_list() || narrowed.iter().any(|filter| filter.is_some())
    }

    fn names_a_list(&self) -> bool {
        let dates = [&self.date, &self.since, &self.until];
        self.list || self.last.is_some() || dates.iter().any(|filter| filter.is_some())
    }

    fn brings_back_what_is_gone(&self) -> bool {
        self.gone && !self.names_a_list()
    }
}

impl RestoreArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        if self.stdout && context.ui.format() == Format::Json {
            let message = "`--stdout` gives the transcript itself, which is no JSON document";
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint("leave --json out, or write a file with --to")
                .into());
        }
        let filter = self.filters.filter()?;
        match &self.session {
            Some(id) => self.one(&repository, id, &filter, context),
            None if self.all || self.filters.brings_back_what_is_gone() => {
                self.all(&repository, &filter, context)
            }
            None if self.filters.asks_for_a_list() => {
                let sessions = repository.sessions(&filter)?;
                context.warn_of(&repository);
                context.ui.emit(&ListReport::new(sessions, context.env))
            }
            None => Err(Failure::new(ErrorKind::Usage, "what should be restored?")
                .hint("list sessions with `claude-backup restore --list`; restore one by its id, or everything with --all")
                .into()),
        }
    }

    fn one(
        &self,
        repository: &Repository,
        id: &str,
        filter: &Filter,
        context: &mut Context<'_>,
    ) -> Result<u8> {
        let session = repository.find_session(id, filter)?;
        if self.stdout {
            return self.print(repository, &session, context);
        }
        let place = self.place(context);
        let conflict = self.conflict();
        let plan = restore::plan_session(repository, &session, self.wanted(), &place, conflict)?;
        refuse_conflicts(&plan)?;
        let ends = ends_of(repository, &plan);
        let outcome = self.carry_out(repository, plan, context);
        context.warn_of(repository);
        let outcome = outcome?;
        refuse_nothing(&session, &outcome)?;
        let report = OneReport::new(&session, ends, &place, outcome, context.env);
        let report = if self.keep_mtime { report.with_original_times() } else { report };
        context.ui.emit(&if self.dry_run { report.foreseen() } else { report })
    }

    fn all(
        &self,
        repository: &Repository,
        filter: &Filter,
        context: &mut Context<'_>,
    ) -> Result<u8> {
        let named = filter.machine.as_deref().map(|m| repository.known_machine(m)).transpose()?;
        // What another machine's source lacks was perhaps never here.
        let machine = named.or_else(|| (!self.all).then(|| repository.machine.clone()));
        let home = home(context);
        let mut plan = restore::plan_all(repository, machine.as_ref(), &home, self.conflict())?;
        if filter.project.is_some() || filter.presence == Presence::Gone {
            let any = Filter { presence: Presence::Any, ..filter.clone() };
            let sessions = repository.sessions(&any)?;
            plan.items.retain(|item| is_wanted(item, &sessions, filter));
        }
        let outcome = self.carry_out(repository, plan, context);
        context.warn_of(repository);
        let outcome = outcome?;
        context.ui.emit(&AllReport::new(outcome, self.dry_run))
    }

    fn carry_out(
        &self,
        repository: &Repository,
        mut plan: RestorePlan,
        context: &mut Context<'_>,
    ) -> Result<restore::RestoreOutcome> {
        plan.times = if self.keep_mtime { Times::Original } else { Times::Now };
        if self.dry_run {
            return Ok(restore::foresee(&plan));
        }
        // Only what displaces files writes to the backup.
        let _lock = self.force.then(|| repository.lock("restore")).transpose()?;
        if self.force {
            migrate::adopt(repository)?;
        }
        let progress = context.ui.progress();
        restore::apply(repository, &plan, &*progress)
    }

    fn print(
        &self,
        repository: &Repository,
        session: &IndexEntry,
        context: &mut Context<'_>,
    ) -> Result<u8> {
        let SessionLines { machine, transcript, .. } = restore::lines_of(repository, session)?;
        let content = restore::choose(&transcript, self.wanted())?;
        let bytes = repository.open_content(&machine, &transcript.path, content)?;
        context.warn_of(repository);
        let mut bytes = Hashing { from: bytes, hasher: Sha256::new() };
        match pour(&mut bytes, context.ui.raw_output()) {
            Err(error) if !context.ui.output_closed() => return Err(error.into()),
            Err(_) => return Ok(0),
            Ok(()) => {}
        }
        let id = &session.uuid;
        ensure!(
            Hash::from(bytes.hasher) == content.sha256,
            "what was written of session {id} is not what was saved"
        );
        Ok(0)
    }

    fn wanted(&self) -> Wanted {
        match self.version {
            Some(number) => Wanted::Version(number),
            None if self.fullest => Wanted::Fullest,
            None => Wanted::Best,
        }
    }

    fn conflict(&self) -> Conflict {
        if self.force { Conflict::Displace } else { Conflict::Keep }
    }

    fn place(&self, context: &Context<'_>) -> Place {
        match &self.to {
            None => Place::Home(home(context)),
            Some(path) => {
                let path = context.env.absolute(path);
                let is_file = path.extension().is_some_and(|end| end == "jsonl");
                if is_file { Place::File(path) } else { Place::Folder(path) }
            }
        }
    }
}

fn home(context: &Context<'_>) -> PathBuf {
    Roots::find(context.claude_dir.as_deref(), context.env).primary().to_path_buf()
}

/// Whether `--project` and `--gone` let a file through. What belongs to no session follows its
/// project, and what belongs to no project is none of a project's business.
fn is_wanted(item: &Item, sessions: &[IndexEntry], filter: &Filter) -> bool {
    if filter.presence == Presence::Gone && item.entry.gone_since.is_none() {
        return false;
    }
    if filter.project.is_none() {
        return true;
    }
    let path = &item.entry.path;
    let Some(project) = path.project() else { return false };
    let mut of_project = sessions.iter().filter(|session| {
        session.machine == item.machine.as_str() && session.project_hash == project.as_str()
    });
    match path.session() {
        Some(id) => of_project.any(|session| session.uuid == id.as_str()),
        None => of_project.next().is_some(),
    }
}

/// Where the transcript lies in the backup, and where it goes; of a session without one, those of
/// its first file.
fn ends_of(repository: &Repository, plan: &RestorePlan) -> Ends {
    let item = plan.items.iter().find(|item| item.entry.kind == Kind::Transcript);
    let Some(item) = item.or(plan.items.first()) else { return Ends::default() };
    let name = item.content.files(&item.entry.path).into_iter().next().map(|(name, _)| name);
    let from = name.map(|name| repository.work_file(&item.machine, &name)).unwrap_or_default();
    Ends { from, to: item.target.clone() }
}

/// A restore of one session that wrote nothing although it should have is no success.
fn refuse_nothing(session: &IndexEntry, outcome: &restore::RestoreOutcome) -> Result<()> {
    let Some(first) = outcome.failures.first() else { return Ok(()) };
    if outcome.files.restored > 0 {
        return Ok(());
    }
    let message = format!("session {} could not be restored: {}", session.uuid, first.error);
    Err(Failure::new(ErrorKind::Failed, message)
        .hint(format!(
            "nothing was written; other versions: `claude-backup versions {}`",
            session.uuid
        ))
        .detail("failures", serde_json::to_value(&outcome.failures)?)
        .into())
}

/// One session is given back whole or not at all.
fn refuse_conflicts(plan: &RestorePlan) -> Result<()> {
    let forbidden = plan.items.iter().find_map(|item| match &item.state {
        restore::State::Forbidden(reason) => Some((item, reason)),
        _ => None,
    });
    if let Some((item, reason)) = forbidden {
        let message = format!("`{}` cannot be written: {reason}", shown(&item.target));
        return Err(Failure::new(ErrorKind::Exists, message)
            .hint("nothing was written; write elsewhere with --to")
            .into());
    }
    let taken = plan.items.iter().find(|item| {
        matches!(item.state, restore::State::Shorter | restore::State::Other)
            && item.entry.kind == Kind::Transcript
    });
    let Some(item) = taken else { return Ok(()) };
    let message = format!("`{}` is there already, with other content", shown(&item.target));
    Err(Failure::new(ErrorKind::Exists, message)
        .hint("replace it with --force (what stands there is kept as a version), or write elsewhere with --to")
        .into())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What is read, summed up as it passes.
struct Hashing<R> {
    from: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn pour(mut from: impl Read, to: &mut (dyn Write + Send)) -> io::Result<()> {
    io::copy(&mut from, to)?;
    to.flush()
}
