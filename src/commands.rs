//! One file per command: its flags, its steps, its words.
//!
//! A new command is a file here, its `mod` line, and two lines in `cli.rs`: the variant and the
//! arm that runs it.

use std::path::PathBuf;

use anyhow::Result;

use crate::env::Env;
use crate::repository::{Repository, place, settings};
use crate::source::Roots;
use crate::ui::Ui;

mod accept;
pub mod backend;
pub mod complete;
pub mod completions;
pub mod export_config;
mod foreign_code;
pub mod import_config;
pub mod init;
mod joining;
pub mod machines;
pub mod man;
pub mod peek;
mod preview;
pub mod restore;
mod restored;
mod saved;
pub mod schedule;
mod secret_lines;
pub mod secrets;
pub mod status;
pub mod sync;
pub mod uninstall;
pub mod verify;
pub mod version;
pub mod versions;
mod which;

/// A project's name or a part of it, without the slash that a shell adds to a folder's name.
///
/// Folders of projects begin with a hyphen, but what begins with two is a flag whose predecessor
/// lacks its value.
fn project_name(text: &str) -> Result<String, String> {
    if text.starts_with("--") {
        return Err("a value is missing before it".into());
    }
    let name = text.trim_end_matches('/');
    Ok(if name.is_empty() { text } else { name }.to_owned())
}

/// What every command is given.
pub struct Context<'a> {
    /// The machine and the process.
    pub env: &'a Env,
    /// Where the backup is or shall be; an absolute path.
    pub backup_dir: PathBuf,
    /// What `--claude-dir` names, absolute; the source knows what holds without it.
    pub claude_dir: Option<PathBuf>,
    /// Results, talk, questions and progress.
    pub ui: Ui<'a>,
}

impl Context<'_> {
    /// The Claude homes, and where links in them may lead to, as the backup's settings say.
    fn roots(&self, repository: &Repository) -> Result<Roots> {
        let places = settings::followed_places(&repository.vault)?;
        Ok(self.homes().following(&places))
    }

    /// The Claude homes, without what is the backup's own in them.
    fn homes(&self) -> Roots {
        let roots = Roots::find(self.claude_dir.as_deref(), self.env);
        roots.leaving_out(place::own_paths(&self.backup_dir))
    }

    /// Shows what a repository had to say on the way.
    fn warn_of(&mut self, repository: &Repository) {
        for warning in repository.take_warnings() {
            self.ui.warn(warning);
        }
    }
}
