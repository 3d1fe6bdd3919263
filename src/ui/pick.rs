//! One of many, searched for while one types.

use std::fmt;

use anyhow::Result;
use inquire::Select;
use inquire::error::InquireError;
use inquire::ui::{Color, RenderConfig, StyleSheet, Styled};

use crate::error::{ErrorKind, Failure};
use crate::ui::colour::Colour;
use crate::ui::{Table, Ui};

/// Lines of a list that are shown at once.
const ROWS: usize = 12;
/// Cells that stand before each of them.
const MARGIN: usize = 3;

/// A row of a list, and everything that words are looked for in.
struct Row {
    shown: String,
    searched: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Ui<'_> {
    /// Lets somebody pick a row by words that are in its text, or with the arrows; gives its number,
    /// or nothing where they left.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] by control and C; where the terminal cannot be used.
    pub fn pick(
        &mut self,
        question: &str,
        table: &Table,
        searched: &[String],
    ) -> Result<Option<usize>> {
        let shown = table.texts(self.terminal_width().saturating_sub(MARGIN));
        let searched = searched.iter().map(|text| text.to_lowercase());
        let rows: Vec<Row> = shown
            .into_iter()
            .zip(searched)
            .map(|(shown, searched)| Row { shown, searched })
            .collect();
        let picked = Select::new(question, rows)
            .with_page_size(ROWS)
            .with_help_message("type to search, arrows to move, Return to look at it, Esc to leave")
            .with_scorer(&|words, row: &Row, _, _| has_words(&row.searched, words).then_some(0))
            .with_formatter(&|_| String::new())
            .with_render_config(look(self.err_colour()))
            .raw_prompt();
        match picked {
            Ok(picked) => Ok(Some(picked.index)),
            Err(InquireError::OperationCanceled) => Ok(None),
            Err(error) if is_interrupt(&error) => {
                Err(Failure::new(ErrorKind::Interrupted, "stopped").into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_interrupt(error: &InquireError) -> bool {
    match error {
        InquireError::OperationInterrupted => true,
        InquireError::IO(error) => error.kind() == std::io::ErrorKind::Interrupted,
        _ => false,
    }
}

/// Every word is in the text, wherever.
fn has_words(text: &str, words: &str) -> bool {
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

fn look(colour: Colour) -> RenderConfig<'static> {
    let plain = RenderConfig::empty()
        .with_highlighted_option_prefix(Styled::new(">"))
        .with_canceled_prompt_indicator(Styled::new(""));
    match colour {
        Colour::Never => plain,
        Colour::Always => {
            let cursor = StyleSheet::new().with_fg(Color::DarkCyan);
            plain
                .with_highlighted_option_prefix(Styled::new(">").with_style_sheet(cursor))
                .with_selected_option(Some(cursor))
                .with_help_message(StyleSheet::new().with_fg(Color::DarkGrey))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_there_in_any_order() {
        let text = "~/work/alpha parser 2026-11-20 why does 1h30m fail?";
        assert!(has_words(text, "PARSER alpha"));
        assert!(has_words(text, "  "));
        assert!(!has_words(text, "parser beta"));
    }
}
