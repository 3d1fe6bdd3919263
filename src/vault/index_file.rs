//! Git's index, kept true so that a curious `git status` is clean.
//!
//! The backup itself never needs the index. It is changed only at the paths that were committed,
//! unless it belongs to another commit than the last one, or is damaged: then it is read anew from
//! the newest tree. Which commit it belongs to is noted in the private folder.

mod entries;
mod patch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Vault;
use super::lock_file::{LockFile, lock_path, remove_leftover};
use super::object_id::ObjectId;
use super::read::{Head, TreeFile};
use super::tree::{Edit, FileMode, TreeEdits};
use crate::error::one_line;
use crate::fs;

/// The bit by which git passes over a file in the work tree.
const SKIP_WORKTREE: u16 = 1 << 14;

/// What became of the index; nothing here is a reason for a backup to fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexRefresh {
    /// It was missing, damaged or of another commit, and was read anew from the newest tree.
    pub rebuilt: bool,
    /// A lock that a dead process had left was removed.
    pub removed_lock: bool,
    /// Why it could not be written.
    pub problem: Option<String>,
}

/// What is noted of the index beside it.
struct Note {
    /// The commit that it belongs to.
    commit: ObjectId,
    /// The file that was written or read then.
    file: Option<String>,
}

impl Note {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let commit = lines.next()?.trim().parse().ok()?;
        Some(Self { commit, file: lines.next().map(str::to_owned) })
    }

    /// True where its commit is this one or the one before.
    fn is_followed_by(&self, head: &Head) -> bool {
        self.commit == head.commit || Some(self.commit) == head.parent
    }
}

impl Vault {
    /// Gives the index the committed ids and the work tree's stat data at the edited paths.
    ///
    /// Call it after the files of the work tree have their names, holding the backup's lock.
    pub fn refresh_index(&self, edits: &TreeEdits) -> IndexRefresh {
        let mut refresh = IndexRefresh::default();
        if let Err(error) = self.try_refresh(edits, &mut refresh) {
            refresh.problem = Some(one_line(&error));
        }
        refresh
    }

    /// True where the index can be read and was last written for the newest commit.
    ///
    /// # Errors
    /// Where the branch or the note of it cannot be read.
    pub fn index_is_true(&self) -> Result<bool> {
        let Some(head) = self.head()? else { return Ok(true) };
        let Some(note) = self.read_note()? else { return Ok(false) };
        let path = self.index_path();
        let present = fs::identity(&path);
        if note.commit != head.commit || present.is_none() {
            return Ok(false);
        }
        // It takes long to read: that is left out while it is the file that was read before.
        if note.file == present {
            return Ok(true);
        }
        if open_present(&path).is_none() {
            return Ok(false);
        }
        self.write_note(&Note { commit: head.commit, file: present })?;
        Ok(true)
    }

    /// True where a run has noted which commit the index belongs to, as each one does.
    ///
    /// # Errors
    /// Where the note cannot be read.
    pub fn index_is_noted(&self) -> Result<bool> {
        Ok(self.read_note()?.is_some())
    }

    /// Makes `git status` pass over a tracked file that is changed here and never committed.
    ///
    /// To be called again after [`IndexRefresh::rebuilt`].
    ///
    /// # Errors
    /// Where the path is not tracked or the index cannot be written.
    pub fn hide_from_status(&self, path: &str) -> Result<()> {
        let mut refresh = IndexRefresh::default();
        let head = self.head()?.context("nothing is tracked yet")?;
        let mut index = self.open_index(&head, &mut refresh)?;
        let entry = index.get_path(Path::new(path), 0);
        let mut entry =
            entry.with_context(|| format!("`{}` is not tracked", path.escape_debug()))?;
        if entry.flags_extended & SKIP_WORKTREE != 0 && !refresh.rebuilt {
            return Ok(());
        }
        entry.flags_extended |= SKIP_WORKTREE;
        index.add(&entry)?;
        self.write_index(&mut index, &head, &mut refresh)
    }

