//! Commits of other machines, examined before anything of them is used.
//!
//! One bad name or size is enough for a commit to be rejected as a whole, with all that follows it.
//! A machine that leaves out a rejected commit records that in a line of its own commit's
//! message; what led to such a commit is not examined again, its own tree is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Repository;
use super::layout::MACHINES;
use super::ledger::Ledger;
use crate::error::{ErrorKind, Failure};
use crate::fs::{read_if_exists, remove_if_exists, write_durable};
use crate::path_rules::{is_special_on_windows, join};
use crate::session::MachineSlug;
use crate::vault::limits::{LARGEST_COMMIT, LARGEST_TREE, MOST_COMMITS};
use crate::vault::{Fault, Links, Listed, ObjectId, ObjectKind, TreeCheck};

/// What was fetched and is not taken over yet; nothing refers to it otherwise.
pub const INCOMING: &str = "refs/claude-backup/incoming";

/// The line of a commit's message that names a commit whose content was left out.
pub(super) const REJECTS: &str = "Rejects: ";
/// The most bytes of another machine's manifest.
const LARGEST_MANIFEST: u64 = 1 << 20;
/// The most bytes of a ledger.
const LARGEST_LEDGER: u64 = 64 << 20;
/// The most lines in all ledgers of a machine: each becomes an entry in memory.
const MOST_LINES: usize = 200_000;
/// Where the shell tool kept files of any name, at the root.
const SHELL_TOOL_FOLDERS: [&str; 2] = ["config", "projects"];

/// A commit of another machine that is not taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The oldest such commit.
    pub commit: ObjectId,
    /// Whose folder has the fault, as far as its path names a machine.
    pub machine: Option<MachineSlug>,
    /// What is wrong, with the name of the file or folder.
    pub reason: String,
}

impl Rejection {
    /// A fault that was found in a commit.
    #[must_use]
    pub fn new(commit: ObjectId, fault: &Fault) -> Self {
        Self { commit, machine: machine_of(&fault.path), reason: fault.reason.clone() }
    }

    /// What could not even be kept after it was fetched.
    #[must_use]
    pub fn of_remote(tip: ObjectId, error: &anyhow::Error) -> Self {
        Self { commit: tip, machine: None, reason: format!("{error:#}") }
    }

    /// What `machines reject` takes for it: the machine, or the beginning of the commit's id.
    #[must_use]
    pub fn name(&self) -> String {
        let commit = || self.commit.to_string()[..12].to_owned();
        self.machine.as_ref().map_or_else(commit, ToString::to_string)
    }

    /// The failure to take it over.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let commit = &self.commit.to_string()[..12];
        let of = self.machine.as_ref().map(|name| format!(" of machine `{name}`"));
        let of = of.unwrap_or_default();
        let message = format!("commit {commit}{of} is rejected: {}", self.reason);
        let hint =
            format!("continue without it with `claude-backup machines reject {}`", self.name());
        Failure::new(ErrorKind::CommitRejected, message).hint(hint)
    }
}

/// The machine in whose folder a path lies.
pub(super) fn machine_of(path: &[u8]) -> Option<MachineSlug> {
    let mut parts = path.split(|byte| *byte == b'/');
    let below = parts.next().filter(|first| *first == MACHINES.as_bytes());
    let slug = below.and_then(|_| parts.next())?;
    MachineSlug::new(std::str::from_utf8(slug).ok()?).ok()
}

