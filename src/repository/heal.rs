//! Bringing the work tree and the index up to the newest commit: after a crash, or on request.

mod journal;
mod last_commit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

pub(super) use self::journal::Journal;
use self::journal::journal_file;
use super::Repository;
use super::layout::{MACHINES, machine_folder};
use super::revision::{take_away, work_tree_mode};
use crate::error::counted;
use crate::fs::{remove_if_exists, sync_below, write_durable};
use crate::vault::{ObjectId, TreeEdits, TreeFile};

/// Finishes what a run that died had committed but not put in place, and clears what it had staged.
pub(super) fn after_crash(repository: &Repository) -> Result<()> {
    let stage = repository.stage_dir()?;
    fs_err::remove_dir_all(&stage)?;
    repository.clear_old_scratch()?;
    repository.vault.keep_config()?;
    repository.vault.index_packs_without_one()?;
    repository.vault.set_damaged_references_aside()?;
    if repository.vault.branch_is_lost() && repository.vault.branch_of_reflog()? {
        repository.warn("git's branch was lost; it is again where it last was".into());
    }
    // The journal's files may bring back a folder of which all others are lost.
    let lost_a_folder = lacks_its_folder(repository)?;
    by_journal(repository)?;
    super::settings::settle_announced(&repository.vault, &repository.machine)?;
    let left_main = repository.vault.return_to_main()?;
    if left_main {
        repository
            .warn("the backup stood on another commit or branch; it is on `main` again".into());
    }
    if left_main || lost_a_folder {
        everything(repository)?;
    }
    Ok(())
}

/// Puts in place what the journal names, if the newest commit says the same of all of it; where the
/// journal is lost, what that commit changed.
pub(super) fn by_journal(repository: &Repository) -> Result<()> {
    match Journal::read(repository)? {
        Some(Journal(files)) => settle(repository, files),
        None => settle(repository, last_commit::unfinished(repository)),
    }
}

/// Puts these files in place, if the newest commit has them all so; what could not be written is in
/// the journal afterwards.
///
/// The run that put these files in place did not wait for the disk. Without the journal nobody would
/// look whether a power cut took them, so they are made durable before it goes.
fn settle(repository: &Repository, files: BTreeMap<String, Option<ObjectId>>) -> Result<()> {
    let path = journal_file(repository)?;
    let mut healing = Healing::new(repository);
    healing.put_in_place(&files)?;
    let waiting = std::mem::take(&mut healing.waiting);
    healing.finish()?;
    if let Err(error) = sync_below(repository.root(), &paths_of(repository, &files)) {
        repository.warn(format!("not certain to outlive a power cut yet: {error}"));
        return Ok(());
    }
    match waiting.is_empty() {
        true => Ok(remove_if_exists(&path)?),
        false => Ok(write_durable(&path, &serde_json::to_vec(&Journal(waiting))?)?),
    }
}

fn paths_of<T>(repository: &Repository, files: &BTreeMap<String, T>) -> Vec<PathBuf> {
    files.keys().map(|name| repository.root().join(name)).collect()
}

