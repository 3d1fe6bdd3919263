//! How large a stored file may be: hosts of git repositories refuse one of 100 MB.
//!
//! What the program stores itself is cut into parts far below this. What an older tool stored is
//! cut when it is taken over, and nothing larger goes into a commit, which could never be sent.

use std::fmt::Display;

use anyhow::{Result, ensure};

use super::ledger::Content;
use super::manifest::size_words;
use crate::archive::Limits;

/// How large stored files may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// A file of an older layout above this many bytes is written anew, in parts.
    pub largest_adopted: u64,
    /// A file above this many bytes is never committed.
    pub largest_committed: u64,
    /// From so many bytes of git's objects on, a remote's host may complain.
    pub large_for_a_host: u64,
    /// When a part is full.
    pub part: Limits,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            largest_adopted: 95 << 20,
            largest_committed: 100_000_000,
            large_for_a_host: 2 << 30,
            part: Limits::default(),
        }
    }
}

impl Sizes {
    /// Refuses a file of so many bytes where no host would take it.
    ///
    /// # Errors
    /// Where it is too large, with its name.
    pub fn check(&self, name: impl Display, length: u64) -> Result<()> {
        let limit = self.largest_committed;
        let fits = length <= limit;
        ensure!(fits, "`{name}` has {length} bytes, and no git host takes more than {limit}");
        Ok(())
    }

    /// What to do about a repository of so many bytes; nothing while it is small enough.
    #[must_use]
    pub fn warning(&self, bytes: u64) -> Option<String> {
        let size = size_words(bytes);
        (bytes >= self.large_for_a_host).then(|| {
            format!(
                "the backup's git repository has {size}, and hosts get slow or refuse from a few GB on; \
                 a server or disk of your own takes more: `claude-backup backend set git --remote URL`"
            )
        })
    }

    /// True for an older tool's file that is to be cut into parts.
    pub(super) fn wants_parts(&self, content: &Content) -> bool {
        content.parts.iter().any(|part| part.length > self.largest_adopted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{PART_LIMIT, SECTION};

    #[test]
    fn a_large_repository_is_told_of_with_a_way_on() {
        let sizes = Sizes::default();
        assert_eq!(sizes.warning((2 << 30) - 1), None);
        assert!(sizes.warning(5 << 30).unwrap().contains("has 5.0G, "));
    }

    #[test]
    fn what_is_written_fits_where_what_is_adopted_fits() {
        let sizes = Sizes::default();
        assert!(PART_LIMIT + 2 * (SECTION as u64) < sizes.largest_adopted);
        assert!(sizes.largest_adopted < sizes.largest_committed);
        sizes.check("f", 100_000_000).unwrap();
        let error = sizes.check("machines/m/f", 100_000_001).unwrap_err().to_string();
        assert!(error.starts_with("`machines/m/f` has 100000001 bytes"), "{error}");
    }
}
