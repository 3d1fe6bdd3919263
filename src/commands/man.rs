//! `man`: the manual, one page per command, as `man -l -` reads it.

mod sections;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_mangen::Man;
use serde::Serialize;

use crate::cli;
use crate::commands::Context;
use crate::commands::version::VERSION;
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::fs::{create_private_dir, write_atomic};
use crate::ui::words::{count, place};
use crate::ui::{Mark, Page, Report};

/// How a page is read.
const HOW: &str = "\
Read a page:
  claude-backup man restore | man -l -
Install all pages:
  claude-backup man --out ~/.local/share/man/man1";

/// Pages are for everybody who can read the folder.
const PAGE_MODE: u32 = 0o644;

/// Print a manual page in roff
#[derive(Debug, Args)]
#[command(after_help = HOW)]
pub struct ManArgs {
    /// The command whose page is printed; without it the page of the program
    command: Vec<String>,
    /// Write all pages into this folder instead, as claude-backup.1, claude-backup-init.1, ...
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// One page.
#[derive(Debug, Serialize)]
struct PageReport {
    format: &'static str,
    page: String,
}

/// All pages, written to files.
#[derive(Debug, Serialize)]
struct PagesReport {
    format: &'static str,
    written: Vec<PathBuf>,
    #[serde(skip)]
    shown: String,
}

impl ManArgs {
    /// Prints a page, or writes all of them.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for an unknown command; if a page cannot be written.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let mut program = cli::command().disable_help_subcommand(true);
        program.build();
        if let Some(folder) = &self.out {
            let folder = context.env.absolute(folder)?;
            return context.ui.emit(&write_all(&program, &folder, context.env)?);
        }
        let names = self.command.iter().map(String::as_str);
        let page = render(find(&program, names)?)?;
        context.ui.emit(&PageReport { format: "roff", page })
    }
}

/// The command that these words name.
fn find<'a>(program: &'a Command, names: impl Iterator<Item = &'a str>) -> Result<&'a Command> {
    let mut command = program;
    for name in names {
        let below = command.find_subcommand(name).filter(|below| !below.is_hide_set());
        command = below.ok_or_else(|| {
            let message = format!("no manual page for `{name}`");
            let pages = visible(command).map(Command::get_name).collect::<Vec<_>>().join(", ");
            let hint = match pages.is_empty() {
                true => format!("see `claude-backup man {}`", command.get_name()),
                false => format!("pages: {pages}"),
            };
            Failure::new(ErrorKind::Usage, message).hint(hint)
        })?;
    }
    Ok(command)
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}

fn write_all(program: &Command, folder: &Path, env: &Env) -> Result<PagesReport> {
    create_private_dir(folder)?;
    let mut written = Vec::new();
    let mut waiting = vec![program];
    while let Some(command) = waiting.pop() {
        let path = folder.join(Man::new(command.clone()).get_filename());
        write_atomic(&path, render(command)?.as_bytes(), PAGE_MODE)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        written.push(path);
        waiting.extend(visible(command));
    }
    written.sort();
    Ok(PagesReport { format: "roff", written, shown: place(folder, env) })
}

fn render(command: &Command) -> Result<String> {
    let man = Man::new(command.clone()).source(format!("{} {VERSION}", cli::NAME));
    let mut roff = Vec::new();
    man.render_title(&mut roff)?;
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    man.render_options_section(&mut roff)?;
    if visible(command).next().is_some() {
        man.render_subcommands_section(&mut roff)?;
    }
    sections::render(command, &mut roff)?;
    Ok(String::from_utf8(roff)?)
}

impl Report for PageReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.verbatim(&self.page)
    }
}

impl Report for PagesReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let pages = count(self.written.len() as u64, "page");
        page.mark(Mark::Good, format!("Wrote {pages} to {}", self.shown))
    }

    fn is_news(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{json, ran, ran_on, sandbox};

    const SECTIONS: [&str; 9] = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "EXIT STATUS",
        "FILES",
        "ENVIRONMENT",
        "EXAMPLES",
        "SEE ALSO",
    ];

    fn assert_whole(page: &str) {
        assert!(page.contains(".TH claude-backup"), "{page}");
        for section in SECTIONS {
            let quoted = page.contains(&format!(".SH \"{section}\"\n"));
            assert!(quoted || page.contains(&format!(".SH {section}\n")), "{section}: {page}");
        }
    }

    #[test]
    fn every_command_has_a_page_of_its_own() {
        let program = ran(&["man"]);
        assert_eq!((program.code, program.err.as_str()), (0, ""));
        assert_whole(&program.out);
        assert!(!program.out.contains("__complete"), "it is not for people");
        let shown = crate::cli::command();
        for command in shown.get_subcommands().filter(|command| !command.is_hide_set()) {
            let page = ran(&["man", command.get_name()]);
            assert_eq!(page.out.matches(".TH ").count(), 1, "{}", command.get_name());
            assert_whole(&page.out);
        }
        assert_eq!(json(&ran(&["man", "--json"]).out)["page"].as_str().unwrap(), program.out);
        assert!(ran(&["man", "backend", "set"]).out.contains(".TH claude-backup-backend-set 1"));
    }

    #[test]
    fn all_pages_can_be_written_to_a_folder() {
        let (home, env) = sandbox();
        let ran = ran_on(&env, &["man", "--out", "share/man/man1"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let folder = home.path().join("share/man/man1");
        let files = fs_err::read_dir(&folder).unwrap().count();
        assert_eq!(ran.out, format!("✓ Wrote {files} pages to ~/share/man/man1\n"));
        for page in ["claude-backup.1", "claude-backup-restore.1", "claude-backup-backend-set.1"] {
            assert_whole(&fs_err::read_to_string(folder.join(page)).unwrap());
        }
        assert!(!folder.join("claude-backup-__complete.1").exists());
    }

    #[test]
    fn an_unknown_page_is_refused_with_those_that_exist() {
        for (words, hint) in [
            (&["man", "snyc"][..], "hint: pages: init, sync, "),
            (&["man", "backend", "x"], "hint: pages: set, show\n"),
            (&["man", "sync", "x"], "hint: see `claude-backup man sync`\n"),
            (&["man", "__complete"], "hint: pages: init, "),
        ] {
            let ran = ran(words);
            assert_eq!(ran.code, 2, "{words:?}");
            assert!(ran.err.contains(hint), "{words:?}: {}", ran.err);
        }
    }
}
