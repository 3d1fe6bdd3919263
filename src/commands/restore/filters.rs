//! Which sessions a list or a restore is narrowed to.

use anyhow::Result;
use clap::Args;

use crate::repository::find::{DayEnd, Filter, Presence, parse_date_beginning, parse_moment};
use crate::ui::words::shell_word;

/// What a list is narrowed to
#[derive(Args, Clone, Debug)]
pub(super) struct Filters {
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
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, value_parser = crate::commands::project_name)]
    project: Option<String>,
    /// Only what this machine saved
    #[arg(long, value_name = "SLUG")]
    machine: Option<String>,
    /// Only what the source has no more; unless a list is asked for, it is given back
    #[arg(long)]
    gone: bool,
}

impl Filters {
    pub(super) fn filter(&self) -> Result<Filter> {
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

    /// The words that narrow a restore, each after a space.
    pub(super) fn named(&self) -> String {
        let word = |flag: &str, value: &Option<String>| {
            value
                .as_deref()
                .map(|value| format!(" {flag} {}", shell_word(value)))
                .unwrap_or_default()
        };
        word("--machine", &self.machine) + &word("--project", &self.project)
    }

    pub(super) fn asks_for_a_list(&self) -> bool {
        let narrowed = [&self.project, &self.machine];
        self.names_a_list() || narrowed.iter().any(|filter| filter.is_some())
    }

    fn names_a_list(&self) -> bool {
        let dates = [&self.date, &self.since, &self.until];
        self.list || self.last.is_some() || dates.iter().any(|filter| filter.is_some())
    }

    pub(super) fn brings_back_what_is_gone(&self) -> bool {
        self.gone && !self.names_a_list()
    }
}
