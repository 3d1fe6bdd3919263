//! The branch: where it points, and moving it, which is the moment a backup exists.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::lock_file::LockFile;
use super::object_id::ObjectId;
use super::{Step, Vault};
use crate::fs;

/// The backup's branch.
pub(super) const MAIN: &str = "refs/heads/main";

/// What `HEAD` names: a branch, or a commit where it is detached.
pub(super) struct Branch {
    /// `refs/heads/main`; nothing where `HEAD` is detached.
    name: Option<String>,
}

/// A move of the branch.
pub(super) struct Move<'a> {
    pub(super) from: Option<ObjectId>,
    pub(super) to: ObjectId,
    /// `Name <address> seconds zone`.
    pub(super) signature: &'a str,
    /// One line for the reflog.
    pub(super) reason: &'a str,
}

impl Vault {
    pub(super) fn branch(&self) -> Result<Branch> {
        let path = self.git_dir.join("HEAD");
        let text = fs_err::read_to_string(&path)?;
        // Whatever a curious checkout made of HEAD: the backup goes on where it is.
        if self.has_main() {
            return Ok(Branch { name: Some(MAIN.to_owned()) });
        }
        let name = text.trim_end().strip_prefix("ref:").map(|name| name.trim().to_owned());
        let safe =
            name.as_ref().is_none_or(|name| name.starts_with("refs/") && !name.contains(".."));
        ensure!(safe, "`{}` names no branch", path.display());
        Ok(Branch { name })
    }

    /// Lets `HEAD` name the backup's branch again; true where it named something else.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn return_to_main(&self) -> Result<bool> {
        let path = self.git_dir.join("HEAD");
        let text = format!("ref: {MAIN}\n");
        if !self.has_main() || fs_err::read_to_string(&path)? == text {
            return Ok(false);
        }
        fs::write_atomic(&path, text.as_bytes(), fs::PRIVATE_FILE)?;
        self.reopen()?;
        Ok(true)
    }

    fn has_main(&self) -> bool {
        let found = self.repository().refname_to_id(MAIN);
        found.is_ok() || self.newest_of_reflog().is_some()
    }

    /// Moves the branch from one commit to another, durably and only if nobody moved it before.
    ///
    /// The reflog is written first: a line that speaks of a move that never came does no harm.
    pub(super) fn move_branch(&self, step: &Move<'_>) -> Result<()> {
        let branch = self.branch()?;
        let mut lock = LockFile::take(&self.git_dir.join(branch.file()))?;
        if lock.removed_leftover {
            self.warn("removed a lock on the branch that a dead process had left");
        }
        let current = branch.tip(self)?;
        let root = self.root.display();
        ensure!(current == step.from, "somebody else moved the branch in `{root}` meanwhile");
        lock.write(format!("{}\n", step.to).as_bytes())?;
        if branch.name.is_some() {
            self.append_reflog(branch.file(), step)?;
        }
        self.append_reflog("HEAD", step)?;
        self.passed(Step::ReflogWritten)?;
        Ok(lock.publish()?)
    }

    fn append_reflog(&self, name: &str, step: &Move<'_>) -> Result<()> {
        let path: PathBuf = self.git_dir.join("logs").join(name);
        if let Some(folder) = path.parent() {
            fs::create_private_dir(folder)?;
        }
        let mut options = fs_err::OpenOptions::new();
        let mut file =
            fs::private(&mut options).read(true).append(true).create(true).open(&path)?;
        let from = step.from.unwrap_or(ObjectId::from_bytes([0; 20]));
        let mut line = format!("{from} {} {}\t{}\n", step.to, step.signature, step.reason);
        if ends_mid_line(&mut file)? {
            line.insert(0, '\n');
        }
        file.write_all(line.as_bytes())?;
        Ok(())
    }
}

impl Branch {
    /// The commit that the branch points to; nothing before the first.
    pub(super) fn tip(&self, vault: &Vault) -> Result<Option<ObjectId>> {
        let found = vault.repository().refname_to_id(self.file());
        // A lost branch is where its own log saw it last, until the next run writes it again.
        let last = || vault.newest_of_reflog().filter(|_| self.file() == MAIN);
        match found {
            Ok(oid) => Ok(Some(oid.into())),
            Err(error) => match last() {
                Some(last) => Ok(Some(last)),
                None if error.code() == git2::ErrorCode::NotFound => Ok(None),
                None => Err(error).with_context(|| {
                    format!("branch of the repository `{}`", vault.root.display())
                }),
            },
        }
    }

    /// The file to replace, from the git folder; also the branch's full name.
    fn file(&self) -> &str {
        self.name.as_deref().unwrap_or("HEAD")
    }
}

/// True where a power cut took the end of the last line.
fn ends_mid_line(file: &mut fs_err::File) -> Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
