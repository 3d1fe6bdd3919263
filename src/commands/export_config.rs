//! `export-config`: the config profile as one file that can be carried.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;

use super::Context;
use super::secret_lines::secrets_words;
use crate::config_archive::{self, Exported, LeftOut};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::manifest::size_words;
use crate::secrets::Secrets;
use crate::source::{self, Options, Scope};
use crate::ui::words::{count, place, shell_word, size};
use crate::ui::{Mark, Page, Report, Span};

/// Export settings, skills, agents and hooks to one file
#[derive(Args, Clone, Debug)]
pub struct ExportConfigArgs {
    /// The file to write, which must not exist yet [default: ~/claude-config-DATE.tar.gz]
    file: Option<PathBuf>,
}

impl ExportConfigArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let env = context.env;
        let target = self.target(env)?;
        let roots = match Repository::find(&context.backup_dir, env)? {
            Some(repository) => context.roots(&repository)?,
            None => context.homes(),
        };
        let options = Options { scope: Scope::ConfigOnly, ..Options::default() };
        let progress = context.ui.progress();
        let listing = source::list(&roots, &options, &*progress)?;
        let exported = config_archive::export(&listing, &target)?;
        drop(progress);
        for file in &listing.files {
            context.ui.step(format_args!("read {}", file.path.display()));
        }
        let denied = listing.denied.iter().map(|path| path.display().to_string()).collect();
        let shown = place(&target, env);
        context.ui.emit(&ExportReport::new(exported, denied, target.display().to_string(), shown))
    }

    /// The file that was named, or the first name of today that is free.
    fn target(&self, env: &Env) -> Result<PathBuf> {
        let Some(file) = self.file.as_ref().filter(|file| !file.as_os_str().is_empty()) else {
            return Ok(free_name(&env.home, env.local(env.now()).date_naive()));
        };
        let target = env.absolute(file)?;
        match target.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                Ok(free_name(&target, env.local(env.now()).date_naive()))
            }
            Ok(_) => Err(exists(&target)),
            Err(_) => Ok(target),
        }
    }
}

/// `claude-config-2026-11-20.tar.gz`, or the first of `…-2`, `…-3` that does not exist.
fn free_name(folder: &Path, date: NaiveDate) -> PathBuf {
    let numbered = (2..).map(|number: u64| format!("-{number}"));
    let mut names = std::iter::once(String::new()).chain(numbered);
    let path = |number: String| folder.join(format!("claude-config-{date}{number}.tar.gz"));
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    names.by_ref().map(path).find(is_free).expect("numbers do not end")
}

fn exists(target: &Path) -> anyhow::Error {
    let message = format!("`{}` exists already", target.display());
    let hint = "use another name, or remove the file; without a name, a free one is used";
    Failure::new(ErrorKind::Exists, message).hint(hint).into()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportReport {
    exported: File,
    secrets: Vec<Secrets>,
    denied: Vec<String>,
    left_out: Vec<LeftOut>,
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    path: String,
    size: String,
    size_bytes: u64,
    files: u64,
}

impl ExportReport {
    fn new(exported: Exported, denied: Vec<String>, path: String, shown: String) -> Self {
        let Exported { files, bytes, secrets, left_out } = exported;
        let exported = File { path, size: size_words(bytes), size_bytes: bytes, files };
        Self { exported, secrets, denied, left_out, shown }
    }
}

impl Report for ExportReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let File { files, size_bytes, .. } = self.exported;
        let (files, bytes) = (count(files, "file"), size(size_bytes));
        page.mark(Mark::Good, format!("Wrote {files} into {} ({bytes})", self.shown))?;
        if !self.denied.is_empty() {
            let denied = count(self.denied.len() as u64, "file");
            page.mark(Mark::Good, format!("{denied} kept out: they may hold secrets"))?;
        }
        for LeftOut { path, reason } in &self.left_out {
            page.mark(Mark::Bad, format!("not in it: {path}: {reason}"))?;
        }
        secrets_words(page, &self.secrets, "remove them before you share the file")?;
        page.blank()?;
        let file = shell_word(&self.exported.path);
        let command = format!("claude-backup import-config {file} --dry-run");
        page.fields(&[("to import", Span::plain(command))])
    }

    fn is_news(&self) -> bool {
        true
    }

    /// 3: some files could not be saved.
    fn exit_code(&self) -> u8 {
        if self.left_out.is_empty() { 0 } else { 3 }
    }
}
