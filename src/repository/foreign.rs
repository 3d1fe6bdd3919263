//! Machines that still run the shell tool: their folders have archives and no ledgers.
//!
//! Nothing of theirs is ever written. A list goes by names and sizes; what is given back is read
//! to its end first.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use walkdir::WalkDir;

use super::Repository;
use super::index::IndexEntry;
use super::layout::{Form, LedgerName, machine_folder, part_name};
use super::ledger::Ledger;
use super::manifest::stamp;
use super::older::Candidate;
use crate::fs::new_beside;
use crate::session::MachineSlug;
use crate::source::{Kind, Stat, deny};
use crate::vault::{ObjectId, TreeFile};

/// The ledgers that a machine without any would have.
pub(super) fn ledger_names(repository: &Repository, machine: &MachineSlug) -> Vec<LedgerName> {
    let folder = repository.work_file(machine, "projects");
    let folders = WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name();
    let folders = folders.into_iter().flatten().filter(|entry| entry.file_type().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().to_str().map(str::to_owned));
    names.map(|name| LedgerName::of_project(&name)).collect()
}

/// A ledger as it would be; what cannot be read to its end is warned of.
pub(super) fn ledger(repository: &Repository, machine: &MachineSlug, name: &LedgerName) -> Ledger {
    let mut ledger = Ledger::default();
    for candidate in candidates(repository, machine) {
        if candidate.path().ledger() != *name {
            continue;
        }
        let file = repository.root().join(&candidate.stored);
        match candidate.inspect(&file) {
            Ok(content) => {
                let entry = candidate.entry(content);
                ledger.entries.insert(entry.path.clone(), entry);
            }
            Err(error) => repository.warn(format!("`{}` is damaged: {error:#}", file.display())),
        }
    }
    ledger
}

/// The sessions as a list shows them, from names and sizes alone.
pub(super) fn sessions(repository: &Repository, machine: &MachineSlug) -> Vec<IndexEntry> {
    let transcripts = candidates(repository, machine)
        .into_iter()
        .filter(|candidate| candidate.kind == Kind::Transcript && candidate.form == Form::Gzip);
    transcripts.filter_map(|candidate| session(repository, machine, &candidate)).collect()
}

fn session(
    repository: &Repository,
    machine: &MachineSlug,
    candidate: &Candidate,
) -> Option<IndexEntry> {
    let path = candidate.path();
    let metadata = fs_err::metadata(repository.root().join(&candidate.stored)).ok()?;
    let changed = Stat::of(&metadata).modified();
    Some(IndexEntry {
        uuid: path.session()?.into(),
        project_hash: path.project()?.into(),
        machine: machine.as_str().to_owned(),
        size_bytes: metadata.len(),
        backed_up_at: stamp(changed),
        last_activity: Some(changed),
        ..IndexEntry::default()
    })
}

/// A ledger of a former state of the folder, from git.
///
/// # Errors
/// If git cannot be read.
pub(super) fn former_ledger(
    repository: &Repository,
    machine: &MachineSlug,
    folder: ObjectId,
    name: &LedgerName,
) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let place = repository.vault.private_dir()?.join("former");
    for (candidate, blob) in former_candidates(repository, machine, folder)? {
        if candidate.path().ledger() != *name {
            continue;
        }
        let mut file = new_beside(&place)?;
        file.write_all(&repository.vault.read(blob)?)?;
        // Like one in the work tree, what cannot be read to its end is left out.
        if let Ok(content) = candidate.inspect(file.path()) {
            let entry = candidate.entry(content);
            ledger.entries.insert(entry.path.clone(), entry);
        }
    }
    Ok(ledger)
}

/// The names of the ledgers that a former state of the folder would have.
///
/// # Errors
/// If git cannot be read.
pub(super) fn former_ledger_names(
    repository: &Repository,
    machine: &MachineSlug,
    folder: ObjectId,
) -> Result<Vec<LedgerName>> {
    let candidates = former_candidates(repository, machine, folder)?;
    Ok(candidates.iter().map(|(candidate, _)| candidate.path().ledger()).collect())
}

/// What a former state of the folder has below `projects/`, with its blobs.
fn former_candidates(
    repository: &Repository,
    machine: &MachineSlug,
    folder: ObjectId,
) -> Result<Vec<(Candidate, ObjectId)>> {
    let Some(projects) = repository.vault.folder_in(folder, "projects")? else {
        return Ok(Vec::new());
    };
    let files = repository.vault.files_of(projects)?.into_iter().filter(TreeFile::is_plain);
    let named = files.filter_map(|file| {
        let name = Path::new("projects").join(file.text_path()?);
        Some((candidate(machine, &name)?, file.id))
    });
    Ok(named.collect())
}

/// Everything below a machine's `projects/` that lies where our layout would look for it.
fn candidates(repository: &Repository, machine: &MachineSlug) -> Vec<Candidate> {
    let own = repository.root().join(machine_folder(machine));
    let files = WalkDir::new(own.join("projects")).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    let names = files.filter_map(|entry| Some(entry.path().strip_prefix(&own).ok()?.to_owned()));
    names.filter_map(|name| candidate(machine, &name)).collect()
}

/// A file of a machine's folder, unless it is denied or our layout would not look for it there.
fn candidate(machine: &MachineSlug, name: &Path) -> Option<Candidate> {
    let folder = PathBuf::from(machine_folder(machine));
    let candidate = Candidate::new(folder.join(name), name);
    let stored = part_name(candidate.path().as_str(), candidate.form, 1);
    let is_meant = !deny::is_denied(name) && candidate.stored == folder.join(Path::new(&stored));
    is_meant.then_some(candidate)
}
