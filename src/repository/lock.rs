//! Locks that keep runs apart: the kernel's, so a run that dies lets go of them, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};
use crate::fs::create_private_dir;

/// The two locks of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockName {
    /// Whoever holds it may change the backup folder.
    Backup,
    /// Whoever holds it may talk to the remote.
    Remote,
}

impl LockName {
    fn file(self) -> &'static str {
        match self {
            Self::Backup => "lock",
            Self::Remote => "remote.lock",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Remote => "remote",
        }
    }
}

/// Held for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// When the run began.
    pub since: DateTime<Utc>,
    /// What it does: `sync`, `restore`, `init`; `merge` while it takes over what it fetched.
    pub doing: String,
}

/// What became of an attempt to take a lock.
#[derive(Debug)]
pub enum Attempt<T> {
    /// It is taken.
    Taken(T),
    /// Somebody holds it; who, if that is written already.
    Held(Option<Owner>),
}

impl Lock {
    /// Takes a lock in `folder` if it is free.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn try_take(folder: &Path, name: LockName, owner: &Owner) -> Result<Attempt<Self>> {
        create_private_dir(folder)?;
        let path = folder.join(name.file());
        let mut file = open_private(&path)?;
        if !try_lock(&file, &path)? {
            return Ok(Attempt::Held(owner_in(&mut file)));
        }
        // The text is for the eyes of the next one; the lock itself is the kernel's.
        let text = serde_json::to_vec(owner)?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&text))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        Ok(Attempt::Taken(Self { file }))
    }
}

impl Drop for Lock {
    /// Closing would do, but for a child that another thread is about to start: it has a copy of the
    /// open file until its own program begins, and the lock would live as long.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who holds a lock in `folder`; `None` if it is free, or its owner is not written yet.
///
/// A lock whose file names nobody is not touched. One that does is taken for a moment, shared, to see
/// whether its owner died; whoever wants it at that moment tries again.
///
/// # Errors
/// As the file system says, with the path.
pub fn owner(folder: &Path, name: LockName) -> Result<Option<Owner>> {
    let path = folder.join(name.file());
    let mut file = match fs_err::File::open(&path) {
        Ok(file) => file.into_file(),
        Err(error) if crate::fs::is_missing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(owner) = owner_in(&mut file) else { return Ok(None) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(Some(owner)),
        Ok(()) => {
            let _ = file.unlock();
            Ok(None)
        }
        Err(TryLockError::Error(error)) => Err(cannot_lock(error, &path)),
    }
}

/// The failure of a run that cannot get a lock.
pub(super) fn held(name: LockName, owner: Option<Owner>) -> Failure {
    let word = name.word();
    let message = match &owner {
        Some(Owner { pid, since, doing }) => {
            let since = since.format("%Y-%m-%d %H:%M:%S UTC");
            format!("the {word} is in use by `{doing}` (pid {pid}, since {since})")
        }
        None => format!("the {word} is in use by another run"),
    };
    let failure = Failure::new(ErrorKind::Locked, message)
        .hint("wait for it; a crashed run releases the lock by itself");
    match owner.and_then(|owner| serde_json::to_value(owner).ok()) {
        Some(owner) => failure.detail("owner", owner),
        None => failure,
    }
}

fn open_private(path: &Path) -> Result<File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(crate::fs::PRIVATE_FILE);
    }
    Ok(options.open(path)?.into_file())
}

/// False if another process has it.
fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(cannot_lock(error, path)),
    }
}

fn cannot_lock(error: std::io::Error, path: &Path) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("failed to lock `{}`", path.display()))
}

/// A longer text is not an owner.
const LONGEST_OWNER: u64 = 4096;

fn owner_in(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.take(LONGEST_OWNER).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_owner() -> Owner {
        Owner { pid: 7, since: DateTime::UNIX_EPOCH, doing: "sync".into() }
    }

    fn taken(folder: &Path, name: LockName) -> Lock {
        match Lock::try_take(folder, name, &an_owner()).unwrap() {
            Attempt::Taken(lock) => lock,
            Attempt::Held(owner) => panic!("held by {owner:?}"),
        }
    }

    #[test]
    fn the_second_run_learns_who_holds_the_lock() {
        let home = tempfile::tempdir().unwrap();
        let first = taken(home.path(), LockName::Backup);
        let second = Lock::try_take(home.path(), LockName::Backup, &an_owner()).unwrap();
        let Attempt::Held(owner) = second else { panic!("taken twice") };
        let refused = held(LockName::Backup, owner);
        assert!(refused.to_string().contains("`sync` (pid 7, since 1970-"), "{refused}");
        drop(first);
        taken(home.path(), LockName::Backup);
    }

    #[test]
    fn the_two_locks_do_not_exclude_each_other() {
        let home = tempfile::tempdir().unwrap();
        let _remote = taken(home.path(), LockName::Remote);
        taken(home.path(), LockName::Backup);
    }

    #[test]
    fn an_owner_is_known_while_it_lives() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(owner(home.path(), LockName::Remote).unwrap(), None);
        let lock = taken(home.path(), LockName::Remote);
        assert_eq!(owner(home.path(), LockName::Remote).unwrap(), Some(an_owner()));
        drop(lock);
        assert_eq!(owner(home.path(), LockName::Remote).unwrap(), None);
        let left = serde_json::to_vec(&an_owner()).unwrap();
        fs_err::write(home.path().join("remote.lock"), left).unwrap();
        assert_eq!(owner(home.path(), LockName::Remote).unwrap(), None, "a killed run's");
    }
}