impl Repository {
    /// The first commit that led to `tip`, is new here, and is not to be taken over.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn rejection(&self, tip: ObjectId) -> Result<Option<Rejection>> {
        let head = self.vault.head()?.map(|head| head.commit);
        if head == Some(tip) {
            return Ok(None);
        }
        let mut examination = Examination::begin(self)?;
        let mut known: Vec<ObjectId> = head.into_iter().collect();
        let before = known.len();
        let mut commits = self.vault.commits_beyond(&known, tip, MOST_COMMITS)?;
        for commit in &commits {
            if examination.leaves_out_what_it_names(*commit)? {
                known.extend(self.vault.parents_of(*commit)?);
            }
        }
        if known.len() > before {
            commits = self.vault.commits_beyond(&known, tip, MOST_COMMITS)?;
        }
        for commit in commits {
            if let Some(fault) = examination.fault_of(commit)? {
                return Ok(Some(Rejection::new(commit, &fault)));
            }
        }
        let fault = examination.fault_of_ledgers(tip)?;
        Ok(fault.map(|fault| Rejection::new(tip, &fault)))
    }

    /// What the last run that spoke to the remote rejected.
    ///
    /// # Errors
    /// Where the note of it cannot be read.
    pub fn pending_rejection(&self) -> Result<Option<Rejection>> {
        let text = read_if_exists(&self.rejection_note())?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// Notes what is rejected, for `status`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn note_rejection(&self, rejection: &Rejection) -> Result<()> {
        Ok(write_durable(&self.rejection_note(), &serde_json::to_vec(rejection)?)?)
    }

    /// Notes that nothing is rejected any more.
    ///
    /// # Errors
    /// Where the note cannot be removed.
    pub fn forget_rejection(&self) -> Result<()> {
        Ok(remove_if_exists(&self.rejection_note())?)
    }

    /// Not in the folder that may be deleted at any time.
    fn rejection_note(&self) -> PathBuf {
        self.vault.git_dir().join("claude-backup-rejected")
    }
}

/// One look at commits that are new.
pub(super) struct Examination<'a> {
    repository: &'a Repository,
    trees: TreeCheck<'a>,
    /// Folders of the newest commit here, by their paths, which were examined when they came.
    accepted: HashMap<String, ObjectId>,
    /// Machines' folders that were found to be in order.
    machines: HashSet<ObjectId>,
}

impl<'a> Examination<'a> {
    pub(super) fn begin(repository: &'a Repository) -> Result<Self> {
        let vault = &repository.vault;
        let mut examination = Self {
            repository,
            trees: TreeCheck::new(vault),
            accepted: HashMap::new(),
            machines: HashSet::new(),
        };
        if let Some(head) = vault.head()? {
            let folders = [("", Some(head.tree)), (MACHINES, vault.folder(MACHINES)?)];
            for (folder, tree) in folders {
                let Some(tree) = tree else { continue };
                let listing = examination.trees.listing(tree, folder.as_bytes())?;
                for (name, listed) in listing.unwrap_or_default() {
                    if let Listed::Folder(id) = listed {
                        examination.accepted.insert(join(folder, &name), id);
                    }
                }
            }
        }
        Ok(examination)
    }

    /// True for a commit that names commits which led to it, and whose own tree is in order.
    fn leaves_out_what_it_names(&mut self, commit: ObjectId) -> Result<bool> {
        let vault = &self.repository.vault;
        if !self.has_usual_size(commit)? {
            return Ok(false);
        }
        let message = vault.message_of(commit)?;
        let named: Vec<ObjectId> = message
            .lines()
            .filter_map(|line| line.strip_prefix(REJECTS)?.trim().parse().ok())
            .collect();
        for rejected in &named {
            if *rejected == commit || !vault.is_ancestor(*rejected, commit).unwrap_or(false) {
                return Ok(false);
            }
        }
        Ok(!named.is_empty() && self.fault_of(commit)?.is_none())
    }

