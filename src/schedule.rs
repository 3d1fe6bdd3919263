//! Automatic backups: how often, by which part of the system, and whether it does it.

mod cron;
mod job;
mod launchd;
mod systemd;
mod template;
mod tool;

use std::cell::OnceCell;

use anyhow::Result;
use chrono::{DateTime, Duration, NaiveDateTime, NaiveTime, Timelike, Utc};

pub use self::job::Job;
use crate::env::{Env, Os};
use crate::error::{ErrorKind, Failure};
pub use crate::repository::Frequency;
use crate::repository::Repository;
use crate::repository::manifest::parse_stamp;

/// A daily backup is made at this hour, local time.
const HOUR: u32 = 3;

/// What the system makes of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is installed.
    #[default]
    Absent,
    /// It will start the next run.
    Active,
    /// Something is installed, but no run will start, or not ours; says why.
    Stopped(String),
}

/// A part of the system that starts programs at their time.
pub trait Scheduler {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// Puts the job in place of what was there, and sees to it that it will run.
    ///
    /// # Errors
    /// Where the system refuses it; then what was there before is there again.
    fn install(&self, job: &Job) -> Result<()>;

    /// Takes the job away; where there is none, nothing is to be done.
    ///
    /// # Errors
    /// Where the system refuses it.
    fn remove(&self) -> Result<()>;

    /// Whether the next run will come.
    ///
    /// # Errors
    /// Where what is installed cannot be read.
    fn state(&self) -> Result<State>;

    /// When the run after the one that began then is due; by the wall clock, where nothing else counts.
    fn next(
        &self,
        frequency: Frequency,
        _last: Option<DateTime<Utc>>,
        env: &Env,
    ) -> Option<DateTime<Utc>> {
        frequency.next(env.now(), env)
    }

    /// What a person should know of the runs that this part of the system starts.
    fn advice(&self) -> Option<String> {
        None
    }
}

/// The schedule of a backup, as set and as the system sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// As set; nothing where nobody ever said.
    pub frequency: Option<Frequency>,
    /// What starts the runs here.
    pub scheduler: Option<&'static str>,
    /// What it makes of it.
    pub state: State,
    /// When the next run is due, where one is.
    pub next: Option<DateTime<Utc>>,
}

/// What starts programs at their time on this machine, for this user; asked for once, when it is needed.
pub struct Schedulers<'a> {
    env: &'a Env,
    found: OnceCell<Vec<Box<dyn Scheduler + 'a>>>,
}

impl<'a> Schedulers<'a> {
    /// Those of this machine.
    #[must_use]
    pub fn of(env: &'a Env) -> Self {
        Self { env, found: OnceCell::new() }
    }

    /// The one to use.
    pub fn best(&self) -> Option<&dyn Scheduler> {
        self.all().first().map(AsRef::as_ref)
    }

    /// The best one first.
    fn all(&self) -> &[Box<dyn Scheduler + 'a>] {
        self.found.get_or_init(|| find(self.env))
    }
}

fn find(env: &Env) -> Vec<Box<dyn Scheduler + '_>> {
    let mut found: Vec<Box<dyn Scheduler + '_>> = Vec::new();
    match env.os {
        Os::MacOs => {
            found.extend(launchd::Launchd::find(env).map(|launchd| Box::new(launchd) as _));
        }
        Os::Linux => {
            found.extend(systemd::Systemd::find(env).map(|systemd| Box::new(systemd) as _));
            found.extend(cron::Cron::find(env).map(|cron| Box::new(cron) as _));
        }
        Os::Other => {}
    }
    found
}

/// Makes the backup run automatically so often, or no more.
///
/// The setting changes last: it never says more than what the system does. The caller holds the
/// backup's lock.
///
/// # Errors
/// Where nothing on this machine could start it, or the system refuses; then all is as before.
pub fn set(repository: &Repository, job: &Job, schedulers: &Schedulers<'_>) -> Result<()> {
    if job.frequency == Frequency::Off {
        return forget(repository, schedulers);
    }
    schedulers.best().ok_or_else(nothing_starts_it)?.install(job)?;
    if repository.vault.setting("schedule")?.is_some() {
        // It may have been installed when there was nothing better, and two would start it twice.
        for other in schedulers.all().iter().skip(1) {
            if let Err(error) = other.remove() {
                repository.warn(format!("{} may start it too: {error:#}", other.name()));
            }
        }
    }
    settle(repository, job.frequency)
}

