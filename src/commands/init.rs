//! `init`: start a backup, or mend and continue the one that is there.

use std::io;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use super::accept::{AcceptArgs, Question};
use super::backend::BackendName;
use super::foreign_code::CodeArgs;
use super::joining::{self, FreshFolder, Wanted};
use super::restored::left_out_words;
use super::saved::Saved;
use super::schedule::arrange;
use crate::backend::{self, Destination, Look, Turn};
use crate::backup::{self, BackupOutcome, BackupRequest, Publishing};
use crate::error::{ErrorKind, Failure};
use crate::repository::lock::Lock;
use crate::repository::settings::{self, Mode};
use crate::repository::{RemoteLock, Repository, SecretPolicy, place};
use crate::restore::{self, Conflict, RestoreOutcome};
use crate::schedule::{self, Frequency, Schedulers, State};
use crate::session::MachineSlug;
use crate::source::Scope;
use crate::sync::Reading;
use crate::ui::words::{count, place};
use crate::ui::{Answer, Mark, Page, Report, Span};

/// Start backing up this machine
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Where to keep a copy [default: GitHub if `gh` is logged in and you agree, else this machine only]
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
    #[command(flatten)]
    accept: AcceptArgs,
    /// How often to back up automatically
    #[arg(long, value_name = "FREQ", conflicts_with = "no_schedule")]
    schedule: Option<Frequency>,
    /// Back up only when asked to
    #[arg(long)]
    no_schedule: bool,
    /// What to give back of a backup that is there already
    #[arg(long, value_name = "WHAT")]
    restore: Option<Wish>,
    #[command(flatten)]
    code: CodeArgs,
    /// Push what looks like a secret too
    #[arg(long)]
    allow_secrets: bool,
    /// Do not ask: push to a private GitHub repository if `gh` is logged in, and back up daily
    #[arg(long)]
    yes: bool,
    /// Accept a GitHub repository that others can read
    #[arg(long, conflicts_with = "local")]
    allow_public: bool,
}

/// What is given back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wish {
    /// Everything that is missing
    All,
    /// Nothing
    None,
}

