//! Questions, asked only where somebody can answer.

use std::io::Write;
use std::sync::atomic::Ordering;

use crate::ui::page::{Look, Span, painted};
use crate::ui::text::safe;
use crate::ui::{Format, Ui};

/// The answer to a yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// Leave it: also the end of input, `q`, and anything that is not clearly a yes.
    No,
}

impl Ui<'_> {
    /// True where a question would reach a person; a command with `--yes` does not ask.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        let terminal = &self.env.terminal;
        terminal.stdin && terminal.stderr && self.manner.format == Format::Human
    }

    /// Asks for yes or no; `None` where nobody can answer.
    ///
    /// Only Return takes the default. Whatever is not understood is a no: consent is never guessed.
    pub fn ask(&mut self, question: &str, default: Answer) -> Option<Answer> {
        let choices = match default {
            Answer::Yes => "[Y/n]",
            Answer::No => "[y/N]",
        };
        let reply = self.reply_to(question, choices)?;
        Some(match reply.as_deref().map(str::to_lowercase).as_deref() {
            Some("") => default,
            Some("y" | "yes") => Answer::Yes,
            _ => Answer::No,
        })
    }

    /// Shows a line that the next question is about, with `--quiet` as well.
    pub fn show(&mut self, line: impl AsRef<str>) {
        self.say(&[], &Span::plain(line));
    }

    /// Asks for one of these, shown with numbers from 1; returns its index. Return takes `default`.
    ///
    /// `None` where nobody can answer, and for a reply that is none of the numbers.
    pub fn choose(&mut self, question: &str, choices: &[&str], default: usize) -> Option<usize> {
        if !self.can_ask() {
            return None;
        }
        for (at, choice) in choices.iter().enumerate() {
            let number = Span::plain(format!("  {}  ", at + 1));
            self.say(&[number], &Span::plain(choice));
        }
        let range = match choices.len() {
            1 => "[1]".to_owned(),
            number => format!("[1-{number}, default {}]", default + 1),
        };
        let reply = self.reply_to(question, &range)??;
        if reply.is_empty() {
            return Some(default);
        }
        let number = reply.parse().ok().filter(|number| (1..=choices.len()).contains(number));
        if number.is_none() {
            self.say(&[], &Span::plain(format!("`{reply}` is not one of the choices")));
        }
        number.map(|number| number - 1)
    }

    /// The reply without the space around it; `None` where nobody can answer, `Some(None)` at the
    /// end of input.
    fn reply_to(&mut self, question: &str, choices: &str) -> Option<Option<String>> {
        if !self.can_ask() {
            return None;
        }
        // Reading cannot be stopped at a safe point, and there is nothing to make safe.
        self.env.impatient.store(true, Ordering::SeqCst);
        let reply = self.put(question, choices);
        self.env.impatient.store(self.env.interrupted(), Ordering::SeqCst);
        Some(reply.map(|reply| reply.trim().to_owned()))
    }

    /// Puts the question once; nothing at the end of input.
    fn put(&mut self, question: &str, choices: &str) -> Option<String> {
        let colour = self.err_colour();
        let question = painted(colour, Look::Bold, &safe(question)).into_owned();
        let shown = write!(self.err, "{question} {choices} ").and_then(|()| self.err.flush());
        let mut reply = String::new();
        match shown.and_then(|()| self.input.read_line(&mut reply)) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sandbox, with_ui};

    /// Asks with these replies and gives what was understood and what was shown.
    fn asked<T>(replies: &str, ask: impl FnOnce(&mut Ui<'_>) -> T) -> (T, String) {
        let (_home, mut env) = sandbox();
        env.terminal.stdin = true;
        env.terminal.stderr = true;
        let env = env.with_variable("NO_COLOR", "1");
        let asked = with_ui(&env, replies, ask);
        assert!(!env.impatient.load(Ordering::SeqCst));
        asked
    }

    #[test]
    fn a_plain_return_takes_the_default() {
        let (answer, shown) = asked("\n", |ui| ui.ask("Delete it?", Answer::No));
        assert_eq!((answer, shown.as_str()), (Some(Answer::No), "Delete it? [y/N] "));
    }

    #[test]
    fn yes_is_yes_in_any_case() {
        for reply in ["y\n", "Y\n", " yes \n", "YES\n"] {
            let answer = asked(reply, |ui| ui.ask("Go?", Answer::No)).0;
            assert_eq!(answer, Some(Answer::Yes), "{reply:?}");
        }
    }

    #[test]
    fn the_end_of_input_q_and_an_unknown_reply_mean_no() {
        for reply in ["", "q\n", "Q\n", "n\n", "no\n", "?\n", "what\ny\n", "yy\n", "yes please\n"] {
            let (answer, shown) = asked(reply, |ui| ui.ask("Go?", Answer::Yes));
            let expected = (Some(Answer::No), "Go? [Y/n] ");
            assert_eq!((answer, shown.as_str()), expected, "{reply:?}");
        }
    }

    #[test]
    fn a_choice_is_a_number_from_the_list() {
        let (choice, shown) = asked("2\n", |ui| ui.choose("Restore?", &["all", "none"], 0));
        let expected = "  1  all\n  2  none\nRestore? [1-2, default 1] ";
        assert_eq!((choice, shown.as_str()), (Some(1), expected));
        assert_eq!(asked("\n", |ui| ui.choose("Restore?", &["all", "none"], 0)).0, Some(0));
    }

    #[test]
    fn a_reply_that_is_none_of_the_choices_chooses_nothing() {
        for reply in ["", "q\n", "0\n", "3\n", "-1\n", "all\n", "9\n2\n"] {
            let choice = asked(reply, |ui| ui.choose("Restore?", &["all", "none"], 0)).0;
            assert_eq!(choice, None, "{reply:?}");
        }
    }

    #[test]
    fn nobody_is_asked_without_a_terminal() {
        let (_home, env) = sandbox();
        let (answer, shown) = with_ui(&env, "y\n", |ui| ui.ask("Go?", Answer::Yes));
        assert_eq!((answer, shown.as_str()), (None, ""));
    }
}
