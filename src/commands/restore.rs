//! `restore`: list sessions, and give them back.

mod filters;
mod pick;
mod print;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use self::filters::Filters;
use self::pick::Picked;
use self::words::{AllReport, Ends, ListReport, OneReport};
use super::Context;
use super::foreign_code::CodeArgs;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::find::{Filter, Presence};
use crate::repository::index::IndexEntry;
use crate::repository::migrate;
use crate::repository::trust::Signature;
use crate::restore::{self, Conflict, Copies, Item, Place, Project, RestorePlan, Times, Wanted};
use crate::source::Kind;

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
    /// Put it among the sessions of this folder, where `claude --resume` finds it
    #[arg(long, value_name = "PATH", requires = "session", conflicts_with_all = ["to", "all", "list"])]
    to_project: Option<PathBuf>,
    /// Write the transcript to standard output
    #[arg(long, requires = "session")]
    #[arg(conflicts_with_all = ["to", "to_project", "force", "all", "list"])]
    stdout: bool,
    /// Give files their original time of change; Claude Code may delete old ones again
    #[arg(long)]
    keep_mtime: bool,
    #[command(flatten)]
    code: CodeArgs,
    /// Restore a session although no trusted key signed it
    #[arg(long, requires = "session")]
    unverified: bool,
}

impl RestoreArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        if self.stdout {
            print::check(context)?;
        }
        let filter = self.filters.filter()?;
        match &self.session {
            Some(id) => {
                let session = repository.find_session(id, &filter)?;
                self.one(&repository, &session, context)
            }
            None if self.all || self.filters.brings_back_what_is_gone() => {
                self.all(&repository, &filter, context)
            }
            None if self.filters.asks_for_a_list() => {
                let sessions = repository.sessions(&filter)?;
                let total = match sessions.is_empty() {
                    true => repository.sessions(&Filter::default())?.len(),
                    false => sessions.len(),
                };
                context.warn_of(&repository);
                let report = ListReport::new(sessions, context.env);
                context.ui.emit(&report.narrowed_by(&filter, total))
            }
            None if context.ui.can_ask() => self.picked(&repository, context),
            None => Err(Failure::new(ErrorKind::Usage, "what should be restored?")
                .hint("list sessions with `claude-backup restore --list`; restore one by its id, or everything with --all")
                .into()),
        }
    }

    fn one(
        &self,
        repository: &Repository,
        session: &IndexEntry,
        context: &mut Context<'_>,
    ) -> Result<u8> {
        self.refuse_unverified(session)?;
        if self.stdout {
            return print::print(repository, session, self.wanted(), context);
        }
        let place = self.place(context)?;
        let copies = self.copies(repository, session, &place, context)?;
        let conflict = self.conflict();
        let plan = restore::plan_session(repository, session, self.wanted(), &place, conflict)?;
        refuse_conflicts(&plan)?;
        let ends = ends_of(repository, &plan);
        let outcome = self.carry_out(repository, plan, context);
        context.warn_of(repository);
        let outcome = outcome?;
        refuse_nothing(session, &outcome)?;
        let is_moved = outcome.exit_code() == 0 && !self.dry_run;
        let left = if is_moved { copies.remove()? } else { Vec::new() };
        let report = OneReport::new(session, ends, &place, outcome, context.env)
            .moved_from(left)
            .repeated_by(self.command_with_code(Some(session)));
        let report = if self.keep_mtime { report.with_original_times() } else { report };
        context.ui.emit(&if self.dry_run { report.foreseen() } else { report })
    }

    fn picked(self, repository: &Repository, context: &mut Context<'_>) -> Result<u8> {
        let (here, session) = match pick::pick(repository, context)? {
            Picked::ToItsPlace(session) => (None, session),
            Picked::Here(session) => (Some(PathBuf::from(".")), session),
            Picked::Nothing => return Ok(0),
        };
        Self { to_project: here, ..self }.one(repository, &session, context)
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
            if filter.presence == Presence::Gone {
                let moved = sessions_that_moved(&sessions);
                plan.items.retain(|item| !moved.iter().any(|session| is_of(item, session)));
            }
        }
        if plan.items.is_empty() && filter.project.is_some() {
            context.ui.warn(format!("no file in the backup matches {filter}"));
        }
        let ids: BTreeSet<String> = plan.items.iter().filter_map(session_of).collect();
        plan.more_complete.retain(|session| ids.contains(&session.uuid));
        let outcome = self.carry_out(repository, plan, context);
        context.warn_of(repository);
        let outcome = outcome?;
        let report = AllReport::new(outcome, self.command_with_code(None), context.env);
        context.ui.emit(&if self.dry_run { report.foreseen() } else { report })
    }

    /// The command that installs what this one holds back.
    fn command_with_code(&self, session: Option<&IndexEntry>) -> String {
        let what = match session {
            Some(session) => session.uuid.as_str(),
            None if self.all => "--all",
            None => "--gone",
        };
        format!("claude-backup restore {what}{} --with-code", self.filters.named())
    }

    fn carry_out(
        &self,
        repository: &Repository,
        mut plan: RestorePlan,
        context: &mut Context<'_>,
    ) -> Result<restore::RestoreOutcome> {
        plan.times = if self.keep_mtime { Times::Original } else { Times::Now };
        plan.find_foreign_code(repository);
        if self.dry_run {
            plan.decide_on_code(self.code.foresee());
            return Ok(restore::foresee(&plan));
        }
        plan.decide_on_code(self.code.decide(&plan.foreign_code(), context));
        // Only what displaces files writes to the backup.
        let _lock = self.force.then(|| repository.lock("restore")).transpose()?;
        if self.force {
            migrate::adopt(repository)?;
        }
        let progress = context.ui.progress();
        restore::apply(repository, &plan, &*progress)
    }

    /// What no trusted key signed may be anybody's.
    fn refuse_unverified(&self, session: &IndexEntry) -> Result<()> {
        if self.unverified || session.signature != Signature::Unverified {
            return Ok(());
        }
        let (id, machine) = (&session.uuid, &session.machine);
        let message =
            format!("session {id} is not signed by the key that is trusted for `{machine}`");
        Err(Failure::new(ErrorKind::KeyNotAccepted, message)
            .hint(format!(
                "if that machine was reinstalled: `claude-backup machines trust {machine}`; else restore it with --unverified"
            ))
            .into())
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

    fn place(&self, context: &Context<'_>) -> Result<Place> {
        let home = home(context);
        if let Some(folder) = &self.to_project {
            return Ok(Place::Project(Project::of(&home, &context.env.absolute(folder)?)?));
        }
        let Some(path) = &self.to else { return Ok(Place::Home(home)) };
        let path = context.env.absolute(path)?;
        let is_file = path.extension().is_some_and(|end| end == "jsonl");
        Ok(if is_file { Place::File(path) } else { Place::Folder(path) })
    }

    /// The same session in other projects of the home, which stays there only where it may.
    fn copies(
        &self,
        repository: &Repository,
        session: &IndexEntry,
        place: &Place,
        context: &Context<'_>,
    ) -> Result<Copies> {
        let Place::Project(project) = place else { return Ok(Copies::default()) };
        let progress = context.ui.progress();
        let copies = Copies::find(project, &session.uuid, &context.env.home, &*progress)?;
        match copies.transcript() {
            Some(transcript) if !self.force => {
                let message =
                    format!("the session is in another project too: `{}`", shown(transcript));
                Err(Failure::new(ErrorKind::Exists, message)
                    .hint("Claude Code finds a session by its id only where it is in one project; --force takes it away there, once all of it is saved")
                    .into())
            }
            _ => copies.refuse_unsaved(repository).map(|()| copies),
        }
    }
}