    /// The same for all tracked files that `is_hidden` is true of.
    ///
    /// # Errors
    /// Where the index cannot be written.
    pub fn hide_all_from_status(&self, is_hidden: &dyn Fn(&TreeFile) -> bool) -> Result<()> {
        let mut refresh = IndexRefresh::default();
        let Some(head) = self.head()? else { return Ok(()) };
        let mut index = self.open_index(&head, &mut refresh)?;
        let is_new = |entry: &git2::IndexEntry| {
            let id = entry.id.into();
            let file = TreeFile { path: entry.path.clone(), id, mode: entry.mode };
            entry.flags_extended & SKIP_WORKTREE == 0 && is_hidden(&file)
        };
        let hidden: Vec<git2::IndexEntry> = index.iter().filter(is_new).collect();
        if hidden.is_empty() {
            return Ok(());
        }
        for mut entry in hidden {
            entry.flags_extended |= SKIP_WORKTREE;
            index.add(&entry)?;
        }
        self.write_index(&mut index, &head, &mut refresh)
    }

    fn try_refresh(&self, edits: &TreeEdits, refresh: &mut IndexRefresh) -> Result<()> {
        let Some(head) = self.head()? else {
            return Ok(());
        };
        if self.try_patch(edits, &head, refresh)? {
            return Ok(());
        }
        let mut index = self.open_index(&head, refresh)?;
        // Folders and files that go make room for what comes in their place.
        for (path, edit) in edits.iter() {
            match edit {
                Edit::Remove => remove_file(&mut index, path)?,
                Edit::RemoveFolder => index.remove_dir(Path::new(path), 0)?,
                Edit::Put(..) | Edit::PutFolder(_) => {}
            }
        }
        for (path, edit) in edits.iter() {
            if let Edit::Put(id, mode) = edit {
                let hidden = index.get_path(Path::new(path), 0).map_or(0, |old| old.flags_extended);
                let mut entry = self.index_entry(path, id, mode);
                entry.flags_extended = hidden & SKIP_WORKTREE;
                index.remove_dir(Path::new(path), 0)?;
                index.add(&entry)?;
            }
        }
        self.write_index(&mut index, &head, refresh)
    }

    /// Changes the index that was written last in its bytes; false where it is another one, or that
    /// would not do.
    fn try_patch(
        &self,
        edits: &TreeEdits,
        head: &Head,
        refresh: &mut IndexRefresh,
    ) -> Result<bool> {
        let path = self.index_path();
        let is_ours = self.read_note()?.is_some_and(|note| {
            note.is_followed_by(head) && note.file.is_some() && note.file == fs::identity(&path)
        });
        let entries = edits.iter().map(|(path, edit)| match edit {
            Edit::Put(id, mode) => Some(self.index_entry(path, id, mode)),
            Edit::Remove | Edit::RemoveFolder | Edit::PutFolder(_) => None,
        });
        let Some(entries) = is_ours.then(|| entries.collect::<Option<Vec<_>>>()).flatten() else {
            return Ok(false);
        };
        let index = fs::read_if_exists(&path)?.unwrap_or_default();
        let Some(patched) = patch::patched(&index, &entries) else { return Ok(false) };
        let mut lock = LockFile::take(&path)?;
        refresh.removed_lock = lock.removed_leftover;
        lock.write(&patched)?;
        fs::set_mode(&lock.path(), fs::PRIVATE_FILE)?;
        lock.publish_without_waiting()?;
        self.write_note(&Note { commit: head.commit, file: fs::identity(&path) })?;
        Ok(true)
    }

    /// The index as of the newest commit or its parent.
    fn open_index(&self, head: &Head, refresh: &mut IndexRefresh) -> Result<git2::Index> {
        let path = self.index_path();
        let follows = self.read_note()?.is_some_and(|note| note.is_followed_by(head));
        if let Some(mut index) = open_present(&path) {
            if !follows || index.has_conflicts() {
                self.read_tree(&mut index, head)?;
                refresh.rebuilt = true;
            }
            return Ok(index);
        }
        // libgit2 would read the damaged file again when it writes.
        fs::remove_if_exists(&path)?;
        let mut index = git2::Index::open(&path)?;
        self.read_tree(&mut index, head)?;
        refresh.rebuilt = true;
        Ok(index)
    }

