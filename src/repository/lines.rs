//! The ledger lines of the machines: as the branch has them, and as they are given back.

use anyhow::Result;

use super::layout::{LedgerName, machine_folder};
use super::ledger::Ledger;
use super::{Repository, foreign};
use crate::fs::read_if_exists;
use crate::session::MachineSlug;
use crate::vault::ObjectId;

impl Repository {
    /// A machine's ledger; lines that cannot be read are taken from git, or warned of.
    ///
    /// # Errors
    /// Where neither the work tree nor git can be read.
    pub fn ledger(&self, machine: &MachineSlug, name: &LedgerName) -> Result<Ledger> {
        let file = format!("{}/{}", machine_folder(machine), name.file());
        let path = self.root.join(&file);
        let Some(committed) = self.vault.find(&file)? else { return Ok(Ledger::default()) };
        let text = match read_if_exists(&path) {
            Ok(Some(text)) if ObjectId::of_bytes(&text) == committed.id => text,
            _ => {
                self.warn(format!("`{}` was damaged; taken from git", path.display()));
                self.vault.read(committed.id)?
            }
        };
        let (ledger, damaged) = Ledger::parse(&text);
        for line in damaged {
            self.warn(format!("`{}`, {line}", path.display()));
        }
        Ok(ledger)
    }

    /// The names of a machine's ledgers, from git.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn ledger_names(&self, machine: &MachineSlug) -> Result<Vec<LedgerName>> {
        let folder = ledger_folder(machine);
        let mut names = Vec::new();
        for file in self.vault.files_below(&folder)? {
            let name = file.text_path().and_then(|path| path.rsplit('/').next());
            names.extend(name.and_then(LedgerName::of_file));
        }
        Ok(names)
    }

    /// A ledger for giving back: that of a machine without any is made from its archives.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn lines(&self, machine: &MachineSlug, name: &LedgerName) -> Result<Ledger> {
        let view = self.view(machine)?;
        match view.is_tip() {
            true => self.lines_of_tip(machine, name),
            false => self.ledger_of_view(machine, &view, name),
        }
    }

    pub(super) fn lines_of_tip(&self, machine: &MachineSlug, name: &LedgerName) -> Result<Ledger> {
        match self.has_ledgers(machine)? {
            true => self.ledger(machine, name),
            false => Ok(foreign::ledger(self, machine, name)),
        }
    }

    /// All of a machine's ledgers, for giving back.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn all_lines(&self, machine: &MachineSlug) -> Result<Vec<(LedgerName, Ledger)>> {
        let view = self.view(machine)?;
        if !view.is_tip() {
            let names = self.names_of_view(machine, &view)?.into_iter();
            return names
                .map(|name| Ok((name.clone(), self.ledger_of_view(machine, &view, &name)?)))
                .collect();
        }
        let names = self.names_of_tip(machine)?.into_iter();
        names.map(|name| Ok((name.clone(), self.lines_of_tip(machine, &name)?))).collect()
    }

    pub(super) fn names_of_tip(&self, machine: &MachineSlug) -> Result<Vec<LedgerName>> {
        match self.has_ledgers(machine)? {
            true => self.ledger_names(machine),
            false => Ok(foreign::ledger_names(self, machine)),
        }
    }

    /// False for a machine that runs the shell tool, and for this one until the first sync.
    pub(super) fn has_ledgers(&self, machine: &MachineSlug) -> Result<bool> {
        Ok(self.vault.folder(&ledger_folder(machine))?.is_some())
    }

    /// All of a machine's ledgers.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn ledgers(&self, machine: &MachineSlug) -> Result<Vec<(LedgerName, Ledger)>> {
        let names = self.ledger_names(machine)?;
        names.into_iter().map(|name| Ok((name.clone(), self.ledger(machine, &name)?))).collect()
    }
}

pub(super) fn ledger_folder(machine: &MachineSlug) -> String {
    format!("{}/ledger", machine_folder(machine))
}
