//! Where there is nothing better: lines of our own in the user's crontab.

use std::path::Path;

use anyhow::{Result, bail};

use super::job::{Job, PATH};
use super::tool::Tool;
use super::{Frequency, Scheduler, State};
use crate::env::Env;

const BEGIN: &str =
    "# claude-backup: the lines from here to its end are made by `claude-backup schedule`";
const END: &str = "# claude-backup: end";
/// Between what cron reads and the program.
const NICE: &str = " nice ";

/// The user's crontab.
pub(super) struct Cron<'a> {
    crontab: Tool<'a>,
}

impl<'a> Cron<'a> {
    pub(super) fn find(env: &'a Env) -> Option<Self> {
        Tool::find("crontab", env).map(|crontab| Self { crontab })
    }

    /// The whole table; that there is none yet is an empty one.
    fn table(&self) -> Result<String> {
        let said = self.crontab.ask(&["-l"], "")?;
        match said.ok {
            true => Ok(said.out),
            false if said.err.contains("no crontab") => Ok(String::new()),
            // Whatever is wrong, writing would lose lines that are not ours.
            false => bail!("`crontab -l` failed: {}", said.complaint()),
        }
    }

    /// Replaces the table in one step; cron refuses one that it cannot read.
    fn write(&self, table: &str) -> Result<()> {
        let said = self.crontab.ask(&["-"], table)?;
        if !said.ok {
            bail!("`crontab -` failed: {}", said.complaint());
        }
        Ok(())
    }
}

impl Scheduler for Cron<'_> {
    fn name(&self) -> &'static str {
        "cron"
    }

    fn install(&self, job: &Job) -> Result<()> {
        let table = without_ours(&self.table()?);
        self.write(&format!("{table}{BEGIN}\n{}\n{END}\n", line(job)))?;
        match self.table()?.lines().any(|line| line == BEGIN) {
            true => Ok(()),
            false => bail!("cron did not keep the line; see `crontab -l`"),
        }
    }

    fn remove(&self) -> Result<()> {
        let table = self.table()?;
        let rest = without_ours(&table);
        if rest == table { Ok(()) } else { self.write(&rest) }
    }

    fn state(&self) -> Result<State> {
        let table = self.table()?;
        let mut lines = table.lines().skip_while(|line| *line != BEGIN).skip(1);
        Ok(match lines.next().map(program_of) {
            None => State::Absent,
            Some(Some(program)) if !Path::new(&program).exists() => {
                State::Stopped(format!("it starts {program}, which is not there"))
            }
            Some(Some(_)) => State::Active,
            Some(None) => State::Stopped("its line in the crontab is damaged".into()),
        })
    }

    fn advice(&self) -> Option<String> {
        Some("cron does not catch up what is missed while the machine sleeps".into())
    }
}

/// The table without our lines; all others stay as they are.
fn without_ours(table: &str) -> String {
    let mut ours = false;
    let mut rest = String::new();
    for line in table.lines() {
        ours |= line == BEGIN;
        if !ours {
            rest.push_str(line);
            rest.push('\n');
        }
        ours &= line != END;
    }
    rest
}

/// What fails is in `status`, so nobody needs mail of it.
fn line(job: &Job) -> String {
    let hours = match job.frequency {
        Frequency::Off | Frequency::Daily => "0 3 * * *",
        Frequency::SixHours => "0 */6 * * *",
        Frequency::Hourly => "0 * * * *",
    };
    let words: Vec<String> = job.words.iter().map(|word| quoted(word)).collect();
    format!("{hours} PATH={PATH}{NICE}{} >/dev/null 2>&1", words.join(" "))
}

/// The program in a line of ours.
fn program_of(line: &str) -> Option<String> {
    let (_, command) = line.split_once(NICE)?;
    let Some(quoted) = command.strip_prefix('\'') else {
        return command.split_once(' ').map(|(program, _)| program.into());
    };
    let plain = quoted.replace(r"\%", "%").replace(r"'\''", "\0");
    plain.split_once('\'').map(|(program, _)| program.replace('\0', "'"))
}

/// A word that cron's shell takes as it is; cron itself ends a line at a percent sign.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''").replace('%', r"\%"))
}
