//! A key that somebody must have compared before it counts.

use anyhow::Result;
use clap::Args;

use super::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::trust::Acceptance;
use crate::ui::Answer;

/// The answer to a question about a key
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AcceptArgs {
    /// Accept a machine's key without being asked: its fingerprint, or `unsigned` if it has none
    #[arg(long, value_name = "FINGERPRINT")]
    accept_key: Option<String>,
}

/// What is asked, and which command can answer it.
pub(super) struct Question {
    /// Lines to read before.
    pub(super) notes: Vec<String>,
    pub(super) text: String,
    /// The command that takes `--accept-key`.
    pub(super) command: String,
}

impl AcceptArgs {
    /// Returns if the user accepts the key.
    pub(super) fn agree(
        &self,
        offered: &Acceptance,
        question: &Question,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let name = offered.name();
        if let Some(accepted) = &self.accept_key {
            return match *accepted == name {
                true => Ok(()),
                false => {
                    Err(refused(format!("the key is {name}, not {accepted}"), question, &name))
                }
            };
        }
        if !context.ui.can_ask() {
            return Err(refused(format!("the key {name} was not accepted"), question, &name));
        }
        for note in &question.notes {
            context.ui.note(note);
        }
        match context.ui.ask(&question.text, Answer::No) {
            Some(Answer::Yes) => Ok(()),
            Some(Answer::No) | None => {
                Err(refused("stopped; the key was not accepted".into(), question, &name))
            }
        }
    }
}

fn refused(message: String, question: &Question, name: &str) -> anyhow::Error {
    let command = &question.command;
    let failure = Failure::new(ErrorKind::KeyNotAccepted, message)
        .hint(format!(
            "compare it with what that machine shows, then: {command} --accept-key {name}"
        ))
        .detail("key", name.into());
    question.notes.iter().fold(failure, |failure, note| failure.line(note.trim())).into()
}
