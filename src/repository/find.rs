//! Which sessions are meant: by id or part of it, by project, machine, date.

use std::fmt;

use anyhow::Result;
use chrono::{DateTime, Months, NaiveDate, NaiveDateTime, Utc};
use serde_json::json;

use super::Repository;
use super::index::IndexEntry;
use super::message_counts::MessageCounts;
use super::trust::Signature;
use crate::error::{ErrorKind, Failure};

/// So many candidates are shown to a person; programs get all.
const MOST_SHOWN: usize = 10;

/// What a list is narrowed to; the conditions combine.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The machine's folder, whole.
    pub machine: Option<String>,
    /// A part of the project's folder name or true path, whatever its case.
    pub project: Option<String>,
    /// The beginning of the time of last activity, as in `2026-11` or `2026-11-20`.
    pub date: Option<String>,
    /// Last activity at or after.
    pub since: Option<DateTime<Utc>>,
    /// Last activity at or before.
    pub until: Option<DateTime<Utc>>,
    /// Which by presence at the source.
    pub presence: Presence,
    /// At most so many, the most recent first.
    pub last: Option<usize>,
}

/// Whether the source still has a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// All sessions.
    #[default]
    Any,
    /// Only those that the source lacks.
    Gone,
}

impl fmt::Display for Filter {
    /// As it is typed: `--project alpha --since 2026-11-20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: &DateTime<Utc>| time.format("%Y-%m-%d").to_string();
        let values = [
            ("--machine", self.machine.clone()),
            ("--project", self.project.clone()),
            ("--date", self.date.clone()),
            ("--since", self.since.as_ref().map(day)),
            ("--until", self.until.as_ref().map(day)),
            ("--last", self.last.map(|number| number.to_string())),
        ];
        let values = values.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        let mut words: Vec<String> =
            values.map(|(flag, value)| format!("{flag} {value}")).collect();
        words.extend((self.presence == Presence::Gone).then(|| "--gone".to_owned()));
        f.write_str(&words.join(" "))
    }
}

impl Filter {
    fn allows(&self, session: &IndexEntry) -> bool {
        let active = session.last_activity;
        let has_date =
            |date: &String| active.is_some_and(|time| time.to_rfc3339().starts_with(date.as_str()));
        self.machine.as_ref().is_none_or(|machine| session.machine == *machine)
            && self.project.as_ref().is_none_or(|project| is_of_project(session, project))
            && self.date.as_ref().is_none_or(has_date)
            && self.since.is_none_or(|since| active.is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| active.is_some_and(|time| time <= until))
            && (self.presence == Presence::Any || session.gone_since.is_some())
    }
}

impl Repository {
    /// The sessions that a filter allows, the most recently active first.
    ///
    /// # Errors
    /// Where neither index nor ledgers can be read; [`ErrorKind::NotFound`] for a machine that has
    /// no folder.
    pub fn sessions(&self, filter: &Filter) -> Result<Vec<IndexEntry>> {
        self.narrowed(filter, "")
    }

    /// Of these, the ones whose ids contain a text, and perhaps others.
    fn narrowed(&self, filter: &Filter, part: &str) -> Result<Vec<IndexEntry>> {
        if let Some(machine) = &filter.machine {
            self.known_machine(machine)?;
        }
        let mut sessions = self.sessions_with(part)?;
        sessions.retain(|session| filter.allows(session));
        sessions.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then(a.uuid.cmp(&b.uuid)));
        sessions.truncate(filter.last.unwrap_or(usize::MAX));
        Ok(sessions)
    }

    /// The one session that an argument means: the whole id, else a unique beginning, else a unique
    /// part of it. The same id on several machines is one session: its most complete copy, by the
    /// messages in its content. One that was given back to another project is the one that is there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Ambiguous`] with the candidates.
    pub fn find_session(&self, argument: &str, filter: &Filter) -> Result<IndexEntry> {
        let sessions = self.narrowed(filter, argument)?;
        let rules: [fn(&str, &str) -> bool; 3] =
            [|id, part| id == part, |id, part| id.starts_with(part), |id, part| id.contains(part)];
        for rule in rules {
            let hits = sessions.iter().filter(|s| !argument.is_empty() && rule(&s.uuid, argument));
            let mut hits: Vec<&IndexEntry> = hits.collect();
            let all = hits.clone();
            hits.retain(|hit| !hit.lives_on(all.iter().copied()));
            // A copy that nobody vouches for never takes the place of one that somebody does.
            let is_outranked = |hit: &IndexEntry| {
                all.iter().any(|other| other.uuid == hit.uuid && other.signature > hit.signature)
            };
            hits.retain(|hit| !is_outranked(hit) || hit.signature >= Signature::Verified);
            if let Some(first) = hits.first() {
                return match is_one_session(&hits) {
                    true => self.most_complete_copy(first, &hits),
                    false => Err(ambiguous(argument, &hits).into()),
                };
            }
        }
        let narrowed = match filter.to_string() {
            flags if flags.is_empty() => String::new(),
            flags => format!(" with {flags}"),
        };
        let message = format!("no session matches `{argument}`{narrowed}");
        Err(Failure::new(ErrorKind::NotFound, message)
            .hint("list sessions with `claude-backup restore --list`")
            .into())
    }

    /// The copy with the most messages in its content; of equals this machine's.
    fn most_complete_copy(&self, first: &IndexEntry, hits: &[&IndexEntry]) -> Result<IndexEntry> {
        if let [only] = hits {
            return Ok((*only).clone());
        }
        let is_here = |session: &IndexEntry| session.machine == self.machine.as_str();
        let mut counts = MessageCounts::load(self);
        let mut best = (None, first);
        for hit in hits {
            let copy = self.session_copy(hit)?;
            let completeness = copy.and_then(|copy| counts.completeness(&copy));
            let is_better = completeness > best.0 || (completeness == best.0 && is_here(hit));
            best = if is_better { (completeness, *hit) } else { best };
        }
        counts.save();
        Ok(best.1.clone())
    }

    /// A machine that has a folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] with the ones that there are.
    pub fn known_machine(&self, name: &str) -> Result<crate::session::MachineSlug> {
        let machines = self.machines()?;
        if let Some(slug) = machines.iter().find(|slug| slug.as_str() == name) {
            return Ok(slug.clone());
        }
        let names: Vec<&str> = machines.iter().map(|slug| slug.as_str()).collect();
        Err(Failure::new(ErrorKind::NotFound, format!("no machine `{name}`"))
            .hint(format!("machines: {}", names.join(", ")))
            .into())
    }
}

