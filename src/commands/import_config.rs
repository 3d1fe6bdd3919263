//! `import-config`: a config profile from a file, over nothing that is not kept.

use std::io;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use super::foreign_code::{CodeArgs, list_held_back};
use super::secret_lines::secrets_words;
use crate::config_archive::{self, Checked, ImportOutcome, ImportPlan};
use crate::env::Env;
use crate::restore::{Conflict, HeldBack};
use crate::secrets::Secrets;
use crate::ui::words::{count, place, shell_word};
use crate::ui::{Mark, Page, Report};

/// Bring in settings, skills, agents and hooks from a file
#[derive(Args, Clone, Debug)]
pub struct ImportConfigArgs {
    /// The file that `export-config` wrote
    file: PathBuf,
    /// Replace files that differ; what stood there is kept in a file of its own
    #[arg(long)]
    force: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    code: CodeArgs,
}

impl ImportConfigArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let env = context.env;
        let archive = env.absolute(&self.file)?;
        let home = context.homes().primary().to_path_buf();
        let conflict = if self.force { Conflict::Displace } else { Conflict::Keep };
        let checked = config_archive::check(&archive)?;
        let mut plan = config_archive::plan(&checked, &home, conflict);
        let decision = match self.dry_run {
            true => self.code.foresee(),
            false => self.code.decide(&plan.code(&checked), context),
        };
        plan.decide_on_code(&checked, decision);
        let outcome = match self.dry_run {
            true => ImportOutcome { failures: plan.forbidden.clone(), ..Default::default() },
            false => config_archive::apply(&archive, &checked, &plan, &home, &displaced_to(env))?,
        };
        let file = shell_word(&self.file.to_string_lossy());
        let force = if self.force { " --force" } else { "" };
        let command = format!("claude-backup import-config {file}{force} --with-code");
        let report = ImportReport::new(self.dry_run, checked, &plan, outcome, env);
        for (verb, files) in [
            ("new", &report.added),
            ("replaced", &report.displaced),
            ("left as it is", &report.kept),
        ] {
            files.iter().for_each(|file| context.ui.step(format_args!("{verb} {file}")));
        }
        context.ui.emit(&ImportReport { command, ..report })
    }
}

/// Beside the exports, and never the same twice.
fn displaced_to(env: &Env) -> PathBuf {
    let now = env.local(env.now()).format("%Y-%m-%d-%H%M%S");
    let name = |number: u32| match number {
        0 => format!("claude-config-displaced-{now}.tar.gz"),
        _ => format!("claude-config-displaced-{now}-{number}.tar.gz"),
    };
    let mut paths = (0..).map(|number| env.home.join(name(number)));
    paths.find(|path| !path.exists()).expect("some number is free")
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportReport {
    dry_run: bool,
    imported: ImportOutcome,
    added: Vec<String>,
    displaced: Vec<String>,
    kept: Vec<String>,
    unchanged: u64,
    ignored: Vec<String>,
    held_back: Vec<HeldBack>,
    secrets: Vec<Secrets>,
    /// The command that installs what was held back.
    #[serde(skip)]
    command: String,
    #[serde(skip)]
    kept_in: Option<String>,
}

impl ImportReport {
    fn new(
        dry_run: bool,
        checked: Checked,
        plan: &ImportPlan,
        imported: ImportOutcome,
        env: &Env,
    ) -> Self {
        let names =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        let kept_in = imported.displaced_to.as_ref().map(|path| place(path.as_ref(), env));
        Self {
            dry_run,
            added: names(&plan.add),
            displaced: names(&plan.displace),
            kept: names(&plan.keep),
            unchanged: plan.same.len() as u64,
            ignored: checked.ignored,
            held_back: plan.held_back.clone(),
            command: String::new(),
            secrets: checked.secrets,
            imported,
            kept_in,
        }
    }
}

impl Report for ImportReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (added, displaced) = (self.added.len() as u64, self.displaced.len() as u64);
        if self.dry_run {
            for (word, paths) in
                [("add", &self.added), ("replace", &self.displaced), ("keep", &self.kept)]
            {
                for path in paths {
                    page.line(format!("{word:8} {path}"))?;
                }
            }
            let all = count(added + displaced, "file");
            page.line(format!(
                "Would write {all}; {} there already; nothing was written",
                self.unchanged
            ))?;
        } else {
            page.mark(Mark::Good, format!("Brought in {}", count(self.imported.files, "file")))?;
        }
        if let Some(place) = &self.kept_in {
            let kept = count(displaced, "file");
            page.mark(Mark::Good, format!("{kept} replaced; what stood there is in {place}"))?;
        }
        if !self.kept.is_empty() {
            let kept = count(self.kept.len() as u64, "file");
            page.mark(
                Mark::Warn,
                format!("{kept} with other content left alone; --force replaces what differs"),
            )?;
        }
        if !self.ignored.is_empty() {
            let ignored = count(self.ignored.len() as u64, "file");
            page.mark(Mark::Warn, format!("{ignored} left alone: no part of a config"))?;
        }
        for failure in &self.imported.failures {
            page.mark(Mark::Bad, format!("not brought in: {}: {}", failure.path, failure.reason))?;
        }
        list_held_back(page, &self.held_back, &self.command)?;
        secrets_words(page, &self.secrets, "they came with the file")
    }

    fn is_news(&self) -> bool {
        true
    }

    fn exit_code(&self) -> u8 {
        match self.imported.failures.is_empty() {
            false => 1,
            true if self.held_back.is_empty() || self.dry_run => 0,
            true => 3,
        }
    }
}
