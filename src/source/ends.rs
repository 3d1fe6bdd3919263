//! Links are judged by where they end, not by what they are called.

use std::io;
use std::path::{Path, PathBuf};

use super::deny::{is_denied, is_denied_folder};
use super::roots::Roots;
use crate::fs::is_missing;

/// Folders of the system, which hold no sessions whoever owns them.
const SYSTEM: &[&str] = &["/etc", "/private/etc", "/proc", "/sys", "/dev", "/boot", "/usr", "/bin"];

/// A disk in memory, which is everybody's, although it is among the devices.
const MEMORY_DISK: &str = "/dev/shm";

/// What a link's end means for the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be read.
    Fine,
    /// The deny list names it.
    Denied,
    /// It is neither in a Claude home nor at a place that the user allowed.
    Outside,
}

/// Knows where links may lead.
#[derive(Debug)]
pub(super) struct Ends {
    /// The real paths of the Claude homes.
    homes: Vec<PathBuf>,
    /// The real paths that the user allowed links to lead to.
    followed: Vec<PathBuf>,
    /// The real path of the user's home folder.
    user_home: PathBuf,
}

impl Ends {
    pub(super) fn new(roots: &Roots) -> Self {
        let real = |path: &PathBuf| fs_err::canonicalize(path).unwrap_or_else(|_| path.clone());
        Self {
            homes: roots.all().iter().map(real).collect(),
            followed: roots.followed().iter().map(real).collect(),
            user_home: real(&roots.user_home().to_path_buf()),
        }
    }

    /// Judges a real path: inside a Claude home by its place there, else by its whole name.
    pub(super) fn judge(&self, end: &Path, is_folder: bool) -> Verdict {
        let is_denied = if is_folder { is_denied_folder } else { is_denied };
        if let Some(inside) = self.homes.iter().find_map(|home| end.strip_prefix(home).ok()) {
            return if is_denied(inside) { Verdict::Denied } else { Verdict::Fine };
        }
        if is_denied(end) {
            return Verdict::Denied;
        }
        let is_allowed = self.followed.iter().any(|place| end.starts_with(place));
        if is_allowed { Verdict::Fine } else { Verdict::Outside }
    }

    /// Returns true if transcripts may have been moved to a folder: it is the user's own, on another
    /// disk as a rule.
    pub(super) fn may_be_storage(&self, end: &Path, owner: Owner, home_owner: Owner) -> bool {
        let is_of_system = end == Path::new("/")
            || SYSTEM.iter().any(|folder| end.starts_with(folder)) && !end.starts_with(MEMORY_DISK);
        owner == home_owner && (end.starts_with(&self.user_home) || !is_of_system)
    }
}

/// Who owns a file, where the system knows owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32);

impl Owner {
    #[cfg(unix)]
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self(std::os::unix::fs::MetadataExt::uid(metadata))
    }

    #[cfg(not(unix))]
    pub(super) fn of(_metadata: &std::fs::Metadata) -> Self {
        Self(0)
    }
}

/// The real path of a link and what is there; `None` where the link itself has gone meanwhile.
///
/// # Errors
/// A link that leads nowhere says so; anything else as the file system says.
pub(super) fn resolve(link: &Path) -> io::Result<Option<(PathBuf, std::fs::Metadata)>> {
    let found = fs_err::canonicalize(link).and_then(|end| {
        let metadata = fs_err::metadata(&end)?;
        Ok((end, metadata))
    });
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => match fs_err::read_link(link) {
            Ok(target) => Err(dangling(&target)),
            Err(_) => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// Not of the kind "not found": the link is there, and what it leads to is unknown, not gone.
fn dangling(target: &Path) -> io::Error {
    io::Error::other(format!("is a link to nothing: `{}`", target.display()))
}
