//! Keeps every session of a coding agent: versioned, deduplicated, restorable byte for byte.

pub mod env;
pub mod error;
pub mod fs;
pub mod progress;
pub mod session;
