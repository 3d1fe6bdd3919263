//! Trees that others made, checked before anything of them is used.
//!
//! Each tree is read once, however often it is part of others, so a few bytes that unfold to
//! millions of files cost no more than they are. Of contents only the sizes are asked.

use std::collections::HashMap;

use anyhow::Result;

use super::Vault;
use super::limits::{DEEPEST, LARGEST_BLOB, LARGEST_TREE, LONGEST_PATH, MOST_FILES, MOST_TREES};
use super::object_id::{ObjectId, ObjectKind};
use super::tree::{self, TreeEntry, join};
use crate::path_rules::{self, is_special_on_windows, shown};

/// Why a tree is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The folder or file, from the top of the tree.
    pub path: Vec<u8>,
    /// A sentence that names it.
    pub reason: String,
}

impl Fault {
    /// A fault of what is at this path: `reason` follows its name.
    #[must_use]
    pub fn at(path: &[u8], reason: &str) -> Self {
        Self { path: path.into(), reason: format!("`{}` {reason}", shown(path)) }
    }
}

/// What was counted of a tree and all below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeTotals {
    /// Its files; one that is there in two places counts twice.
    pub files: u64,
    /// Folders on the way to the deepest file.
    depth: u16,
    /// The bytes of the longest path in it.
    longest: u32,
    /// It has links or submodules.
    has_links: bool,
    /// It has names that only Windows takes for something else.
    has_windows_names: bool,
}

/// Whether links are let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They are, for nothing of that folder is ever put into a work tree.
    Allowed,
    /// They, and submodules, are a fault.
    Refused,
}

/// Checks trees; one value for all that is new keeps what it has seen.
pub struct TreeCheck<'v> {
    vault: &'v Vault,
    seen: HashMap<ObjectId, TreeTotals>,
}

