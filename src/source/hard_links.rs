//! Hard links to files that are never saved: another name hides neither their content nor their number.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::deny::{is_denied, is_denied_folder, literal_folders};
use super::{Listing, Roots, SkipReason, Skipped, SourceFile};

/// Denied folders are searched so deep, and so many entries are looked at in all.
const MAX_DEPTH: usize = 8;
const MAX_ENTRIES: usize = 200_000;

/// The number of names that a file has.
#[cfg(unix)]
pub(super) fn link_count(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// The number of names that a file has; 1 where it is not known.
#[cfg(not(unix))]
pub(super) fn link_count(_metadata: &Metadata) -> u64 {
    1
}

/// Takes the files out of the listing that are hard links to denied ones, and names them.
///
/// Denied files are looked for where programs keep them: in the user's home folder and in the
/// Claude homes. That is done only if a file with several names was found.
pub(super) fn refuse(listing: &mut Listing, roots: &Roots) {
    if listing.files.iter().all(|file| file.links < 2) {
        return;
    }
    let denied = DeniedFiles::find(listing, roots);
    let (kept, refused) = std::mem::take(&mut listing.files).into_iter().partition(|file| {
        file.links < 2 || !denied.names.contains_key(&(file.stat.device, file.stat.inode))
    });
    listing.files = kept;
    let refused: Vec<SourceFile> = refused;
    for file in refused {
        let target = denied.names.get(&(file.stat.device, file.stat.inode)).cloned();
        let reason = SkipReason::HardLink;
        listing.hidden.push(file.relative.clone());
        listing.skipped.push(Skipped { relative: file.relative, path: file.path, reason, target });
    }
    listing.hidden.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    listing.skipped.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
}

/// Files of the deny list that have more than one name, by device and number.
#[derive(Default)]
struct DeniedFiles {
    names: HashMap<(u64, u64), PathBuf>,
    looked_at: usize,
}

impl DeniedFiles {
    fn find(listing: &Listing, roots: &Roots) -> Self {
        let mut found = Self::default();
        for home in roots.all() {
            listing.denied.iter().for_each(|name| found.add(&home.join(name), MAX_DEPTH));
            found.search(home, home);
        }
        let user_home = roots.user_home();
        found.search(user_home, Path::new(""));
        literal_folders().for_each(|names| found.search(&user_home.join(names), Path::new("")));
        found
    }

    /// Adds what is denied of the entries of one folder, judged by their paths below `base`.
    fn search(&mut self, folder: &Path, base: &Path) {
        for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(base).unwrap_or(&path);
            let is_folder = entry.file_type().is_ok_and(|file_type| file_type.is_dir());
            if if is_folder { is_denied_folder(name) } else { is_denied(name) } {
                self.add(&path, MAX_DEPTH);
            }
        }
    }

    /// Adds a denied file, or all that a denied folder has.
    fn add(&mut self, path: &Path, depth: usize) {
        self.looked_at += 1;
        if self.looked_at > MAX_ENTRIES {
            return;
        }
        let Ok(metadata) = fs_err::symlink_metadata(path) else { return };
        if metadata.is_file() && link_count(&metadata) > 1 {
            let stat = super::Stat::of(&metadata);
            self.names.entry((stat.device, stat.inode)).or_insert_with(|| path.to_path_buf());
        }
        if metadata.is_dir() && depth > 0 {
            for entry in fs_err::read_dir(path).into_iter().flatten().flatten() {
                self.add(&entry.path(), depth - 1);
            }
        }
    }
}
