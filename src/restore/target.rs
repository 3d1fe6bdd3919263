//! Whether a place may be written to, and what stands there.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::{Bytes, State};
use crate::fs::{is_missing, open_regular};
use crate::repository::ledger::Hash;

/// A file's place below a folder that it must not leave.
#[derive(Clone, Debug)]
pub(super) struct Target {
    folder: PathBuf,
    relative: PathBuf,
}

impl Target {
    /// A name below a folder.
    pub(super) fn below(folder: &Path, relative: &Path) -> Self {
        Self { folder: folder.to_path_buf(), relative: relative.to_path_buf() }
    }

    /// A file that the user named.
    pub(super) fn exact(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { folder, relative: file.file_name().map(PathBuf::from).unwrap_or_default() }
    }

    /// The whole path.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.relative)
    }

    /// The name below the folder, links on the way resolved; `None` if there are none, or if they
    /// lead elsewhere.
    pub(super) fn real_name(&self) -> Option<PathBuf> {
        let folders = self.relative.ancestors().skip(1).filter(|part| *part != Path::new(""));
        // What is not there yet cannot be a link, nor can what lies below it.
        let link = folders.into_iter().find(|part| self.folder.join(part).is_symlink())?;
        let end = self.folder.join(link).canonicalize().ok()?;
        let end = end.strip_prefix(self.folder.canonicalize().ok()?).ok()?.to_path_buf();
        Some(end.join(self.relative.strip_prefix(link).ok()?))
    }

    /// True if the file gets this name below the folder.
    pub(super) fn is_named(&self, name: &Path) -> bool {
        self.relative == name
    }

    /// Why this place must not be written to, if it must not.
    fn forbidden(&self) -> Option<String> {
        let is_plain = self.relative.components().all(|c| matches!(c, Component::Normal(_)));
        if !is_plain || self.relative.as_os_str().is_empty() {
            return Some("the name leads out of its folder".into());
        }
        let real_folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        let mut folder = real_folder.clone();
        for part in self.relative.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            match folder.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(found) if found.is_symlink() => {
                    let end = folder.canonicalize().ok();
                    if !end.as_ref().is_some_and(|e| e.starts_with(&real_folder) && e.is_dir()) {
                        let folder = folder.display();
                        return Some(format!("`{folder}` is a link that leads elsewhere"));
                    }
                }
                Ok(_) => return Some(format!("`{}` is no folder", folder.display())),
                // What is not there yet is made.
                Err(error) if is_missing(&error) => return None,
                Err(error) => return Some(format!("`{}`: {error}", folder.display())),
            }
        }
        None
    }
}

/// Compares a target with the bytes that should stand there.
pub(super) fn state_of(target: &Target, bytes: Bytes) -> Result<State> {
    if let Some(reason) = target.forbidden() {
        return Ok(State::Forbidden(reason));
    }
    let path = target.path();
    let found = match path.symlink_metadata() {
        Err(error) if is_missing(&error) => return Ok(State::Free),
        Err(error) => return Ok(State::Forbidden(error.to_string())),
        Ok(found) => found,
    };
    if found.is_dir() {
        return Ok(State::Forbidden("a folder stands there".into()));
    }
    // A link of the user's own, as into a folder of settings, stands for its end.
    let Some(end) = path.metadata().ok().filter(std::fs::Metadata::is_file) else {
        return Ok(State::NoFile);
    };
    Ok(match end.len().cmp(&bytes.length) {
        std::cmp::Ordering::Less => State::Shorter,
        std::cmp::Ordering::Greater => State::Other,
        std::cmp::Ordering::Equal => match open_regular(&path).and_then(Hash::of) {
            Ok((hash, _)) if hash == bytes.sha256 => State::Same,
            Ok(_) => State::Other,
            Err(error) => State::Forbidden(error.to_string()),
        },
    })
}
