//! macOS: an agent of the user's, which launchd starts and catches up after sleep.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Duration, Utc};

use super::job::{Job, PATH};
use super::template::fill;
use super::tool::Tool;
use super::{Frequency, HOUR, Scheduler, State};
use crate::env::Env;
use crate::fs;

const LABEL: &str = "com.claude-backup";
const TEMPLATE: &str = include_str!("../../launchd/com.claude-backup.plist");
/// launchd itself reads it, and nobody else has to.
const MODE: u32 = 0o644;

/// launchd, asked through `launchctl`.
pub(super) struct Launchd<'a> {
    launchctl: Tool<'a>,
    plutil: Option<Tool<'a>>,
    path: PathBuf,
    /// The user's session, in which agents live.
    domain: String,
}

impl<'a> Launchd<'a> {
    pub(super) fn find(env: &'a Env) -> Option<Self> {
        Some(Self {
            launchctl: Tool::find("launchctl", env)?,
            plutil: Tool::find("plutil", env),
            path: env.home.join(format!("Library/LaunchAgents/{LABEL}.plist")),
            domain: format!("gui/{}", env.user_id),
        })
    }

    fn service(&self) -> String {
        format!("{}/{LABEL}", self.domain)
    }

    fn path_text(&self) -> Result<&str> {
        self.path.to_str().context("the home folder's name is not UTF-8")
    }

    /// Stops what runs now; that nothing did is no failure.
    fn boot_out(&self) -> Result<()> {
        self.launchctl.ask(&["bootout", &self.service()], "").map(drop)
    }

    /// Writes, checks and starts; the agent that was there is stopped already.
    fn start(&self, text: &[u8]) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_private_dir(folder)?;
        fs::write_atomic(&self.path, text, MODE)?;
        let path = self.path_text()?;
        if let Some(plutil) = &self.plutil {
            plutil.run(&["-lint", path])?;
        }
        self.launchctl.run(&["bootstrap", &self.domain, path])?;
        self.launchctl.run(&["print", &self.service()])?;
        Ok(())
    }

    /// What was there before, as well as it can be had again.
    fn put_back(&self, old: Option<&[u8]>) -> Result<()> {
        self.boot_out()?;
        match old {
            Some(old) => self.start(old),
            None => Ok(fs::remove_if_exists(&self.path)?),
        }
    }
}

impl Scheduler for Launchd<'_> {
    fn name(&self) -> &'static str {
        "launchd"
    }

    fn install(&self, job: &Job) -> Result<()> {
        let old = fs::read_if_exists(&self.path)?;
        self.boot_out()?;
        let Err(error) = self.start(plist(job).as_bytes()) else { return Ok(()) };
        match self.put_back(old.as_deref()) {
            Ok(()) => Err(error),
            Err(second) => {
                Err(error.context(format!("the agent before it is lost too: {second:#}")))
            }
        }
    }

    fn remove(&self) -> Result<()> {
        self.boot_out()?;
        Ok(fs::remove_if_exists(&self.path)?)
    }

    /// launchd counts intervals from the last run; daily ones have their hour.
    fn next(
        &self,
        frequency: Frequency,
        last: Option<DateTime<Utc>>,
        env: &Env,
    ) -> Option<DateTime<Utc>> {
        match frequency {
            Frequency::Daily => frequency.next(env.now(), env),
            _ => Some((last? + Duration::hours(frequency.hours()?.into())).max(env.now())),
        }
    }

    fn state(&self) -> Result<State> {
        let Some(text) = fs::read_if_exists(&self.path)? else { return Ok(State::Absent) };
        let words = words_of(&String::from_utf8_lossy(&text));
        Ok(match words.first() {
            Some(shell) if shell == "/bin/bash" => {
                State::Stopped("it starts the shell tool".into())
            }
            Some(program) if !Path::new(program).exists() => {
                State::Stopped(format!("it starts {program}, which is not there"))
            }
            Some(_) if self.launchctl.agrees(&["print", &self.service()]) => State::Active,
            Some(_) => State::Stopped("launchd has not loaded it".into()),
            None => State::Stopped(format!("`{}` is damaged", self.path.display())),
        })
    }
}

fn plist(job: &Job) -> String {
    let words = job.words.iter().fold(String::new(), |mut text, word| {
        writeln!(text, "        <string>{}</string>", escaped(word)).expect("a String takes all");
        text
    });
    let (logs, when) = (escaped(&job.logs), when(job.frequency));
    fill(TEMPLATE, &[("words", &words), ("when", &when), ("logs", &logs), ("path", PATH)])
}

fn when(frequency: Frequency) -> String {
    match frequency {
        Frequency::Off => String::new(),
        Frequency::Daily => format!(
            "    <key>StartCalendarInterval</key>\n    <dict>\n        <key>Hour</key>\n        \
             <integer>{HOUR}</integer>\n        <key>Minute</key>\n        <integer>0</integer>\n    </dict>\n"
        ),
        Frequency::SixHours | Frequency::Hourly => {
            let seconds = frequency.hours().unwrap_or_default() * 3600;
            format!("    <key>StartInterval</key>\n    <integer>{seconds}</integer>\n")
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The program and its words in a plist of ours or of the shell tool.
fn words_of(plist: &str) -> Vec<String> {
    let list = plist.split_once("<key>ProgramArguments</key>").and_then(|(_, rest)| {
        let (_, rest) = rest.split_once("<array>")?;
        rest.split_once("</array>").map(|(list, _)| list)
    });
    let strings = list.unwrap_or_default().split("<string>").skip(1);
    let texts = strings.filter_map(|text| text.split_once("</string>").map(|(text, _)| text));
    texts.map(|text| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
}
