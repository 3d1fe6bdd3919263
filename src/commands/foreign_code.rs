//! Files that can execute code and come from elsewhere: asked about once, and listed.

use std::io;

use clap::Args;

use super::Context;
use crate::restore::{ForeignCode, HeldBack};
use crate::ui::words::count;
use crate::ui::{Answer, Mark, Page};

/// Whether files that can execute code are wanted
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct CodeArgs {
    /// Also install files that can run programs and come from another machine: hooks, MCP servers, plugins, scripts
    #[arg(long)]
    with_code: bool,
}

impl CodeArgs {
    /// What to do with these files: as the flag says, else as somebody answers, else not to write
    /// them.
    pub(super) fn decide(self, files: &[HeldBack], context: &mut Context<'_>) -> ForeignCode {
        if self.with_code {
            return ForeignCode::Install;
        }
        if files.is_empty() || !context.ui.can_ask() {
            return ForeignCode::HoldBack;
        }
        let found = count(files.len() as u64, "file");
        context.ui.show(format!("{found} from elsewhere can run programs:"));
        for file in files {
            context.ui.show(format!("  {}", line(file)));
        }
        match context.ui.ask("Install these too?", Answer::No) {
            Some(Answer::Yes) => ForeignCode::Install,
            Some(Answer::No) | None => ForeignCode::HoldBack,
        }
    }

    /// What to do where nothing is written: nobody is asked.
    pub(super) fn foresee(self) -> ForeignCode {
        if self.with_code { ForeignCode::Install } else { ForeignCode::HoldBack }
    }
}

/// The files that were held back, and the command that installs them.
pub(super) fn list_held_back(
    page: &mut Page<'_>,
    files: &[HeldBack],
    command: &str,
) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let held = count(files.len() as u64, "file");
    page.mark(Mark::Warn, format!("Held back {held} from elsewhere that can run programs:"))?;
    for file in files {
        page.line(format!("  {}", line(file)))?;
    }
    page.line(format!("  to install them: {command}"))
}

/// A file with its origin, and why it is not written.
pub(super) fn line(file: &HeldBack) -> String {
    match &file.machine {
        Some(machine) => format!("{} (from {machine}) {}", file.path, file.reason),
        None => format!("{} {}", file.path, file.reason),
    }
}
