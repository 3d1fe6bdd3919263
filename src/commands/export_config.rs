//! `export-config`: the config profile as one file that can be carried.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use super::secrets::secrets_words;
use crate::config_archive::{self, Exported, LeftOut};
use crate::repository::manifest::size_words;
use crate::secrets::Secrets;
use crate::source::{self, Options, Roots, Scope};
use crate::ui::words::{count, place, size};
use crate::ui::{Mark, Page, Report, Span};

/// Write settings, skills, agents and hooks into one file that can be carried
#[derive(Args, Clone, Debug)]
pub struct ExportConfigArgs {
    /// The file to write; without it `claude-config-DATE.tar.gz` in the home folder
    file: Option<PathBuf>,
}

impl ExportConfigArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let env = context.env;
        let named = self.file.filter(|file| !file.as_os_str().is_empty());
        let target = named.map_or_else(
            || env.home.join(format!("claude-config-{}.tar.gz", env.local(env.now()).date_naive())),
            |file| env.absolute(&file),
        );
        let roots = Roots::find(context.claude_dir.as_deref(), env);
        let options = Options { scope: Scope::ConfigOnly, ..Options::default() };
        let progress = context.ui.progress();
        let listing = source::list(&roots, &options, &*progress)?;
        let exported = config_archive::export(&listing, &target)?;
        drop(progress);
        let denied = listing.denied.iter().map(|path| path.display().to_string()).collect();
        let shown = place(&target, env);
        context.ui.emit(&ExportReport::new(exported, denied, target.display().to_string(), shown))
    }
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
        secrets_words(page, &self.secrets, "take them out before you hand the file on")?;
        page.blank()?;
        page.fields(&[("bring in", Span::plain("claude-backup import-config FILE --dry-run"))])
    }

    fn is_news(&self) -> bool {
        true
    }

    /// 3: some files could not be saved.
    fn exit_code(&self) -> u8 {
        if self.left_out.is_empty() { 0 } else { 3 }
    }
}
