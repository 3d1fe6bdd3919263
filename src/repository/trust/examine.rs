//! A look at the signatures of the commits that a remote has and we had not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Result;

use super::known::KnownKeys;
use super::lost::Lost;
use super::{EXAMINED, MOST_REMOVED, accepted_reference, removed_references};
use crate::error::counted;
use crate::repository::Repository;
use crate::repository::layout::{MACHINES, SIGNING_KEY, machine_folder};
use crate::repository::settings::{machine_id_in, machine_id_of};
use crate::session::MachineSlug;
use crate::vault::limits::MOST_COMMITS;
use crate::vault::{ObjectId, PublicKey};

/// Each machine's folder in some commit.
type Folders = BTreeMap<String, ObjectId>;

/// No public key takes more bytes.
const LONGEST_KEY: usize = 1024;

/// What this machine's keys signed in a remote's new commits.
#[derive(Debug, Default)]
pub struct SignedFolders {
    /// States of our own folder that a key of this machine signed, the oldest first.
    pub(super) own: Vec<ObjectId>,
}

impl Repository {
    /// Looks at the signatures of all commits that led to `theirs` and were not looked at before:
    /// keeps reachable what is accepted of other machines' folders, and reports what was removed.
    ///
    /// The caller holds the backup's lock, and the branch has not moved yet.
    ///
    /// # Errors
    /// If git cannot be read or written.
    pub fn examine_signatures(&self, theirs: ObjectId) -> Result<SignedFolders> {
        let head = self.vault.head()?;
        let examined = self.vault.reference(EXAMINED)?;
        // A branch that went back, as with a disk that was put back, was not examined beyond its end.
        let hidden = match (examined, &head) {
            (Some(examined), Some(head)) if self.vault.is_ancestor(examined, head.commit)? => {
                vec![examined]
            }
            _ => Vec::new(),
        };
        let mut walk = Walk::new(self)?;
        for commit in self.vault.commits_beyond(&hidden, theirs, MOST_COMMITS)? {
            walk.look_at(commit);
        }
        let before = head.map_or(Ok(Folders::new()), |head| self.folders(head.tree))?;
        let after = self.folders(self.vault.tree_of(theirs)?)?;
        walk.finish(&before, &after)?;
        self.vault.set_reference(EXAMINED, theirs)?;
        Ok(SignedFolders { own: walk.own })
    }

    /// True if the signatures of a remote's branch were looked at before.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn is_examined(&self) -> Result<bool> {
        Ok(self.vault.reference(EXAMINED)?.is_some())
    }

    /// The key that a machine's folder publishes; `None` if there is none that can be read.
    ///
    /// # Errors
    /// If git cannot be read.
    pub(super) fn key_in(&self, folder: ObjectId) -> Result<Option<PublicKey>> {
        let Some(file) = self.vault.file_in(folder, SIGNING_KEY)? else { return Ok(None) };
        let text = self.vault.read(file.id)?;
        let line = std::str::from_utf8(&text[..text.len().min(LONGEST_KEY)]).unwrap_or_default();
        Ok(line.lines().next().and_then(PublicKey::parse))
    }

    fn folders(&self, tree: ObjectId) -> Result<Folders> {
        self.vault.subfolders(tree, MACHINES)
    }
}

/// A walk over new commits, parents first.
struct Walk<'a> {
    repository: &'a Repository,
    known: KnownKeys,
    is_known_changed: bool,
    own: Vec<ObjectId>,
    /// For each machine the newest commit that its key signed.
    accepted: BTreeMap<MachineSlug, (ObjectId, ObjectId)>,
    /// Keys that sign for a machine which has another one.
    announced: BTreeMap<MachineSlug, PublicKey>,
    renamed: Vec<(MachineSlug, MachineSlug)>,
    /// States of a folder that a later commit has less of.
    fuller: Vec<(MachineSlug, ObjectId)>,
    /// The last commit that was looked at: mostly the next one's parent.
    last: Option<(ObjectId, Rc<Folders>)>,
}

