//! Folders for trials and clones, which go with whoever made them.
//!
//! The name of each says when it was made, by the program's own clock: the times of files are the file
//! system's, which may be another machine's.

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use super::Repository;

/// The names begin with this; the time follows, in seconds since the epoch, and a `-`.
const SCRATCH: &str = "scratch-";
/// A trial does not take as long as this.
const MOST: TimeDelta = TimeDelta::days(1);

impl Repository {
    /// An empty folder beside the backup's own, gone with the value.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn scratch_folder(&self, purpose: &str) -> Result<TempDir> {
        let folder = self.vault.private_dir()?;
        let name = format!("{SCRATCH}{}-{purpose}-", self.env.now().timestamp());
        let made = tempfile::Builder::new().prefix(&name).tempdir_in(&folder);
        made.with_context(|| format!("failed to make a folder in `{}`", folder.display()))
    }

    /// Removes those of dead runs. One that was made since yesterday may be of a run that still goes
    /// on: a trial takes no lock.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn clear_old_scratch(&self) -> Result<()> {
        let now = self.env.now();
        for entry in fs_err::read_dir(self.vault.private_dir()?)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)) else {
                continue;
            };
            if made_at(rest).is_none_or(|made| (now - made).abs() > MOST) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// When a folder was made, by what follows [`SCRATCH`] in its name.
fn made_at(rest: &str) -> Option<DateTime<Utc>> {
    let (seconds, _) = rest.split_once('-')?;
    DateTime::from_timestamp(seconds.parse().ok()?, 0)
}
