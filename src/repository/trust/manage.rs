//! The machines of a backup as people look after them: their keys, states and names.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::known::KnownKeys;
use super::lost::Lost;
use super::own::Acceptance;
use super::{Signature, UNVERIFIED, accepted_reference};
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::layout::machine_folder;
use crate::session::MachineSlug;
use crate::vault::limits::MOST_COMMITS;
use crate::vault::{ObjectId, PublicKey};

/// A machine as `machines list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineStatus {
    /// Its folder below `machines/`.
    pub slug: String,
    /// Its host name.
    pub machine: String,
    /// Its random id.
    pub machine_id: String,
    /// True for the machine that this runs on.
    pub current: bool,
    /// Who vouches for its folder.
    pub signature: Signature,
    /// The fingerprint of the key that is trusted.
    pub fingerprint: Option<String>,
    /// The fingerprint of another key that its folder publishes.
    pub new_fingerprint: Option<String>,
    /// When it last stored something, RFC 3339; empty if that is not known.
    pub last_sync: String,
    /// Its sessions.
    pub session_count: u64,
}

/// The keys of a machine that is to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key that is trusted until now.
    pub old: Option<PublicKey>,
    /// What would be accepted.
    pub new: Acceptance,
}

/// A folder that a machine may continue, and what has to be accepted for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the folder is.
    pub commit: ObjectId,
    /// What has to be accepted.
    pub acceptance: Acceptance,
}

impl Acceptance {
    /// The fingerprint, or `unsigned`: what `--accept-key` takes.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Key(key) => key.fingerprint(),
            Self::Unsigned => "unsigned".into(),
        }
    }
}

impl Repository {
    /// All machines with their keys and states, this one first.
    ///
    /// # Errors
    /// If git or the keys cannot be read.
    pub fn machine_statuses(&self) -> Result<Vec<MachineStatus>> {
        let known = KnownKeys::load(&self.vault)?;
        let sessions = self.index()?.sessions;
        let mut statuses = Vec::new();
        for machine in self.machines()? {
            let manifest = self.machine_manifest(&machine);
            let count = sessions.iter().filter(|session| session.machine == machine.as_str());
            let (fingerprint, new_fingerprint) = self.fingerprints_of(&known, &machine)?;
            statuses.push(MachineStatus {
                slug: machine.to_string(),
                machine: manifest.machine,
                machine_id: manifest.machine_id,
                current: machine == self.machine,
                signature: self.state_of(&known, &machine)?,
                fingerprint,
                new_fingerprint,
                last_sync: manifest.last_sync,
                session_count: count.count() as u64,
            });
        }
        Ok(statuses)
    }

    /// The fingerprints of all keys that are trusted, by machine.
    ///
    /// # Errors
    /// If the keys cannot be read.
    pub fn fingerprints(&self) -> Result<BTreeMap<String, String>> {
        let known = KnownKeys::load(&self.vault)?;
        let machines = self.machines()?;
        let key = |machine: &MachineSlug| known.of(machine).next().map(PublicKey::fingerprint);
        Ok(machines.iter().filter_map(|slug| Some((slug.to_string(), key(slug)?))).collect())
    }

    /// Who vouches for a machine's folder; one whose key is not trusted any more is unverified.
    fn state_of(&self, known: &KnownKeys, machine: &MachineSlug) -> Result<Signature> {
        let signature = self.view(machine)?.signature;
        let is_forgotten = signature == Signature::Verified && known.of(machine).next().is_none();
        Ok(if is_forgotten { Signature::Unverified } else { signature })
    }

    fn fingerprints_of(
        &self,
        known: &KnownKeys,
        machine: &MachineSlug,
    ) -> Result<(Option<String>, Option<String>)> {
        if *machine == self.machine {
            let own = self.vault.signing_key()?.map(|key| key.public().fingerprint());
            return Ok((own, None));
        }
        let trusted = known.of(machine).next();
        let published = self.published_key(machine)?;
        let new = published.filter(|key| Some(key) != trusted).map(|key| key.fingerprint());
        Ok((trusted.map(PublicKey::fingerprint), new))
    }

