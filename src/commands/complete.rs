//! `__complete`: what may come next in a call that is being typed. The completion scripts call it.
//!
//! It prints `words` or `files`, then one candidate a line: the word, and behind a tab what it is.
//! `files` asks the shell for names of files. It never fails and never talks to a remote.

mod call;

use std::ffi::OsString;
use std::io;

use anyhow::Result;
use clap::{Args, ValueHint};
use serde::Serialize;

use self::call::{Call, Place};
use super::Context;
use crate::env::Env;
use crate::repository::Repository;
use crate::repository::find::Filter;
use crate::ui::words::when;
use crate::ui::{Page, Report};

/// So many sessions are offered, the most recently active first.
const MOST_SESSIONS: usize = 200;

/// Print the words that may come next in a call
#[derive(Args, Clone, Debug)]
pub struct CompleteArgs {
    /// The words after the program's name; the last one is being typed and may be empty
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
    words: Vec<OsString>,
}

/// What a shell may offer.
#[derive(Debug, Default, Serialize)]
struct CompleteReport {
    /// Names of files are wanted.
    files: bool,
    candidates: Vec<Candidate>,
}

/// A word and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Candidate {
    word: String,
    about: String,
}

impl CompleteArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// If the result cannot be written.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let words: Vec<String> =
            self.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let call = Call::parse(&words);
        let candidates = match &call.place {
            Place::Command => call.commands(),
            Place::Flag => call.flags(),
            Place::Value(arg) => values(arg, &call, context).unwrap_or_default(),
            Place::Nothing => Vec::new(),
        };
        let files = matches!(&call.place, Place::Value(arg) if is_path(arg));
        let mut candidates = candidates;
        candidates.retain(|candidate| candidate.word.starts_with(&call.typed));
        for candidate in &mut candidates {
            candidate.word.insert_str(0, &call.prefix);
        }
        context.ui.emit(&CompleteReport { files, candidates })
    }
}

fn is_path(arg: &clap::Arg) -> bool {
    arg.get_value_hint() == ValueHint::AnyPath
}

/// The values that an argument may have; `None` if there is no backup to ask.
fn values(arg: &clap::Arg, call: &Call, context: &Context<'_>) -> Option<Vec<Candidate>> {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let values = possible.iter().filter(|value| !value.is_hide_set());
        let about =
            |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
        let candidate =
            |value| Candidate::new(clap::builder::PossibleValue::get_name(value), about(value));
        return Some(values.map(candidate).collect());
    }
    let name = arg.get_id().as_str();
    if name == "command" {
        return Some(call.all_commands());
    }
    if !matches!(name, "session" | "machine" | "project") {
        return None;
    }
    let folder = match call.value_of("backup-dir") {
        Some(folder) => context.env.absolute(folder.as_ref()).ok()?,
        None => context.backup_dir.clone(),
    };
    let repository = Repository::find(&folder, context.env).ok()??;
    match name {
        "session" => sessions(&repository, call, context.env),
        "machine" => machines(&repository),
        _ => projects(&repository, call),
    }
}

fn sessions(repository: &Repository, call: &Call, env: &Env) -> Option<Vec<Candidate>> {
    let filter = Filter {
        machine: call.value_of("machine").map(str::to_owned),
        project: call.value_of("project").map(str::to_owned),
        ..Filter::default()
    };
    let mut sessions = repository.sessions(&filter).ok()?;
    sessions.retain(|session| session.uuid.starts_with(&call.typed));
    let mut candidates: Vec<Candidate> = Vec::new();
    for session in sessions {
        // The same session may be there of several machines.
        if candidates.iter().any(|candidate| candidate.word == session.uuid) {
            continue;
        }
        let date = session.last_activity.map(|time| when(time, env.now(), env));
        let title = session.title.as_deref().unwrap_or("(no title)");
        let about = format!("{} {title}", date.unwrap_or_default());
        candidates.push(Candidate::new(&session.uuid, Some(about)));
        if candidates.len() == MOST_SESSIONS {
            break;
        }
    }
    Some(candidates)
}

fn machines(repository: &Repository) -> Option<Vec<Candidate>> {
    let machines = repository.machines().ok()?;
    Some(machines.iter().map(|slug| Candidate::new(slug.as_str(), None)).collect())
}

/// The folders of the projects; of those whose folder is not known, their names in the backup.
fn projects(repository: &Repository, call: &Call) -> Option<Vec<Candidate>> {
    let machine = call.value_of("machine").map(str::to_owned);
    let sessions = repository.sessions(&Filter { machine, ..Filter::default() }).ok()?;
    let mut names: Vec<String> =
        sessions.into_iter().map(|session| session.cwd.unwrap_or(session.project_hash)).collect();
    names.sort();
    names.dedup();
    Some(names.iter().map(|name| Candidate::new(name, None)).collect())
}

impl Candidate {
    fn new(word: impl Into<String>, about: Option<String>) -> Self {
        Self { word: word.into(), about: about.unwrap_or_default() }
    }

    /// A word that a shell reads as one line; others cannot be typed either.
    fn line(&self) -> Option<String> {
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        let about: String = self.about.chars().filter(|c| !c.is_control()).collect();
        is_plain(&self.word).then(|| format!("{}\t{about}\n", self.word))
    }
}

impl Report for CompleteReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let mut text = if self.files { "files\n" } else { "words\n" }.to_owned();
        text.extend(self.candidates.iter().filter_map(Candidate::line));
        page.verbatim(&text)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::ran;

    /// The words that are offered after these.
    fn offered(words: &[&str]) -> Vec<String> {
        let ran = ran(&[&["__complete", "--"], words].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        let lines = ran.out.lines().map(|line| line.split('\t').next().unwrap_or_default());
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn commands_flags_and_values_are_offered_where_they_belong() {
        for (typed, expected) in [
            (&["re"][..], &["words", "restore"][..]),
            (&["schedule", ""], &["words", "off", "daily", "6h", "hourly", "show"]),
            (&["restore", "--da"], &["words", "--date"]),
            (&["--color", "schedule", "restore", "--da"], &["words", "--date"]),
            (&["backend", "s"], &["words", "set", "show"]),
            (&["backend", "set", "g"], &["words", "github", "git"]),
            (&["--color", "al"], &["words", "always"]),
            (&["--color", "=", "al"], &["words", "always"]),
            (&["--color=al"], &["words", "--color=always"]),
            (&["help", "ver"], &["words", "versions", "verify"]),
            (&["import-config", "x"], &["files"]),
            (&["restore", "x", "--to", ""], &["files"]),
            (&["restore", "--since", ""], &["words"]),
            (&["restore", "x", "y"], &["words"]),
            (&["nonsense", ""], &["words"]),
            (&["sync", "--", ""], &["words"]),
            (&["man", "ver"], &["words", "versions", "verify"]),
        ] {
            assert_eq!(offered(typed), expected, "{typed:?}");
        }
        assert!(!offered(&[""]).contains(&"__complete".to_owned()), "it is not for people");
        assert!(offered(&[]).contains(&"restore".to_owned()));
    }

    #[test]
    fn without_a_backup_there_are_no_sessions_and_no_errors() {
        assert_eq!(offered(&["restore", ""]), ["words"]);
        assert_eq!(offered(&["peek", "--machine", ""]), ["words"]);
        assert_eq!(offered(&["versions", "--backup-dir", "/nowhere", ""]), ["words"]);
    }
}
