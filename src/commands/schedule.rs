//! `schedule`: back up automatically.

use std::io;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use crate::env::Env;
use crate::repository::Repository;
use crate::schedule::{self, Frequency, Job, Scheduled, Scheduler, Schedulers, State};
use crate::ui::words::when;
use crate::ui::{Mark, Page, Report, Span};

/// Back up automatically
#[derive(Args, Clone, Debug)]
pub struct ScheduleArgs {
    /// How often, or `show`
    #[arg(value_name = "FREQ", default_value = "show", hide_default_value = true)]
    wish: Wish,
}

/// What to do with the schedule.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Show,
    Set(Frequency),
}

impl ValueEnum for Wish {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Set(Frequency::Off),
            Self::Set(Frequency::Daily),
            Self::Set(Frequency::SixHours),
            Self::Set(Frequency::Hourly),
            Self::Show,
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Self::Show => Some(clap::builder::PossibleValue::new("show").help("Tell how it is")),
            Self::Set(frequency) => frequency.to_possible_value(),
        }
    }
}

impl ScheduleArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let schedulers = Schedulers::of(context.env);
        if let Wish::Set(frequency) = self.wish {
            let _lock = repository.lock("schedule")?;
            arrange(&repository, frequency, &schedulers, context)?;
            context.ui.step(format_args!("set the schedule to {}", frequency.as_str()));
        }
        context.warn_of(&repository);
        context.ui.emit(&ScheduleReport::of(&repository, &schedulers)?)
    }
}

/// Sets the schedule, and says what a person should know of it.
pub(super) fn arrange(
    repository: &Repository,
    frequency: Frequency,
    schedulers: &Schedulers<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let job = Job::new(frequency, &context.backup_dir, context.claude_dir.as_deref(), context.env)?;
    schedule::set(repository, &job, schedulers)?;
    if frequency != Frequency::Off {
        let advice = schedulers.best().and_then(Scheduler::advice);
        job.warning().into_iter().chain(advice).for_each(|text| repository.warn(text));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleReport {
    schedule: String,
    scheduler: Option<&'static str>,
    active: bool,
    next_run: Option<DateTime<Utc>>,
    problem: Option<String>,
    #[serde(skip)]
    frequency: Option<Frequency>,
    #[serde(skip)]
    env: Env,
}

impl ScheduleReport {
    fn of(repository: &Repository, schedulers: &Schedulers<'_>) -> Result<Self> {
        let Scheduled { frequency, scheduler, state, next } =
            schedule::look(repository, schedulers)?;
        let problem = schedule::problem(frequency, &state);
        Ok(Self {
            schedule: frequency.map(Frequency::as_str).unwrap_or_default().into(),
            scheduler,
            active: state == State::Active,
            next_run: next,
            problem,
            frequency,
            env: repository.env().clone(),
        })
    }
}

impl Report for ScheduleReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let frequency = match (self.frequency, &self.problem) {
            (_, Some(problem)) => return page.mark(Mark::Bad, problem),
            (None | Some(Frequency::Off), None) => {
                page.mark(Mark::Warn, "No automatic backup is set")?;
                page.blank()?;
                return page.fields(&[("start", Span::plain("claude-backup schedule daily"))]);
            }
            (Some(frequency), None) => frequency,
        };
        page.mark(Mark::Good, format!("Backs up automatically {}", frequency.words()))?;
        page.blank()?;
        let next = self.next_run.map(|next| when(next, self.env.now(), &self.env));
        let mut fields = vec![("started by", Span::plain(self.scheduler.unwrap_or_default()))];
        fields.extend(next.map(|next| ("next", Span::plain(next))));
        page.fields(&fields)
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.problem.is_some())
    }
}
