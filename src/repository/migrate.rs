//! Older layouts taken over in place, in one commit: what lies there gets its ledger lines.
//!
//! Flat `projects/` (versions 1 to 3.1), `machines/` with `config/` and `history.jsonl.gz` at the
//! root (3.2), and our own layout after its `.git` was lost. Archives are kept as they are, unless
//! one is too large for git hosts: that one is written anew, in parts. What is damaged is taken from
//! git's history where that has it whole, and left where it lies otherwise.

mod at_root;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::in_parts::InParts;
use super::layout::{EntryPath, machine_folder};
use super::ledger::{Content, Entry, Ledger};
use super::lines::ledger_folder;
use super::manifest::size_words;
use super::older::Candidate;
use super::revision::{Origin, Revision, Staged};
use super::{Frequency, Repository};
use crate::fs::create_private_dir;
use crate::session::MachineSlug;
use crate::source::{Listing, Unreadable, deny};
use crate::vault::{FileMode, ObjectId, Vault};

/// The layout of a backup that is to be taken over again: something could not be read, or its whole
/// history was lost.
const PARTLY: &str = "partly";

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adopted {
    /// Files that got a ledger line.
    pub files: u64,
    /// Files that no whole copy was found of; they stay where they lie.
    pub damaged: Vec<Damaged>,
    /// Something could not be read now, so the next run tries again.
    pub is_partial: bool,
}

/// A stored file that cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its whole path.
    pub stored: PathBuf,
    /// What it is a copy of, below the Claude home.
    pub source: PathBuf,
    /// What is wrong with it.
    pub error: String,
}

impl Adopted {
    /// What was damaged and cannot be stored anew, because the source lacks it.
    #[must_use]
    pub fn lost(&self, listing: &Listing) -> Vec<Unreadable> {
        let is_there =
            |damaged: &&Damaged| listing.files.iter().any(|f| f.relative == damaged.source);
        let lost = self.damaged.iter().filter(|damaged| !is_there(damaged));
        lost.map(|Damaged { stored, error, .. }| Unreadable {
            path: stored.clone(),
            error: format!("the stored copy is damaged, and the source lacks it: {error}"),
        })
        .collect()
    }
}

/// Takes over whatever lies in this machine's places and has no ledger line.
///
/// Runs once for each backup, and again while something there cannot be read, or where the whole
/// history was lost; a fresh one has nothing to take.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn adopt(repository: &Repository) -> Result<Adopted> {
    let vault = &repository.vault;
    if repository.lost_its_history()? {
        vault.set_setting("layout", PARTLY)?;
    }
    let layout = vault.setting("layout")?;
    if layout.as_deref() == Some("4") {
        return Ok(Adopted::default());
    }
    if layout.as_deref() != Some(PARTLY)
        && vault.folder(&ledger_folder(&repository.machine))?.is_some()
    {
        // A clone of our own layout: only this machine's settings are missing.
        super::settings::settle_machine(vault, &repository.machine)?;
        vault.set_setting("layout", "4")?;
        return Ok(Adopted::default());
    }
    keep_schedule(repository)?;
    let mut adoption = Adoption::begin(repository)?;
    adoption.take_ledgers()?;
    for file in adoption.candidates()? {
        adoption.take(&file)?;
    }
    let adopted = adoption.finish()?;
    // The old tool's index knows nothing of ledgers; it is made anew.
    crate::fs::remove_if_exists(&repository.root().join("session-index.json"))?;
    super::settings::settle_machine(vault, &repository.machine)?;
    vault.set_setting("layout", if adopted.is_partial { PARTLY } else { "4" })?;
    Ok(adopted)
}

impl Repository {
    /// True for this machine once its folder was taken over: where it has no ledger then, they were
    /// taken out.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn wrote_ledgers(&self, machine: &MachineSlug) -> Result<bool> {
        Ok(*machine == self.machine && is_done(&self.vault)? && self.vault.head()?.is_some())
    }
}

/// True where older layouts were taken over, or there were none.
pub(super) fn is_done(vault: &Vault) -> Result<bool> {
    Ok(vault.setting("layout")?.as_deref() == Some("4"))
}

