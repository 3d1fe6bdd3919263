//! Linux: a timer of the user's own systemd, which catches up what was missed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::job::Job;
use super::template::fill;
use super::tool::Tool;
use super::{Frequency, Scheduler, State};
use crate::env::Env;
use crate::fs;

const SERVICE: &str = "claude-backup.service";
const TIMER: &str = "claude-backup.timer";
const SERVICE_TEMPLATE: &str = include_str!("../../systemd/claude-backup.service");
const TIMER_TEMPLATE: &str = include_str!("../../systemd/claude-backup.timer");
const MODE: u32 = 0o644;

/// The user's service manager.
pub(super) struct Systemd<'a> {
    systemctl: Tool<'a>,
    analyze: Option<Tool<'a>>,
    loginctl: Option<Tool<'a>>,
    folder: PathBuf,
    user_id: u32,
}

/// The two unit files, where they are.
struct Units {
    service: Option<Vec<u8>>,
    timer: Option<Vec<u8>>,
}

impl<'a> Systemd<'a> {
    /// Where the user has a manager that answers.
    pub(super) fn find(env: &'a Env) -> Option<Self> {
        let systemctl = Tool::find("systemctl", env)?;
        if !systemctl.agrees(&["--user", "show", "--property=Version"]) {
            return None;
        }
        let config =
            env.variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
        Some(Self {
            systemctl,
            analyze: Tool::find("systemd-analyze", env),
            loginctl: Tool::find("loginctl", env),
            folder: config.unwrap_or_else(|| env.home.join(".config")).join("systemd/user"),
            user_id: env.user_id,
        })
    }

    fn units(&self) -> Result<Units> {
        let read = |name| fs::read_if_exists(&self.folder.join(name));
        Ok(Units { service: read(SERVICE)?, timer: read(TIMER)? })
    }

    fn write(&self, units: &Units) -> Result<()> {
        for (name, text) in [(SERVICE, &units.service), (TIMER, &units.timer)] {
            let path = self.folder.join(name);
            match text {
                Some(text) => fs::write_atomic(&path, text, MODE)?,
                None => fs::remove_if_exists(&path)?,
            }
        }
        Ok(())
    }

    /// Writes the files, has them checked, and starts the timer.
    fn start(&self, units: &Units) -> Result<()> {
        fs::create_private_dir(&self.folder)?;
        self.write(units)?;
        if let Some(analyze) = &self.analyze {
            let paths = [SERVICE, TIMER].map(|name| self.folder.join(name).display().to_string());
            analyze.run(&["--user", "verify", &paths[0], &paths[1]])?;
        }
        self.systemctl.run(&["--user", "daemon-reload"])?;
        // One that runs already would keep its old hours.
        self.stop()?;
        self.systemctl.run(&["--user", "enable", "--now", TIMER])?;
        match self.is_active() {
            true => Ok(()),
            false => bail!(
                "systemd took the timer, but does not run it; see `systemctl --user status {TIMER}`"
            ),
        }
    }

    /// What was there before, as well as it can be had again.
    fn put_back(&self, old: &Units) -> Result<()> {
        self.stop()?;
        match old.timer {
            Some(_) => self.start(old),
            None => {
                self.write(old)?;
                self.systemctl.run(&["--user", "daemon-reload"]).map(drop)
            }
        }
    }

    /// Stops the timer, and lets systemd forget when it last fired: the next one would catch up at
    /// once, and meet the backup's lock. That there was none is no failure.
    fn stop(&self) -> Result<()> {
        // In this order it ends well even where somebody removed its files.
        for words in [&["stop"][..], &["disable"], &["clean", "--what=state"]] {
            self.systemctl.ask(&[&["--user"], words, &[TIMER]].concat(), "")?;
        }
        Ok(())
    }

    fn is_active(&self) -> bool {
        self.systemctl.agrees(&["--user", "is-active", "--quiet", TIMER])
    }
}

impl Scheduler for Systemd<'_> {
    fn name(&self) -> &'static str {
        "systemd"
    }

    fn install(&self, job: &Job) -> Result<()> {
        let old = self.units()?;
        let new =
            Units { service: Some(service(job).into()), timer: Some(timer(job.frequency).into()) };
        let Err(error) = self.start(&new) else { return Ok(()) };
        match self.put_back(&old) {
            Ok(()) => Err(error),
            Err(second) => {
                Err(error.context(format!("the timer before it is lost too: {second:#}")))
            }
        }
    }

    fn remove(&self) -> Result<()> {
        // Files that somebody removed leave a timer that systemd still has.
        self.stop()?;
        self.write(&Units { service: None, timer: None })?;
        self.systemctl.run(&["--user", "daemon-reload"]).map(drop)
    }

    fn state(&self) -> Result<State> {
        let Units { service: Some(service), timer: Some(_) } = self.units()? else {
            return Ok(State::Absent);
        };
        Ok(match program_of(&String::from_utf8_lossy(&service)) {
            Some(program) if !Path::new(&program).exists() => {
                State::Stopped(format!("it starts {program}, which is not there"))
            }
            Some(_) if self.is_active() => State::Active,
            Some(_) => State::Stopped("systemd does not run the timer".into()),
            None => State::Stopped(format!("`{}` is damaged", self.folder.join(SERVICE).display())),
        })
    }

    fn advice(&self) -> Option<String> {
        // Without a user it shows what is set for all of them, which is not this.
        let words = ["show-user", &self.user_id.to_string(), "--property=Linger"];
        let lingers = self.loginctl.as_ref()?.ask(&words, "").ok()?;
        (lingers.out.trim() == "Linger=no").then(|| {
            "it runs while you are logged in, and catches up at the next login; `loginctl enable-linger` \
             lets it run without you"
                .into()
        })
    }
}

fn service(job: &Job) -> String {
    let mut words = job.words.iter();
    // Variables are looked for in every word but the program's name.
    let program = words.next().map(|program| quoted(program));
    let words = words.map(|word| quoted(&word.replace('$', "$$")));
    let command: Vec<String> = program.into_iter().chain(words).collect();
    fill(SERVICE_TEMPLATE, &[("command", &command.join(" "))])
}

fn timer(frequency: Frequency) -> String {
    let when = match frequency {
        Frequency::Off | Frequency::Daily => "*-*-* 03:00:00",
        Frequency::SixHours => "*-*-* 00/6:00:00",
        Frequency::Hourly => "*-*-* *:00:00",
    };
    fill(TIMER_TEMPLATE, &[("when", when), ("often", frequency.words())])
}

/// A word without specifiers and escapes.
fn quoted(word: &str) -> String {
    let plain = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{plain}\"")
}

/// The program in a unit of ours.
fn program_of(service: &str) -> Option<String> {
    let line = service.lines().find_map(|line| line.strip_prefix("ExecStart=\""))?;
    let (mut program, mut letters) = (String::new(), line.chars());
    loop {
        match letters.next()? {
            '"' => return Some(program),
            '\\' | '%' => program.push(letters.next()?),
            letter => program.push(letter),
        }
    }
}
