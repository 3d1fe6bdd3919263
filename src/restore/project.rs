//! A session among those of another working folder, where the agent continues it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::item::Placement;
use super::target::Target;
use crate::error::{ErrorKind, Failure};
use crate::repository::index::IndexEntry;
use crate::repository::layout::EntryPath;
use crate::repository::ledger::Entry;
use crate::session::ProjectId;
use crate::source::Kind;
use crate::transcript::Rehome;

/// A working folder, and the project folder that the agent keeps its sessions in.
#[derive(Clone, Debug)]
pub struct Project {
    home: PathBuf,
    folder: String,
    id: ProjectId,
}

impl Project {
    /// The project of a working folder, in this Claude home.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such folder; where its real path is no text.
    pub fn of(home: &Path, folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let real = folder.canonicalize().ok().filter(|real| real.is_dir()).ok_or_else(|| {
            Failure::new(ErrorKind::NotFound, format!("there is no folder `{shown}`"))
                .hint("sessions are continued in a folder that is there; make it first")
        })?;
        let folder = real.to_str().with_context(|| format!("the name of `{shown}` is no text"))?;
        let id = ProjectId::of_folder(folder);
        Ok(Self { home: home.to_path_buf(), folder: folder.to_owned(), id })
    }

    /// The working folder's real path.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The Claude home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The name of its folder below `projects/`.
    #[must_use]
    pub fn id(&self) -> &ProjectId {
        &self.id
    }

    /// Where one of a session's files goes, and what its records say of their folder there.
    pub(super) fn placement(&self, session: &IndexEntry, entry: &Entry) -> Result<Placement> {
        let name = self.name(&entry.path)?;
        let target = Target::below(&self.home, &name.to_source());
        let has_records = matches!(entry.kind, Kind::Transcript | Kind::Subagent)
            && entry.path.as_str().ends_with(".jsonl");
        let cwd = session.cwd.as_deref().filter(|_| has_records);
        let from = cwd.map(|cwd| origin(cwd, &session.project_hash));
        let rehome = from.map(|from| Rehome::new(from, &self.folder));
        Ok(Placement { target, name, rehome })
    }

    /// The same name in this project; what lies outside of projects keeps its own.
    fn name(&self, path: &EntryPath) -> Result<EntryPath> {
        let below = path.project().and_then(|_| path.as_str().splitn(3, '/').nth(2));
        match below {
            Some(below) => EntryPath::parse(format!("projects/{}/{below}", self.id)),
            None => Ok(path.clone()),
        }
    }
}

/// The folder that a session was begun in: the one of its first record, or the folder above it that
/// its project is named after.
fn origin<'a>(cwd: &'a str, project: &str) -> &'a str {
    let ends = cwd.char_indices().filter(|(_, c)| matches!(c, '/' | '\\')).map(|(at, _)| at);
    let above = ends.filter(|at| *at > 0).map(|at| &cwd[..at]).rev();
    let mut folders = std::iter::once(cwd).chain(above.collect::<Vec<_>>());
    folders.find(|folder| ProjectId::of_folder(folder).as_str() == project).unwrap_or(cwd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_begins_where_its_project_is_named_after() {
        assert_eq!(origin("/w/alpha/src/deep", "-w-alpha"), "/w/alpha");
        assert_eq!(origin("/w/alpha", "-w-alpha"), "/w/alpha");
        assert_eq!(origin("/w/alpha", "-somewhere"), "/w/alpha");
        assert_eq!(origin("C:\\w\\alpha\\src", "C--w-alpha"), "C:\\w\\alpha");
    }
}
