//! What lists and restores read of another machine: what is accepted, and what was there before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{
    ACCEPTED, REMOVED, Signature, accepted_reference, machine_of_part, removed_references,
};
use crate::repository::layout::{LedgerName, machine_folder};
use crate::repository::ledger::Ledger;
use crate::repository::{Repository, foreign};
use crate::session::MachineSlug;
use crate::vault::ObjectId;

/// Where the lines of a machine are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who vouches for the machine's folder as the branch has it.
    pub signature: Signature,
    base: Base,
    /// The folder as the branch has it.
    tip: Option<ObjectId>,
    /// Former states of the folder that have more.
    removed: Vec<ObjectId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// The branch.
    Tip,
    /// The folder that the machine's key signed.
    Folder(ObjectId),
    /// Nothing can be trusted.
    Nothing,
}

impl View {
    /// True if the branch has all of it, and nothing else.
    #[must_use]
    pub fn is_tip(&self) -> bool {
        self.base == Base::Tip && self.removed.is_empty()
    }

    /// What tells one state of the view from another.
    #[must_use]
    pub fn identity(&self) -> String {
        let tip = self.tip.map(|tip| tip.to_string()).unwrap_or_default();
        if self.signature == Signature::Own {
            return tip;
        }
        let base = match self.base {
            Base::Folder(folder) => folder.to_string(),
            Base::Tip | Base::Nothing => String::new(),
        };
        let removed: Vec<String> = self.removed.iter().map(ToString::to_string).collect();
        format!("{} {tip} {base} {}", self.signature.as_str(), removed.join(" "))
    }

    /// The folder that counts: the one that is accepted, or else the branch's, or else a former one.
    #[must_use]
    pub fn folder(&self) -> Option<ObjectId> {
        match self.base {
            Base::Folder(folder) => Some(folder),
            Base::Tip | Base::Nothing => self.tip.or(self.removed.first().copied()),
        }
    }

    fn folders(&self) -> impl Iterator<Item = ObjectId> {
        let base = match self.base {
            Base::Folder(folder) => Some(folder),
            Base::Tip | Base::Nothing => None,
        };
        base.into_iter().chain(self.removed.iter().copied())
    }
}

