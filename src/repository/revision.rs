//! The one way to change what is stored: gathered, committed at one point, then put in place.
//!
//! The branch moving is that point. Before it, nothing of the work tree has changed; after it, the
//! work tree is made equal to the commit, and a journal lets the next run finish what a crash cut
//! off. Whatever the work tree lacks can be made again from the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Repository;
use super::heal::{Journal, refresh_index};
use super::layout::{EntryPath, LedgerName, SIGNING_KEY, machine_folder};
use super::ledger::{Content, Entry, Ledger, StoredPart};
use super::manifest::Manifest;
use crate::error::counted;
use crate::fs::{
    PRIVATE_DIR, PRIVATE_FILE, create_private_dir, is_missing, read_if_exists, remove_if_exists,
    set_mode, write_atomic,
};
use crate::vault::{
    Batch, CommitInfo, Edit, FileMode, Grown, ObjectId, Previous, Shared, TreeEdits,
};

/// Changes under way.
pub struct Revision<'a> {
    repository: &'a Repository,
    batch: Option<Batch<'a>>,
    edits: TreeEdits,
    ledgers: BTreeMap<LedgerName, Ledger>,
    touched: BTreeSet<LedgerName>,
    placements: Vec<Placement>,
    files: u64,
}

/// A finished file waiting outside the work tree.
#[derive(Debug)]
pub struct Staged {
    /// Where it waits; it is renamed into place.
    pub path: PathBuf,
    /// Its blob.
    pub id: ObjectId,
    /// Its bytes.
    pub length: u64,
    /// What it was made from.
    pub origin: Origin,
}

impl Staged {
    /// Bytes that it has and its earlier form had not.
    #[must_use]
    pub fn growth(&self) -> u64 {
        match self.origin {
            Origin::New => self.length,
            Origin::Grown { common, .. } => self.length.saturating_sub(common),
        }
    }
}

/// What git can store a staged file against.
#[derive(Debug)]
pub enum Origin {
    /// Nothing it knows.
    New,
    /// It begins with so many bytes of an earlier blob.
    Grown {
        /// The earlier blob, and its file in the work tree.
        previous: Previous,
        /// Leading bytes that both have.
        common: u64,
        /// The same, where it is certain because all of both was hashed.
        shared: Option<Shared>,
    },
}

enum Placement {
    Staged { from: PathBuf, to: PathBuf, mode: u32 },
    Moved { from: PathBuf, to: PathBuf },
    Removed(PathBuf),
}

impl<'a> Revision<'a> {
    pub(super) fn begin(repository: &'a Repository) -> Self {
        Self {
            repository,
            batch: None,
            edits: TreeEdits::default(),
            ledgers: BTreeMap::new(),
            touched: BTreeSet::new(),
            placements: Vec::new(),
            files: 0,
        }
    }

