//! The doorbell.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(claude_backup::main())
}
