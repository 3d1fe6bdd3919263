//! One walk over the kept places of one home: a readdir for each folder, a stat for each file.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rayon::prelude::*;

use super::claude_code::{PROJECTS, Selection, Shelf, is_storage};
use super::deny::{EntryType, FolderRules, is_denied};
use super::ends::{Ends, Owner, Verdict, resolve};
use super::status_line::{self, Spellings};
use super::{Kind, Listing, Roots, SkipReason, Skipped, SourceFile, Unreadable, settings};
use crate::error::{ErrorKind, Failure};
use crate::fs::is_missing;
use crate::progress::Progress;

/// Links to folders on the way to one folder. More are a maze: folders that all link to each other.
const MAX_JUMPS: usize = 4;

/// Lists one home.
pub(super) fn home(
    root: &Path,
    roots: &Roots,
    selection: &Selection,
    ends: &Ends,
    progress: &dyn Progress,
) -> Result<Listing> {
    let (real, metadata) = match open_home(root) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Listing::default()),
        Err(error) => return Ok(unknown_home(root, &error)),
    };
    let owner = Owner::of(&metadata);
    let walk = Walk { root, owner, selection, ends, left_out: roots.left_out() };
    let mut listing = Listing::default();
    let mut folders = vec![Folder::top(real.clone())];
    while !folders.is_empty() {
        if progress.interrupted() {
            return Err(Failure::new(ErrorKind::Interrupted, "stopped while looking").into());
        }
        let found: Vec<Found> = folders.par_iter().map(|folder| walk.read(folder)).collect();
        folders = Vec::new();
        for found in found {
            progress.advance(found.listing.files.len() as u64, 0);
            listing.append(found.listing);
            folders.extend(found.folders);
        }
    }
    if selection.holds_config() {
        let user_home = roots.user_home();
        let spellings = Spellings { claude_home: root, real_home: &real, user_home };
        listing.append(walk.status_line_scripts(&listing, spellings));
    }
    Ok(listing)
}

fn open_home(root: &Path) -> io::Result<Option<(PathBuf, std::fs::Metadata)>> {
    if fs_err::symlink_metadata(root).is_err_and(|error| is_missing(&error)) {
        return Ok(None);
    }
    resolve(root)
}

/// A home that is there but cannot be entered: nothing of it is known, so all of it is hidden.
fn unknown_home(root: &Path, error: &io::Error) -> Listing {
    let unreadable = Unreadable { path: root.to_path_buf(), error: reason(error) };
    Listing { unreadable: vec![unreadable], hidden: vec![PathBuf::new()], ..Listing::default() }
}

struct Walk<'a> {
    root: &'a Path,
    owner: Owner,
    selection: &'a Selection,
    ends: &'a Ends,
    /// The real paths of the backup's own files and folders.
    left_out: &'a [PathBuf],
}

/// A folder to read, under the name by which it was reached and under its real one.
struct Folder {
    relative: PathBuf,
    real: PathBuf,
    jumps: Arc<Vec<Jump>>,
}

/// A link to a folder that was followed: from the real folder it lies in, to its end.
#[derive(Clone)]
struct Jump {
    from: PathBuf,
    end: PathBuf,
}

#[derive(Default)]
struct Found {
    listing: Listing,
    folders: Vec<Folder>,
}

impl Walk<'_> {
    fn read(&self, folder: &Folder) -> Found {
        let mut reader = Reader::new(self, folder);
        if self.left_out.iter().any(|own| folder.real.starts_with(own)) {
            reader.leave_out(folder.relative.clone());
            return reader.found;
        }
        let entries = match fs_err::read_dir(&folder.real) {
            Ok(entries) => entries,
            Err(error) => {
                reader.lose(folder.relative.clone(), &error);
                return reader.found;
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => reader.visit(&entry),
                Err(error) => {
                    // Without a way on, the rest of the folder is unknown.
                    reader.lose(folder.relative.clone(), &error);
                    break;
                }
            }
        }
        // Sorted folder by folder and side by side, the whole needs little sorting.
        let Found { mut listing, mut folders } = reader.found;
        listing.files.sort_unstable_by(|a, b| a.relative.as_os_str().cmp(b.relative.as_os_str()));
        folders.sort_unstable_by(|a, b| a.relative.as_os_str().cmp(b.relative.as_os_str()));
        Found { listing, folders }
    }

    /// The scripts that the settings name and that no kept place holds.
    fn status_line_scripts(&self, listing: &Listing, spellings: Spellings<'_>) -> Listing {
        let settings =
            listing.files.iter().find(|file| file.relative.as_os_str() == "settings.json");
        // Settings that cannot be read are reported by `settings::warnings`.
        let settings = settings.and_then(settings::read_listed);
        let scripts = settings.map(|s| status_line::scripts(&s, spellings)).unwrap_or_default();
        let top = Folder::top(spellings.real_home.to_path_buf());
        let mut reader = Reader::new(self, &top);
        for relative in scripts {
            let is_listed = |file: &SourceFile| file.relative == relative;
            if !listing.files.iter().any(is_listed) {
                reader.add_named(relative);
            }
        }
        reader.found.listing
    }
}

