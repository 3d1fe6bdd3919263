//! `--version`: what is running.

use std::io;

use serde::Serialize;

use crate::ui::{Page, Report};

/// The version of this program, such as `4.0.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

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
