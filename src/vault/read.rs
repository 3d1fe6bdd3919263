//! What is in the repository: the newest commit, its files, a file's history.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use super::Vault;
use super::object_id::{ObjectId, ObjectKind};
use super::tree::{self, Bounds, TreeEntry};
use crate::error::{ErrorKind, Failure};
use crate::path_rules::{check_name, shown};

/// The newest commit of the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its first parent.
    pub parent: Option<ObjectId>,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// Its message, without the last line end.
    pub message: String,
}

/// A file in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// The path from the top of the tree; git does not ask for UTF-8.
    pub path: Vec<u8>,
    /// The content.
    pub id: ObjectId,
    /// Git's mode: 0o100644, 0o100755, 0o120000 for a link, 0o160000 for a submodule.
    pub mode: u32,
}

impl TreeFile {
    /// True for a file; a link or a submodule is none.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// The path as text; nothing where it is not UTF-8.
    #[must_use]
    pub fn text_path(&self) -> Option<&str> {
        std::str::from_utf8(&self.path).ok()
    }
}

impl Vault {
    /// The newest commit; nothing before the first.
    ///
    /// # Errors
    /// Where the branch or the commit is damaged.
    pub fn head(&self) -> Result<Option<Head>> {
        let Some(tip) = self.branch()?.tip(self)? else {
            return Ok(None);
        };
        self.commit_info(tip).map(Some).context(damaged())
    }

