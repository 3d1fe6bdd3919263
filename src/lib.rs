//! Keeps every session of a coding agent: versioned, deduplicated, restorable byte for byte.
//!
//! The modules in reading order: front end, the run from end to end, operations, domain, foundation.

use std::ffi::OsString;
use std::io::{self, Write};

use crate::env::Env;
use crate::ui::Streams;

pub mod cli;
pub mod commands;
pub mod ui;

pub mod backup;

pub mod backend;
pub mod config_archive;
pub mod push_scan;
pub mod restore;
pub mod scan;
pub mod schedule;
pub mod status;
pub mod sync;
pub mod verify;

pub mod repository;

pub mod archive;
pub mod profile;
pub mod secrets;
pub mod session;
pub mod source;
pub mod transcript;
pub mod vault;

pub mod env;
pub mod error;
pub mod fs;
pub mod path_rules;
pub mod process;
pub mod progress;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod signals;
#[cfg(test)]
mod testing;

/// Runs one call and gives its exit code; questions are asked of the process's standard input.
///
/// `arguments` start after the program's name.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    env: &Env,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> u8 {
    let input = &mut io::BufReader::new(io::stdin());
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    cli::run(&arguments, env, Streams { input, out, err })
}

/// Reads the process and listens to signals.
fn start() -> anyhow::Result<Env> {
    let env = Env::from_process()?;
    signals::listen(&env)?;
    signals::end_blocked_runs()?;
    Ok(env)
}

/// The whole program as the process runs it.
#[must_use]
pub fn main() -> u8 {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    match start() {
        Ok(env) => run(arguments, &env, &mut out, &mut err),
        Err(error) => cli::fail_without_env(&arguments, &mut err, &error),
    }
}
