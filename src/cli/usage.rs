//! What is answered when the words of a call run nothing: help, or what is wrong with them.

use std::ffi::OsString;
use std::io;

use anyhow::Result;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};
use clap::{Command, Error as ClapError, ValueEnum};
use serde::Serialize;

use super::near_misses;
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
pub(super) fn answer(answer: &ClapError, arguments: &[OsString], ui: &mut Ui<'_>) -> Result<u8> {
    match answer.kind() {
        ClapErrorKind::DisplayHelp => ui.emit(&HelpReport::new(&answer.render())),
        ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ClapErrorKind::MissingSubcommand => Err(incomplete(arguments).into()),
        _ => Err(refusal(answer, arguments).into()),
    }
}

/// `claude-backup help --json` asks for help as JSON: flags after `help` are not command names.
pub(super) fn without_flags_of_help(arguments: &[OsString]) -> Vec<OsString> {
    let is_flag = |word: &OsString| word.to_string_lossy().starts_with('-');
    let first = arguments.iter().position(|word| !is_flag(word));
    match first.filter(|at| arguments[*at] == "help") {
        Some(at) => arguments[at..].iter().filter(|word| !is_flag(word)).cloned().collect(),
        None => arguments.to_vec(),
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

/// A command that does nothing without a word behind it.
fn incomplete(arguments: &[OsString]) -> Failure {
    let command = command_of(arguments);
    let name = command.get_bin_name().unwrap_or(super::NAME);
    let words: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "help").collect();
    let message = format!("`{name}` needs one of: {}", words.join(", "));
    Failure::new(ErrorKind::Usage, message).hint(format!("see `{name} --help`"))
}

/// The parser's paragraphs as one line and a hint.
fn refusal(error: &ClapError, arguments: &[OsString]) -> Failure {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut paragraphs = text.split("\n\n");
    let message = one_line(paragraphs.next().unwrap_or_default());
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: "));
    let tip = tip.map(|tip| one_line(tip.lines().next().unwrap_or(tip)));
    let tip = if error.kind() == ClapErrorKind::InvalidSubcommand { similar(error) } else { tip };
    let command = command_of(arguments);
    let name = command.get_bin_name().unwrap_or(super::NAME);
    let word = unknown_word(error).filter(|_| name == super::NAME);
    let known = word.and_then(|word| near_misses::hint(&word)).map(str::to_owned);
    let hint = known.or(tip).unwrap_or_else(|| format!("see `{name} --help`"));
    Failure::new(ErrorKind::Usage, message).hint(hint)
}

/// The commands whose names are similar to the word; hidden ones are not for people.
fn similar(error: &ClapError) -> Option<String> {
    let names = match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(names) => names.iter().map(String::as_str).collect(),
        ContextValue::String(name) => vec![name.as_str()],
        _ => Vec::new(),
    };
    let is_shown = |name: &&str| !name.starts_with("__");
    let names: Vec<String> =
        names.into_iter().filter(is_shown).map(|name| format!("'{name}'")).collect();
    match names.len() {
        0 => None,
        1 => Some(format!("a similar subcommand exists: {}", names[0])),
        _ => Some(format!("some similar subcommands exist: {}", names.join(", "))),
    }
}

/// The word that should have been a command.
fn unknown_word(error: &ClapError) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ClapErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => Some(word.clone()),
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The command that a call names, as far as its words are understood.
fn command_of(arguments: &[OsString]) -> Command {
    let mut command = super::command();
    command.build();
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next().filter(|word| word != "--") {
        if word.starts_with('-') {
            if takes_the_next_word(&command, &word) {
                words.next();
            }
            continue;
        }
        match command.find_subcommand(word.as_ref()) {
            Some(below) => command = below.clone(),
            None => break,
        }
    }
    command
}

/// True for a flag whose value is a word of its own.
fn takes_the_next_word(command: &Command, flag: &str) -> bool {
    let named = |arg: &&clap::Arg| arg.get_long() == flag.strip_prefix("--");
    let found = command.get_arguments().find(named);
    found.is_some_and(|arg| arg.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        command_of(&words).get_bin_name().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_command_of_a_call_is_found_behind_flags_and_their_values() {
        assert_eq!(name(&[]), "claude-backup");
        assert_eq!(name(&["--color", "sync", "schedule", "weekly"]), "claude-backup schedule");
        assert_eq!(name(&["--backup-dir=x", "backend", "set", "s3"]), "claude-backup backend set");
        assert_eq!(name(&["restore", "--machine", "status"]), "claude-backup restore");
        assert_eq!(name(&["--", "status"]), "claude-backup");
    }
}
