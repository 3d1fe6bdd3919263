//! `machines`: the other machines of the backup.
//!
//! Each subcommand is a file in `machines/`, its `mod` line, and a line each in the two lists here.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Context;

mod reject;

/// Decide about the other machines of the backup
#[derive(Args, Clone, Debug)]
pub struct MachinesArgs {
    #[command(subcommand)]
    command: MachinesCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum MachinesCommand {
    Reject(reject::RejectArgs),
}

impl MachinesArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        match self.command {
            MachinesCommand::Reject(args) => args.run(context),
        }
    }
}
