//! A backup that lost its `.git`, or of which git knows nothing any more, while its folder is there.

use std::path::Path;

use anyhow::Result;

use super::Repository;
use super::layout::{MACHINES, machine_folder};
use super::migrate::is_done;
use crate::error::{ErrorKind, Failure};

/// What is told where [`Repository::lost_its_history`] is true.
pub const LOST_HISTORY: &str = "git knows of no backup any more, though one was made here; \
                                `claude-backup sync` takes over what the folder has";

impl Repository {
    pub(super) fn tell_of_lost_history(&self) {
        // What cannot be read is told by what wants to read it.
        if self.lost_its_history().is_ok_and(|lost| lost) {
            self.warn(LOST_HISTORY.into());
        }
    }

    /// True where a backup was made here, and git knows of none: the branch is gone, its log as well.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn lost_its_history(&self) -> Result<bool> {
        if self.vault.head()?.is_some() || !is_done(&self.vault)? {
            return Ok(false);
        }
        // A first run that died before its commit has neither put anything in place nor noted it.
        let has_folder = self.root.join(machine_folder(&self.machine)).is_dir();
        Ok(has_folder || self.vault.index_is_noted()?)
    }
}

/// There is no repository, or none any more.
pub(super) fn no_repository(root: &Path) -> Failure {
    let shown = root.display();
    let (message, hint) = match root.join(MACHINES).is_dir() {
        true => (
            format!("the backup at `{shown}` has lost its `.git`"),
            "take over what the folder has with `claude-backup init`",
        ),
        false => {
            (format!("there is no backup at `{shown}` yet"), "start one with `claude-backup init`")
        }
    };
    Failure::new(ErrorKind::NoRepository, message).hint(hint)
}
