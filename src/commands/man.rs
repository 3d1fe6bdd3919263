//! `man`: the manual, as `man -l -` reads it.

use std::io;

use anyhow::Result;
use clap::{Args, Command};
use clap_mangen::Man;
use serde::Serialize;

use crate::cli;
use crate::commands::Context;
use crate::commands::version::VERSION;
use crate::ui::{Page, Report};

/// Print the manual in roff (claude-backup man | man -l -)
#[derive(Debug, Args)]
pub struct ManArgs {}

#[derive(Debug, Serialize)]
struct ManReport {
    format: &'static str,
    page: String,
}

impl ManArgs {
    /// Prints the main page and one page per command.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let mut command = cli::command().disable_help_subcommand(true);
        command.build();
        let mut roff = Vec::new();
        render(command, &mut roff)?;
        context.ui.emit(&ManReport { format: "roff", page: String::from_utf8(roff)? })
    }
}

fn render(command: Command, roff: &mut Vec<u8>) -> io::Result<()> {
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    Man::new(command).source(format!("{} {VERSION}", cli::NAME)).render(roff)?;
    below.into_iter().try_for_each(|below| render(below, roff))
}

impl Report for ManReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.verbatim(&self.page)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{json, ran};

    #[test]
    fn the_manual_has_a_page_for_every_command() {
        let human = ran(&["man"]);
        assert_eq!((human.code, human.err.as_str()), (0, ""));
        for command in crate::cli::command().get_subcommands() {
            let title = format!(".TH claude-backup-{} 1", command.get_name());
            assert!(human.out.contains(&title), "no {title}");
        }
        assert_eq!(json(&ran(&["man", "--json"]).out)["page"].as_str().unwrap(), human.out);
    }
}
