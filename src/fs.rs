//! Files written beside and renamed; private folders; every error names its path.

mod open;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use self::open::{open_real, open_regular};

/// Mode of every file of the backup.
pub const PRIVATE_FILE: u32 = 0o600;
/// Mode of every folder of the backup.
pub const PRIVATE_DIR: u32 = 0o700;

/// Makes a folder and its parents, readable by their owner only.
///
/// # Errors
/// As the file system says, with the path.
#[cfg(unix)]
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(PRIVATE_DIR).create(path);
    made.map_err(|error| name_path(&error, "create folder", path))
}

/// Makes a folder and its parents.
///
/// # Errors
/// As the file system says, with the path.
#[cfg(not(unix))]
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    fs_err::create_dir_all(path)
}

/// As [`create_private_dir`], and what it made outlives a power cut.
///
/// # Errors
/// As the file system says, with the path.
pub fn create_durable_dir(path: &Path) -> io::Result<()> {
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    if new.is_empty() {
        return Ok(());
    }
    create_private_dir(path)?;
    new.into_iter().map(parent).try_for_each(|folder| sync_dir(&folder))
}

/// Replaces `path` by `bytes` with this mode, all or nothing; parents are made.
///
/// # Errors
/// As the file system says, with the path. The old content is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = new_beside(path)?;
    file.write_all(bytes).map_err(|error| name_path(&error, "write", path))?;
    persist(file, path, mode)
}

/// As [`write_atomic`], piece by piece, and what a crash leaves of it lies in `stage`, on the same
/// file system.
///
/// # Errors
/// As the file system says, with the path. The old content is then untouched.
pub fn write_atomic_by_way_of(
    stage: &Path,
    path: &Path,
    pieces: &[Cow<'_, [u8]>],
    mode: u32,
) -> io::Result<()> {
    let mut file = new_beside(&stage.join("file"))?;
    for piece in pieces {
        file.write_all(piece).map_err(|error| name_path(&error, "write", path))?;
    }
    create_private_dir(&parent(path))?;
    persist(file, path, mode)
}

/// As [`write_atomic`] with mode 0600, and on the disk when it returns.
///
/// # Errors
/// As the file system says, with the path. The old content is then untouched.
pub fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = new_beside(path)?;
    file.write_all(bytes).map_err(|error| name_path(&error, "write", path))?;
    file.as_file().sync_all().map_err(|error| name_path(&error, "flush", path))?;
    persist(file, path, PRIVATE_FILE)?;
    sync_dir(&parent(path))
}

/// A temporary file in the folder of `path`, mode 0600, gone if dropped; parents are made.
///
/// # Errors
/// As the file system says, with the path.
pub fn new_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = parent(path);
    create_private_dir(&folder)?;
    tempfile::Builder::new()
        .prefix(".claude-backup-")
        .suffix(".tmp")
        .tempfile_in(&folder)
        .map_err(|error| name_path(&error, "write in", &folder))
}

/// Gives a finished temporary file its mode and its name, replacing what was there.
///
/// # Errors
/// As the file system says, with the path.
pub fn persist(file: NamedTempFile, path: &Path, mode: u32) -> io::Result<()> {
    set_mode(file.path(), mode)?;
    fs_err::rename(file.path(), path)?;
    // The temporary name went with the rename, so there is nothing to remove.
    file.into_temp_path().keep().map(drop).map_err(|error| name_path(&error.error, "keep", path))
}

/// Sets the permission bits; a no-op where there are none.
///
/// # Errors
/// As the file system says, with the path.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

/// Lets a file that these options make be readable by its owner only.
pub fn private(options: &mut fs_err::OpenOptions) -> &mut fs_err::OpenOptions {
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(PRIVATE_FILE);
    }
    options
}

/// Returns true if the permission bits let the group or others do anything.
#[must_use]
pub fn is_open_to_others(path: &Path) -> bool {
    mode_of(path).is_some_and(|mode| mode & 0o077 != 0)
}

/// Takes the bits of the group and of others away.
///
/// # Errors
/// As the file system says, with the path.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    mode_of(path).map_or(Ok(()), |mode| set_mode(path, mode & 0o700))
}

