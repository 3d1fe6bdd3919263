//! Machines that still run the shell tool: their folders have archives and no ledgers.
//!
//! Nothing of theirs is ever written. A list goes by names and sizes; what is given back is read
//! to its end first.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Repository;
use super::index::IndexEntry;
use super::layout::{Form, LedgerName, machine_folder, part_name};
use super::ledger::Ledger;
use super::manifest::stamp;
use super::older::Candidate;
use crate::session::MachineSlug;
use crate::source::{Kind, Stat, deny};

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

/// Everything below a machine's `projects/` that lies where our layout would look for it.
fn candidates(repository: &Repository, machine: &MachineSlug) -> Vec<Candidate> {
    let folder = PathBuf::from(machine_folder(machine));
    let own = repository.root().join(&folder);
    let files = WalkDir::new(own.join("projects")).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    let names = files.filter_map(|entry| Some(entry.path().strip_prefix(&own).ok()?.to_owned()));
    names
        .filter(|name| !deny::is_denied(name))
        .map(|name| Candidate::new(folder.join(&name), &name))
        .filter(|candidate| {
            let name = part_name(candidate.path().as_str(), candidate.form, 1);
            candidate.stored == folder.join(Path::new(&name))
        })
        .collect()
}
