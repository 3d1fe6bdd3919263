//! The outside world, read once: home, variables, host, clock, terminal.
//!
//! Nothing else in the program asks the process, so a test can be a whole other machine.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, FixedOffset, Local, Offset, TimeZone, Utc};

use crate::error::{ErrorKind, Failure};

/// The machine and the process the program runs in.
#[derive(Clone, Debug)]
pub struct Env {
    /// The user's home folder.
    pub home: PathBuf,
    /// The folder that relative arguments are meant from; `None` if it was deleted meanwhile.
    pub working_dir: Option<PathBuf>,
    /// The full host name, for display.
    pub host: String,
    /// The system, which decides what starts programs at their time.
    pub os: Os,
    /// The user's number; 0 where users have none.
    pub user_id: u32,
    /// The running program; empty where that is not known.
    pub program: PathBuf,
    /// The process id, for the lock's owner line.
    pub pid: u32,
    /// Which of the three streams are terminals.
    pub terminal: Terminal,
    /// Set by Ctrl-C and SIGTERM; long work stops at the next safe point.
    pub interrupt: Arc<AtomicBool>,
    /// While set, Ctrl-C ends the process at once: after the first one, and while a question waits.
    pub impatient: Arc<AtomicBool>,
    variables: BTreeMap<OsString, OsString>,
    clock: Clock,
}

/// The systems that differ in more than names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// macOS.
    MacOs,
    /// Linux.
    Linux,
    /// Anything else.
    Other,
}

/// Which standard streams a person is looking at, and how wide they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard input can be asked.
    pub stdin: bool,
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Columns, where known.
    pub width: Option<u16>,
}

#[derive(Clone, Debug)]
enum Clock {
    System,
    /// Milliseconds since the epoch; a test moves it by hand.
    Fixed(Arc<AtomicI64>),
}

impl Env {
    /// Reads the process once.
    ///
    /// # Errors
    /// If no home folder is known.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the process")]
    pub fn from_process() -> Result<Self> {
        let variables: BTreeMap<_, _> = std::env::vars_os().collect();
        let home = std::env::home_dir()
            .filter(|home| !home.as_os_str().is_empty())
            .context("no home folder is known; set HOME")?;
        Ok(Self {
            home,
            working_dir: std::env::current_dir().ok(),
            host: hostname::get().map_or_else(|_| String::new(), |h| h.to_string_lossy().into()),
            os: match std::env::consts::OS {
                "macos" => Os::MacOs,
                "linux" => Os::Linux,
                _ => Os::Other,
            },
            user_id: user_id(),
            program: std::env::current_exe().unwrap_or_default(),
            pid: std::process::id(),
            terminal: Terminal::from_process(),
            interrupt: Arc::default(),
            impatient: Arc::default(),
            variables,
            clock: Clock::System,
        })
    }

    /// A machine of one's own: this home, this host, this clock (milliseconds since the epoch), no variables.
    #[must_use]
    pub fn sandbox(home: PathBuf, host: &str, clock: Arc<AtomicI64>) -> Self {
        Self {
            working_dir: Some(home.clone()),
            home,
            host: host.into(),
            os: Os::Other,
            user_id: 501,
            program: PathBuf::from("/usr/local/bin/claude-backup"),
            pid: 4242,
            terminal: Terminal::default(),
            interrupt: Arc::default(),
            impatient: Arc::default(),
            variables: BTreeMap::new(),
            clock: Clock::Fixed(clock),
        }
    }

    /// The same machine with one variable set.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A variable's value; an empty one counts as unset.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// All variables, for a program that is started.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The path from the root: relative ones are below the working folder, `~` is the home.
    ///
    /// A shell leaves the tilde of `--flag=~/x` as it is, and a timer has no shell.
    ///
    /// # Errors
    /// If the path is relative and the working folder was deleted.
    pub fn absolute(&self, path: &Path) -> Result<PathBuf> {
        match (path.strip_prefix("~"), &self.working_dir) {
            (Ok(below), _) if below.as_os_str().is_empty() => Ok(self.home.clone()),
            (Ok(below), _) => Ok(self.home.join(below)),
            (Err(_), Some(folder)) => Ok(folder.join(path)),
            (Err(_), None) if path.is_absolute() => Ok(path.to_path_buf()),
            (Err(_), None) => {
                let path = path.display();
                let message = format!("`{path}` is relative, and the current folder was deleted");
                let failure = Failure::new(ErrorKind::NotFound, message);
                Err(failure.hint("cd to an existing folder, or use an absolute path").into())
            }
        }
    }

    /// The time now, UTC.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.clock {
            Clock::System => Utc::now(),
            Clock::Fixed(millis) => {
                DateTime::from_timestamp_millis(millis.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Waits, unless the user asks to stop; a sandbox only lets its clock go on.
    pub fn pause(&self, duration: Duration) {
        match &self.clock {
            Clock::System => {
                let mut left = duration;
                while !left.is_zero() && !self.interrupted() {
                    let nap = left.min(Duration::from_millis(50));
                    std::thread::sleep(nap);
                    left -= nap;
                }
            }
            Clock::Fixed(millis) => {
                let passed = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                millis.fetch_add(passed, Ordering::SeqCst);
            }
        }
    }

    /// A time in the zone a person here reads; a sandbox lives in UTC.
    #[must_use]
    pub fn local(&self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        match &self.clock {
            Clock::System => in_zone(time, Local.offset_from_utc_datetime(&time.naive_utc()).fix()),
            Clock::Fixed(_) => time.fixed_offset(),
        }
    }

    /// True once the user asked to stop.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
}

/// The time in a zone; on the first and the last day of the calendar, which may not exist there, UTC.
fn in_zone(time: DateTime<Utc>, zone: FixedOffset) -> DateTime<FixedOffset> {
    let exists = time.naive_utc().checked_add_offset(zone).is_some();
    if exists { time.with_timezone(&zone) } else { time.fixed_offset() }
}

#[cfg(unix)]
fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(not(unix))]
fn user_id() -> u32 {
    0
}

/// True for a file that may be run.
#[cfg(unix)]
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs_err::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file()
}

impl Terminal {
    fn from_process() -> Self {
        use std::io::IsTerminal;
        Self {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            width: terminal_size::terminal_size().map(|(width, _)| width.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_at_the_ends_of_the_calendar_can_be_shown_in_any_zone() {
        for hours in [-12, 0, 14] {
            let zone = FixedOffset::east_opt(hours * 3600).unwrap();
            for time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                let local = in_zone(time, zone);
                let _ = (local.date_naive(), local.format("%-d %b %Y").to_string());
                assert_eq!(local, time);
            }
            let local = in_zone(DateTime::UNIX_EPOCH, zone);
            assert_eq!(local.offset(), &zone);
        }
    }
}
