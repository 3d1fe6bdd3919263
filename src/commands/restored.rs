//! What a restore left out or could not decide, for the reports of `restore` and `init`.

use std::io;

use super::foreign_code::{line, list_held_back};
use crate::restore::{MoreComplete, RestoreOutcome};
use crate::ui::words::count;
use crate::ui::{Mark, Page};

/// The more complete copies elsewhere, what was refused, and what was held back, with the command
/// that installs it.
pub(super) fn left_out_words(
    page: &mut Page<'_>,
    outcome: &RestoreOutcome,
    command: &str,
) -> io::Result<()> {
    for session in &outcome.more_complete {
        let MoreComplete { uuid, machine, messages, own_messages } = session;
        let messages = count(*messages, "message");
        let text =
            format!("{machine} has a more complete {uuid} ({messages}, here {own_messages})");
        page.mark(Mark::Warn, format!("{text}: {}", session.command()))?;
    }
    for file in &outcome.refused {
        page.mark(Mark::Warn, format!("refused: {}", line(file)))?;
    }
    list_held_back(page, &outcome.held_back, command)
}