impl InitArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let machine = self.machine.as_deref().map(MachineSlug::new).transpose()?;
        let root = &context.backup_dir.clone();
        let found = Repository::find(root, context.env)?;
        let is_new = found.as_ref().map_or(Ok(true), begins_here)?;
        let begun = found.as_ref().filter(|_| is_new).map(backend::destination).transpose()?;
        let destination = self.destination(is_new, begun.flatten(), context)?;
        if found.is_none() {
            place::check_new(root, &context.homes(), context.env)?;
        }
        let fresh = FreshFolder::note(root);
        let mut repository = match found {
            Some(repository) => repository,
            None => Repository::create(root, context.env)?,
        };
        repository.secret_policy = SecretPolicy::of(self.allow_secrets);
        let remote_lock = repository.lock_remote("init")?;
        let connected = self.connect(&mut repository, &remote_lock, destination.as_ref(), context);
        let connected = connected.and_then(|(lock, joined)| {
            let machine = machine.as_ref();
            self.take_machine(&mut repository, machine, joined.as_ref(), context)?;
            Ok((lock, joined))
        });
        let (lock, joined) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                drop(remote_lock);
                fresh.clear();
                return Err(error);
            }
        };
        let locks = (remote_lock, lock);
        let done = self.bring_together(&mut repository, locks, joined.as_ref(), context);
        let (saved, restored) = match done {
            Ok(done) => done,
            Err(error) => {
                context.warn_of(&repository);
                return Err(error);
            }
        };
        let is_arranged = self.arrange_schedule(&mut repository, context)?;
        context.warn_of(&repository);
        context.ui.emit(&InitReport {
            mode: settings::mode(&repository.vault)?,
            machine: context.env.host.clone(),
            machine_slug: repository.machine.to_string(),
            backup_dir: root.display().to_string(),
            joined: joined.is_some(),
            existing: !is_new,
            shown_dir: place(root, context.env),
            sync: Saved { outcome: saved, backup_dir: context.backup_dir.clone() },
            schedule: repository.vault.setting("schedule")?.unwrap_or_default(),
            is_arranged,
            restored,
        })
    }

    /// Where copies go: as the flags say, else to GitHub where that is agreed to, else nowhere.
    /// An existing backup keeps what it has.
    /// One that was only begun goes on with what it was begun with.
    fn destination(
        &self,
        is_new: bool,
        begun: Option<Destination>,
        context: &mut Context<'_>,
    ) -> Result<Option<Destination>> {
        let named = match (self.backend, self.local) {
            (_, true) => Some(BackendName::Local),
            (None, _) if self.remote.is_some() => Some(BackendName::Git),
            (named, _) => named,
        };
        if !is_new {
            return match named {
                Some(name) => self.agree(name, context).map(|()| None),
                None => Ok(None),
            };
        }
        if let Some(name) = named {
            let (remote, allow) = (self.remote.as_deref(), self.allow_public.into());
            return name.destination(remote, allow, context.env).map(Some);
        }
        if begun.is_some() {
            return Ok(begun);
        }
        let agreed = match self.yes || context.ui.can_ask() {
            true => self.agrees_to_github(context),
            // What leaves this machine needs a yes; nobody here can give it.
            false => false,
        };
        Ok(Some(match agreed {
            true => Destination::Github(self.allow_public.into()),
            false => Destination::Local,
        }))
    }

    /// True where `gh` is logged in, and `--yes` or an answer accepts a repository there.
    fn agrees_to_github(&self, context: &mut Context<'_>) -> bool {
        let Some(repository) = backend::usable_repository(context.env) else { return false };
        let question = format!("Push a copy to a private GitHub repository ({repository})?");
        self.yes || context.ui.ask(&question, Answer::Yes) == Some(Answer::Yes)
    }

    /// An existing backup stays where it is; another wish is a job for `backend set`.
    fn agree(&self, name: BackendName, context: &Context<'_>) -> Result<()> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let mode = settings::mode(&repository.vault)?;
        let wished = name.mode();
        let url = repository.vault.remote_url()?;
        let typed = self.remote.as_deref();
        let typed = typed.map(|typed| backend::resolve_remote(typed, context.env)).transpose()?;
        let same_remote = typed.is_none_or(|typed| url.as_deref() == Some(typed.as_str()));
        if mode == wished && same_remote {
            return Ok(());
        }
        let message = format!("this backup is in {} mode already", mode.as_str());
        let remote = self.remote.as_ref().map(|_| " --remote URL").unwrap_or_default();
        let word = wished.as_str();
        Err(Failure::new(ErrorKind::Usage, message)
            .hint(format!(
                "continue as it is with `claude-backup init`, or change it with `claude-backup backend set {word}{remote}`"
            ))
            .into())
    }

    /// Tries the destination and keeps it; tells what the remote has of a backup.
    fn connect(
        &self,
        repository: &mut Repository,
        remote_lock: &RemoteLock,
        destination: Option<&Destination>,
        context: &mut Context<'_>,
    ) -> Result<(Lock, Option<Look>)> {
        let lock = repository.lock("init")?;
        let Some(destination) = destination else { return Ok((lock, None)) };
        drop(lock);
        let progress = context.ui.progress();
        let tried = backend::try_out(repository, remote_lock, destination, &*progress)?;
        let lock = repository.relock("init")?;
        // Which folder is this machine's must be seen before it can take a name.
        if self.machine.is_some()
            && let Some(rejection) = repository.pending_rejection()?
        {
            let hint = "reject it on another machine, or leave --machine out";
            return Err(rejection.failure().hint(hint).into());
        }
        backend::settle(repository, tried.as_ref())?;
        let joined = tried.map(|tried| tried.look).filter(|look| look.tip.is_some());
        Ok((lock, joined))
    }

    /// Gives this machine a name; a folder of that name that the remote has becomes its own again,
    /// once the user has accepted the key that signed it.
    fn take_machine(
        &self,
        repository: &mut Repository,
        machine: Option<&MachineSlug>,
        joined: Option<&Look>,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(machine) = machine else { return Ok(()) };
        let settled = repository.vault.setting("machine")?;
        if settled.as_deref().is_some_and(|settled| settled != machine.as_str()) {
            let message = format!("this machine is `{}` in the backup already", repository.machine);
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint("leave --machine out to continue")
                .into());
        }
        let tip = joined.and_then(|look| look.tip);
        if settled.is_none()
            && let Some(offered) = repository.offered(machine, tip)?
        {
            let question = Question {
                notes: vec![joining::describe(machine, &offered)],
                text: format!("Is this machine `{machine}`, reinstalled?"),
                command: format!("claude-backup init --machine {machine}"),
            };
            self.accept.agree(&offered.acceptance, &question, context)?;
            repository.accept_own(machine, offered.commit, &offered.acceptance)?;
        }
        repository.take_name(machine.clone(), tip)
    }

    /// Takes over what the remote has, saves what is here, gives back what is wished.
    fn bring_together(
        &self,
        repository: &mut Repository,
        locks: (RemoteLock, Lock),
        joined: Option<&Look>,
        context: &mut Context<'_>,
    ) -> Result<(BackupOutcome, RestoreOutcome)> {
        let Some(look) = joined else {
            let wish = self.restore.map_or(Wanted::Nothing, Wish::wanted);
            let saved = save(repository, locks, context)?;
            return Ok((saved, give_back(repository, &wish, self.code, context)?));
        };
        if !self.yes {
            joining::recognise(repository, look, context)?;
        }
        self.leave_flat_sessions_alone(repository, look)?;
        backend::join(repository, look)?;
        let wish = match self.restore {
            Some(wish) => wish.wanted(),
            None => joining::ask(repository, self.yes, context)?,
        };
        // What comes back first is not saved as gone.
        let restored = give_back(repository, &wish, self.code, context)?;
        Ok((save(repository, locks, context)?, restored))
    }

    /// What the shell tool's first versions left at a remote is some machine's; which, only the user
    /// can say.
    fn leave_flat_sessions_alone(&self, repository: &Repository, look: &Look) -> Result<()> {
        let Some(tip) = look.tip.filter(|_| self.machine.is_none()) else { return Ok(()) };
        if repository.has_folder_in(tip)? {
            return Ok(());
        }
        repository.vault.set_setting("layout", "4")?;
        if repository.has_flat_sessions(tip)? {
            repository.warn(
                "the remote has sessions of an older version below `projects/`; if they are this \
                 machine's, start again with `--machine NAME`"
                    .into(),
            );
        }
        Ok(())
    }

    /// How often a backup is made automatically: as the flags say, else as somebody answers; nothing
    /// changes where nobody does.
    fn wished_schedule(
        &self,
        repository: &Repository,
        schedulers: &Schedulers<'_>,
        context: &mut Context<'_>,
    ) -> Result<Option<Frequency>> {
        if self.no_schedule {
            return Ok(Some(Frequency::Off));
        }
        if self.schedule.is_some() {
            return Ok(self.schedule);
        }
        let known = schedule::look(repository, schedulers)?;
        if known.state == State::Active || known.frequency == Some(Frequency::Off) {
            return Ok(None);
        }
        let frequency = known.frequency.unwrap_or(Frequency::Daily);
        if schedulers.best().is_none() {
            return Ok(None);
        }
        let question = format!("Back up automatically {}?", frequency.words());
        let answer = match self.yes {
            true => Some(Answer::Yes),
            false => context.ui.ask(&question, Answer::Yes),
        };
        Ok(match answer {
            Some(Answer::Yes) => Some(frequency),
            Some(Answer::No) => Some(Frequency::Off),
            None => None,
        })
    }

    /// Sets the schedule; what was saved is saved where that fails, so it is a warning.
    fn arrange_schedule(
        &self,
        repository: &mut Repository,
        context: &mut Context<'_>,
    ) -> Result<bool> {
        let schedulers = Schedulers::of(context.env);
        let Some(frequency) = self.wished_schedule(repository, &schedulers, context)? else {
            return Ok(true);
        };
        let locked = repository.relock("init");
        match locked.and_then(|_lock| arrange(repository, frequency, &schedulers, context)) {
            Ok(()) => Ok(true),
            Err(error) => {
                let word = frequency.as_str();
                let text = format!("{error:#}; try again with `claude-backup schedule {word}`");
                repository.warn(format!("no automatic backup: {text}"));
                Ok(false)
            }
        }
    }
}