/// Reads one folder.
struct Reader<'a> {
    walk: &'a Walk<'a>,
    folder: &'a Folder,
    shelf: Shelf<'a>,
    rules: FolderRules,
    /// The folder's real place too, where a link led to it: `.config` may be called otherwise here.
    real_rules: Option<FolderRules>,
    /// Some of what lies in the folder is the backup's own.
    has_own: bool,
    found: Found,
}

impl<'a> Reader<'a> {
    fn new(walk: &'a Walk<'a>, folder: &'a Folder) -> Self {
        let rules = FolderRules::new(&folder.relative);
        let real_rules = (!folder.jumps.is_empty()).then(|| FolderRules::new(&folder.real));
        let shelf = walk.selection.shelf(&folder.relative);
        let has_own = walk.left_out.iter().any(|own| own.parent() == Some(&folder.real));
        Self { walk, folder, shelf, rules, real_rules, has_own, found: Found::default() }
    }

    fn visit(&mut self, entry: &fs_err::DirEntry) {
        let name = entry.file_name();
        let relative = below(&self.folder.relative, &name);
        if self.has_own && self.walk.left_out.contains(&self.folder.real.join(&name)) {
            return self.leave_out(relative);
        }
        let file_type = match entry.file_type() {
            Ok(file_type) => file_type,
            Err(error) => return self.lose(relative, &error),
        };
        let kind = self.shelf.kind(&name).filter(|_| !file_type.is_dir());
        let may_be_folder = file_type.is_dir() || file_type.is_symlink();
        if kind.is_none() && !(may_be_folder && self.walk.selection.enters(&relative)) {
            return;
        }
        // What a link leads to is judged as a file only once it is known to be one.
        let entry_type = if file_type.is_file() { EntryType::File } else { EntryType::Folder };
        if self.denies(&name, entry_type) {
            self.found.listing.denied.push(relative);
        } else if file_type.is_symlink() {
            self.follow(relative, &self.folder.real.join(&name), kind);
        } else if file_type.is_dir() {
            let (real, jumps) = (self.folder.real.join(&name), Arc::clone(&self.folder.jumps));
            self.found.folders.push(Folder { relative, real, jumps });
        } else if let Some(kind) = kind.filter(|_| file_type.is_file()) {
            match entry.metadata() {
                Ok(metadata) => {
                    self.keep(relative, below(&self.folder.real, &name), kind, &metadata);
                }
                Err(error) => self.lose(relative, &error),
            }
        } else {
            self.skip(relative, SkipReason::NotAFile);
        }
    }

    fn denies(&self, name: &OsStr, entry: EntryType) -> bool {
        [Some(&self.rules), self.real_rules.as_ref()]
            .into_iter()
            .flatten()
            .any(|rules| rules.denies(name, entry))
    }