    /// Opened when there is something to store: a run without news writes nothing.
    fn batch(&mut self) -> Result<&mut Batch<'a>> {
        if self.batch.is_none() {
            self.batch = Some(self.repository.vault.begin()?);
        }
        self.batch.as_mut().context("a batch that was just begun")
    }

    /// A file's line, if it has one.
    ///
    /// # Errors
    /// Where its ledger cannot be read.
    pub fn entry(&mut self, path: &EntryPath) -> Result<Option<&Entry>> {
        Ok(self.ledger(&path.ledger())?.entries.get(path))
    }

    /// True where a newer version of the program wrote the file's line.
    ///
    /// # Errors
    /// Where its ledger cannot be read.
    pub fn is_unread(&mut self, path: &EntryPath) -> Result<bool> {
        Ok(self.ledger(&path.ledger())?.unread.contains_key(path.as_str()))
    }

    /// Sets a file's line.
    ///
    /// # Errors
    /// Where its ledger cannot be read.
    pub fn set_entry(&mut self, entry: Entry) -> Result<()> {
        let name = entry.path.ledger();
        self.ledger(&name)?.entries.insert(entry.path.clone(), entry);
        self.touched.insert(name);
        self.files += 1;
        Ok(())
    }

    /// Takes a file's line away; for a move, which gives it a new one elsewhere.
    ///
    /// # Errors
    /// Where its ledger cannot be read.
    pub fn take_entry(&mut self, path: &EntryPath) -> Result<()> {
        let name = path.ledger();
        self.ledger(&name)?.entries.remove(path);
        self.touched.insert(name);
        Ok(())
    }

    /// Stores a staged file under a name below this machine's folder.
    ///
    /// # Errors
    /// Where it is too large for a commit, cannot be read back, or git cannot be written. Nothing
    /// was changed then.
    pub fn put(&mut self, name: &str, staged: Staged, mode: FileMode) -> Result<()> {
        self.repository.sizes.check(self.work_file(name).display(), staged.length)?;
        match staged.origin {
            Origin::New => self.batch()?.add_file(&staged.path, staged.id, staged.length)?,
            Origin::Grown { ref previous, shared, .. } => {
                let Staged { path, id, length, .. } = &staged;
                let grown = Grown { path, id: *id, length: *length, previous, shared };
                self.batch()?.add_grown(grown)?;
            }
        }
        self.edits.put(self.in_tree(name), staged.id, mode);
        let to = self.work_file(name);
        let mode = work_tree_mode(mode);
        self.placements.push(Placement::Staged { from: staged.path, to, mode });
        Ok(())
    }

    /// Gives the files of a content other names; their bytes stay as they are.
    pub fn rename(&mut self, path: &EntryPath, content: &Content, to: &Content) {
        let targets = to.files(path);
        for ((from, part), (to, _)) in content.files(path).into_iter().zip(targets) {
            self.rename_file(&from, &to, part, content.file_mode());
        }
    }

    /// Gives one file another name.
    pub fn rename_file(&mut self, from: &str, to: &str, part: &StoredPart, mode: FileMode) {
        if from == to {
            return;
        }
        self.edits.remove(self.in_tree(from));
        self.edits.put(self.in_tree(to), part.blob, mode);
        let (from, to) = (self.work_file(from), self.work_file(to));
        self.placements.push(Placement::Moved { from, to });
    }

    /// Takes a file out of the present state; its blob stays in git's history.
    pub fn remove(&mut self, name: &str) {
        self.edits.remove(self.in_tree(name));
        self.placements.push(Placement::Removed(self.work_file(name)));
    }

    /// Takes a path below the root out of the present state, and leaves its file alone.
    pub fn forget(&mut self, path: &Path) {
        if let Some(name) = path.to_str() {
            self.edits.remove(name);
        }
    }

    /// Takes a path below the root out of the present state, and its file away.
    pub fn forget_and_remove(&mut self, path: &Path) {
        self.forget(path);
        self.placements.push(Placement::Removed(self.repository.root().join(path)));
    }

    /// True while nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.touched.is_empty()
    }

    /// The ledgers that were changed, as they are now.
    pub fn changed_ledgers(&self) -> impl Iterator<Item = (&LedgerName, &Ledger)> {
        self.touched.iter().filter_map(|name| Some((name, self.ledgers.get(name)?)))
    }

    /// The same, once they are committed and nobody else needs them.
    pub fn into_changed_ledgers(mut self) -> impl Iterator<Item = (LedgerName, Ledger)> {
        self.touched.into_iter().filter_map(move |name| {
            let ledger = self.ledgers.remove(&name)?;
            Some((name, ledger))
        })
    }

    /// Commits everything and puts it in place; `None` where nothing was changed.
    ///
    /// # Errors
    /// Before the branch moves: nothing has changed. After: the next run finishes the rest.
    pub fn commit(&mut self, manifest: &Manifest, size: &str) -> Result<Option<ObjectId>> {
        // The first commit is made in any case: it says which files of the folder are not git's.
        if self.is_empty() && self.repository.vault.head()?.is_some() {
            return Ok(None);
        }
        for name in self.touched.clone() {
            let text = self.ledger(&name)?.to_text()?;
            self.put_text(&name.file(), &text)?;
        }
        self.put_text("manifest.json", &manifest.to_text()?)?;
        self.put_text(".gitattributes", ATTRIBUTES)?;
        if let Some(key) = self.repository.vault.signing_key()? {
            self.put_text(SIGNING_KEY, format!("{}\n", key.public().to_line()).as_bytes())?;
        }
        self.put_ignore_lines()?;
        self.write_journal()?;
        let info = self.commit_info(size);
        let batch = self.batch.take().context("texts were just stored")?;
        let id = batch.commit(&self.edits, &info)?;
        // The backup is made; what cannot stand in the work tree is read from git, and tried again.
        let placements = std::mem::take(&mut self.placements);
        for problem in put_in_place(&placements, &self.repository.stage_dir()?) {
            self.repository.warn(format!("not in the work tree yet: {problem:#}"));
        }
        drop(placements);
        refresh_index(self.repository, &std::mem::take(&mut self.edits));
        if let Err(error) = self.repository.vault.tidy() {
            self.repository.warn(format!("packs could not be joined: {error:#}"));
        }
        Ok(id)
    }

    fn commit_info(&self, size: &str) -> CommitInfo {
        let env = self.repository.env();
        let when = env.local(env.now()).format("%Y-%m-%d %H:%M");
        let files = counted(self.files, "file");
        self.repository.commit_info(format!("backup {when} — {files}, {size} total"))
    }

    /// Stores a small text under a name below this machine's folder.
    fn put_text(&mut self, name: &str, text: &[u8]) -> Result<()> {
        let in_tree = self.in_tree(name);
        self.put_text_at(&in_tree, text)
    }

    fn put_text_at(&mut self, in_tree: &str, text: &[u8]) -> Result<()> {
        let previous = self.repository.vault.find(in_tree)?.map(|file| file.id);
        let to = self.repository.root().join(in_tree);
        let is_in_place = || ObjectId::of_file(&to).is_ok_and(|(id, _)| Some(id) == previous);
        if previous == Some(ObjectId::of_bytes(text)) && is_in_place() {
            return Ok(());
        }
        let id = self.batch()?.add_bytes(text, previous)?;
        self.edits.put(in_tree, id, FileMode::Plain);
        let stage = self.repository.stage_dir()?;
        let from = stage.join(format!("text-{}", self.placements.len()));
        write_atomic(&from, text, PRIVATE_FILE)?;
        self.placements.push(Placement::Staged { from, to, mode: PRIVATE_FILE });
        Ok(())
    }

    /// Adds our lines to the root's `.gitignore`, leaving what stands there.
    fn put_ignore_lines(&mut self) -> Result<()> {
        let present = read_if_exists(&self.repository.root().join(".gitignore"))?;
        let text = missing_ignore_lines(present.as_deref());
        if text.is_none() && self.repository.vault.find(".gitignore")?.is_some() {
            return Ok(());
        }
        let text = text.map(String::into_bytes).or(present).unwrap_or_default();
        self.put_text_at(".gitignore", &text)
    }

    fn ledger(&mut self, name: &LedgerName) -> Result<&mut Ledger> {
        if !self.ledgers.contains_key(name) {
            let ledger = self.repository.ledger(&self.repository.machine, name)?;
            self.ledgers.insert(name.clone(), ledger);
        }
        self.ledgers.get_mut(name).context("a ledger that was just put there")
    }

    fn in_tree(&self, name: &str) -> String {
        format!("{}/{name}", machine_folder(&self.repository.machine))
    }

    fn work_file(&self, name: &str) -> PathBuf {
        self.repository.work_file(&self.repository.machine, name)
    }

    fn write_journal(&self) -> Result<()> {
        let root = self.repository.root();
        let mut names = BTreeSet::new();
        for placement in &self.placements {
            match placement {
                Placement::Staged { to, .. } => drop(names.insert(to)),
                Placement::Removed(path) => drop(names.insert(path)),
                Placement::Moved { from, to } => names.extend([from, to]),
            }
        }
        let mut files = BTreeMap::new();
        for name in names.iter().filter_map(|path| path.strip_prefix(root).ok()?.to_str()) {
            files.insert(name.to_owned(), None);
        }
        for (name, edit) in self.edits.iter() {
            if let (Edit::Put(id, _), Some(file)) = (edit, files.get_mut(name)) {
                *file = Some(id);
            }
        }
        Journal::new(files).write(self.repository)
    }
}

