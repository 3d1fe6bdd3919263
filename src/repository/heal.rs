//! Bringing the work tree and the index up to the newest commit: after a crash, or on request.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Repository;
use super::layout::machine_folder;
use super::revision::{take_away, work_tree_mode};
use crate::fs::{read_if_exists, remove_if_exists, write_durable};
use crate::vault::{FileMode, ObjectId, TreeEdits, TreeFile};

/// What a commit is about to put in place, written before the branch moves.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The newest commit at that time. While it still is, nothing of the work tree has changed, and
    /// a file that git does not know may be the only copy.
    before: Option<ObjectId>,
    /// Below the root: every file that is written, renamed or removed.
    names: Vec<String>,
}

impl Journal {
    /// Notes these files, durably.
    pub(super) fn write(repository: &Repository, names: Vec<String>) -> Result<()> {
        let before = repository.vault.head()?.map(|head| head.commit);
        let text = serde_json::to_vec(&Self { before, names })?;
        Ok(write_durable(&journal_file(repository)?, &text)?)
    }
}

/// Finishes what a run that died had committed but not put in place, and clears what it had staged.
pub(super) fn after_crash(repository: &Repository) -> Result<()> {
    let stage = repository.stage_dir()?;
    fs_err::remove_dir_all(&stage)?;
    let file = journal_file(repository)?;
    let mut healing = Healing::new(repository);
    if let Some(text) = read_if_exists(&file)? {
        let journal: Journal = serde_json::from_slice(&text).unwrap_or_default();
        let head = repository.vault.head()?.map(|head| head.commit);
        if head != journal.before {
            healing.put_in_place(&journal.names)?;
        }
    }
    healing.finish()?;
    Ok(remove_if_exists(&file)?)
}

/// Makes every file of this machine's folder what the commit says it is.
///
/// # Errors
/// Where git cannot be read or the folder cannot be written.
pub fn everything(repository: &Repository) -> Result<()> {
    let mut healing = Healing::new(repository);
    for file in repository.vault.files_below(&machine_folder(&repository.machine))? {
        if let Some(name) = file.text_path() {
            healing.write(name, &file)?;
        }
    }
    healing.finish()
}

/// A commit on its way into the work tree and the index.
struct Healing<'a> {
    repository: &'a Repository,
    edits: TreeEdits,
    mended: u64,
}

impl<'a> Healing<'a> {
    fn new(repository: &'a Repository) -> Self {
        Self { repository, edits: TreeEdits::default(), mended: 0 }
    }

    /// What must go goes first: it may stand where a folder, or a file, has to come.
    fn put_in_place(&mut self, names: &[String]) -> Result<()> {
        let mut wanted = Vec::new();
        for name in names {
            match self.repository.vault.find(name)? {
                Some(committed) => wanted.push((name, committed)),
                None => self.remove(name)?,
            }
        }
        wanted.iter().try_for_each(|(name, committed)| self.write(name, committed))
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        let path = self.repository.root().join(name);
        self.edits.remove(name);
        // A folder of that name holds what came in the file's place.
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => Ok(()),
            _ => take_away(&path),
        }
    }

    fn write(&mut self, name: &str, committed: &TreeFile) -> Result<()> {
        let path = self.repository.root().join(name);
        let is_executable = committed.mode == FileMode::Executable.number();
        let mode = if is_executable { FileMode::Executable } else { FileMode::Plain };
        self.edits.put(name, committed.id, mode);
        if ObjectId::of_file(&path).is_ok_and(|(id, _)| id == committed.id) {
            return Ok(());
        }
        self.mended += 1;
        // One file that neither side has whole must not keep every later run from working.
        let Ok(bytes) = self.repository.vault.read(committed.id) else {
            let path = path.display();
            self.repository.warn(format!("`{path}` is damaged, and so is git's copy of it"));
            return Ok(());
        };
        self.repository.write_file(&path, &bytes, work_tree_mode(mode))
    }

    fn finish(self) -> Result<()> {
        if self.mended > 0 || !self.repository.vault.index_is_true()? {
            refresh_index(self.repository, &self.edits);
        }
        Ok(())
    }
}

/// The index only serves a curious `git status`: where it cannot be written, the backup stands.
pub(super) fn refresh_index(repository: &Repository, edits: &TreeEdits) {
    let refresh = repository.vault.refresh_index(edits);
    let hidden = match refresh.rebuilt {
        true => super::migrate::hide_root_manifest(repository),
        false => Ok(()),
    };
    let problem = refresh.problem.or_else(|| hidden.err().map(|error| format!("{error:#}")));
    if let Some(problem) = problem {
        repository.warn(format!("git's index was not brought up to date: {problem}"));
    }
}

fn journal_file(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.vault.private_dir()?.join("journal"))
}