/// True where the work tree has lost what git has: this machine's ledgers or its projects.
fn lacks_its_folder(repository: &Repository) -> Result<bool> {
    let own = machine_folder(&repository.machine);
    let folders = ["ledger", "projects"].map(|folder| format!("{own}/{folder}"));
    for folder in folders.iter().filter(|folder| !repository.root().join(folder).is_dir()) {
        if repository.vault.folder(folder)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes every file of every machine's folder what the commit says it is.
///
/// # Errors
/// Where git cannot be read or the folder cannot be written.
pub fn everything(repository: &Repository) -> Result<()> {
    repository.vault.make_all_private();
    let mut healing = Healing::new(repository);
    for slug in repository.vault.folders_in(MACHINES)? {
        let files = match repository.vault.files_below(&format!("{MACHINES}/{slug}")) {
            Ok(files) => files,
            // Whatever another machine sent must not keep this one from its work.
            Err(error) if slug != repository.machine.as_str() => {
                repository.warn(format!("the folder of machine `{slug}`: {error:#}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        for file in files.iter().filter(|file| repository.has_place(file)) {
            if let Some(name) = file.text_path() {
                healing.write(name, file)?;
            }
        }
    }
    if healing.mended > 0 {
        let files = counted(healing.mended, "missing or damaged file");
        repository.warn(format!("restored {files} in the backup folder"));
    }
    healing.finish()
}

/// Makes these files, named from the root on, what the commit says they are.
///
/// # Errors
/// Where git cannot be read or the folder cannot be written.
pub fn put_back(repository: &Repository, names: Vec<String>) -> Result<()> {
    let names = names.into_iter().map(|name| (name, None)).collect();
    let mut healing = Healing::new(repository);
    for (name, file) in healing.committed(&names)? {
        healing.write(&name, &file)?;
    }
    healing.finish()
}

/// A commit on its way into the work tree and the index.
struct Healing<'a> {
    repository: &'a Repository,
    edits: TreeEdits,
    mended: u64,
    /// What could not be written or removed.
    waiting: BTreeMap<String, Option<ObjectId>>,
}

impl<'a> Healing<'a> {
    fn new(repository: &'a Repository) -> Self {
        let (edits, waiting) = (TreeEdits::default(), BTreeMap::new());
        Self { repository, edits, mended: 0, waiting }
    }

    /// What must go goes first: it may stand where a folder, or a file, has to come.
    fn put_in_place(&mut self, files: &BTreeMap<String, Option<ObjectId>>) -> Result<()> {
        let committed = self.committed(files)?;
        let has_place = |name: &String| self.repository.name_has_place(name);
        let is_done = |(name, id): (&String, &Option<ObjectId>)| {
            committed.get(name).map(|f| f.id) == *id || !has_place(name)
        };
        if !files.iter().all(is_done) {
            return Ok(());
        }
        // What an older layout had at the root goes, and nothing comes there.
        let is_gone = |name: &&String| !committed.contains_key(*name);
        let is_to_go = |name: &&String| files[*name].is_none() || has_place(name);
        let gone: Vec<&String> = files.keys().filter(is_gone).filter(is_to_go).collect();
        for name in gone {
            self.remove(name)?;
        }
        committed.iter().try_for_each(|(name, file)| self.write(name, file))
    }

    /// Those of these files that the newest commit has; each machine's folder is read once for many.
    fn committed(
        &self,
        files: &BTreeMap<String, Option<ObjectId>>,
    ) -> Result<BTreeMap<String, TreeFile>> {
        let vault = &self.repository.vault;
        let mut committed = BTreeMap::new();
        let folders: BTreeSet<&str> = files.keys().filter_map(|name| folder_of(name)).collect();
        for folder in folders {
            for file in vault.files_below(folder)? {
                let name = file.text_path().filter(|name| files.contains_key(*name));
                if let Some(name) = name.filter(|_| self.repository.has_place(&file)) {
                    committed.insert(name.to_owned(), file);
                }
            }
        }
        for name in files.keys().filter(|name| folder_of(name).is_none()) {
            let found = vault.find(name)?.filter(|file| self.repository.has_place(file));
            committed.extend(found.map(|file| (name.clone(), file)));
        }
        Ok(committed)
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        let path = self.repository.root().join(name);
        self.edits.remove(name);
        if lies_behind_a_link(self.repository.root(), name) {
            return Ok(());
        }
        // A folder of that name holds what came in the file's place.
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => Ok(()),
            _ => take_away(&path),
        }
    }

    fn write(&mut self, name: &str, committed: &TreeFile) -> Result<()> {
        let path = self.repository.root().join(name);
        let mode = self.repository.work_mode(committed);
        self.edits.put(name, committed.id, mode);
        if ObjectId::of_file(&path).is_ok_and(|(id, _)| id == committed.id) {
            return Ok(());
        }
        self.mended += 1;
        if lies_behind_a_link(self.repository.root(), name) {
            let path = path.display();
            self.repository.warn(format!("`{path}` lies behind a link and was not written"));
            return Ok(());
        }
        // One file that neither side has whole must not keep every later run from working.
        let Ok(bytes) = self.repository.vault.read(committed.id) else {
            let path = path.display();
            self.repository.warn(format!("`{path}` is damaged, and so is git's copy of it"));
            return Ok(());
        };
        // Of folders only an empty one goes, and no file is one.
        let _ = fs_err::remove_dir(&path);
        if let Err(error) = self.repository.write_file(&path, &bytes, work_tree_mode(mode)) {
            self.repository.warn(format!("not in the work tree yet: {error:#}"));
            self.waiting.insert(name.to_owned(), Some(committed.id));
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.mended > 0 || !self.repository.vault.index_is_true()? {
            refresh_index(self.repository, &self.edits);
        }
        Ok(())
    }
}

/// The machine's folder that a name below the root lies in.
fn folder_of(name: &str) -> Option<&str> {
    let slug = name.strip_prefix(MACHINES)?.strip_prefix('/')?.split_once('/')?.0;
    Some(&name[..MACHINES.len() + 1 + slug.len()])
}

/// True where a folder on the way is a link: what another machine sent could leave the backup.
pub(super) fn lies_behind_a_link(root: &Path, name: &str) -> bool {
    let folders = Path::new(name).ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    folders.into_iter().any(|folder| root.join(folder).is_symlink())
}

/// The index only serves a curious `git status`: where it cannot be written, the backup stands.
pub(super) fn refresh_index(repository: &Repository, edits: &TreeEdits) {
    let refresh = repository.vault.refresh_index(edits);
    let hidden = match refresh.rebuilt {
        true => repository.hide_unplaced(),
        false => Ok(()),
    };
    let problem = refresh.problem.or_else(|| hidden.err().map(|error| format!("{error:#}")));
    if let Some(problem) = problem {
        repository.warn(format!("git's index was not brought up to date: {problem}"));
    }
}
