//! A call that is being typed, understood as far as it goes.

use clap::{Arg, Command};

use super::Candidate;
use crate::cli;

/// The words before the one that is being typed, and where that one stands.
pub(super) struct Call {
    command: Command,
    /// The flags that have a value, with it.
    values: Vec<(String, String)>,
    pub(super) place: Place,
    /// What is typed of the word.
    pub(super) typed: String,
    /// What stands before the candidates in the same word, as in `--color=`.
    pub(super) prefix: String,
}

/// What may stand at a place.
pub(super) enum Place {
    /// A command.
    Command,
    /// A flag.
    Flag,
    /// The value of a flag or a positional argument.
    Value(Box<Arg>),
    /// Nothing that is known.
    Nothing,
}

impl Call {
    /// Reads the words of a call; the last one is being typed.
    pub(super) fn parse(words: &[String]) -> Self {
        let mut command = cli::command();
        command.build();
        let (typed, before) = words.split_last().map_or(("", words), |(last, rest)| (last, rest));
        let mut call = Self {
            command,
            values: Vec::new(),
            place: Place::Nothing,
            typed: typed.to_owned(),
            prefix: String::new(),
        };
        call.place = call.read(before);
        call
    }

    /// The value that a flag was given.
    pub(super) fn value_of(&self, flag: &str) -> Option<&str> {
        let found = self.values.iter().rev().find(|(name, _)| name == flag);
        found.map(|(_, value)| value.as_str())
    }

    /// The commands that may come here.
    pub(super) fn commands(&self) -> Vec<Candidate> {
        commands_of(&self.command)
    }

    /// The commands of the program.
    pub(super) fn all_commands(&self) -> Vec<Candidate> {
        commands_of(&cli::command())
    }

    /// The flags that the command knows.
    pub(super) fn flags(&self) -> Vec<Candidate> {
        let arguments = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let about = |arg: &Arg| arg.get_help().map(ToString::to_string);
        let flag = |arg: &Arg| {
            let name = format!("--{}", arg.get_long()?);
            Some(Candidate::new(name, about(arg)))
        };
        arguments.filter_map(flag).collect()
    }

    fn read(&mut self, before: &[String]) -> Place {
        // Bash parts `--color=x` into three words.
        let mut words = before.iter().map(String::as_str).filter(|word| *word != "=");
        let mut positionals = 0;
        while let Some(word) = words.next() {
            if word == "--" {
                return Place::Nothing;
            }
            if let Some(flag) = self.flag(word) {
                let next = words.clone().next().unwrap_or(&self.typed);
                if next.starts_with('-') && has_optional_value(&flag) {
                    continue;
                }
                match words.next() {
                    Some(value) => self.note(&flag, value),
                    None => return Place::Value(Box::new(flag)),
                }
            } else if !word.starts_with('-') {
                match self.command.find_subcommand(word) {
                    Some(below) => self.command = below.clone(),
                    None if self.command.has_subcommands() => return Place::Nothing,
                    None => positionals += 1,
                }
            } else if let Some((name, value)) = word.split_once('=') {
                self.values.push((name.trim_start_matches('-').to_owned(), value.to_owned()));
            }
        }
        self.place_of_last(positionals)
    }

    fn place_of_last(&mut self, positionals: usize) -> Place {
        if let Some((name, value)) = self.typed.clone().split_once('=')
            && let Some(flag) = self.flag(name)
        {
            self.prefix = format!("{name}=");
            self.typed = value.to_owned();
            return Place::Value(Box::new(flag));
        }
        if self.typed.starts_with('-') {
            return Place::Flag;
        }
        if self.command.has_subcommands() {
            return Place::Command;
        }
        let positional = self.command.get_positionals().nth(positionals).cloned();
        positional.map_or(Place::Nothing, |arg| Place::Value(Box::new(arg)))
    }

    /// A flag that takes the next word as its value.
    fn flag(&self, word: &str) -> Option<Arg> {
        let name = word.strip_prefix("--")?;
        let mut arguments = self.command.get_arguments();
        let found = arguments.find(|arg| arg.get_long() == Some(name))?;
        found.get_action().takes_values().then(|| found.clone())
    }

    fn note(&mut self, flag: &Arg, value: &str) {
        let name = flag.get_long().unwrap_or_default().to_owned();
        self.values.push((name, value.to_owned()));
    }
}

/// A flag such as `--last [N]`, which may stand alone.
fn has_optional_value(flag: &Arg) -> bool {
    flag.get_num_args().is_some_and(|range| range.min_values() == 0)
}

fn commands_of(command: &Command) -> Vec<Candidate> {
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let about = |command: &Command| command.get_about().map(ToString::to_string);
    commands.map(|command| Candidate::new(command.get_name(), about(command))).collect()
}