/// Takes whatever is installed away, on a machine that may have no backup.
///
/// # Errors
/// Where the system refuses it.
pub fn remove(schedulers: &Schedulers<'_>) -> Result<()> {
    schedulers.all().iter().try_for_each(|scheduler| scheduler.remove())
}

/// Takes the schedule of this backup away, and forgets that there was one.
///
/// # Errors
/// Where the system refuses it, or git's settings cannot be written.
pub fn forget(repository: &Repository, schedulers: &Schedulers<'_>) -> Result<()> {
    remove(schedulers)?;
    settle(repository, Frequency::Off)
}

/// What is wrong with a schedule that should be at work, and what mends it.
#[must_use]
pub fn problem(frequency: Option<Frequency>, state: &State) -> Option<String> {
    let frequency = frequency.filter(|frequency| *frequency != Frequency::Off)?;
    let why = match state {
        State::Active => return None,
        State::Absent => "it is not installed",
        State::Stopped(why) => why,
    };
    let word = frequency.as_str();
    Some(format!("the {word} backup does not run: {why}; run `claude-backup schedule {word}`"))
}

/// What is set, and what the system makes of it.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn look(repository: &Repository, schedulers: &Schedulers<'_>) -> Result<Scheduled> {
    let env = repository.env();
    let frequency = repository.vault.setting("schedule")?.as_deref().and_then(Frequency::parse);
    let wanted = frequency.filter(|frequency| *frequency != Frequency::Off);
    let found = wanted.and_then(|_| schedulers.best());
    let state = match (&found, wanted) {
        (Some(scheduler), _) => scheduler
            .state()
            .unwrap_or_else(|error| State::Stopped(format!("it cannot be asked: {error:#}"))),
        (None, Some(_)) => State::Stopped("nothing on this machine starts it".into()),
        (None, None) => State::Absent,
    };
    let last = parse_stamp(&repository.root_manifest().last_sync);
    let at_work = found.zip(wanted).filter(|_| state == State::Active);
    let next = at_work.and_then(|(scheduler, frequency)| scheduler.next(frequency, last, env));
    let scheduler = found.map(Scheduler::name);
    Ok(Scheduled { frequency, scheduler, state, next })
}

fn settle(repository: &Repository, frequency: Frequency) -> Result<()> {
    repository.vault.set_setting("schedule", frequency.as_str())?;
    let mut manifest = repository.root_manifest();
    manifest.schedule = frequency.as_str().into();
    repository.write_root_manifest(&manifest)
}

fn nothing_starts_it() -> anyhow::Error {
    Failure::new(ErrorKind::Failed, "nothing on this machine starts programs at their time")
        .hint("install cron, or let a timer of your own run `claude-backup sync --quiet`")
        .into()
}

impl Frequency {
    /// The next time by the wall clock: 03:00, or a full hour that the interval divides.
    #[must_use]
    pub fn next(self, now: DateTime<Utc>, env: &Env) -> Option<DateTime<Utc>> {
        let hours = self.hours()?;
        let first = if self == Self::Daily { HOUR } else { 0 };
        let local = env.local(now).naive_local();
        let today = local.date().and_time(NaiveTime::MIN) + Duration::hours(first.into());
        let passed = (local - today).num_seconds().div_euclid(3600 * i64::from(hours)) + 1;
        to_utc(today + Duration::hours(passed * i64::from(hours)), now, env)
    }
}

/// A time of the local clock; the offset is that of the day it falls on.
fn to_utc(local: NaiveDateTime, near: DateTime<Utc>, env: &Env) -> Option<DateTime<Utc>> {
    let guess =
        (local - Duration::seconds(env.local(near).offset().local_minus_utc().into())).and_utc();
    let offset = env.local(guess).offset().local_minus_utc();
    (local - Duration::seconds(offset.into())).and_utc().with_nanosecond(0)
}
