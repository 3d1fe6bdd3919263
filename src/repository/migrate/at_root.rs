//! What the shell tool left at the root of a remote: git has it, and the work tree has not.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Adoption;
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, set_mode};
use crate::path_rules::check_path;
use crate::repository::layout::MACHINES;
use crate::repository::older::Candidate;
use crate::source;
use crate::vault::{FileMode, TreeFile};

impl Adoption<'_> {
    /// Adds the committed files of a folder at the root that the work tree lacks.
    pub(super) fn committed_at_root(
        &self,
        folder: &str,
        below_home: &str,
        found: &mut Vec<Candidate>,
    ) -> Result<()> {
        for file in self.repository.vault.files_below(folder)? {
            let Some(name) = file.text_path().filter(|name| self.is_only_in_git(name, &file))
            else {
                continue;
            };
            let Some(below) = name.strip_prefix(folder).and_then(|name| name.strip_prefix('/'))
            else {
                continue;
            };
            let source = Path::new(below_home).join(below);
            // Whoever wrote it, only what a backup saves is taken for a part of the profile.
            if below_home.is_empty() && source::kind_of(&source).is_none() {
                self.repository.warn(format!("`{name}` of the remote is no part of a profile"));
                continue;
            }
            found.push(Candidate::new(PathBuf::from(name), &source));
        }
        Ok(())
    }

    /// The file to read of a candidate: the work tree's, else a copy of git's; `None` if neither
    /// is there.
    pub(super) fn present(
        &mut self,
        candidate: &Candidate,
        stored: &Path,
    ) -> Result<Option<PathBuf>> {
        if stored.is_file() {
            return Ok(Some(stored.to_path_buf()));
        }
        let Some(name) = candidate.stored.to_str() else { return Ok(None) };
        let found = self.repository.vault.find(name)?;
        let Some(file) = found.filter(|file| self.is_only_in_git(name, file)) else {
            return Ok(None);
        };
        let copy = self.stage.join(format!("committed-{}", file.id));
        fs_err::write(&copy, self.repository.vault.read(file.id)?)?;
        let is_executable = file.mode == FileMode::Executable.number();
        set_mode(&copy, if is_executable { PRIVATE_DIR } else { PRIVATE_FILE })?;
        Ok(Some(copy))
    }

    fn is_only_in_git(&self, name: &str, file: &TreeFile) -> bool {
        file.is_plain()
            && check_path(name).is_ok()
            && !name.starts_with(MACHINES)
            && self.repository.root().join(name).symlink_metadata().is_err()
    }
}
