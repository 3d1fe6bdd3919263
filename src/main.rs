//! The doorbell.

use std::process::ExitCode;

/// The system's allocator keeps several hundred megabytes of what many short-lived compressors
/// freed; this one gives them back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(claude_backup::main())
}