/// The permission bits of what is there, which are a link's own; `None` where there are none.
#[must_use]
pub fn mode_of(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs_err::symlink_metadata(path).ok().map(|metadata| metadata.mode() & 0o7777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Makes a folder's entries durable.
///
/// # Errors
/// As the file system says, with the path.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    sync(path)?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Makes a file's bytes durable, or a folder's entries.
///
/// # Errors
/// As the file system says, with the path.
pub fn sync(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

/// More files than this are made durable by one call for the whole file system.
const MANY: usize = 64;

/// Makes files below `root` durable with their names, and that those are gone that are not there.
///
/// # Errors
/// As the file system says, with the path.
pub fn sync_below(root: &Path, files: &[PathBuf]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if files.len() > MANY {
        let folder = fs_err::File::open(root)?;
        return rustix::fs::syncfs(&folder)
            .map_err(|error| name_path(&error.into(), "flush", root));
    }
    let mut folders = BTreeSet::new();
    for file in files {
        folders.extend(file.ancestors().skip(1).take_while(|folder| folder.starts_with(root)));
        sync_if_exists(file)?;
    }
    folders.into_iter().try_for_each(sync_if_exists)
}

fn sync_if_exists(path: &Path) -> io::Result<()> {
    match sync(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Reads a whole file, or nothing where it does not exist.
///
/// # Errors
/// As the file system says, with the path; a missing file is no error.
pub fn read_if_exists(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file that must be a plain one; `None` if it is missing. Neither a pipe nor a device
/// in its place blocks.
///
/// # Errors
/// Where it is something other than a file; else as the file system says, with the path.
pub fn open_plain(
    path: &Path,
    options: &mut fs_err::OpenOptions,
) -> io::Result<Option<fs_err::File>> {
    // A pipe that nobody reads cannot even be opened, and the answer would not name it.
    let is_other = |file: &std::fs::Metadata| !file.is_file();
    if fs_err::metadata(path).is_ok_and(|file| is_other(&file)) {
        return Err(not_a_file(path));
    }
    match without_blocking(options).open(path) {
        Ok(file) if is_other(&file.metadata()?) => Err(not_a_file(path)),
        Ok(file) => Ok(Some(file)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn without_blocking(options: &mut fs_err::OpenOptions) -> &mut fs_err::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    options.options_mut().custom_flags(flags.bits() as i32);
    options
}

#[cfg(not(unix))]
fn without_blocking(options: &mut fs_err::OpenOptions) -> &mut fs_err::OpenOptions {
    options
}

fn not_a_file(path: &Path) -> io::Error {
    io::Error::other(format!("`{}` is not a regular file; remove it", path.display()))
}

/// Removes a file; one that is not there is removed already.
///
/// # Errors
/// As the file system says, with the path.
pub fn remove_if_exists(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

/// What tells whether a file is the very one that was looked at before, with nothing done to it
/// since: its number, length and times. Nothing where there is no file.
#[must_use]
pub fn identity(path: &Path) -> Option<String> {
    let metadata = fs_err::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (number, length) = (metadata.ino(), metadata.len());
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        let touched = (metadata.ctime(), metadata.ctime_nsec());
        Some(format!("{number} {length} {changed:?} {touched:?}"))
    }
    #[cfg(not(unix))]
    Some(format!("{} {:?}", metadata.len(), metadata.modified().ok()?))
}

/// True where the path, or a folder on the way to it, is not there.
#[must_use]
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

/// The same error with what was tried and where.
fn name_path(error: &io::Error, tried: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("failed to {tried} `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_private_and_leaves_nothing_beside() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/c.json");
        write_atomic(&path, b"one", PRIVATE_FILE).unwrap();
        write_atomic(&path, b"two", PRIVATE_FILE).unwrap();
        assert_eq!(read_if_exists(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_its_path() {
        let home = tempfile::tempdir().unwrap();
        fs_err::write(home.path().join("file"), "x").unwrap();
        let error = write_atomic(&home.path().join("file/below"), b"", PRIVATE_FILE).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
