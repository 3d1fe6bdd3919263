//! One run at a time: a lock that the kernel lets go of when its process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};
use crate::fs::create_private_dir;

/// Held for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What it does: `sync`, `restore`, `init`.
    pub doing: String,
}

impl Lock {
    /// Takes the lock in `folder`, or says who has it.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] while another process holds it.
    pub fn take(folder: &Path, owner: &Owner) -> Result<Self> {
        create_private_dir(folder)?;
        let path = folder.join("lock");
        let file = fs_err::OpenOptions::new();
        let mut file = open_private(file, &path)?.into_file();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file).into()),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("failed to lock `{}`", path.display()));
            }
        }
        // The text is for the eyes of the next one; the lock itself is the kernel's.
        let text = serde_json::to_vec(owner)?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(&text))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Closing would do, but for a child that another thread is about to start: it has a copy of the
    /// open file until its own program begins, and the lock would live as long.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn open_private(mut options: fs_err::OpenOptions, path: &Path) -> Result<fs_err::File> {
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(crate::fs::PRIVATE_FILE);
    }
    Ok(options.open(path)?)
}

fn held(file: &mut File) -> Failure {
    let mut text = String::new();
    let owner = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(&text).ok());
    let message = match &owner {
        Some(Owner { pid, since, doing }) => {
            let since = since.format("%Y-%m-%d %H:%M:%S UTC");
            format!("another run holds the backup: `{doing}` with process id {pid}, since {since}")
        }
        None => "another run holds the backup".into(),
    };
    let failure = Failure::new(ErrorKind::Locked, message)
        .hint("wait until it has ended; a run that dies lets go of the backup by itself");
    match owner.and_then(|owner: Owner| serde_json::to_value(owner).ok()) {
        Some(owner) => failure.detail("owner", owner),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::kind;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let home = tempfile::tempdir().unwrap();
        let owner = Owner { pid: 7, since: DateTime::UNIX_EPOCH, doing: "sync".into() };
        let first = Lock::take(home.path(), &owner).unwrap();
        let refused = Lock::take(home.path(), &owner).unwrap_err();
        assert_eq!(kind(&refused), ErrorKind::Locked);
        assert!(refused.to_string().contains("`sync` with process id 7"), "{refused}");
        drop(first);
        Lock::take(home.path(), &owner).unwrap();
    }

    #[test]
    fn a_machine_that_was_renamed_meanwhile_is_not_taken_for_the_old_one() {
        let (home, env) = crate::testing::sandbox();
        let root = home.path().join("backup");
        let waiting = crate::repository::Repository::create(&root, &env).unwrap();
        waiting.vault.set_setting("machine", "mac-2").unwrap();
        let refused = waiting.lock("sync").unwrap_err();
        assert_eq!(kind(&refused), ErrorKind::Locked);
        assert!(refused.to_string().contains("`mac-2`"), "{refused}");
        let next = crate::repository::Repository::open(&root, &env).unwrap();
        next.lock("sync").unwrap();
    }
}