impl Repository {
    /// Where a machine's lines are read, and who vouches for them.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn view(&self, machine: &MachineSlug) -> Result<View> {
        let tip = self.vault.folder(&machine_folder(machine))?;
        if *machine == self.machine {
            let signature = Signature::Own;
            return Ok(View { signature, base: Base::Tip, tip, removed: Vec::new() });
        }
        // Without readable references nothing is accepted.
        let removed = self.vault.references_below(&removed_references(machine));
        let removed = removed.unwrap_or_default();
        let removed = removed.into_iter().map(|(_, folder)| folder).collect();
        let (signature, base) = match self.accepted(machine).unwrap_or_default() {
            Some(folder) if Some(folder) == tip => (Signature::Verified, Base::Tip),
            Some(folder) if tip.is_none() => (Signature::Verified, Base::Folder(folder)),
            Some(folder) => (Signature::Unverified, Base::Folder(folder)),
            None => match tip.map(|tip| self.key_in(tip)).transpose()?.flatten() {
                Some(_) => (Signature::Unverified, Base::Nothing),
                None => (Signature::Unsigned, Base::Tip),
            },
        };
        Ok(View { signature, base, tip, removed })
    }

    /// The machines, those first that are trusted most, this one before all.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn machines_by_trust(&self) -> Result<Vec<MachineSlug>> {
        let mut machines = Vec::new();
        for machine in self.machines()? {
            machines.push((Reverse(self.view(&machine)?.signature), machine));
        }
        machines.sort_by_key(|(signature, _)| *signature);
        Ok(machines.into_iter().map(|(_, machine)| machine).collect())
    }

    /// The newest state of a machine's folder that its key signed.
    pub(super) fn accepted(&self, machine: &MachineSlug) -> Result<Option<ObjectId>> {
        let commit = self.vault.reference(&accepted_reference(machine))?;
        commit.map_or(Ok(None), |commit| self.folder_at(commit, machine))
    }

    /// The machines of which something is kept, whether or not the branch has their folders.
    ///
    /// References that cannot be read name none: they must not keep lists from being read.
    pub(in crate::repository) fn kept_machines(&self) -> BTreeSet<MachineSlug> {
        let mut machines = BTreeSet::new();
        for beginning in [ACCEPTED, REMOVED] {
            let kept = self.vault.references_below(&format!("{beginning}/")).unwrap_or_default();
            for (name, _) in kept {
                let part = name[beginning.len() + 1..].split('/').next().unwrap_or_default();
                machines.extend(machine_of_part(part));
            }
        }
        machines
    }

    /// A ledger of a view that is not the branch's.
    pub(in crate::repository) fn ledger_of_view(
        &self,
        machine: &MachineSlug,
        view: &View,
        name: &LedgerName,
    ) -> Result<Ledger> {
        let mut ledger = match view.base {
            Base::Tip => self.lines_of_tip(machine, name)?,
            Base::Folder(_) | Base::Nothing => Ledger::default(),
        };
        for folder in view.folders() {
            for (path, entry) in self.former_ledger(machine, folder, name)?.entries {
                ledger.entries.entry(path).or_insert(entry);
            }
        }
        Ok(ledger)
    }

    /// The names of the ledgers of a view that is not the branch's.
    pub(in crate::repository) fn names_of_view(
        &self,
        machine: &MachineSlug,
        view: &View,
    ) -> Result<Vec<LedgerName>> {
        let mut names = match view.base {
            Base::Tip => self.names_of_tip(machine)?,
            Base::Folder(_) | Base::Nothing => Vec::new(),
        };
        for folder in view.folders() {
            names.extend(match self.vault.folder_in(folder, "ledger")? {
                Some(_) => self.ledger_names_in(folder)?,
                None => foreign::former_ledger_names(self, machine, folder)?,
            });
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The lines that a machine's folder has and nobody vouches for; none of them is restored unless
    /// it is asked for.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn unverified_lines(&self, machine: &MachineSlug) -> Result<BTreeMap<LedgerName, Ledger>> {
        let view = self.view(machine)?;
        let mut unverified = BTreeMap::new();
        let (Signature::Unverified, Some(tip)) = (view.signature, view.tip) else {
            return Ok(unverified);
        };
        for name in self.ledger_names_in(tip)? {
            let mut ledger = self.ledger_in(tip, &name)?;
            let accepted = self.ledger_of_view(machine, &view, &name)?;
            ledger.entries.retain(|path, _| !accepted.entries.contains_key(path));
            if !ledger.entries.is_empty() {
                unverified.insert(name, ledger);
            }
        }
        Ok(unverified)
    }

    /// A ledger of a kept state of a folder; the shell tool's has only archives.
    fn former_ledger(
        &self,
        machine: &MachineSlug,
        folder: ObjectId,
        name: &LedgerName,
    ) -> Result<Ledger> {
        match self.vault.folder_in(folder, "ledger")? {
            Some(_) => self.ledger_in(folder, name),
            None => foreign::former_ledger(self, machine, folder, name),
        }
    }

    fn ledger_in(&self, folder: ObjectId, name: &LedgerName) -> Result<Ledger> {
        let Some(file) = self.vault.file_in(folder, &name.file())? else {
            return Ok(Ledger::default());
        };
        Ok(Ledger::parse(&self.vault.read(file.id)?).0)
    }

    fn ledger_names_in(&self, folder: ObjectId) -> Result<Vec<LedgerName>> {
        let Some(ledgers) = self.vault.folder_in(folder, "ledger")? else { return Ok(Vec::new()) };
        let files = self.vault.files_of(ledgers)?;
        Ok(files.iter().filter_map(|file| LedgerName::of_file(file.text_path()?)).collect())
    }
}
