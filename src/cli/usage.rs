//! What is answered when the words of a call run nothing: help, or what is wrong with them.

use std::ffi::OsString;
use std::io;

use anyhow::Result;
use clap::builder::StyledStr;
use clap::error::ErrorKind as ClapErrorKind;
use clap::{Error as ClapError, ValueEnum};
use serde::Serialize;

use crate::error::{ErrorKind, Failure};
use crate::ui::{Colour, ColourWish, Format, Manner, Page, Report, Ui};

/// The help of the program or of one command.
#[derive(Debug, Serialize)]
pub(super) struct HelpReport {
    help: String,
    #[serde(skip)]
    styled: String,
}

impl HelpReport {
    pub(super) fn new(help: &StyledStr) -> Self {
        Self { help: help.to_string(), styled: help.ansi().to_string() }
    }
}

impl Report for HelpReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.verbatim(match page.colour() {
            Colour::Always => &self.styled,
            Colour::Never => &self.help,
        })
    }
}

/// Shows the help that was asked for.
///
/// # Errors
/// [`ErrorKind::Usage`] where no help was asked for.
pub(super) fn answer(answer: &ClapError, ui: &mut Ui<'_>) -> Result<u8> {
    match answer.kind() {
        ClapErrorKind::DisplayHelp => ui.emit(&HelpReport::new(&answer.render())),
        _ => Err(refusal(answer).into()),
    }
}

/// The manner of a call whose words could not be understood as a whole.
pub(super) fn manner(arguments: &[OsString]) -> Manner {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let flags = || words.iter().map(AsRef::as_ref).take_while(|word: &&str| *word != "--");
    let after_color = flags().skip_while(|word| *word != "--color").nth(1);
    let colour = flags().find_map(|word| word.strip_prefix("--color=")).or(after_color);
    let colour = colour.and_then(|word| ColourWish::from_str(word, false).ok());
    let format = if flags().any(|word| word == "--json" || word.starts_with("--json=")) {
        Format::Json
    } else {
        Format::Human
    };
    Manner { format, colour: colour.unwrap_or_default(), ..Manner::default() }
}

/// The parser's paragraphs as one line and a hint.
fn refusal(error: &ClapError) -> Failure {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut paragraphs = text.split("\n\n");
    let message = one_line(paragraphs.next().unwrap_or_default());
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    let hint =
        tip.map_or_else(|| help_of(error), |tip| one_line(tip.lines().next().unwrap_or(tip)));
    Failure::new(ErrorKind::Usage, message).hint(hint)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names the help of the command whose words are wrong, as far as they were understood.
fn help_of(error: &ClapError) -> String {
    let text = error.to_string();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or_default();
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let command: Vec<_> = usage.split(' ').take_while(is_name).collect();
    let command = if command.is_empty() { super::NAME.into() } else { command.join(" ") };
    format!("see `{command} --help`")
}
