//! The system's own programs that schedules are made with.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::env::Env;
use crate::process::{self, Programs, TimeLimits};

/// None of these programs has more to print.
const MOST_OUTPUT: usize = 4 << 20;

/// One such program on this machine.
pub(super) struct Tool<'a> {
    name: &'static str,
    path: PathBuf,
    env: &'a Env,
}

/// What it said.
pub(super) struct Said {
    /// It ended well.
    pub(super) ok: bool,
    /// Its result.
    pub(super) out: String,
    /// Its complaint.
    pub(super) err: String,
}

impl<'a> Tool<'a> {
    /// The first of this name on `PATH`.
    pub(super) fn find(name: &'static str, env: &'a Env) -> Option<Self> {
        let path = Programs::new(env, None).find(name).next()?;
        Some(Self { name, path, env })
    }

    /// Runs it with this on standard input; how it ended is part of the answer.
    pub(super) fn ask(&self, words: &[&str], input: &str) -> Result<Said> {
        let mut command = Programs::new(self.env, None).command(&self.path);
        command.args(words).env("LC_ALL", "C").env("SYSTEMD_PAGER", "").env("SYSTEMD_COLORS", "0");
        let limit = TimeLimits::default().silence;
        let output =
            process::run_whole(&mut command, input.as_bytes(), self.env, limit, MOST_OUTPUT)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { ok: output.success, out: text(output.out), err: text(output.err) })
    }

    /// Runs it where anything but success is a failure.
    pub(super) fn run(&self, words: &[&str]) -> Result<String> {
        let said = self.ask(words, "")?;
        if !said.ok {
            bail!("`{} {}` failed: {}", self.name, words.join(" "), said.complaint());
        }
        Ok(said.out)
    }

    /// True where it ends well.
    pub(super) fn agrees(&self, words: &[&str]) -> bool {
        self.ask(words, "").is_ok_and(|said| said.ok)
    }
}

impl Said {
    /// Its complaint in one line.
    pub(super) fn complaint(&self) -> String {
        let lines = self.err.lines().chain(self.out.lines()).map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).take(3).collect();
        if lines.is_empty() { "it did not say why".into() } else { lines.join("; ") }
    }
}
