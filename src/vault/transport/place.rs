//! An address as a program is given it: without secrets, and from the root.

use std::path::Path;

use anyhow::Result;

use super::Address;
use super::address::Login;
use crate::error::{ErrorKind, Failure};

/// An address in two parts.
pub(super) struct Place {
    /// What other users of the machine may see in the list of processes.
    pub(super) url: String,
    /// What they may not.
    pub(super) login: Option<Login>,
}

/// Where a remote is, seen from the repository as git would.
///
/// # Errors
/// Where it is a place in the file system that is not there or holds no repository.
pub(super) fn of(remote: &Address, root: &Path) -> Result<Place> {
    let Some(path) = remote.local_path() else {
        return Ok(Place { url: remote.to_string(), login: remote.login() });
    };
    let path = root.join(path);
    ensure_repository(remote, &path)?;
    let is_url = remote.as_str().contains("://");
    let url = if is_url { remote.to_string() } else { path.to_string_lossy().into_owned() };
    Ok(Place { url, login: None })
}

fn ensure_repository(remote: &Address, path: &Path) -> Result<()> {
    let quoted = path.display();
    if !path.is_dir() {
        let message = format!("there is no folder at `{remote}`");
        return Err(Failure::new(ErrorKind::Unreachable, message)
            .hint(format!(
                "connect the disk, or make it: `git init --bare --shared=0600 -b main '{quoted}'`"
            ))
            .into());
    }
    // Git's own rule for what is a repository.
    let is_git = |folder: &Path| folder.join("HEAD").is_file() && folder.join("objects").is_dir();
    if is_git(path) || path.join(".git").exists() {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::Unreachable, format!("the folder `{remote}` is no git repository"))
        .hint(format!("make one there: `git init --bare --shared=0600 -b main '{quoted}'`"))
        .into())
}
