//! What holds of an import, whatever the archive.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use walkdir::WalkDir;

use super::{apply, check, plan};
use crate::restore::Conflict;
use crate::source::deny::is_denied;

/// Any bytes as a tar: it is refused, or what is written lies in the home and is of a config.
pub(crate) fn config_archive(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let archive = folder.path().join("archive");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).expect("memory can be written");
    fs_err::write(&archive, gzip.finish().expect("memory can be written")).expect("and a file");
    let home = folder.path().join("home");
    let Ok(checked) = check(&archive) else {
        assert!(!home.exists());
        return;
    };
    let planned = plan(&checked, &home, Conflict::Keep);
    assert!(planned.displace.is_empty() && planned.keep.is_empty() && planned.same.is_empty());
    let done = apply(&archive, &checked, &planned, &home, Path::new("never"));
    let files = done.map_or(0, |done| done.files);
    assert!(files <= planned.add.len() as u64);
    for found in WalkDir::new(folder.path()).into_iter().flatten() {
        let path = found.path();
        let is_ours = path == archive || path == folder.path() || path.starts_with(&home);
        assert!(is_ours && !found.path_is_symlink(), "{}", path.display());
        assert!(
            path.strip_prefix(&home).is_ok_and(|below| !is_denied(below))
                || !path.starts_with(&home)
        );
    }
}
