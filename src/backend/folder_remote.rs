//! A remote that is a folder of this machine: whether other users can read it.

use std::path::Path;

use anyhow::Result;

use crate::fs::mode_of;
use crate::repository::Repository;
use crate::vault::transport::Address;

/// The remote that the user was warned of.
const WARNED: &str = "warnedReadable";

/// Warns once of a remote in a folder that other users of this machine can read: git gives what it
/// writes there the bits of the umask, and the folder is not ours to change.
///
/// # Errors
/// Where git's settings cannot be read or written.
pub(super) fn warn_if_readable(repository: &Repository, remote: &Address) -> Result<()> {
    let Some(path) = remote.local_path() else { return Ok(()) };
    let path = repository.root().join(path);
    let shown = path.display().to_string();
    let vault = &repository.vault;
    if !is_readable_by_others(&path) || vault.setting(WARNED)?.as_deref() == Some(&shown) {
        return Ok(());
    }
    repository.warn(format!(
        "other users of this machine can read `{shown}`, and so your sessions; make it private: \
         git -C '{shown}' config core.sharedRepository 0600 && chmod -R go-rwx '{shown}'"
    ));
    vault.set_setting(WARNED, &shown)
}

/// True if the folder's bits let others in, and those of every folder around it.
fn is_readable_by_others(path: &Path) -> bool {
    let Ok(real) = fs_err::canonicalize(path) else { return false };
    let mode = |path: &Path| mode_of(path).unwrap_or_default();
    mode(&real) & 0o055 != 0 && real.ancestors().skip(1).all(|around| mode(around) & 0o011 != 0)
}