    /// The key that a machine's folder publishes now.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn published_key(&self, machine: &MachineSlug) -> Result<Option<PublicKey>> {
        let folder = self.vault.folder(&machine_folder(machine))?;
        folder.map_or(Ok(None), |folder| self.key_in(folder))
    }

    /// What is to be accepted of a machine's folder in a commit: the key that signed a state of it,
    /// or an unsigned one; `None` if there is no such folder.
    ///
    /// # Errors
    /// If git cannot be read.
    fn offer(&self, machine: &MachineSlug, commit: ObjectId) -> Result<Option<Acceptance>> {
        let Some(folder) = self.folder_at(commit, machine)? else { return Ok(None) };
        if let Some(key) = self.key_in(folder)?
            && self.newest_signed(commit, machine, &key)?.is_some()
        {
            return Ok(Some(Acceptance::Key(key)));
        }
        Ok(Some(Acceptance::Unsigned))
    }

    /// The folder of a name at the remote, or in a clone of it that was made by hand, for a machine
    /// that wants to continue it; `None` if there is none.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn offered(&self, machine: &MachineSlug, tip: Option<ObjectId>) -> Result<Option<Offer>> {
        let is_clone = self.vault.remote_url()?.is_some();
        let head = self.vault.head()?.filter(|_| is_clone).map(|head| head.commit);
        let Some(commit) = tip.or(head) else { return Ok(None) };
        Ok(self.offer(machine, commit)?.map(|acceptance| Offer { commit, acceptance }))
    }

    /// The newest commit that a key signed and that has the machine's folder, with the folder.
    fn newest_signed(
        &self,
        tip: ObjectId,
        machine: &MachineSlug,
        key: &PublicKey,
    ) -> Result<Option<(ObjectId, ObjectId)>> {
        for commit in self.vault.commits_beyond(&[], tip, MOST_COMMITS)?.into_iter().rev() {
            if self.vault.signer_of(commit)?.as_ref() == Some(key)
                && let Some(folder) = self.folder_at(commit, machine)?
            {
                return Ok(Some((commit, folder)));
            }
        }
        Ok(None)
    }

    /// What `machines trust` would change.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is nothing to trust.
    pub fn key_change(&self, machine: &MachineSlug) -> Result<KeyChange> {
        let known = KnownKeys::load(&self.vault)?;
        if *machine == self.machine {
            let old = self.vault.signing_key()?.map(|key| key.public());
            let kept = self.kept_states()?;
            let (commit, _) = kept.last().ok_or_else(|| nothing_to_trust(machine))?;
            let new = self.offer(machine, *commit)?.ok_or_else(|| nothing_to_trust(machine))?;
            return Ok(KeyChange { old, new });
        }
        let old = known.of(machine).next().cloned();
        match self.published_key(machine)? {
            // What was accepted may be lost, with the references of a damaged file.
            Some(new) if Some(&new) != old.as_ref() || self.accepted(machine)?.is_none() => {
                Ok(KeyChange { old, new: Acceptance::Key(new) })
            }
            _ => Err(nothing_to_trust(machine).into()),
        }
    }

    /// Trusts the key that another machine publishes now, in the place of the one before.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it signed nothing; if git or the keys cannot be written.
    pub fn trust(&self, machine: &MachineSlug, key: &PublicKey) -> Result<()> {
        let head = self.vault.head()?.ok_or_else(|| nothing_to_trust(machine))?;
        let signed = self.newest_signed(head.commit, machine, key)?;
        let (commit, folder) = signed.ok_or_else(|| {
            let message = format!("the key {key} that `{machine}` publishes signed nothing");
            Failure::new(ErrorKind::NotFound, message).hint("ask that machine to run a sync")
        })?;
        if let Some(former) = self.accepted(machine)?
            && !Lost::between(&self.vault, former, Some(folder))?.is_empty()
        {
            self.keep_removed(machine, former)?;
        }
        let mut known = KnownKeys::load(&self.vault)?;
        known.remove(machine);
        known.add(machine, key, &self.machine_manifest(machine).machine_id);
        known.save(&self.vault)?;
        self.vault.set_reference(&accepted_reference(machine), commit)
    }

    /// Forgets the key of another machine; what is stored stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if no key of it is known.
    pub fn forget(&self, machine: &MachineSlug) -> Result<()> {
        let mut known = KnownKeys::load(&self.vault)?;
        if !known.remove(machine) {
            let message = format!("no key of machine `{machine}` is trusted");
            return Err(Failure::new(ErrorKind::NotFound, message)
                .hint("see `claude-backup machines list`")
                .into());
        }
        known.save(&self.vault)
    }

    /// States of our own folder that somebody else made, with the commits that have them, the
    /// newest last.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn kept_states(&self) -> Result<Vec<(ObjectId, ObjectId)>> {
        let mut kept = Vec::new();
        for (_, commit) in self.vault.references_below(&format!("{UNVERIFIED}/"))? {
            if let Some(folder) = self.folder_at(commit, &self.machine)? {
                kept.push((commit, folder));
            }
        }
        let time = |commit: ObjectId| self.vault.commit(commit).map(|commit| commit.time).ok();
        kept.sort_by_key(|(commit, _)| time(*commit));
        Ok(kept)
    }

    /// The state of our own folder in a commit that an acceptance covers.
    ///
    /// # Errors
    /// If git cannot be read.
    pub fn accepted_state(
        &self,
        commit: ObjectId,
        acceptance: &Acceptance,
    ) -> Result<Option<ObjectId>> {
        match acceptance {
            Acceptance::Key(key) => {
                let signed = self.newest_signed(commit, &self.machine, key)?;
                Ok(signed.map(|(_, folder)| folder))
            }
            Acceptance::Unsigned => self.folder_at(commit, &self.machine),
        }
    }

    /// Ends the keeping of a state of our own folder.
    ///
    /// # Errors
    /// If git cannot be written.
    pub fn drop_kept_state(&self, commit: ObjectId) -> Result<()> {
        self.vault.remove_reference(&format!("{UNVERIFIED}/{commit}"))
    }
}

fn nothing_to_trust(machine: &MachineSlug) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("machine `{machine}` has no new key"))
        .hint("see `claude-backup machines list`")
}