    fn follow(&mut self, relative: PathBuf, link: &Path, kind: Option<Kind>) {
        let (end, metadata) = match resolve(link) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => return self.lose(relative, &error),
        };
        let is_wanted =
            if metadata.is_dir() { self.walk.selection.enters(&relative) } else { kind.is_some() };
        if !is_wanted {
            return;
        }
        let is_denied_file = metadata.is_file()
            && relative.file_name().is_some_and(|name| self.denies(name, EntryType::File));
        match self.judge(&relative, &end, &metadata) {
            _ if is_denied_file => self.found.listing.denied.push(relative),
            Verdict::Denied => self.found.listing.denied.push(relative),
            Verdict::Outside => {
                // Data of an earlier run may lie behind a link that has been turned since.
                self.found.listing.hidden.push(relative.clone());
                self.skip_link(relative, end);
            }
            Verdict::Fine if metadata.is_dir() => self.enter(relative, end),
            Verdict::Fine => self.keep_end(relative, end, kind, &metadata),
        }
    }

    fn judge(&self, relative: &Path, end: &Path, metadata: &std::fs::Metadata) -> Verdict {
        let verdict = self.walk.ends.judge(end, metadata.is_dir());
        if verdict != Verdict::Outside {
            return verdict;
        }
        let is_in_followed = self.folder.jumps.iter().any(|jump| end.starts_with(&jump.end));
        let is_moved_storage = metadata.is_dir()
            && is_storage(relative)
            && self.walk.ends.may_be_storage(end, Owner::of(metadata), self.walk.owner);
        if is_in_followed || is_moved_storage { Verdict::Fine } else { Verdict::Outside }
    }

    fn enter(&mut self, relative: PathBuf, end: PathBuf) {
        let is_sibling = end.parent() == Some(&self.folder.real);
        if is_sibling && self.folder.relative == Path::new(PROJECTS) {
            return self.skip(relative, SkipReason::SameProject);
        }
        if self.folder.lies_below(&end) || self.folder.jumps.len() >= MAX_JUMPS {
            return self.skip(relative, SkipReason::Loop);
        }
        let mut jumps = self.folder.jumps.to_vec();
        jumps.push(Jump { from: self.folder.real.clone(), end: end.clone() });
        self.found.folders.push(Folder { relative, real: end, jumps: Arc::new(jumps) });
    }

    fn keep_end(
        &mut self,
        relative: PathBuf,
        end: PathBuf,
        kind: Option<Kind>,
        metadata: &std::fs::Metadata,
    ) {
        match kind.filter(|_| metadata.is_file()) {
            Some(kind) => self.keep(relative, end, kind, metadata),
            None => self.skip(relative, SkipReason::NotAFile),
        }
    }

    /// A file of the config that is known by its whole name only, not by its place.
    fn add_named(&mut self, relative: PathBuf) {
        if is_denied(&relative) {
            self.found.listing.denied.push(relative);
            return;
        }
        let path = self.folder.real.join(&relative);
        // A name in the settings that leads nowhere is no loss: there is nothing to keep.
        if fs_err::symlink_metadata(&path).is_err_and(|error| is_missing(&error)) {
            return;
        }
        self.follow(relative, &path, Some(Kind::Config));
    }

    fn keep(&mut self, relative: PathBuf, path: PathBuf, kind: Kind, metadata: &std::fs::Metadata) {
        self.found.listing.files.push(SourceFile::new(relative, path, kind, metadata));
    }

    /// Leaves out what is the backup's own. What an earlier run may have stored of it is not gone.
    fn leave_out(&mut self, relative: PathBuf) {
        self.found.listing.hidden.push(relative);
    }

    fn skip(&mut self, relative: PathBuf, reason: SkipReason) {
        let path = self.walk.root.join(&relative);
        self.found.listing.skipped.push(Skipped { relative, path, reason, target: None });
    }

    fn skip_link(&mut self, relative: PathBuf, target: PathBuf) {
        let (path, reason) = (self.walk.root.join(&relative), SkipReason::NotFollowed);
        let skipped = Skipped { relative, path, reason, target: Some(target) };
        self.found.listing.skipped.push(skipped);
    }

    /// Notes what could not be looked at; what has gone meanwhile is simply not there.
    fn lose(&mut self, relative: PathBuf, error: &io::Error) {
        if is_missing(error) {
            return;
        }
        let path = self.walk.root.join(&relative);
        self.found.listing.unreadable.push(Unreadable { path, error: reason(error) });
        self.found.listing.hidden.push(relative);
    }
}

impl Folder {
    fn top(real: PathBuf) -> Self {
        Self { relative: PathBuf::new(), real, jumps: Arc::default() }
    }

    /// True where this folder, or one it was reached through, lies in `end` or is it.
    fn lies_below(&self, end: &Path) -> bool {
        self.real.starts_with(end) || self.jumps.iter().any(|jump| jump.from.starts_with(end))
    }
}

/// As `join`, in one piece of memory.
fn below(folder: &Path, name: &OsStr) -> PathBuf {
    let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + name.len());
    path.extend([folder.as_os_str(), name]);
    path
}

/// The cause alone, without the path that the message names before it: that has its own field.
fn reason(error: &io::Error) -> String {
    let message = error.to_string();
    message.rsplit_once("`: ").map_or(message.as_str(), |(_, cause)| cause).to_owned()
}
