//! `machines`: the machines of the backup, their keys and names.
//!
//! Each subcommand is a file in `machines/`, its `mod` line, and a line each in the two lists here.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::Context;

mod forget;
mod list;
mod reject;
mod rename;
mod trust;

/// List the machines of the backup, decide about them, rename this one
#[derive(Args, Clone, Debug)]
pub struct MachinesArgs {
    #[command(subcommand)]
    command: MachinesCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum MachinesCommand {
    /// List all machines with their keys and states
    List,
    /// Trust the new key of a machine
    Trust(trust::TrustArgs),
    /// Forget the key of a machine; what it stored stays
    Forget(forget::ForgetArgs),
    /// Rename this machine in the backup
    Rename(rename::RenameArgs),
    Reject(reject::RejectArgs),
}

impl MachinesArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        match self.command {
            MachinesCommand::List => list::run(context),
            MachinesCommand::Trust(args) => args.run(context),
            MachinesCommand::Forget(args) => args.run(context),
            MachinesCommand::Rename(args) => args.run(context),
            MachinesCommand::Reject(args) => args.run(context),
        }
    }
}