/// The old tool kept its schedule in the manifest alone.
fn keep_schedule(repository: &Repository) -> Result<()> {
    let vault = &repository.vault;
    let known = Frequency::parse(&repository.root_manifest().schedule);
    if let Some(frequency) = known
        && vault.setting("schedule")?.is_none()
    {
        vault.set_setting("schedule", frequency.as_str())?;
    }
    Ok(())
}

struct Adoption<'a> {
    repository: &'a Repository,
    revision: Revision<'a>,
    adopted: Adopted,
    bytes: u64,
    is_alone: bool,
    stage: PathBuf,
    /// Files below the root that a ledger line speaks of already.
    claimed: BTreeSet<PathBuf>,
    links: u64,
}

impl<'a> Adoption<'a> {
    fn begin(repository: &'a Repository) -> Result<Self> {
        let machines = repository.machines()?;
        let is_alone = machines.iter().all(|machine| *machine == repository.machine);
        let (revision, stage) = (repository.revise(), repository.stage_dir()?);
        let (adopted, claimed) = (Adopted::default(), BTreeSet::new());
        Ok(Self { repository, revision, adopted, bytes: 0, is_alone, stage, claimed, links: 0 })
    }

    /// Lines of our own ledgers that git does not know, after `.git` was lost.
    fn take_ledgers(&mut self) -> Result<()> {
        let folder = self.repository.work_file(&self.repository.machine, "ledger");
        if !folder.is_dir() || !self.repository.ledger_names(&self.repository.machine)?.is_empty() {
            return Ok(());
        }
        for file in fs_err::read_dir(&folder)? {
            let (ledger, damaged) = Ledger::parse(&fs_err::read(file?.path())?);
            damaged.into_iter().for_each(|line| self.repository.warn(line));
            for entry in ledger.entries.into_values() {
                self.take_entry(entry)?;
            }
        }
        Ok(())
    }

    /// A line whose files are whole; where the present content is not, its newest whole version
    /// takes its place.
    fn take_entry(&mut self, mut entry: Entry) -> Result<()> {
        let own = PathBuf::from(machine_folder(&self.repository.machine));
        let files = entry.contents().flat_map(|content| content.files(&entry.path));
        self.claimed.extend(files.map(|(name, _)| own.join(name)));
        let path = entry.path.clone();
        entry.versions.retain(|version| self.is_whole(&path, &version.content));
        if !self.is_whole(&path, &entry.content) {
            let Some(version) = entry.versions.pop() else {
                let stored = entry.content.files(&path).first().map(|(name, _)| own.join(name));
                let stored = self.repository.root().join(stored.unwrap_or(own));
                let error = "it is not what its ledger line says".into();
                self.adopted.damaged.push(Damaged { stored, source: path.to_source(), error });
                return Ok(());
            };
            entry.content = version.content;
        }
        entry.content = self.put_own(&path, entry.content)?;
        for version in &mut entry.versions {
            version.content = self.put_own(&path, version.content.clone())?;
        }
        self.adopted.files += 1;
        self.bytes += entry.content.stored_bytes();
        self.revision.set_entry(entry)
    }

    /// Puts a content that lies in this machine's folder already.
    fn put_own(&mut self, path: &EntryPath, content: Content) -> Result<Content> {
        let names = |content: &Content| -> Vec<String> {
            content.files(path).into_iter().map(|(name, _)| name).collect()
        };
        let old = names(&content);
        let work_file = |name| self.repository.work_file(&self.repository.machine, name);
        let files = old.iter().map(|name| work_file(name)).collect();
        let content = self.put(path, content, files)?;
        let new = names(&content);
        old.iter().filter(|name| !new.contains(name)).for_each(|name| self.revision.remove(name));
        Ok(content)
    }

    /// Stores a content whose bytes are in these files: as they are, or in parts.
    fn put(&mut self, path: &EntryPath, content: Content, files: Vec<PathBuf>) -> Result<Content> {
        let (content, staged) = if self.repository.sizes.wants_parts(&content) {
            let shown = files.first().map(|file| file.display().to_string()).unwrap_or_default();
            let limits = self.repository.sizes.part;
            let in_parts = InParts::write(&self.stage, path, &content, files, limits);
            let in_parts = in_parts.with_context(|| format!("cannot cut `{shown}` into parts"))?;
            (in_parts.content, in_parts.staged)
        } else {
            let mut staged = Vec::new();
            for (file, part) in files.iter().zip(&content.parts) {
                staged.push(self.link(file, part.blob, part.length)?);
            }
            (content, staged)
        };
        for ((name, _), staged) in content.files(path).into_iter().zip(staged) {
            self.revision.put(&name, staged, content.file_mode())?;
        }
        Ok(content)
    }