    /// What is wrong with a commit and the whole of its tree.
    pub(super) fn fault_of(&mut self, commit: ObjectId) -> Result<Option<Fault>> {
        if !self.has_usual_size(commit)? {
            let reason = format!("its message has more than {LARGEST_COMMIT} bytes");
            return Ok(Some(Fault { path: Vec::new(), reason }));
        }
        let root = self.repository.vault.tree_of(commit)?;
        let listing = match self.trees.listing(root, b"")? {
            Ok(listing) => listing,
            Err(fault) => return Ok(Some(fault)),
        };
        for (name, listed) in listing {
            if let Some(fault) = self.fault_at_root(&name, listed)? {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }

    fn has_usual_size(&self, commit: ObjectId) -> Result<bool> {
        let header = self.repository.vault.header_of(commit)?;
        Ok(header.is_some_and(|(kind, size)| kind == ObjectKind::Commit && size <= LARGEST_COMMIT))
    }

    fn fault_at_root(&mut self, name: &str, listed: Listed) -> Result<Option<Fault>> {
        match listed {
            Listed::Folder(id) if name == MACHINES => self.fault_of_machines(id),
            _ if name == MACHINES => Ok(Some(Fault::at(name.as_bytes(), "is not a folder"))),
            _ => self.fault_beside_machines(name, listed),
        }
    }

    /// Nothing of the root but `machines/` gets into the work tree, so links are no danger there.
    pub(super) fn fault_beside_machines(
        &mut self,
        name: &str,
        listed: Listed,
    ) -> Result<Option<Fault>> {
        let path = name.as_bytes();
        match listed {
            _ if is_special_on_windows(name) => Ok(Some(windows_fault(name))),
            Listed::Folder(id) if self.accepted.get(name) == Some(&id) => Ok(None),
            Listed::Folder(id) => match self.trees.folder(id, path, Links::Allowed)? {
                Err(fault) => Ok(Some(fault)),
                Ok(totals) if SHELL_TOOL_FOLDERS.contains(&name) || !totals.has_windows_names() => {
                    Ok(None)
                }
                Ok(_) => {
                    let names = self.trees.windows_names(id)?;
                    Ok(names.first().map(|below| windows_fault(&join(name, below))))
                }
            },
            Listed::File(id, _) => self.trees.file(id, path),
            Listed::Link => Ok(None),
        }
    }

    fn fault_of_machines(&mut self, id: ObjectId) -> Result<Option<Fault>> {
        let listing = match self.trees.listing(id, MACHINES.as_bytes())? {
            Ok(listing) => listing,
            Err(fault) => return Ok(Some(fault)),
        };
        for (slug, listed) in listing {
            let path = join(MACHINES, &slug);
            let fault = match listed {
                _ if is_special_on_windows(&slug) => Some(windows_fault(&path)),
                Listed::Folder(id) => self.fault_of_machine(&slug, id)?,
                Listed::File(id, _) => self.trees.file(id, path.as_bytes())?,
                Listed::Link => Some(Fault::at(path.as_bytes(), "is a link or a submodule")),
            };
            if fault.is_some() {
                return Ok(fault);
            }
        }
        Ok(None)
    }

    /// The entries of a folder whose names are in order, whatever stands beside them.
    pub(super) fn valid_entries(&self, id: ObjectId, path: &str) -> Result<Vec<(String, Listed)>> {
        let is_small = |(_, size): (ObjectKind, u64)| size <= LARGEST_TREE;
        match self.repository.vault.header_of(id)?.is_some_and(is_small) {
            true => self.repository.vault.valid_entries(id),
            false => anyhow::bail!("`{path}` is too large to be read"),
        }
    }

    /// What is wrong with a machine's folder.
    pub(super) fn fault_of_machine(&mut self, slug: &str, id: ObjectId) -> Result<Option<Fault>> {
        let path = join(MACHINES, slug);
        if self.accepted.get(&path) == Some(&id) || self.machines.contains(&id) {
            return Ok(None);
        }
        let totals = match self.trees.folder(id, path.as_bytes(), Links::Refused)? {
            Ok(totals) => totals,
            Err(fault) => return Ok(Some(fault)),
        };
        if let Some(fault) = self.fault_of_records(&path, id)? {
            return Ok(Some(fault));
        }
        if totals.has_windows_names()
            && let Some(name) = self.unlisted_windows_name(id)?
        {
            return Ok(Some(windows_fault(&join(&path, &name))));
        }
        self.machines.insert(id);
        Ok(None)
    }

    /// The manifest and the ledgers are read whole, so they have sizes of their own.
    fn fault_of_records(&self, path: &str, folder: ObjectId) -> Result<Option<Fault>> {
        let vault = &self.repository.vault;
        let mut files = Vec::new();
        if let Some(manifest) = vault.file_in(folder, "manifest.json")? {
            files.push((format!("{path}/manifest.json"), manifest.id, LARGEST_MANIFEST));
        }
        for (name, id) in self.ledgers(folder)? {
            files.push((format!("{path}/ledger/{name}"), id, LARGEST_LEDGER));
        }
        for (path, id, most) in files {
            let size = vault.header_of(id)?.map_or(0, |(_, size)| size);
            if size > most {
                let reason = format!("has {size} bytes, more than the {most} of such a file");
                return Ok(Some(Fault::at(path.as_bytes(), &reason)));
            }
        }
        Ok(None)
    }

    /// Too many lines in the ledgers of a machine: of the newest commit, for only its are read.
    fn fault_of_ledgers(&self, tip: ObjectId) -> Result<Option<Fault>> {
        let vault = &self.repository.vault;
        let tree = vault.tree_of(tip)?;
        for slug in vault.folder_names(tree, MACHINES)? {
            let path = join(MACHINES, &slug);
            let Some(folder) = vault.folder_in(tree, &path)? else { continue };
            if self.accepted.get(&path) == Some(&folder) {
                continue;
            }
            let mut lines = 0;
            for (_, id) in self.ledgers(folder)? {
                let text = vault.read(id)?;
                lines += memchr::memchr_iter(b'\n', &text).count();
            }
            if lines > MOST_LINES {
                let reason = format!("has more than {MOST_LINES} lines in its ledgers");
                return Ok(Some(Fault::at(path.as_bytes(), &reason)));
            }
        }
        Ok(None)
    }

    fn ledgers(&self, folder: ObjectId) -> Result<Vec<(String, ObjectId)>> {
        let Some(tree) = self.repository.vault.folder_in(folder, "ledger")? else {
            return Ok(Vec::new());
        };
        let listing = self.trees.listing(tree, b"ledger")?.unwrap_or_default();
        let files = listing.into_iter().filter_map(|(name, listed)| match listed {
            Listed::File(id, _) => Some((name, id)),
            Listed::Folder(_) | Listed::Link => None,
        });
        Ok(files.collect())
    }

    /// The first name that Windows takes for something else and that no stored file has.
    ///
    /// Such characters are escaped today. Earlier versions did not, so a name that a ledger of the
    /// same commit has for a stored file is an honest one; so is one of a session of the shell tool,
    /// which has no ledgers.
    fn unlisted_windows_name(&self, folder: ObjectId) -> Result<Option<String>> {
        let ledgers = self.ledgers(folder)?;
        let mut stored = BTreeSet::new();
        for (_, id) in &ledgers {
            let (ledger, _) = Ledger::parse(&self.repository.vault.read(*id)?);
            for entry in ledger.entries.values() {
                for content in entry.contents() {
                    stored.extend(content.files(&entry.path).into_iter().map(|(name, _)| name));
                }
            }
        }
        let is_honest = |name: &String| match ledgers.is_empty() {
            true => name.starts_with("projects/"),
            false => {
                let below = format!("{name}/");
                stored.contains(name)
                    || stored.range(below.clone()..).next().is_some_and(|n| n.starts_with(&below))
                    || is_ledger_of(name, &stored)
            }
        };
        Ok(self.trees.windows_names(folder)?.into_iter().find(|name| !is_honest(name)))
    }
}

/// True for the ledger of a project that has stored files.
fn is_ledger_of(name: &str, stored: &BTreeSet<String>) -> bool {
    let project = name.strip_prefix("ledger/").and_then(|name| name.strip_suffix(".jsonl"));
    project.is_some_and(|project| {
        let folder = format!("projects/{project}/");
        stored.range(folder.clone()..).next().is_some_and(|name| name.starts_with(&folder))
    })
}

fn windows_fault(path: &str) -> Fault {
    Fault::at(path.as_bytes(), crate::path_rules::NameFault::Windows.reason())
}
