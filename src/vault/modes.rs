//! The repository is its owner's alone: 0600 and 0700, however it came to be.
//!
//! A clone by hand has the bits of the umask. Git keeps what it writes later private by
//! `core.sharedRepository`, all but a few files directly in `.git`, and nobody gets past a private
//! folder. So that setting, two folders and what lies directly in them are all that each run has to
//! look at. Only where a folder was open is everything below it corrected too.

use std::path::Path;

use anyhow::Result;

use super::Vault;
use crate::fs;

/// Git's setting that decides about the bits of what it writes to its folder.
const SETTING: &str = "core.sharedRepository";
const PRIVATE: &str = "0600";

impl Vault {
    /// Takes the permissions of others away, if they have any. What cannot be changed is a warning.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read or replaced.
    pub fn make_private(&self) -> Result<()> {
        if self.config_value(SETTING)?.as_deref() == Some(PRIVATE) {
            self.close_to_others(1);
            return Ok(());
        }
        self.make_all_private();
        self.change_config(SETTING, Some(PRIVATE))
    }

    /// The same for every file and folder, whatever the folders around them are.
    pub fn make_all_private(&self) {
        self.close_to_others(usize::MAX);
    }

    fn close_to_others(&self, depth: usize) {
        let tops = [&self.root, &self.git_dir];
        let results = tops.map(|top| close_to_others(top, depth));
        if let Some(error) = results.into_iter().find_map(Result::err) {
            self.warn(format!("other users may be able to read the backup: {error}"));
        }
    }
}

/// Corrects what lies so deep below a folder, and all that lies below a folder that was open. What
/// cannot be changed does not keep the rest from it.
fn close_to_others(top: &Path, depth: usize) -> std::io::Result<()> {
    let mut result = Ok(());
    let entries = walkdir::WalkDir::new(top).follow_root_links(false).max_depth(depth);
    for entry in entries.into_iter().flatten() {
        if entry.path_is_symlink() || !fs::is_open_to_others(entry.path()) {
            continue;
        }
        result = result.and(fs::close_to_others(entry.path()));
        if entry.file_type().is_dir() && depth < usize::MAX {
            result = result.and(close_to_others(entry.path(), usize::MAX));
        }
    }
    result
}
