//! Git's own small files, made again where a power cut or a careless hand took them.
//!
//! Without `HEAD`, `refs/` or a readable `config` git sees no repository, although every object is
//! there. What they said is known from elsewhere: the settings from the copy in our private folder.
//! Nothing that can be read is replaced.

use std::path::Path;

use anyhow::Result;

use super::branch::MAIN;
use super::{Vault, open_repository};
use crate::fs;

/// Below the private folder: what `.git/config` said when it could last be read.
const COPY_OF_CONFIG: &str = "config";
/// Beside the settings: what could not be read of them.
const DAMAGED_CONFIG: &str = "config.damaged";
/// Beside the packed references: what could not be read of them.
const DAMAGED_REFERENCES: &str = "packed-refs.damaged";
/// What can hold no setting at all: a power cut leaves it of a file that was just replaced.
const NOTHING: &[u8] = b"\0 \r\n\t";

/// Makes what git wants to see before it takes a folder for a repository; says what it made.
pub(super) fn before_opening(git_dir: &Path) -> Result<Vec<String>> {
    let mut made = Vec::new();
    let refs = git_dir.join("refs");
    if !refs.exists() {
        fs::create_durable_dir(&refs)?;
        made.push(again(&refs));
    }
    let head = git_dir.join("HEAD");
    if fs::read_if_exists(&head)?.is_none_or(|text| is_nothing(&text)) {
        fs::write_durable(&head, format!("ref: {MAIN}\n").as_bytes())?;
        made.push(again(&head));
    }
    made.extend(mend_config(git_dir)?);
    Ok(made)
}

/// Gives settings that say nothing or cannot be read the place to those of the copy.
fn mend_config(git_dir: &Path) -> Result<Option<String>> {
    let path = git_dir.join("config");
    let present = fs::read_if_exists(&path)?;
    let says_something = present.as_ref().is_some_and(|text| !is_nothing(text));
    if says_something && git2::Config::open(&path).is_ok() {
        return Ok(None);
    }
    let copy = git_dir.join("claude-backup").join(COPY_OF_CONFIG);
    let known = fs::read_if_exists(&copy)?.filter(|_| git2::Config::open(&copy).is_ok());
    let Some(known) = known else { return Ok(None) };
    if let Some(damaged) = present.filter(|_| says_something) {
        fs::write_durable(&git_dir.join(DAMAGED_CONFIG), &damaged)?;
    }
    fs::write_durable(&path, &known)?;
    Ok(Some(again(&path)))
}

/// What is told of a file that is there again.
pub(super) fn again(path: &Path) -> String {
    format!("`{}` was missing or damaged and was made again", path.display())
}

impl Vault {
    /// Keeps a copy of settings that can be read. The caller holds the backup's lock.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn keep_config(&self) -> Result<()> {
        let path = self.git_dir.join("config");
        let Some(text) = fs::read_if_exists(&path)? else { return Ok(()) };
        let copy = self.private_dir()?.join(COPY_OF_CONFIG);
        if is_nothing(&text) || fs::read_if_exists(&copy)?.as_ref() == Some(&text) {
            return Ok(());
        }
        Ok(fs::write_durable(&copy, &text)?)
    }

    /// Takes packed references that cannot be read out of git's sight, and keeps them beside: they
    /// hide all others, of which each has its own file. The caller holds the backup's lock.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn set_damaged_references_aside(&self) -> Result<()> {
        let path = self.git_dir.join("packed-refs");
        if !path.exists() {
            return Ok(());
        }
        // Asked anew: libgit2 says once of a file that it cannot be read, and then takes it for empty.
        let opened = open_repository(&self.root)?;
        if opened.references().is_ok() {
            return Ok(());
        }
        let aside = self.git_dir.join(DAMAGED_REFERENCES);
        fs_err::rename(&path, &aside)?;
        self.warn(format!(
            "`{}` could not be read; it is `{}` now",
            path.display(),
            aside.display()
        ));
        self.reopen()
    }

    /// Takes back what keeps the newest backup from being found, where that is certain.
    pub(super) fn after_opening(&self) -> Result<()> {
        if self.repository().is_bare() {
            self.change_config("core.bare", Some("false"))?;
            self.warn("`core.bare` was set, and is no more: a backup has a work tree");
            self.reopen()?;
        }
        match self.newest_named().map(|id| self.exists(id)).transpose()? {
            Some(false) => self.index_packs_again(),
            _ => Ok(()),
        }
    }
}

fn is_nothing(text: &[u8]) -> bool {
    text.iter().all(|byte| NOTHING.contains(byte))
}
