//! The git repository: objects and packs, trees, commits, the branch and the index.
//!
//! Only this module speaks git. It opens exactly the repository it is told to, never looks at
//! `GIT_*` variables, and writes objects, the branch and their packs itself, so hooks, signing,
//! filters, excludes and line ending settings of the user have nothing to act on.

mod author;
mod batch;
mod branch;
mod commit;
mod content;
mod delta;
mod difference;
mod entry;
mod folder_remote;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod history;
mod housekeeping;
mod index_file;
mod keys;
pub mod limits;
mod lock_file;
mod loose;
mod mending;
mod modes;
mod object_id;
mod pack;
mod pack_file;
mod pack_folder;
mod pack_index;
mod pack_list;
mod read;
mod replay;
mod rewrite;
mod settings;
mod signature;
mod size;
mod skeleton;
mod soundness;
mod traces;
pub mod transport;
mod tree;
mod tree_check;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result, bail};

use crate::fs;

pub use batch::{Batch, Grown, Previous, Shared};
pub use commit::{Author, CommitInfo};
pub use difference::Changed;
pub use housekeeping::Tidied;
pub use index_file::IndexRefresh;
pub use keys::{PublicKey, SigningKey};
pub use mending::{Mending, Object, Salvage};
pub use object_id::{Hashed, ObjectId, ObjectKind};
pub use pack_folder::PacksBefore;
pub use read::{Head, TreeFile};
pub use soundness::{Lacking, Soundness};
pub use tree::{Edit, FileMode, TreeEdits};
pub use tree_check::{Fault, Links, Listed, TreeCheck, TreeTotals};

use lock_file::{lock_path, remove_leftover};
use pack_folder::PackFolder;

/// Attributes that outrank all others: content is stored as it is and compared as it is.
const ATTRIBUTES: &str = "* -text -filter -ident -working-tree-encoding\n";

/// A git repository with a work tree.
pub struct Vault {
    root: PathBuf,
    git_dir: PathBuf,
    repository: Mutex<git2::Repository>,
    warnings: Mutex<Vec<String>>,
    /// This machine's key, once it was read.
    signing_key: Mutex<Option<Arc<SigningKey>>>,
    /// A batch stored something whole that another pack has: something for [`Self::tidy`].
    has_doubles: AtomicBool,
    /// Where a test wants the work to end, and how often it passes there before.
    #[cfg(test)]
    stop_after: Mutex<Option<(Step, usize)>>,
}

/// The moments of a commit between which a crash leaves something different on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vault) enum Step {
    PackWritten,
    KeepNamed,
    PackNamed,
    Published,
    ReflogWritten,
    BranchMoved,
    Listed,
    OldIndexRemoved,
    OldPackRemoved,
}

impl Vault {
    /// Opens the repository whose `.git` is in `root`; nothing where there is none.
    ///
    /// # Errors
    /// Where there is one that cannot be opened, with its path.
    pub fn open(root: &Path) -> Result<Option<Self>> {
        let dot_git = root.join(".git");
        if fs_err::symlink_metadata(&dot_git).is_err_and(|error| fs::is_missing(&error)) {
            return Ok(None);
        }
        let is_backup = holds_history(&dot_git);
        if !is_backup && !torn(&dot_git)?.is_empty() {
            return Ok(None);
        }
        let made = if is_backup { skeleton::before_opening(&dot_git)? } else { Vec::new() };
        match open_repository(root) {
            Ok(repository) if is_backup || !repository.is_bare() => {
                let vault = Self::new(root, repository)?;
                made.into_iter().for_each(|made| vault.warn(made));
                vault.after_opening()?;
                Ok(Some(vault))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                if is_backup {
                    bail!("the repository in `{}` is damaged: {}", root.display(), error.message());
                }
                Ok(None)
            }
            Err(error) => Err(error)
                .with_context(|| format!("cannot open the repository in `{}`", root.display())),
        }
    }

