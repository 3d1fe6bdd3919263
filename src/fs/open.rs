//! Opening files that other programs may replace at any moment: first open, then look.

use std::io;
use std::path::Path;

use fs_err::File;

/// Opens a regular file by its real path.
///
/// A link in place of the file, or of a folder on the way to it, is not followed, and a pipe is not
/// waited for: whoever put it there since the path was resolved gains nothing.
///
/// # Errors
/// As the file system says, with the path; also if it is no longer a regular file.
pub fn open_real(path: &Path) -> io::Result<File> {
    let file = system::open_real(path).map_err(|error| super::name_path(&error, "open", path))?;
    regular(file, path)
}

/// Opens a regular file, links followed; a pipe is refused, not waited for.
///
/// # Errors
/// As the file system says, with the path; also if it is not a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = system::open(path).map_err(|error| super::name_path(&error, "open", path))?;
    regular(file, path)
}

fn regular(file: std::fs::File, path: &Path) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(File::from_parts(file, path));
    }
    Err(io::Error::other(format!("`{}` is not a regular file", path.display())))
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;

    const FLAGS: OFlags =
        OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

    pub(super) fn open(path: &Path) -> io::Result<File> {
        Ok(rustix::fs::open(path, FLAGS, Mode::empty())?.into())
    }

    /// The kernel refuses every link on the way where it can (Linux 5.6); elsewhere the path of the
    /// open file must be the one that was asked for.
    pub(super) fn open_real(path: &Path) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        match open_beneath_no_link(path) {
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened.map_err(replaced),
        }
        open_and_compare(path)
    }

    #[cfg(target_os = "linux")]
    fn open_beneath_no_link(path: &Path) -> Result<File, Errno> {
        use rustix::fs::{CWD, ResolveFlags, openat2};
        let opened = openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        Ok(opened.into())
    }

    pub(super) fn open_and_compare(path: &Path) -> io::Result<File> {
        let opened = rustix::fs::open(path, FLAGS | OFlags::NOFOLLOW, Mode::empty());
        let file: File = opened.map_err(replaced)?.into();
        match path_of(&file)? {
            Some(found) if found != path => Err(replaced(Errno::LOOP)),
            _ => Ok(file),
        }
    }

    #[cfg(target_os = "linux")]
    fn path_of(file: &File) -> io::Result<Option<std::path::PathBuf>> {
        use std::os::fd::AsRawFd;
        std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map(Some)
    }

    #[cfg(target_vendor = "apple")]
    fn path_of(file: &File) -> io::Result<Option<std::path::PathBuf>> {
        use std::os::unix::ffi::OsStringExt;
        let path = rustix::fs::getpath(file)?.into_bytes();
        Ok(Some(std::ffi::OsString::from_vec(path).into()))
    }

    /// Other systems do not tell; there, only the file itself is kept from being a link.
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    fn path_of(_file: &File) -> io::Result<Option<std::path::PathBuf>> {
        Ok(None)
    }

    fn replaced(error: Errno) -> io::Error {
        match error {
            Errno::LOOP | Errno::MLINK => {
                io::Error::other("it, or a folder on the way to it, was replaced by a link")
            }
            error => error.into(),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn open_real(path: &Path) -> io::Result<File> {
        File::open(path)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use fs_err::os::unix::fs::symlink;
    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    /// A folder with `kept/file` in it, under its real path.
    fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let real = fs_err::canonicalize(temp.path()).unwrap();
        fs_err::create_dir(real.join("kept")).unwrap();
        fs_err::write(real.join("kept/file"), "bytes").unwrap();
        (temp, real)
    }

    /// Both ways to make sure of it.
    fn each_way(path: &Path) -> [io::Result<()>; 2] {
        [open_real(path).map(drop), system::open_and_compare(path).map(drop)]
    }

    #[test]
    fn a_file_is_opened_by_its_real_path() {
        let (_temp, real) = folder();
        assert!(each_way(&real.join("kept/file")).iter().all(Result::is_ok));
        let missing = each_way(&real.join("kept/none"));
        assert!(missing.iter().all(|error| crate::fs::is_missing(error.as_ref().unwrap_err())));
    }

    #[test]
    fn a_file_that_was_replaced_by_a_link_is_refused() {
        let (_temp, real) = folder();
        symlink("file", real.join("kept/link")).unwrap();
        assert!(each_way(&real.join("kept/link")).iter().all(Result::is_err));
        assert!(open_regular(&real.join("kept/link")).is_ok());
    }

    #[test]
    fn a_folder_that_was_replaced_by_a_link_is_refused() {
        let (_temp, real) = folder();
        symlink("kept", real.join("link")).unwrap();
        assert!(each_way(&real.join("link/file")).iter().all(Result::is_err));
    }

    #[test]
    fn a_pipe_is_refused_at_once() {
        let (_temp, real) = folder();
        let pipe = real.join("kept/pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for opened in [open_real(&pipe), open_regular(&pipe)] {
            assert!(opened.unwrap_err().to_string().ends_with("is not a regular file"));
        }
    }
}