    /// The file at this path in the newest commit.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn find(&self, path: &str) -> Result<Option<TreeFile>> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        self.file_in(head.tree, path)
    }

    /// The tree of a folder in the newest commit: it changes with anything below it.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn folder(&self, path: &str) -> Result<Option<ObjectId>> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        self.folder_in(head.tree, path)
    }

    /// The tree of a folder in any tree.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn folder_in(&self, tree: ObjectId, path: &str) -> Result<Option<ObjectId>> {
        Ok(self.find_in(tree, path)?.filter(TreeEntry::is_tree).map(|entry| entry.id))
    }

    /// The file at this path in any tree.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn file_in(&self, tree: ObjectId, path: &str) -> Result<Option<TreeFile>> {
        let found = self.find_in(tree, path)?.filter(|entry| !entry.is_tree());
        Ok(found.map(|entry| TreeFile {
            path: path.into(),
            id: entry.id,
            mode: entry.mode_number(),
        }))
    }

    /// The names of the folders in a folder of any tree, sorted; what is no name is left out.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn folder_names(&self, tree: ObjectId, path: &str) -> Result<Vec<String>> {
        let Some(folder) = self.folder_in(tree, path)? else { return Ok(Vec::new()) };
        let entries = tree::parse_unchecked(&self.read_kind(folder, ObjectKind::Tree)?)?;
        let folders = entries.into_iter().filter(|(_, entry)| entry.is_tree());
        let names = folders.filter(|(name, _)| check_name(name).is_ok());
        Ok(names.filter_map(|(name, _)| String::from_utf8(name).ok()).collect())
    }

    /// True for a tree of nothing.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn is_empty_tree(&self, tree: ObjectId) -> Result<bool> {
        Ok(self.read_kind(tree, ObjectKind::Tree)?.is_empty())
    }

    /// The folders in a folder of any tree, by name; those whose names are UTF-8.
    ///
    /// # Errors
    /// If a tree on the way is damaged.
    pub fn subfolders(&self, tree: ObjectId, path: &str) -> Result<BTreeMap<String, ObjectId>> {
        let Some(folder) = self.folder_in(tree, path)? else { return Ok(BTreeMap::new()) };
        let entries = tree::parse(&self.read_kind(folder, ObjectKind::Tree)?)?;
        let folders = entries.into_iter().filter(|(_, entry)| entry.is_tree());
        let named =
            folders.filter_map(|(name, entry)| Some((String::from_utf8(name).ok()?, entry.id)));
        Ok(named.collect())
    }

    /// The bytes of an object, without reading all of it.
    ///
    /// # Errors
    /// If it is missing.
    pub fn size_of(&self, id: ObjectId) -> Result<u64> {
        self.read_loose(id)?;
        self.git(|repository| Ok(repository.odb()?.read_header(id.oid())?.0 as u64))
    }

    /// All files of a tree, sorted by path.
    ///
    /// # Errors
    /// Where a tree is damaged.
    pub fn files_of(&self, tree: ObjectId) -> Result<Vec<TreeFile>> {
        let mut files = Vec::new();
        self.collect_files(tree, b"", &mut Bounds::default(), &mut files)?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// All files at a path of any tree: the file of that name, or those below the folder.
    ///
    /// # Errors
    /// Where a tree is damaged.
    pub fn files_at(&self, tree: ObjectId, path: &str) -> Result<Vec<TreeFile>> {
        let mut files: Vec<TreeFile> = self.file_in(tree, path)?.into_iter().collect();
        if let Some(folder) = self.folder_in(tree, path)? {
            self.collect_files(folder, path.as_bytes(), &mut Bounds::default(), &mut files)?;
        }
        Ok(files)
    }

    /// The names of the folders in a folder of the newest commit, sorted; what is no name is left out.
    ///
    /// # Errors
    /// Where a tree on the way is damaged.
    pub fn folders_in(&self, path: &str) -> Result<Vec<String>> {
        let Some(head) = self.head()? else {
            return Ok(Vec::new());
        };
        self.folder_names(head.tree, path)
    }

    /// All files below a folder in the newest commit, sorted by path; `""` is the whole tree.
    ///
    /// # Errors
    /// Where a tree is damaged.
    pub fn files_below(&self, folder: &str) -> Result<Vec<TreeFile>> {
        let mut files = Vec::new();
        let Some(head) = self.head()? else {
            return Ok(files);
        };
        let tree =
            if folder.is_empty() { Some(head.tree) } else { self.folder_in(head.tree, folder)? };
        if let Some(tree) = tree {
            self.collect_files(tree, folder.as_bytes(), &mut Bounds::default(), &mut files)?;
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// A blob's bytes, checked against its id.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn read(&self, id: ObjectId) -> Result<Vec<u8>> {
        self.read_kind(id, ObjectKind::Blob)
    }

    /// The contents that a path had, newest first, each with the time of the commit that brought it.
    ///
    /// Follows first parents. A part of history that cannot be read is passed over: what is left is
    /// still good for healing.
    ///
    /// # Errors
    /// Where the branch itself cannot be read.
    pub fn history_of(&self, path: &str) -> Result<Vec<(ObjectId, DateTime<Utc>)>> {
        let mut found: Vec<(ObjectId, DateTime<Utc>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut newer = None;
        let mut next = self.head()?;
        while let Some(head) = next {
            let file = self.find_in(head.tree, path).ok().flatten().filter(|e| !e.is_tree());
            let id = file.map(|file| file.id);
            match (id, found.last_mut()) {
                (Some(id), _) if seen.insert(id) => found.push((id, head.time)),
                // The same content, an older commit: that one may have brought it.
                (Some(id), Some(last)) if newer == Some(id) && last.0 == id => last.1 = head.time,
                _ => {}
            }
            newer = id;
            next = head.parent.and_then(|parent| self.commit_info(parent).ok());
        }
        Ok(found)
    }

    pub(super) fn commit_info(&self, id: ObjectId) -> Result<Head> {
        self.read_loose(id)?;
        self.git(|repository| {
            let commit = repository.find_commit(id.oid())?;
            let time = DateTime::from_timestamp(commit.time().seconds(), 0).unwrap_or_default();
            let message = String::from_utf8_lossy(commit.message_bytes());
            Ok(Head {
                commit: id,
                tree: commit.tree_id().into(),
                parent: commit.parent_id(0).ok().map(ObjectId::from),
                time,
                message: message.trim_end_matches('\n').into(),
            })
        })
    }

    pub(super) fn read_kind(&self, id: ObjectId, kind: ObjectKind) -> Result<Vec<u8>> {
        let read = self.read_object(id);
        let (found, bytes) =
            if kind == ObjectKind::Blob { read? } else { read.context(damaged())? };
        let name = kind.name();
        anyhow::ensure!(found == kind, "repository `{}`: {id} is no {name}", self.root.display());
        Ok(bytes)
    }

    pub(super) fn read_object(&self, id: ObjectId) -> Result<(ObjectKind, Vec<u8>)> {
        let first = match self.read_loose(id) {
            Ok(Some(object)) => return Ok(object),
            Ok(None) => self.read_through_libgit2(id),
            Err(error) => Err(error),
        };
        // The first copy that is found may be damaged; there may be a sound one.
        first.or_else(|error| self.packs()?.read_any_copy(id)?.ok_or(error))
    }

    fn read_through_libgit2(&self, id: ObjectId) -> Result<(ObjectKind, Vec<u8>)> {
        let (kind, bytes) = self.git(|repository| {
            let odb = repository.odb()?;
            let object = odb.read(id.oid())?;
            Ok((object.kind(), object.data().to_vec()))
        })?;
        let kind = ObjectKind::from_git(kind)?;

        let intact = ObjectId::of_object(kind, &bytes) == id;
        anyhow::ensure!(intact, "repository `{}`: object {id} is damaged", self.root.display());
        Ok((kind, bytes))
    }

    /// What an object is and how many bytes it has, without unpacking it; `None` if it is not in
    /// the repository.
    ///
    /// # Errors
    /// Where its header is damaged.
    pub fn header_of(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>> {
        if let Some(header) = self.loose_header(id)? {
            return Ok(Some(header));
        }
        self.git(|repository| match repository.odb()?.read_header(id.oid()) {
            Ok((size, kind)) => Ok(Some((kind, size as u64))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        })?
        .map(|(kind, size)| Ok((ObjectKind::from_git(kind)?, size)))
        .transpose()
    }

    /// True where the object is in the repository, as far as it was known at the last (re)opening.
    pub(super) fn exists(&self, id: ObjectId) -> Result<bool> {
        self.git(|repository| {
            Ok(repository.odb()?.exists_ext(id.oid(), git2::OdbLookupFlags::NO_REFRESH))
        })
    }

    fn find_in(&self, root: ObjectId, path: &str) -> Result<Option<TreeEntry>> {
        let mut folder = root;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let bytes = self.read_kind(folder, ObjectKind::Tree)?;
            let Some(entry) = tree::entry_named(&bytes, name.as_bytes())? else {
                return Ok(None);
            };
            if names.peek().is_none() {
                return Ok(Some(entry));
            }
            if !entry.is_tree() {
                return Ok(None);
            }
            folder = entry.id;
        }
        Ok(None)
    }

    fn collect_files(
        &self,
        id: ObjectId,
        path: &[u8],
        bounds: &mut Bounds,
        files: &mut Vec<TreeFile>,
    ) -> Result<()> {
        bounds.enter(path)?;
        for (name, entry) in self.checked_entries(id, path)? {
            let mut below = path.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(name.as_bytes());
            if entry.is_tree() {
                self.collect_files(entry.id, &below, bounds, files)?;
            } else {
                files.push(TreeFile { path: below, id: entry.id, mode: entry.mode_number() });
            }
        }
        Ok(())
    }

    /// The entries of a folder with their names checked. What cannot be a name here came before
    /// commits were examined, or with one that was rejected: it is named and left out.
    pub(super) fn checked_entries(
        &self,
        id: ObjectId,
        path: &[u8],
    ) -> Result<BTreeMap<String, TreeEntry>> {
        let bytes = self.read_kind(id, ObjectKind::Tree)?;
        let (entries, fault) =
            tree::valid_entries(&bytes).with_context(|| format!("folder `{}`", shown(path)))?;
        if let Some(fault) = fault {
            self.warn_once(format!("left out of folder `{}`: {fault}", shown(path)));
        }
        Ok(entries)
    }
}

/// Without a commit or a tree nothing that lies below it is found.
fn damaged() -> Failure {
    Failure::new(ErrorKind::Failed, "git's records of what is stored are damaged")
        .hint("`claude-backup verify` tells what is left, and what mends it")
}
