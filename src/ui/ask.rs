//! Questions, asked only where somebody can answer.

use std::sync::atomic::Ordering;

use crate::ui::page::{Look, Span, painted};
use crate::ui::text::safe;
use crate::ui::{Format, Ui};

/// What somebody said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// Leave it.
    No,
}

/// So often is a question put again before the default is taken as not given.
const TRIES: usize = 3;

impl Ui<'_> {
    /// True where a question would reach a person; a command with `--yes` does not ask.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        let terminal = &self.env.terminal;
        terminal.stdin && terminal.stderr && self.manner.format == Format::Human
    }

    /// Asks for yes or no; nothing where nobody can answer or no answer comes.
    pub fn ask(&mut self, question: &str, default: Answer) -> Option<Answer> {
        let choices = match default {
            Answer::Yes => "[Y/n]",
            Answer::No => "[y/N]",
        };
        self.ask_until(question, choices, |reply| match reply.to_lowercase().as_str() {
            "" => Some(default),
            "y" | "yes" => Some(Answer::Yes),
            "n" | "no" => Some(Answer::No),
            _ => None,
        })
    }

    /// Asks for one of these, shown with numbers from 1; gives its index, as `default` is one.
    pub fn choose(&mut self, question: &str, choices: &[&str], default: usize) -> Option<usize> {
        if !self.can_ask() {
            return None;
        }
        for (at, choice) in choices.iter().enumerate() {
            self.say(&[Span::plain(format!("  {}  {choice}", at + 1))]);
        }
        let range = format!("[1-{}, else {}]", choices.len(), default + 1);
        self.ask_until(question, &range, |reply| match reply {
            "" => Some(default),
            number => {
                let number: usize = number.parse().ok()?;
                (1..=choices.len()).contains(&number).then(|| number - 1)
            }
        })
    }

    fn ask_until<T>(
        &mut self,
        question: &str,
        choices: &str,
        understand: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.can_ask() {
            return None;
        }
        // Reading cannot be stopped at a safe point, and there is nothing to make safe.
        self.env.impatient.store(true, Ordering::SeqCst);
        let answer = (0..TRIES).find_map(|_| match self.put(question, choices) {
            Some(reply) => understand(reply.trim()).map(Some),
            None => Some(None),
        });
        self.env.impatient.store(self.env.interrupted(), Ordering::SeqCst);
        answer.flatten()
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
    fn nonsense_is_asked_again_but_not_for_ever() {
        assert_eq!(asked("what\nYES\n", |ui| ui.ask("Go?", Answer::No)).0, Some(Answer::Yes));
        assert_eq!(asked("a\nb\nc\ny\n", |ui| ui.ask("Go?", Answer::Yes)).0, None);
    }

    #[test]
    fn the_end_of_input_is_no_answer() {
        assert_eq!(asked("", |ui| ui.ask("Go?", Answer::Yes)).0, None);
    }

    #[test]
    fn a_choice_is_a_number_from_the_list() {
        let (choice, shown) = asked("9\n2\n", |ui| ui.choose("Restore?", &["all", "none"], 0));
        let expected = "  1  all\n  2  none\nRestore? [1-2, else 1] Restore? [1-2, else 1] ";
        assert_eq!((choice, shown.as_str()), (Some(1), expected));
    }

    #[test]
    fn nobody_is_asked_without_a_terminal() {
        let (_home, env) = sandbox();
        let (answer, shown) = with_ui(&env, "y\n", |ui| ui.ask("Go?", Answer::Yes));
        assert_eq!((answer, shown.as_str()), (None, ""));
    }
}
