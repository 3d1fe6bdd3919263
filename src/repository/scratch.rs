//! Folders for trials and clones, which go with whoever made them.

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use super::Repository;

/// What their names begin with.
const SCRATCH: &str = "scratch-";

impl Repository {
    /// An empty folder beside the backup's own, gone with the value.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn scratch_folder(&self, purpose: &str) -> Result<TempDir> {
        let folder = self.vault.private_dir()?;
        let made =
            tempfile::Builder::new().prefix(&format!("{SCRATCH}{purpose}-")).tempdir_in(&folder);
        made.with_context(|| format!("failed to make a folder in `{}`", folder.display()))
    }

    /// Removes those of dead runs. One that was made since yesterday may be of a run that still goes
    /// on: a trial takes no lock.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn clear_old_scratch(&self) -> Result<()> {
        for entry in fs_err::read_dir(self.vault.private_dir()?)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(SCRATCH.as_bytes()) {
                continue;
            }
            let made: DateTime<Utc> = entry.metadata()?.modified()?.into();
            if self.env.now() - made > TimeDelta::days(1) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
