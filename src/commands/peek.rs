//! `peek`: a session's summary and messages, without restoring it.

use anyhow::Result;
use clap::Args;

use super::Context;
use super::preview::preview;
use super::which::Which;
use crate::repository::Repository;

/// Show a session's summary and messages
#[derive(Args, Clone, Debug)]
pub struct PeekArgs {
    #[command(flatten)]
    which: Which,
    /// Show N messages of each end
    #[arg(long, value_name = "N", default_value_t = 2)]
    messages: usize,
}

impl PeekArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let session = self.which.find(&repository)?;
        let report = preview(&repository, session, self.messages, context.env)?;
        context.warn_of(&repository);
        context.ui.emit(&report)
    }
}
