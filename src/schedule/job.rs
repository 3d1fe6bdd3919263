//! What a schedule starts: this program, by a path that stays, with the words of this backup.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Frequency;
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::process::Programs;

/// Where programs are found by a run that nobody's shell started: `git`, and what it asks for passwords.
pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";

/// Folders from which programs go away without a word: what `npx` and its kind keep for a while, and
/// one version of what is updated.
const PASSING: [&str; 6] = ["_npx", "/dlx", "bunx-", "/.cache/", "/Caches/", "/Cellar/"];

/// A run that the system starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The program and its words.
    pub words: Vec<String>,
    /// How often.
    pub frequency: Frequency,
    /// The backup's folder, which has the logs.
    pub logs: String,
}

impl Job {
    /// A quiet sync of this backup; folders other than the usual ones are named.
    ///
    /// # Errors
    /// Where a path cannot be written into the system's files.
    pub fn new(
        frequency: Frequency,
        backup_dir: &Path,
        claude_dir: Option<&Path>,
        env: &Env,
    ) -> Result<Self> {
        let mut words = vec![text(&program(env))?, "sync".into(), "--quiet".into()];
        if backup_dir != env.home.join(".claude-backup") {
            words.extend(["--backup-dir".into(), text(backup_dir)?]);
        }
        let configured = env.variable("CLAUDE_CONFIG_DIR");
        let configured = configured.map(|dir| env.absolute(Path::new(dir))).transpose()?;
        if let Some(dir) = claude_dir.map(Path::to_owned).or(configured) {
            words.extend(["--claude-dir".into(), text(&dir)?]);
        }
        Ok(Self { words, frequency, logs: text(backup_dir)? })
    }

    /// What a person should know of the program's place, if it may not be there tomorrow.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let program = self.words.first()?;
        let is_built = program.contains("/target/")
            && ["/debug/", "/release/"].iter().any(|profile| program.contains(profile));
        let is_passing = is_built || PASSING.iter().any(|place| program.contains(place));
        is_passing.then(|| {
            format!("the schedule starts {program}, which may go away; install claude-backup and give the command again")
        })
    }
}

/// The running program by the name that outlives an update: a link on `PATH` that leads to it.
fn program(env: &Env) -> PathBuf {
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let own = real(&env.program);
    let programs = Programs::new(env, None);
    let mut named = programs.find(env!("CARGO_PKG_NAME"));
    named.find(|path| own.is_some() && real(path) == own).unwrap_or_else(|| env.program.clone())
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    let refused = || {
        let message = format!("`{}` cannot be named in a schedule", path.display());
        Failure::new(ErrorKind::Failed, message).hint("move it to a path of plain letters").into()
    };
    text.map(str::to_owned).ok_or_else(refused)
}