fn home(context: &Context<'_>) -> PathBuf {
    context.homes().primary().to_path_buf()
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
    match path.session() {
        Some(_) => sessions.iter().any(|session| is_of(item, session)),
        None => sessions.iter().any(|session| {
            session.machine == item.machine.as_str() && session.project_hash == project.as_str()
        }),
    }
}

/// Those that are in another project now, where they were given back to.
fn sessions_that_moved(sessions: &[IndexEntry]) -> Vec<&IndexEntry> {
    let mut by_id: Vec<&IndexEntry> = sessions.iter().collect();
    by_id.sort_by(|a, b| a.uuid.cmp(&b.uuid));
    let twins = by_id.chunk_by(|a, b| a.uuid == b.uuid).filter(|twins| twins.len() > 1);
    let moved = twins.flat_map(|twins| {
        twins.iter().copied().filter(|session| session.lives_on(twins.iter().copied()))
    });
    moved.collect()
}

fn session_of(item: &Item) -> Option<String> {
    item.entry.path.session().map(String::from)
}

fn is_of(item: &Item, session: &IndexEntry) -> bool {
    let path = &item.entry.path;
    item.machine.as_str() == session.machine
        && path.project().is_some_and(|project| project.as_str() == session.project_hash)
        && path.session().is_some_and(|id| id.as_str() == session.uuid)
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
    if outcome.files.restored > 0 {
        return Ok(());
    }
    if let Some(first) = outcome.refused.first().filter(|_| outcome.files.skipped == 0) {
        let message =
            format!("session {} is not restored: `{}` {}", session.uuid, first.path, first.reason);
        return Err(Failure::new(ErrorKind::Refused, message)
            .hint("choose another machine's copy with --machine; list them with `claude-backup restore --list`")
            .detail("refused", serde_json::to_value(&outcome.refused)?)
            .into());
    }
    let Some(first) = outcome.failures.first() else { return Ok(()) };
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