    fn is_whole(&self, path: &EntryPath, content: &Content) -> bool {
        content.files(path).into_iter().all(|(name, part)| {
            let file = self.repository.work_file(&self.repository.machine, &name);
            let is_whole = ObjectId::of_file(&file).is_ok_and(|(id, _)| id == part.blob);
            if !is_whole {
                self.repository.warn(format!("`{}` is damaged or missing", file.display()));
            }
            is_whole
        })
    }

    /// Every file in a place that older versions wrote to, in a fixed order.
    fn candidates(&mut self) -> Result<Vec<Candidate>> {
        let own = PathBuf::from(machine_folder(&self.repository.machine));
        let mut found = Vec::new();
        for (folder, below_home) in [
            (own.join("projects"), "projects"),
            (PathBuf::from("projects"), "projects"),
            (own.join("config"), ""),
        ] {
            self.walk(&folder, Path::new(below_home), &mut found);
        }
        let history = Path::new("history.jsonl.gz");
        found.push(Candidate::new(own.join(history), history));
        self.committed_at_root("projects", "projects", &mut found)?;
        // With several machines, what lies at the root may be anybody's: it stays as it is.
        if self.is_alone {
            self.walk(Path::new("config"), Path::new(""), &mut found);
            self.committed_at_root("config", "", &mut found)?;
            found.push(Candidate::new(history.to_path_buf(), history));
        }
        found.retain(|candidate| !self.claimed.contains(&candidate.stored));
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, below_home: &Path, found: &mut Vec<Candidate>) {
        let root = self.repository.root().join(folder);
        if !root.exists() {
            return;
        }
        for entry in WalkDir::new(&root).sort_by_file_name() {
            let name = |path: &Path| path.strip_prefix(&root).unwrap_or(path).to_path_buf();
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let name = name(entry.path());
                    found.push(Candidate::new(folder.join(&name), &below_home.join(&name)));
                }
                Ok(_) => {}
                Err(error) => {
                    let stored = error.path().unwrap_or(&root).to_path_buf();
                    let source = below_home.join(name(&stored));
                    self.leave_for_now(stored, source, &error.into());
                }
            }
        }
    }

    fn take(&mut self, candidate: &Candidate) -> Result<()> {
        let path = candidate.path();
        let stored = self.repository.root().join(&candidate.stored);
        if deny::is_denied(&candidate.source) {
            let stored = stored.display();
            self.repository.warn(format!("`{stored}` may hold secrets: it is no longer published, but earlier commits have it"));
            self.revision.forget(&candidate.stored);
            return Ok(());
        }
        if self.revision.entry(&path)?.is_some() {
            return Ok(());
        }
        let Some(present) = self.present(candidate, &stored)? else { return Ok(()) };
        let (file, content) = match candidate.inspect(&present) {
            Ok(content) => (present.clone(), content),
            Err(error) if cannot_be_read(&error) => {
                self.leave_for_now(stored, candidate.source.clone(), &error);
                return Ok(());
            }
            Err(error) => match self.whole_in_history(candidate)? {
                Some(found) => {
                    self.keep_torn(&path, &present, &found.1)?;
                    found
                }
                None => {
                    self.leave(stored, candidate, &error);
                    return Ok(());
                }
            },
        };
        self.record(&path, candidate, &file, content)
    }

    /// A torn archive may go on where the whole one ends: it is kept beside it.
    fn keep_torn(&mut self, path: &EntryPath, stored: &Path, content: &Content) -> Result<()> {
        let (id, length) = ObjectId::of_file(stored)?;
        if length == 0 {
            return Ok(());
        }
        let name = content.files(path).first().map(|(name, _)| format!("{name}%damaged"));
        let name = name.context("one part")?;
        if self.repository.sizes.check(stored.display(), length).is_err() {
            return self.keep_torn_unsaved(&name, stored);
        }
        let torn = self.link(stored, id, length)?;
        self.revision.put(&name, torn, FileMode::Plain)
    }

    /// What is too large for a commit, and cannot be cut because it cannot be read, has at least
    /// its place in the folder.
    fn keep_torn_unsaved(&self, name: &str, stored: &Path) -> Result<()> {
        let beside = self.repository.work_file(&self.repository.machine, name);
        beside.parent().map_or(Ok(()), create_private_dir)?;
        if !beside.exists() {
            fs_err::hard_link(stored, &beside)?;
        }
        let beside = beside.display();
        self.repository.warn(format!("`{beside}` is damaged and too large to be committed"));
        Ok(())
    }

    /// What cannot be read now may be whole: it is looked at again by the next run.
    fn leave_for_now(&mut self, stored: PathBuf, source: PathBuf, error: &anyhow::Error) {
        self.adopted.is_partial = true;
        self.adopted.damaged.push(Damaged { stored, source, error: format!("{error:#}") });
    }

    fn leave(&mut self, stored: PathBuf, candidate: &Candidate, error: &anyhow::Error) {
        let shown = stored.display();
        self.repository.warn(format!("`{shown}` is damaged and stays where it is: {error:#}"));
        let (source, error) = (candidate.source.clone(), format!("{error:#}"));
        self.adopted.damaged.push(Damaged { stored, source, error });
    }

    fn record(
        &mut self,
        path: &EntryPath,
        candidate: &Candidate,
        file: &Path,
        content: Content,
    ) -> Result<()> {
        let content = self.put(path, content, vec![file.to_path_buf()])?;
        let folder = PathBuf::from(machine_folder(&self.repository.machine));
        let mut names = content.files(path).into_iter().map(|(name, _)| folder.join(name));
        // With several machines the old place may be another's, who still writes there.
        if self.is_alone && !names.any(|name| name == candidate.stored) {
            self.revision.forget_and_remove(&candidate.stored);
        }
        self.adopted.files += 1;
        self.bytes += content.stored_bytes();
        self.revision.set_entry(candidate.entry(content))
    }

    /// A second name for a file, so that it can be put in place like any other.
    fn link(&mut self, file: &Path, id: ObjectId, length: u64) -> Result<Staged> {
        // Not by its id: two files of the same bytes are put in place one after the other.
        self.links += 1;
        let path = self.stage.join(format!("adopt-{}", self.links));
        if fs_err::hard_link(file, &path).is_err() {
            fs_err::copy(file, &path)?;
        }
        Ok(Staged { path, id, length, origin: Origin::New })
    }

    /// The newest whole copy that git's history has of a damaged file, under this name or the one
    /// that it had in the flat layout.
    fn whole_in_history(&self, candidate: &Candidate) -> Result<Option<(PathBuf, Content)>> {
        let archive = candidate.stored.file_name().unwrap_or_default();
        let flat = candidate.source.with_file_name(archive);
        let names = [&candidate.stored, &flat].map(|path| path.to_str());
        for name in names.into_iter().flatten() {
            for (blob, _) in self.repository.vault.history_of(name)? {
                let file = self.stage.join(format!("history-{blob}"));
                let Ok(bytes) = self.repository.vault.read(blob) else { continue };
                fs_err::write(&file, bytes)?;
                if let Ok(content) = candidate.inspect(&file) {
                    let stored = candidate.stored.display();
                    self.repository
                        .warn(format!("`{stored}` was damaged; an earlier commit has it whole"));
                    return Ok(Some((file, content)));
                }
            }
        }
        Ok(None)
    }

    fn finish(mut self) -> Result<Adopted> {
        let tracks_manifest = self.repository.vault.find("manifest.json")?.is_some();
        if self.is_alone && tracks_manifest {
            self.revision.forget(Path::new("manifest.json"));
        }
        if !self.revision.is_empty() {
            let manifest = self.repository.machine_manifest(&self.repository.machine);
            self.revision.commit(&manifest, &size_words(self.bytes))?;
        }
        hide_root_manifest(self.repository)?;
        Ok(self.adopted)
    }
}

/// True where the file system failed, not what it gave.
fn cannot_be_read(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let mut kinds = kinds.map(std::io::Error::kind);
    kinds.any(|kind| !matches!(kind, InvalidData | InvalidInput | Other | UnexpectedEof))
}

/// A root manifest that the other machines' old tool tracks stays as it is in git, while the one
/// here changes with each run.
pub(super) fn hide_root_manifest(repository: &Repository) -> Result<()> {
    match repository.vault.find("manifest.json")? {
        Some(_) => repository.vault.hide_from_status("manifest.json"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
