//! The same session in other projects: the agent finds it only where it is in one.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::project::Project;
use crate::error::{ErrorKind, Failure};
use crate::fs::remove_if_exists;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::layout::EntryPath;
use crate::repository::ledger::Hash;
use crate::source::{self, Kind, Options, Roots, Scope, SourceFile};

/// A session's files at the source, in other projects than the one that it goes to.
#[derive(Debug, Default)]
pub struct Copies {
    files: Vec<SourceFile>,
}

impl Copies {
    /// Looks for them.
    ///
    /// # Errors
    /// Where the user asked to stop.
    pub fn find(
        project: &Project,
        id: &str,
        user_home: &Path,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let home = Roots::new(vec![project.home().to_path_buf()], user_home.to_path_buf());
        let options = Options { scope: Scope::SessionsOnly, ..Options::default() };
        let mut files = source::list(&home, &options, progress)?.files;
        let here = project.home().join("projects").join(project.id().as_str()).canonicalize().ok();
        files.retain(|file| {
            let path = name_of(file);
            path.session().is_some_and(|session| session.as_str() == id)
                && path.project().as_ref() != Some(project.id())
        });
        // A project folder may be a link to another.
        files.retain(|file| {
            let real = file.path.canonicalize().ok();
            !here.as_ref().is_some_and(|here| real.is_some_and(|real| real.starts_with(here)))
        });
        Ok(Self { files })
    }

    /// The transcript, where there is one.
    #[must_use]
    pub fn transcript(&self) -> Option<&PathBuf> {
        self.files.iter().find(|file| file.kind == Kind::Transcript).map(|file| &file.path)
    }

    /// Makes sure that the backup gives back every byte of them.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] where it would not.
    pub fn refuse_unsaved(&self, repository: &Repository) -> Result<()> {
        for file in &self.files {
            let found = Hash::of(file.open()?)?;
            if stored(repository, &name_of(file)).ok().flatten() != Some(found) {
                let message = format!("`{}` is not saved as it is now", file.path.display());
                return Err(Failure::new(ErrorKind::Exists, message)
                    .hint("save it with `claude-backup sync`, then run this again")
                    .into());
            }
        }
        Ok(())
    }

    /// Takes them away, but for what changed meanwhile; gives what is away.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn remove(self) -> Result<Vec<PathBuf>> {
        let mut removed = Vec::new();
        for file in self.files {
            if super::apply::stat_of(&file.path) != Some(file.stat) {
                continue;
            }
            remove_if_exists(&file.path)?;
            // Below the project's folder, which stays, what is empty now goes.
            let depth = file.relative.components().count().saturating_sub(3);
            let folders = file.path.ancestors().skip(1).take(depth);
            let _ = folders.into_iter().try_for_each(fs_err::remove_dir);
            removed.push(file.path);
        }
        Ok(removed)
    }
}

/// What this machine's folder gives back of a file: read, and not only promised.
fn stored(repository: &Repository, path: &EntryPath) -> Result<Option<(Hash, u64)>> {
    let lines = repository.lines(&repository.machine, &path.ledger())?;
    let Some(entry) = lines.entries.get(path) else { return Ok(None) };
    let bytes = repository.open_content(&repository.machine, path, &entry.content)?;
    Ok(Some(Hash::of(bytes)?))
}

fn name_of(file: &SourceFile) -> EntryPath {
    EntryPath::from_source(&file.relative, file.kind)
}
