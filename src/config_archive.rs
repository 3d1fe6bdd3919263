//! The config profile as one file that can be carried: a tar in a gzip, checked both ways.
//!
//! An archive is judged as a whole before anything of it is written. It may come from anywhere.

mod check;
mod export;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod import;

use serde::Serialize;

use crate::source::code::StoredFile;

pub use self::check::{Checked, check};
pub use self::export::{Exported, export};
pub use self::import::{ImportOutcome, ImportPlan, apply, plan};

/// More bytes than any profile has: a small file can claim any length.
const MOST_BYTES: u64 = 1 << 30;
/// More files than any profile has.
const MOST_FILES: usize = 50_000;

/// A file that could not be put in, or taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The name below the Claude home.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The bits that are kept: others may never write, and only programs may be executable.
fn mode_of(file: StoredFile<'_>) -> u32 {
    let mask = if file.may_be_executable() { 0o755 } else { 0o644 };
    file.mode & mask | crate::fs::PRIVATE_FILE
}
