//! Every line has its files, and every file its line.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Line, Problem, ProblemKind};
use crate::repository::Repository;
use crate::repository::layout::{PLUMBING, machine_folder};
use crate::repository::ledger::{Entry, Ledger, StoredPart};
use crate::session::MachineSlug;
use crate::vault::ObjectId;

/// Checks a machine's names and sizes, and gives its lines.
pub(super) fn check(
    repository: &Repository,
    machine: &MachineSlug,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Line>> {
    let mut structure =
        Structure { repository, machine, committed: committed(repository, machine)?, problems };
    let lines = structure.lines()?;
    if structure.is_of_shell_tool() && repository.wrote_ledgers(machine)? {
        structure.unlisted();
        return Ok(Vec::new());
    }
    lines.iter().for_each(|entry| {
        for content in entry.contents() {
            for (name, part) in content.files(&entry.path) {
                structure.file(&name, part);
            }
        }
    });
    // What the shell tool left is listed by what lies there, so nothing is missing.
    if repository.vault.folder(&format!("{}/ledger", machine_folder(machine)))?.is_some() {
        structure.unlisted();
    }
    Ok(lines.into_iter().map(|entry| Line { machine: machine.clone(), entry }).collect())
}

/// What the newest commit has in a machine's folder, by the name below it.
fn committed(repository: &Repository, machine: &MachineSlug) -> Result<BTreeMap<String, ObjectId>> {
    let folder = machine_folder(machine);
    let files = repository.vault.files_below(&folder)?.into_iter();
    Ok(files
        .filter_map(|file| {
            let name = file.text_path()?.strip_prefix(&folder)?.strip_prefix('/')?;
            Some((name.to_owned(), file.id))
        })
        .collect())
}

struct Structure<'a> {
    repository: &'a Repository,
    machine: &'a MachineSlug,
    /// What no line has spoken of yet.
    committed: BTreeMap<String, ObjectId>,
    problems: &'a mut Vec<Problem>,
}

impl Structure<'_> {
    /// What can be read of all ledgers; one that cannot be hides only its own lines.
    fn lines(&mut self) -> Result<Vec<Entry>> {
        let names = self.committed.iter().filter(|(name, _)| name.starts_with("ledger/"));
        let names: Vec<(String, ObjectId)> = names.map(|(name, id)| (name.clone(), *id)).collect();
        if names.is_empty() {
            let ledgers = self.repository.all_lines(self.machine)?.into_iter();
            return Ok(ledgers.flat_map(|(_, ledger)| ledger.entries.into_values()).collect());
        }
        let mut lines = Vec::new();
        for (name, id) in names {
            if let Some(text) = self.ledger(&name, id) {
                let (ledger, damaged) = Ledger::parse(&text);
                damaged
                    .into_iter()
                    .for_each(|line| self.add(&name, ProblemKind::LineDamaged, line));
                lines.extend(ledger.entries.into_values());
            }
        }
        Ok(lines)
    }

    /// A ledger's text from git, else from the work tree where that has the very bytes.
    fn ledger(&mut self, name: &str, id: ObjectId) -> Option<Vec<u8>> {
        let error = match self.repository.vault.read(id) {
            Ok(text) => return Some(text),
            Err(error) => error,
        };
        self.add(name, ProblemKind::HistoryDamaged, format!("{error:#}"));
        let here = fs_err::read(self.repository.work_file(self.machine, name)).ok();
        here.filter(|text| ObjectId::of_bytes(text) == id)
    }

    fn file(&mut self, name: &str, part: &StoredPart) {
        let is_committed = self.committed.remove(name) == Some(part.blob);
        if !is_committed && !self.is_of_shell_tool() {
            self.add(name, ProblemKind::NotCommitted, "the newest commit does not have it there");
        }
        if !self.repository.machine_has_place(self.machine.as_str(), name) {
            return;
        }
        match fs_err::symlink_metadata(self.repository.work_file(self.machine, name)) {
            Ok(found) if found.is_file() && found.len() == part.length => {}
            Ok(found) if found.is_file() => {
                let error = format!("it has {} bytes instead of {}", found.len(), part.length);
                self.add(name, ProblemKind::Damaged, error);
            }
            _ => self.add(name, ProblemKind::Missing, "the work tree lacks it"),
        }
    }

    fn is_of_shell_tool(&self) -> bool {
        !self.committed.keys().any(|name| name.starts_with("ledger/"))
    }

    fn unlisted(&mut self) {
        let names: Vec<String> = self.committed.keys().cloned().collect();
        for name in names {
            let is_plumbing = PLUMBING.contains(&name.as_str()) || name.starts_with("ledger/");
            if !is_plumbing && !name.ends_with("%damaged") {
                self.add(&name, ProblemKind::Unlisted, "no ledger line speaks of it");
            }
        }
    }

    fn add(&mut self, name: &str, kind: ProblemKind, error: impl Into<String>) {
        self.problems.push(Problem::new(self.machine, name, kind, error));
    }
}