/// Below the root, anchored: what is derived, or another run's.
const IGNORED: [&str; 6] = [
    "/manifest.json",
    "/session-index.json",
    "/backup.log",
    "/launchd-stdout.log",
    "/launchd-stderr.log",
    "/cli.sh",
];

/// A plain checkout by hand gives every byte, whatever the user's git rewrites elsewhere.
pub(super) const ATTRIBUTES: &[u8] = b"* -text -filter -ident -working-tree-encoding\n";

/// A `.gitignore` with our lines added; nothing where it has them all.
pub(super) fn missing_ignore_lines(present: Option<&[u8]>) -> Option<String> {
    let mut text = String::from_utf8_lossy(present.unwrap_or_default()).into_owned();
    let is_missing = |line: &&str| !text.lines().any(|present| present.trim_end() == *line);
    let missing: Vec<&str> = IGNORED.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return None;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    missing.iter().for_each(|line| text.extend([line, "\n"]));
    Some(text)
}

pub(super) fn work_tree_mode(mode: FileMode) -> u32 {
    if mode == FileMode::Executable { PRIVATE_DIR } else { PRIVATE_FILE }
}

/// All leave before any arrives: a file may come to where another was, or a folder of others.
fn put_in_place(placements: &[Placement], stage: &Path) -> Vec<anyhow::Error> {
    let waiting = |number: usize| stage.join(format!("moved-{number}"));
    let numbered = || placements.iter().enumerate();
    let leaving = numbered().map(|(number, placement)| match placement {
        Placement::Moved { from, .. } => leave(from, &waiting(number)),
        Placement::Removed(path) => take_away(path),
        Placement::Staged { .. } => Ok(()),
    });
    let mut problems: Vec<_> = leaving.filter_map(Result::err).collect();
    let arriving = numbered().map(|(number, placement)| match placement {
        Placement::Moved { to, .. } if waiting(number).exists() => arrive(&waiting(number), to),
        Placement::Staged { from, to, mode } => {
            Ok(set_mode(from, *mode)?).and_then(|()| arrive(from, to))
        }
        Placement::Moved { .. } | Placement::Removed(_) => Ok(()),
    });
    problems.extend(arriving.filter_map(Result::err));
    problems
}

/// What is not in the work tree is made again from git when it is wanted.
fn leave(from: &Path, waiting: &Path) -> Result<()> {
    match fs_err::rename(from, waiting) {
        Err(error) if !is_missing(&error) => return Err(error.into()),
        _ => remove_empty_parents(from),
    }
    Ok(())
}

fn arrive(from: &Path, to: &Path) -> Result<()> {
    make_room(to)?;
    // Of folders only an empty one goes, and no file is one.
    let _ = fs_err::remove_dir(to);
    Ok(fs_err::rename(from, to)?)
}

pub(super) fn take_away(path: &Path) -> Result<()> {
    remove_if_exists(path)?;
    remove_empty_parents(path);
    Ok(())
}

/// Makes the folder for a file; a file that stands where a folder must be has been moved before.
fn make_room(path: &Path) -> Result<()> {
    let folder = path.parent().context("a stored file lies in a folder")?;
    Ok(create_private_dir(folder)?)
}

fn remove_empty_parents(path: &Path) {
    // Only empty folders are taken, so the first one that is not ends it.
    let _ = path.ancestors().skip(1).try_for_each(fs_err::remove_dir);
}