impl<'a> Walk<'a> {
    fn new(repository: &'a Repository) -> Result<Self> {
        let mut known = KnownKeys::load(&repository.vault)?;
        let mut is_known_changed = false;
        if let Some(key) = repository.vault.signing_key()? {
            let id = repository.vault.setting("machineId")?.unwrap_or_default();
            is_known_changed = known.add(&repository.machine, &key.public(), &id);
        }
        Ok(Self {
            repository,
            known,
            is_known_changed,
            own: Vec::new(),
            accepted: BTreeMap::new(),
            announced: BTreeMap::new(),
            renamed: Vec::new(),
            fuller: Vec::new(),
            last: None,
        })
    }

    /// A commit that cannot be read, such as one that was rejected, vouches for nothing.
    fn look_at(&mut self, commit: ObjectId) {
        if self.try_look_at(commit).is_err() {
            self.last = None;
        }
    }

    fn try_look_at(&mut self, commit: ObjectId) -> Result<()> {
        let info = self.repository.vault.commit(commit)?;
        let before = match (info.parent, &self.last) {
            (None, _) => Rc::default(),
            (Some(parent), Some((last, folders))) if *last == parent => Rc::clone(folders),
            (Some(parent), _) => {
                Rc::new(self.repository.folders(self.repository.vault.tree_of(parent)?)?)
            }
        };
        let folders = Rc::new(self.repository.folders(info.tree)?);
        self.last = Some((commit, Rc::clone(&folders)));
        if folders == before {
            return Ok(());
        }
        let owners = match self.repository.vault.signer_of(commit)? {
            Some(key) => self.signed(commit, &key, &before, &folders)?,
            None => Vec::new(),
        };
        self.note_fuller(&owners, &before, &folders)
    }

    /// Takes note of a signed commit; returns the machines that the key is known for.
    fn signed(
        &mut self,
        commit: ObjectId,
        key: &PublicKey,
        before: &Folders,
        folders: &Folders,
    ) -> Result<Vec<MachineSlug>> {
        let owners = self.known.machines_of(key);
        if owners.is_empty() {
            self.first_use(commit, key, before, folders)?;
        }
        for owner in &owners {
            match folders.get(owner.as_str()) {
                Some(folder) => self.accept(owner, commit, *folder),
                None if before.contains_key(owner.as_str()) => {
                    self.follow_name(owner, commit, key, before, folders)?;
                }
                None => {}
            }
        }
        Ok(owners)
    }

    fn accept(&mut self, machine: &MachineSlug, commit: ObjectId, folder: ObjectId) {
        match *machine == self.repository.machine {
            true => self.own.push(folder),
            false => drop(self.accepted.insert(machine.clone(), (commit, folder))),
        }
    }

    /// Trusts a key that was never seen: of a commit that changes one folder, which publishes it.
    fn first_use(
        &mut self,
        commit: ObjectId,
        key: &PublicKey,
        before: &Folders,
        folders: &Folders,
    ) -> Result<()> {
        let names: BTreeSet<&String> = before.keys().chain(folders.keys()).collect();
        let mut changed = names.into_iter().filter(|name| before.get(*name) != folders.get(*name));
        let (Some(name), None) = (changed.next(), changed.next()) else { return Ok(()) };
        let (Some(folder), Ok(machine)) = (folders.get(name), MachineSlug::new(name.as_str()))
        else {
            return Ok(());
        };
        if machine == self.repository.machine
            || self.repository.key_in(*folder)?.as_ref() != Some(key)
        {
            return Ok(());
        }
        if self.known.of(&machine).next().is_some() {
            self.announced.insert(machine, key.clone());
            return Ok(());
        }
        let id = self.id_in(commit, &machine)?;
        self.is_known_changed |= self.known.add(&machine, key, &id);
        self.accept(&machine, commit, *folder);
        Ok(())
    }

