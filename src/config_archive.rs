//! The config profile as one file that can be carried: a tar in a gzip, checked both ways.
//!
//! An archive is judged as a whole before anything of it is written. It may come from anywhere.

mod check;
mod export;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod import;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

pub use self::check::{Checked, check};
pub use self::export::{Exported, export};
pub use self::import::{ImportOutcome, ImportPlan, apply, plan};
use crate::secrets::Secret;

/// More bytes than any profile has: a small file can claim any length.
const MOST_BYTES: u64 = 1 << 30;
/// More files than any profile has.
const MOST_FILES: usize = 50_000;

/// Likely secrets in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Secrets {
    /// The name below the Claude home.
    pub path: String,
    /// Where in it, and what kinds.
    pub found: Vec<Secret>,
}

/// A file that could not be put in, or taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The name below the Claude home.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Where one file of the profile goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Below the Claude home.
    pub relative: PathBuf,
    /// Its bits, as far as they are kept: others may never write.
    pub mode: u32,
}

fn mode_of(bits: u32) -> u32 {
    bits & 0o755 | crate::fs::PRIVATE_FILE
}

/// The secrets in these bytes, if any.
fn secrets_in(path: &str, bytes: impl std::io::BufRead) -> Result<Option<Secrets>> {
    let found = crate::secrets::scan(bytes)?;
    Ok((!found.is_empty()).then(|| Secrets { path: path.to_owned(), found }))
}
