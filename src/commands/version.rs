//! `--version`: what is running.

use std::io;

use serde::Serialize;

pub use crate::repository::manifest::VERSION;
use crate::ui::{Page, Report};

/// The version alone.
#[derive(Debug, Default, Serialize)]
pub struct VersionReport {
    version: &'static str,
}

impl VersionReport {
    /// The running version.
    #[must_use]
    pub fn new() -> Self {
        Self { version: VERSION }
    }
}

impl Report for VersionReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        page.line(format!("claude-backup {}", self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::screen;

    #[test]
    fn a_person_reads_name_and_number() {
        assert_eq!(screen(&VersionReport::new(), Some(80)), "claude-backup 4.0.0\n");
    }
}