fn save(
    repository: &mut Repository,
    (remote_lock, lock): (RemoteLock, Lock),
    context: &Context<'_>,
) -> Result<BackupOutcome> {
    let roots = context.roots(repository)?;
    let progress = &*context.ui.progress();
    let (scope, reading) = (Scope::All, Reading::Changed);
    let saved =
        backup::save(repository, &BackupRequest { roots: &roots, scope, reading }, progress)?;
    let publishing = Publishing::Now(Turn::Taken(remote_lock));
    backup::publish(repository, lock, saved, publishing, progress)
}

fn give_back(
    repository: &Repository,
    wanted: &Wanted,
    code: CodeArgs,
    context: &mut Context<'_>,
) -> Result<RestoreOutcome> {
    let only = match wanted {
        Wanted::Nothing => return Ok(RestoreOutcome::default()),
        Wanted::Everything => None,
        Wanted::Machine(slug) => Some(slug),
    };
    let roots = context.roots(repository)?;
    let mut plan = restore::plan_all(repository, only, roots.primary(), Conflict::Keep)?;
    plan.find_foreign_code(repository);
    plan.decide_on_code(code.decide(&plan.foreign_code(), context));
    restore::apply(repository, &plan, &*context.ui.progress())
}

/// True for a folder in which no backup was ever made: a first `init` that was cut off.
fn begins_here(repository: &Repository) -> Result<bool> {
    Ok(repository.vault.head()?.is_none())
}