/// A fault, or a failure to look.
enum Stop {
    Fault(Fault),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl<'v> TreeCheck<'v> {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(vault: &'v Vault) -> Self {
        Self { vault, seen: HashMap::new() }
    }

    /// Checks a folder, which stands at this path, and all below it.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn folder(
        &mut self,
        id: ObjectId,
        path: &[u8],
        links: Links,
    ) -> Result<Result<TreeTotals, Fault>> {
        match self.totals(id, path, 0).and_then(|totals| {
            self.judge(id, path, totals, links)?;
            Ok(totals)
        }) {
            Ok(totals) => Ok(Ok(totals)),
            Err(Stop::Fault(fault)) => Ok(Err(fault)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// The folders and files directly in a folder, each name checked.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn listing(
        &self,
        id: ObjectId,
        path: &[u8],
    ) -> Result<Result<Vec<(String, Listed)>, Fault>> {
        match self.entries(id, path) {
            Ok(entries) => Ok(Ok(entries.into_iter().map(listed).collect())),
            Err(Stop::Fault(fault)) => Ok(Err(fault)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Checks a file by what it is and how large.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn file(&self, id: ObjectId, path: &[u8]) -> Result<Option<Fault>> {
        match self.check_size(id, path) {
            Ok(()) => Ok(None),
            Err(Stop::Fault(fault)) => Ok(Some(fault)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// The paths below a checked folder whose last names only Windows takes for something else.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn windows_names(&self, id: ObjectId) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.collect_windows_names(id, "", &mut found)?;
        Ok(found)
    }

    fn judge(
        &self,
        id: ObjectId,
        path: &[u8],
        totals: TreeTotals,
        links: Links,
    ) -> Result<(), Stop> {
        let TreeTotals { files, depth, longest, has_links, .. } = totals;
        if files > MOST_FILES {
            let reason = format!("has more than {MOST_FILES} files");
            return Err(Stop::Fault(Fault::at(path, &reason)));
        }
        if usize::from(depth) > DEEPEST {
            return Err(Stop::Fault(too_deep(path)));
        }
        if path.len() + longest as usize > LONGEST_PATH {
            let reason = format!("has paths of more than {LONGEST_PATH} bytes");
            return Err(Stop::Fault(Fault::at(path, &reason)));
        }
        match has_links && links == Links::Refused {
            true => Err(Stop::Fault(self.first_link(id, path)?)),
            false => Ok(()),
        }
    }

    fn totals(&mut self, id: ObjectId, path: &[u8], depth: usize) -> Result<TreeTotals, Stop> {
        if let Some(known) = self.seen.get(&id) {
            return Ok(*known);
        }
        if depth > DEEPEST {
            return Err(Stop::Fault(too_deep(path)));
        }
        if self.seen.len() >= MOST_TREES {
            let reason = format!("is one of more than {MOST_TREES} new folders");
            return Err(Stop::Fault(Fault::at(path, &reason)));
        }
        let mut totals = TreeTotals::default();
        for (name, entry) in self.entries(id, path)? {
            let below = join(path, name.as_bytes());
            totals.has_windows_names |= is_special_on_windows(&name);
            let longest = if entry.is_tree() {
                let inner = self.totals(entry.id, &below, depth + 1)?;
                totals.add(inner);
                name.len() as u32 + 1 + inner.longest
            } else {
                totals.files = totals.files.saturating_add(1);
                match is_file(&entry) {
                    true => self.check_size(entry.id, &below)?,
                    false => totals.has_links = true,
                }
                name.len() as u32 + 1
            };
            totals.longest = totals.longest.max(longest);
        }
        self.seen.insert(id, totals);
        Ok(totals)
    }

    fn entries(&self, id: ObjectId, path: &[u8]) -> Result<Vec<(String, TreeEntry)>, Stop> {
        let fault = |reason: &str| Stop::Fault(Fault::at(path, reason));
        match self.vault.header_of(id)? {
            None => return Err(fault("is missing")),
            Some((ObjectKind::Tree, size)) if size <= LARGEST_TREE => {}
            Some((ObjectKind::Tree, size)) => {
                return Err(fault(&format!("is a listing of {size} bytes")));
            }
            Some(_) => return Err(fault("is not a folder")),
        }
        let bytes = self.vault.read_kind(id, ObjectKind::Tree)?;
        let entries = tree::parse(&bytes).map_err(|found| match path {
            b"" => Stop::Fault(Fault { path: Vec::new(), reason: found.to_string() }),
            _ => {
                let reason = format!("in `{}`: {found}", shown(path));
                Stop::Fault(Fault { path: path.into(), reason })
            }
        })?;
        let named = |(name, entry)| Some((String::from_utf8(name).ok()?, entry));
        Ok(entries.into_iter().filter_map(named).collect())
    }

    fn check_size(&self, id: ObjectId, path: &[u8]) -> Result<(), Stop> {
        match self.vault.header_of(id)? {
            Some((ObjectKind::Blob, size)) if size <= LARGEST_BLOB => Ok(()),
            Some((ObjectKind::Blob, size)) => {
                let reason = format!("has {size} bytes, more than the {LARGEST_BLOB} of a backup");
                Err(Stop::Fault(Fault::at(path, &reason)))
            }
            Some(_) => Err(Stop::Fault(Fault::at(path, "is not a file"))),
            None => Err(Stop::Fault(Fault::at(path, "is missing"))),
        }
    }

    /// Goes down to the first link or submodule of a folder that has one.
    fn first_link(&self, id: ObjectId, path: &[u8]) -> Result<Fault, Stop> {
        for (name, entry) in self.entries(id, path)? {
            let below = join(path, name.as_bytes());
            if !entry.is_tree() && !is_file(&entry) {
                return Ok(Fault::at(&below, "is a link or a submodule"));
            }
            if self.seen.get(&entry.id).is_some_and(|totals| totals.has_links) {
                return self.first_link(entry.id, &below);
            }
        }
        Ok(Fault::at(path, "has a link or a submodule in it"))
    }

    fn collect_windows_names(
        &self,
        id: ObjectId,
        path: &str,
        found: &mut Vec<String>,
    ) -> Result<()> {
        let entries = match self.entries(id, path.as_bytes()) {
            Ok(entries) => entries,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Fault(_)) => return Ok(()),
        };
        for (name, entry) in entries {
            let below = path_rules::join(path, &name);
            let is_special = is_special_on_windows(&name);
            let leads_on = self.seen.get(&entry.id).is_some_and(|totals| totals.has_windows_names);
            if entry.is_tree() && leads_on {
                self.collect_windows_names(entry.id, &below, found)?;
            }
            if is_special {
                found.push(below);
            }
        }
        Ok(())
    }
}

impl Vault {
    /// The entries of a folder whose names are in order; what else stands in it is left out, and of
    /// a name that is there twice all.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn valid_entries(&self, id: ObjectId) -> Result<Vec<(String, Listed)>> {
        let (entries, _) = tree::valid_entries(&self.read_kind(id, ObjectKind::Tree)?)?;
        Ok(entries.into_iter().map(listed).collect())
    }
}

/// An entry of a folder that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A folder.
    Folder(ObjectId),
    /// A file, with its content and its permission to be run.
    File(ObjectId, super::FileMode),
    /// A link or a submodule.
    Link,
}

fn listed((name, entry): (String, TreeEntry)) -> (String, Listed) {
    let listed = match (entry.is_tree(), is_file(&entry)) {
        (true, _) => Listed::Folder(entry.id),
        (_, true) if entry.mode_number() & 0o100 != 0 => {
            Listed::File(entry.id, super::FileMode::Executable)
        }
        (_, true) => Listed::File(entry.id, super::FileMode::Plain),
        (false, false) => Listed::Link,
    };
    (name, listed)
}

impl TreeTotals {
    /// True where a name in it is one that only Windows takes for something else.
    #[must_use]
    pub fn has_windows_names(self) -> bool {
        self.has_windows_names
    }

    fn add(&mut self, inner: Self) {
        self.files = self.files.saturating_add(inner.files);
        self.depth = self.depth.max(inner.depth.saturating_add(1));
        self.has_links |= inner.has_links;
        self.has_windows_names |= inner.has_windows_names;
    }
}

fn is_file(entry: &TreeEntry) -> bool {
    entry.mode_number() & 0o170_000 == 0o100_000
}

fn too_deep(path: &[u8]) -> Fault {
    Fault::at(path, &format!("has folders more than {DEEPEST} deep"))
}
