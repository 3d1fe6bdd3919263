//! What a restore left out, for the reports of `restore` and `init`.

use std::io;

use super::foreign_code::{line, list_held_back};
use crate::restore::RestoreOutcome;
use crate::ui::{Mark, Page};

/// What was refused, and what was held back, with the command that installs it.
pub(super) fn left_out_words(
    page: &mut Page<'_>,
    outcome: &RestoreOutcome,
    command: &str,
) -> io::Result<()> {
    for file in &outcome.refused {
        page.mark(Mark::Warn, format!("refused: {}", line(file)))?;
    }
    list_held_back(page, &outcome.held_back, command)
}