fn is_of_project(session: &IndexEntry, part: &str) -> bool {
    let part = part.to_lowercase();
    let names = [Some(&session.project_hash), session.cwd.as_ref()];
    names.into_iter().flatten().any(|name| name.to_lowercase().contains(&part))
}

/// Copies of one id count as one where no machine has it twice.
fn is_one_session(hits: &[&IndexEntry]) -> bool {
    let same_id = hits.iter().all(|hit| hit.uuid == hits[0].uuid);
    let mut machines: Vec<&str> = hits.iter().map(|hit| hit.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    same_id && machines.len() == hits.len()
}

fn ambiguous(argument: &str, hits: &[&IndexEntry]) -> Failure {
    let candidates: Vec<_> = hits
        .iter()
        .map(|hit| {
            json!({
                "uuid": hit.uuid,
                "projectHash": hit.project_hash,
                "machine": hit.machine,
                "title": hit.title,
                "cwd": hit.cwd,
                "lastActivity": hit.last_activity,
            })
        })
        .collect();
    let message = format!("`{argument}` matches {} sessions", hits.len());
    let is_one_id = hits.iter().all(|hit| hit.uuid == hits[0].uuid);
    let failure = Failure::new(ErrorKind::Ambiguous, message);
    let failure = hits.iter().take(MOST_SHOWN).fold(failure, |failure, hit| {
        let path = hit.cwd.as_ref().filter(|_| !is_one_id);
        let date = hit.last_activity.map(|time| time.format("%Y-%m-%d").to_string());
        failure.row([
            hit.uuid.clone(),
            date.unwrap_or_else(|| "no date".to_owned()),
            hit.machine.clone(),
            path.unwrap_or(&hit.project_hash).clone(),
            hit.title.clone().unwrap_or_else(|| "(no title)".to_owned()),
        ])
    });
    let failure = match hits.len().checked_sub(MOST_SHOWN) {
        Some(more @ 1..) => failure.line(format!("and {more} more")),
        _ => failure,
    };
    let hint = match is_one_id {
        true => "select one with --project or --machine",
        false => "type more of the id, or narrow it with --project or --machine",
    };
    failure.hint(hint).detail("candidates", candidates.into())
}

/// The beginning of a date as people type it: `2026`, `2026-11`, `2026-11-20`, `2026-11-20T03`.
///
/// # Errors
/// [`ErrorKind::Usage`] if no date begins like this: an empty list would look like a lost backup.
pub fn parse_date_beginning(text: &str) -> Result<String> {
    // A half-typed number, such as the month of `2026-1`, may go on with one of these digits.
    let rests = ["0000-01-01T00:00:00", "0000-00-00T00:00:00", "0000-11-11T00:00:00"];
    let is_date = |rest: &str| {
        let rest = rest.get(text.len()..).unwrap_or_default();
        format!("{text}{rest}").parse::<NaiveDateTime>().is_ok()
    };
    let is_long_enough = (4..=rests[0].len()).contains(&text.len());
    if is_long_enough && text.is_ascii() && rests.into_iter().any(is_date) {
        return Ok(text.to_owned());
    }
    Err(not_a_date(text, "use 2026-11-20 or 2026-11; times are UTC"))
}

/// A day, a month or a moment as people type it: `2026-11-20`, `2026-11`, or RFC 3339.
///
/// # Errors
/// [`ErrorKind::Usage`] if it is none of these.
pub fn parse_moment(text: &str, end: DayEnd) -> Result<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = text.parse().ok().or_else(|| day_of_month(text, end));
    let time = day.and_then(|day: NaiveDate| match end {
        DayEnd::First => day.and_hms_opt(0, 0, 0),
        DayEnd::Last => day.and_hms_milli_opt(23, 59, 59, 999),
    });
    time.map(|time| time.and_utc()).ok_or_else(|| {
        not_a_date(text, "use 2026-11-20, 2026-11 or 2026-11-20T03:00:00Z; times are UTC")
    })
}

/// The first or the last day of a month such as `2026-11`.
fn day_of_month(text: &str, end: DayEnd) -> Option<NaiveDate> {
    let first: NaiveDate = format!("{text}-01").parse().ok()?;
    match end {
        DayEnd::First => Some(first),
        DayEnd::Last => first.checked_add_months(Months::new(1))?.pred_opt(),
    }
}

fn not_a_date(text: &str, hint: &str) -> anyhow::Error {
    Failure::new(ErrorKind::Usage, format!("`{text}` is not a date")).hint(hint).into()
}

/// Which end of a day a date stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayEnd {
    /// Its first moment.
    First,
    /// Its last moment.
    Last,
}