    /// A machine that gives its folder another name signs that with the key of the old one.
    fn follow_name(
        &mut self,
        from: &MachineSlug,
        commit: ObjectId,
        key: &PublicKey,
        before: &Folders,
        folders: &Folders,
    ) -> Result<()> {
        if *from == self.repository.machine {
            return Ok(());
        }
        for (name, folder) in folders.iter().filter(|(name, _)| !before.contains_key(*name)) {
            let Ok(to) = MachineSlug::new(name.as_str()) else { continue };
            let id = self.id_in(commit, &to)?;
            let is_same = self.known.id_of(from).is_some_and(|known| known == id)
                && self.repository.key_in(*folder)?.as_ref() == Some(key)
                && self.known.of(&to).next().is_none()
                && to != self.repository.machine;
            if is_same {
                self.known.rename(from, &to);
                self.is_known_changed = true;
                self.accepted.remove(from);
                self.accept(&to, commit, *folder);
                self.renamed.push((from.clone(), to));
                return Ok(());
            }
        }
        Ok(())
    }

    fn id_in(&self, commit: ObjectId, machine: &MachineSlug) -> Result<String> {
        let vault = &self.repository.vault;
        Ok(machine_id_in(vault, vault.tree_of(commit)?, machine)?.unwrap_or_default())
    }

    /// Notes the state of an unsigned folder that a commit has less of.
    fn note_fuller(
        &mut self,
        owners: &[MachineSlug],
        before: &Folders,
        folders: &Folders,
    ) -> Result<()> {
        for (name, old) in before.iter().filter(|(name, old)| folders.get(*name) != Some(old)) {
            let Ok(machine) = MachineSlug::new(name.as_str()) else { continue };
            let is_signed = owners.contains(&machine) || self.known.of(&machine).next().is_some();
            if machine == self.repository.machine || is_signed {
                continue;
            }
            let new = folders.get(name).copied();
            if self.has_shrunk(*old, new)?
                && !Lost::between(&self.repository.vault, *old, new)?.is_empty()
            {
                self.fuller.push((machine, *old));
            }
        }
        Ok(())
    }