impl Wish {
    fn wanted(self) -> Wanted {
        match self {
            Self::All => Wanted::Everything,
            Self::None => Wanted::Nothing,
        }
    }
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
    #[serde(skip)]
    is_arranged: bool,
    restored: RestoreOutcome,
}

impl InitReport {
    /// The command that installs what was held back.
    fn command_with_code(&self) -> String {
        let machine = self.restored.held_back.first().and_then(|file| file.machine.as_deref());
        let machine = machine.filter(|machine| *machine != self.machine_slug);
        let narrowed = machine.map(|machine| format!(" --machine {machine}")).unwrap_or_default();
        format!("claude-backup restore --all{narrowed} --with-code")
    }
}

impl Report for InitReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (dir, slug) = (&self.shown_dir, &self.machine_slug);
        let news = match self.existing {
            _ if self.joined => format!("Joined the backup, in {dir}; this machine is {slug}"),
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
        left_out_words(page, &self.restored, &self.command_with_code())?;
        page.blank()?;
        let automatically = match Frequency::parse(&self.schedule) {
            None | Some(Frequency::Off) => "claude-backup schedule daily",
            Some(frequency) => frequency.words(),
        };
        let mut fields = vec![
            ("automatically", Span::plain(automatically)),
            ("save again", Span::plain("claude-backup sync")),
            ("look", Span::plain("claude-backup status")),
            ("get back", Span::plain("claude-backup restore")),
        ];
        if self.mode == Mode::Local {
            let command = "claude-backup backend set github (or: git --remote URL)";
            fields.push(("add a remote", Span::plain(command)));
        }
        page.fields(&fields)
    }

    fn is_news(&self) -> bool {
        true
    }

    fn exit_code(&self) -> u8 {
        match self.restored.exit_code() {
            _ if !self.is_arranged => 1,
            0 => self.sync.exit_code(),
            code => code,
        }
    }
}
