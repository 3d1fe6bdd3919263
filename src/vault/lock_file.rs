//! Git's way of replacing a file: `name.lock` is made exclusively, filled and renamed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fs;

/// How long a lock of somebody else may stay before it counts as left behind.
///
/// Git holds these locks for milliseconds. The caller holds the backup's own lock, so a lock that
/// outlives this was left by a process that died.
const PATIENCE: [Duration; 6] = [Duration::from_millis(50); 6];

/// A lock on one of git's files, given up when dropped.
pub(super) struct LockFile {
    target: PathBuf,
    file: Option<fs_err::File>,
    /// A lock left behind was removed to get this one.
    pub(super) removed_leftover: bool,
}

impl LockFile {
    /// Locks `target`; folders on the way are made.
    pub(super) fn take(target: &Path) -> io::Result<Self> {
        if let Some(folder) = target.parent() {
            fs::create_durable_dir(folder)?;
        }
        let lock = lock_path(target);
        let removed_leftover = remove_leftover(&lock)?;
        let mut options = fs_err::OpenOptions::new();
        let file = fs::private(&mut options).write(true).create_new(true).open(&lock)?;
        Ok(Self { target: target.into(), file: Some(file), removed_leftover })
    }

    /// Where the new content is written.
    pub(super) fn path(&self) -> PathBuf {
        lock_path(&self.target)
    }

    /// Appends to the new content.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().expect("the lock is held until it is published").write_all(bytes)
    }

    /// Gives the new content the target's name, durably.
    pub(super) fn publish(self) -> io::Result<()> {
        self.end(|lock, target| {
            // It is opened again because the content may have been replaced under its name.
            fs_err::File::open(lock)?.sync_all()?;
            fs_err::rename(lock, target)?;
            target.parent().map_or(Ok(()), fs::sync_dir)
        })
    }

    /// The same for what can be made again: a power cut may lose it.
    pub(super) fn publish_without_waiting(self) -> io::Result<()> {
        self.end(|lock, target| fs_err::rename(lock, target))
    }

    fn end(mut self, replace: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        drop(self.file.take());
        let result = replace(&self.path(), &self.target);
        if result.is_err() {
            let _ = fs_err::remove_file(self.path());
        }
        result
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs_err::remove_file(self.path());
        }
    }
}

/// Waits a moment for a lock to go, then removes it; says whether it had to.
pub(super) fn remove_leftover(lock: &Path) -> io::Result<bool> {
    for pause in PATIENCE {
        if fs_err::symlink_metadata(lock).is_err_and(|error| fs::is_missing(&error)) {
            return Ok(false);
        }
        std::thread::sleep(pause);
    }
    fs::remove_if_exists(lock)?;
    Ok(true)
}

/// The name of the lock of a file.
pub(super) fn lock_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_a_dead_process_does_not_wedge() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("refs/heads/main");
        fs::create_private_dir(target.parent().unwrap()).unwrap();
        fs_err::write(lock_path(&target), "half").unwrap();
        let mut lock = LockFile::take(&target).unwrap();
        assert!(lock.removed_leftover);
        lock.write(b"whole").unwrap();
        lock.publish().unwrap();
        assert_eq!(fs_err::read(&target).unwrap(), b"whole");
        assert!(!lock_path(&target).exists());
    }

    #[test]
    fn a_lock_given_up_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("config");
        fs_err::write(&target, "old").unwrap();
        let mut lock = LockFile::take(&target).unwrap();
        lock.write(b"new").unwrap();
        drop(lock);
        assert_eq!(fs_err::read(&target).unwrap(), b"old");
        assert!(!lock_path(&target).exists());
    }
}