    /// True if a ledger is gone or has fewer bytes: what only grew need not be read.
    fn has_shrunk(&self, old: ObjectId, new: Option<ObjectId>) -> Result<bool> {
        let Some(new) = new else { return Ok(true) };
        let vault = &self.repository.vault;
        let ledgers = |folder| vault.folder_in(folder, "ledger");
        let (old, new) = (ledgers(old)?, ledgers(new)?);
        if old.is_none() {
            return Ok(true);
        }
        for changed in vault.difference(old, new)? {
            let Some(was) = changed.was else { continue };
            let Some(is) = changed.is else { return Ok(true) };
            if vault.size_of(is.id)? < vault.size_of(was.id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps what is accepted, and reports what changed between two states of the branch.
    fn finish(&mut self, before: &Folders, after: &Folders) -> Result<()> {
        let repository = self.repository;
        for (from, to) in &self.renamed {
            repository.rename_kept(from, to)?;
            repository.warn(format!("machine `{from}` is called `{to}` from now on"));
        }
        for machine in self.machines_that_differ(before, after) {
            self.keep_what_is_lost(&machine, before, after)?;
        }
        for (machine, folder) in &self.fuller {
            repository.keep_removed(machine, *folder)?;
        }
        for (machine, (commit, _)) in &self.accepted {
            if repository.is_newer(machine, *commit)? {
                repository.vault.set_reference(&accepted_reference(machine), *commit)?;
            }
        }
        self.report_new_keys(before)?;
        match self.is_known_changed {
            true => self.known.save(&repository.vault),
            false => Ok(()),
        }
    }

    fn machines_that_differ(&self, before: &Folders, after: &Folders) -> Vec<MachineSlug> {
        let names = before.iter().filter(|(name, folder)| after.get(*name) != Some(folder));
        let slugs = names.filter_map(|(name, _)| MachineSlug::new(name.as_str()).ok());
        let is_renamed = |slug: &MachineSlug| self.renamed.iter().any(|(from, _)| from == slug);
        slugs.filter(|slug| *slug != self.repository.machine && !is_renamed(slug)).collect()
    }

    /// Keeps the former state of a folder that has what the new one lacks, and reports that.
    fn keep_what_is_lost(
        &self,
        machine: &MachineSlug,
        before: &Folders,
        after: &Folders,
    ) -> Result<()> {
        let (repository, vault) = (self.repository, &self.repository.vault);
        let Some(was) = before.get(machine.as_str()) else { return Ok(()) };
        let is = after.get(machine.as_str()).copied();
        if is.is_none() && self.lives_on(*was, after, before)? {
            return Ok(());
        }
        let lost = Lost::between(vault, *was, is)?;
        if !lost.is_empty() {
            repository.warn(format!(
                "removed from machine `{machine}` at the remote: {} ({}); lists and restores here keep \
                 what was removed",
                counted(lost.sessions.len() as u64, "session"),
                counted(lost.files.len() as u64, "file")
            ));
        }
        let accepted = vault.reference(&accepted_reference(machine))?;
        let former = match accepted {
            Some(commit) => repository.folder_at(commit, machine)?,
            None => Some(*was),
        };
        let Some(former) = former else { return Ok(()) };
        let next = match self.accepted.get(machine) {
            Some((_, folder)) => Some(*folder),
            None if accepted.is_some() => Some(former),
            None => is,
        };
        match Lost::between(vault, former, next)?.is_empty() {
            true => Ok(()),
            false => repository.keep_removed(machine, former),
        }
    }

    /// True if an unsigned folder is there under another name: its machine's id is the same.
    fn lives_on(&self, was: ObjectId, after: &Folders, before: &Folders) -> Result<bool> {
        let vault = &self.repository.vault;
        let Some(id) = machine_id_of(vault, was)? else { return Ok(false) };
        for (_, folder) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            if machine_id_of(vault, *folder)?.as_ref() == Some(&id)
                && Lost::between(vault, was, Some(*folder))?.is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn report_new_keys(&self, before: &Folders) -> Result<()> {
        for (machine, key) in &self.announced {
            let published =
                before.get(machine.as_str()).map(|folder| self.repository.key_in(*folder));
            if published.transpose()?.flatten().as_ref() == Some(key) {
                continue;
            }
            self.repository.warn(format!(
                "machine `{machine}` signs with a new key, {key}; what it signs is unverified until \
                 `claude-backup machines trust {machine}`"
            ));
        }
        Ok(())
    }
}

impl Repository {
    /// A machine's folder in a commit.
    pub(super) fn folder_at(
        &self,
        commit: ObjectId,
        machine: &MachineSlug,
    ) -> Result<Option<ObjectId>> {
        let tree = self.vault.tree_of(commit)?;
        self.vault.folder_in(tree, &machine_folder(machine))
    }

    /// True unless a newer commit was accepted for the machine: a remote cannot turn it back.
    fn is_newer(&self, machine: &MachineSlug, commit: ObjectId) -> Result<bool> {
        let Some(accepted) = self.vault.reference(&accepted_reference(machine))? else {
            return Ok(true);
        };
        if !self.vault.has_commit(accepted)? || self.vault.is_ancestor(accepted, commit)? {
            return Ok(true);
        }
        Ok(self.vault.commit(commit)?.time >= self.vault.commit(accepted)?.time)
    }

    /// Keeps a state of a machine's folder reachable for what it has.
    pub(super) fn keep_removed(&self, machine: &MachineSlug, folder: ObjectId) -> Result<()> {
        let references = removed_references(machine);
        let kept = self.vault.references_below(&references)?;
        if kept.iter().any(|(_, known)| *known == folder) {
            return Ok(());
        }
        if kept.len() >= MOST_REMOVED {
            self.warn(format!(
                "machine `{machine}` had {MOST_REMOVED} removals already; what the last one removed \
                 is only in git's history, in tree {folder}"
            ));
            return Ok(());
        }
        self.vault.set_reference(&format!("{references}{folder}"), folder)
    }

    /// Lets what is kept of a machine count for its new name.
    fn rename_kept(&self, from: &MachineSlug, to: &MachineSlug) -> Result<()> {
        self.vault.remove_reference(&accepted_reference(from))?;
        for (name, folder) in self.vault.references_below(&removed_references(from))? {
            self.keep_removed(to, folder)?;
            self.vault.remove_reference(&name)?;
        }
        Ok(())
    }
}
