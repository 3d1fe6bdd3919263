//! The system's own programs that schedules are made with.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::env::Env;

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
        env.programs(name).next().map(|path| Self { name, path, env })
    }

    /// Runs it with this on standard input; how it ended is part of the answer.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that starts schedulers")]
    pub(super) fn ask(&self, words: &[&str], input: &str) -> Result<Said> {
        let cannot = || format!("cannot start `{}`", self.path.display());
        let mut child = Command::new(&self.path)
            .args(words)
            .env_clear()
            .envs(self.env.variables())
            .env("HOME", &self.env.home)
            .env("LC_ALL", "C")
            .env("SYSTEMD_PAGER", "")
            .env("SYSTEMD_COLORS", "0")
            .current_dir(&self.env.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(cannot)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read to the end says why in its answer.
            stdin.write_all(input.as_bytes()).ok();
        }
        let output = child.wait_with_output().with_context(cannot)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (out, err) = (text(output.stdout), text(output.stderr));
        Ok(Said { ok: output.status.success(), out, err })
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