    /// Takes all entries of the newest tree; stat data of unchanged ones and hidden files stay so.
    fn read_tree(&self, index: &mut git2::Index, head: &Head) -> Result<()> {
        let hidden: HashMap<Vec<u8>, u16> = index
            .iter()
            .filter(|entry| entry.flags_extended & SKIP_WORKTREE != 0)
            .map(|entry| (entry.path, SKIP_WORKTREE))
            .collect();
        // Through our own reading first: libgit2 must not meet a folder that was cut off.
        self.files_of(head.tree)?;
        self.git(|repository| index.read_tree(&repository.find_tree(head.tree.oid())?))?;
        if hidden.is_empty() {
            return Ok(());
        }
        let entries: Vec<_> = index.iter().filter(|e| hidden.contains_key(&e.path)).collect();
        for mut entry in entries {
            entry.flags_extended |= SKIP_WORKTREE;
            index.add(&entry)?;
        }
        Ok(())
    }

    fn write_index(
        &self,
        index: &mut git2::Index,
        head: &Head,
        refresh: &mut IndexRefresh,
    ) -> Result<()> {
        let path = self.index_path();
        refresh.removed_lock = remove_leftover(&lock_path(&path))?;
        index.write().with_context(|| format!("cannot write `{}`", path.display()))?;
        fs::set_mode(&path, fs::PRIVATE_FILE)?;
        self.write_note(&Note { commit: head.commit, file: fs::identity(&path) })
    }

    fn read_note(&self) -> Result<Option<Note>> {
        let text = fs::read_if_exists(&self.index_note()?)?;
        Ok(text.and_then(|text| Note::parse(std::str::from_utf8(&text).ok()?)))
    }

    fn write_note(&self, note: &Note) -> Result<()> {
        let Note { commit, file } = note;
        let text = format!("{commit}\n{}\n", file.as_deref().unwrap_or_default());
        Ok(fs::write_atomic(&self.index_note()?, text.as_bytes(), fs::PRIVATE_FILE)?)
    }

    fn index_entry(&self, path: &str, id: ObjectId, mode: FileMode) -> git2::IndexEntry {
        // Without stat data git reads the file once and sees for itself.
        let stat = fs_err::symlink_metadata(self.root.join(path)).ok();
        let mut entry = empty_entry(path, id, mode);
        if let Some(stat) = stat.filter(std::fs::Metadata::is_file) {
            add_stat(&mut entry, &stat);
        }
        entry
    }

    fn index_path(&self) -> PathBuf {
        self.git_dir.join("index")
    }

    pub(super) fn index_note(&self) -> Result<PathBuf> {
        Ok(self.private_dir()?.join("index-commit"))
    }
}

/// The index as it lies there; nothing where it cannot be read.
///
/// libgit2 makes room for as many entries as the header claims, gigabytes of it, before it finds
/// that the file is damaged. So they are counted before it sees it.
fn open_present(path: &Path) -> Option<git2::Index> {
    let text = fs_err::read(path).ok()?;
    entries::are_whole(&text).then(|| git2::Index::open(path).ok())?
}

fn remove_file(index: &mut git2::Index, path: &str) -> Result<()> {
    match index.remove(Path::new(path), 0) {
        Err(error) if error.code() != git2::ErrorCode::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn empty_entry(path: &str, id: ObjectId, mode: FileMode) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: mode.number(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id: id.oid(),
        flags: 0,
        flags_extended: 0,
        path: path.into(),
    }
}

/// Git keeps the low 32 bits of each number.
#[cfg(unix)]
fn add_stat(entry: &mut git2::IndexEntry, stat: &std::fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    entry.ctime = git2::IndexTime::new(stat.ctime() as i32, stat.ctime_nsec() as u32);
    entry.mtime = git2::IndexTime::new(stat.mtime() as i32, stat.mtime_nsec() as u32);
    entry.dev = stat.dev() as u32;
    entry.ino = stat.ino() as u32;
    entry.uid = stat.uid();
    entry.gid = stat.gid();
    entry.file_size = stat.size() as u32;
}

#[cfg(not(unix))]
fn add_stat(_entry: &mut git2::IndexEntry, _stat: &std::fs::Metadata) {}