    /// Makes a repository on branch `main`, or takes the one that is there; the folder becomes private.
    ///
    /// No template is copied, so no hooks either. Local settings keep git from seeing a difference
    /// between the work tree and what is stored where the user has line endings or filters set.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn create(root: &Path) -> Result<Self> {
        fs::create_private_dir(root)?;
        fs::set_mode(root, fs::PRIVATE_DIR)?;
        let is_begun = begun_before(root)?;
        if !is_begun || !matches!(Self::open(root), Ok(Some(_))) {
            let mut options = git2::RepositoryInitOptions::new();
            options.external_template(false).initial_head("main");
            git2::Repository::init_opts(root, &options)
                .with_context(|| format!("cannot make a repository in `{}`", root.display()))?;
        }
        let made = Self::open(root)?;
        let vault = made.with_context(|| format!("no repository in `{}`", root.display()))?;
        fs::set_mode(&vault.git_dir, fs::PRIVATE_DIR)?;
        vault.change_config("core.autocrlf", Some("false"))?;
        vault.make_private()?;
        vault.add_attributes()?;
        vault.sync_skeleton()?;
        Ok(vault)
    }

    /// Makes durable what libgit2 has made: a commit is found by way of all of it.
    fn sync_skeleton(&self) -> Result<()> {
        let folders = ["objects/pack", "objects", "refs/heads", "refs", "info"];
        let made = ["HEAD", "config"].iter().chain(&folders).map(|name| self.git_dir.join(name));
        let above = [self.private_dir()?, self.git_dir.clone(), self.root.clone()];
        let around = fs_err::canonicalize(&self.root)?.parent().map(Path::to_path_buf);
        for path in made.chain(above).chain(around) {
            fs::sync(&path)?;
        }
        Ok(())
    }

    /// The work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Git's own folder, for what must outlive [`Self::private_dir`].
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The program's own folder inside `.git`, mode 0700: caches, locks, logs; made on demand.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn private_dir(&self) -> Result<PathBuf> {
        let folder = self.git_dir.join("claude-backup");
        fs::create_durable_dir(&folder)?;
        Ok(folder)
    }

    /// What was mended or could not be tidied since the last call, for the user to read.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().expect("no panic while warnings are added"))
    }

    fn new(root: &Path, repository: git2::Repository) -> Result<Self> {
        Ok(Self {
            root: root.into(),
            git_dir: repository.path().into(),
            repository: Mutex::new(repository),
            warnings: Mutex::default(),
            signing_key: Mutex::default(),
            has_doubles: AtomicBool::default(),
            #[cfg(test)]
            stop_after: Mutex::default(),
        })
    }

    fn warn(&self, warning: impl Into<String>) {
        let mut warnings = self.warnings.lock().expect("no panic while warnings are added");
        warnings.push(warning.into());
    }

    /// The same where it may have been said already.
    fn warn_once(&self, warning: String) {
        let mut warnings = self.warnings.lock().expect("no panic while warnings are added");
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    fn repository(&self) -> MutexGuard<'_, git2::Repository> {
        self.repository.lock().expect("no panic while the repository is read")
    }

    /// Runs a git operation and names the repository where it fails.
    fn git<T>(&self, work: impl FnOnce(&git2::Repository) -> Result<T, git2::Error>) -> Result<T> {
        work(&self.repository()).with_context(|| format!("repository `{}`", self.root.display()))
    }

    /// Forgets what was read before: another run may have moved the branch, changed the settings, and
    /// added or joined packs.
    ///
    /// # Errors
    /// Where the repository cannot be opened.
    pub fn reread(&self) -> Result<()> {
        self.reopen()
    }

    /// Forgets what libgit2 knows of packs; needed after one was added or removed.
    fn reopen(&self) -> Result<()> {
        let opened = open_repository(&self.root);
        let opened = opened.with_context(|| format!("repository `{}`", self.root.display()))?;
        *self.repository() = opened;
        Ok(())
    }

    fn packs(&self) -> Result<PackFolder> {
        let folder = self.git_dir.join("objects/pack");
        fs::create_durable_dir(&folder)?;
        Ok(PackFolder::new(folder, self.private_dir()?.join("packs")))
    }

    fn add_attributes(&self) -> Result<()> {
        let path = self.git_dir.join("info/attributes");
        let mut text = fs::read_if_exists(&path)?.unwrap_or_default();
        if text.ends_with(ATTRIBUTES.as_bytes()) {
            return Ok(());
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend_from_slice(ATTRIBUTES.as_bytes());
        Ok(fs::write_durable(&path, &text)?)
    }

    /// Marks a moment; a test can make the work end here as a crash would.
    #[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "only tests stop here"))]
    fn passed(&self, step: Step) -> Result<()> {
        #[cfg(test)]
        if let Some((at, left)) = &mut *self.stop_after.lock().expect("tests do not panic here")
            && *at == step
        {
            anyhow::ensure!(*left > 0, "stopped after {step:?}");
            *left -= 1;
        }
        #[cfg(not(test))]
        let _ = step;
        Ok(())
    }
}

/// False where no commit was ever made here. What a run left that died while libgit2 made the
/// repository is then removed: its locks, what it wrote in part, and the file by which it asks what
/// the file system can do.
fn begun_before(root: &Path) -> Result<bool> {
    let dot_git = root.join(".git");
    if holds_history(&dot_git) {
        return Ok(true);
    }
    for name in ["config", "HEAD"] {
        remove_leftover(&lock_path(&dot_git.join(name)))?;
    }
    torn(&dot_git)?.iter().try_for_each(|path| fs::remove_if_exists(path))?;
    for entry in fs_err::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"_git2_") {
            fs::remove_if_exists(&entry.path())?;
        }
    }
    Ok(false)
}

/// Those of the files that make a repository that were not written to their end.
fn torn(dot_git: &Path) -> Result<Vec<PathBuf>> {
    let (head, config) = (dot_git.join("HEAD"), dot_git.join("config"));
    let mut torn = Vec::new();
    if fs::read_if_exists(&head)?.is_some_and(|text| !text.ends_with(b"\n")) {
        torn.push(head);
    }
    let is_whole = |text: &Vec<u8>| {
        !text.is_empty() && !text.contains(&0) && git2::Config::open(&config).is_ok()
    };
    if fs::read_if_exists(&config)?.is_some_and(|text| !is_whole(&text)) {
        torn.push(config);
    }
    Ok(torn)
}

fn open_repository(root: &Path) -> Result<git2::Repository, git2::Error> {
    let no_parents: [&Path; 0] = [];
    git2::Repository::open_ext(root, git2::RepositoryOpenFlags::NO_SEARCH, no_parents)
}

/// True where a `.git` that is no repository was one: it must not be taken for a fresh start.
fn holds_history(dot_git: &Path) -> bool {
    let packs = fs_err::read_dir(dot_git.join("objects/pack"));
    let branches = fs_err::read_dir(dot_git.join("refs/heads"));
    [packs, branches].into_iter().flatten().flatten().next().is_some()
        || dot_git.join("packed-refs").exists()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
