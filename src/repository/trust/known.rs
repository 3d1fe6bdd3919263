//! The keys that this machine trusts, in an allowed-signers file that git and ssh-keygen read.

use std::fmt::Write;

use anyhow::Result;

use super::{machine_of_part, reference_part};
use crate::fs::{create_durable_dir, read_if_exists, write_durable};
use crate::session::MachineSlug;
use crate::vault::{PublicKey, Vault};

/// Beside this machine's own key.
const FILE: &str = "known";
const COMMENT: &str = "# Keys of the machines of this backup: git -c gpg.ssh.allowedSignersFile=FILE verify-commit COMMIT\n";
const OPTIONS: &str = "namespaces=\"git\"";

/// The keys that this machine trusts, in the order in which it came to.
#[derive(Debug, Default)]
pub struct KnownKeys {
    keys: Vec<KnownKey>,
    /// Lines that somebody else wrote stay.
    others: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownKey {
    machine: MachineSlug,
    key: PublicKey,
    /// The machine's random id when the key was first seen.
    id: String,
}

impl KnownKeys {
    /// Reads the file; a missing one has no keys.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn load(vault: &Vault) -> Result<Self> {
        let text = read_if_exists(&vault.keys_dir().join(FILE))?.unwrap_or_default();
        let mut known = Self::default();
        for line in String::from_utf8_lossy(&text).lines() {
            match KnownKey::parse(line) {
                Some(key) => known.keys.push(key),
                None if line == COMMENT.trim_end() => {}
                None => known.others.push(line.to_owned()),
            }
        }
        Ok(known)
    }

    /// Writes the file, durably. The caller holds the backup's lock.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn save(&self, vault: &Vault) -> Result<()> {
        let mut text = String::from(COMMENT);
        for KnownKey { machine, key, id } in &self.keys {
            let (machine, key) = (reference_part(machine), key.to_line());
            writeln!(text, "{machine} {OPTIONS} {key} {id}")?;
        }
        self.others.iter().try_for_each(|line| writeln!(text, "{line}"))?;
        create_durable_dir(&vault.keys_dir())?;
        Ok(write_durable(&vault.keys_dir().join(FILE), text.as_bytes())?)
    }

    /// Gives the keys of this machine to its new name.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn rename_own(vault: &Vault, from: &MachineSlug, to: &MachineSlug) -> Result<()> {
        let mut known = Self::load(vault)?;
        if known.of(from).next().is_none() {
            return Ok(());
        }
        // The folder that has the old name now is another machine's, whose key is not known.
        known.rename(from, to);
        known.save(vault)
    }

    /// The keys of a machine; of this one there may be several, of others one.
    pub fn of<'a>(&'a self, machine: &'a MachineSlug) -> impl Iterator<Item = &'a PublicKey> {
        self.keys.iter().filter(move |known| known.machine == *machine).map(|known| &known.key)
    }

    /// The machines that a key is known for.
    pub(super) fn machines_of(&self, key: &PublicKey) -> Vec<MachineSlug> {
        let known = self.keys.iter().filter(|known| known.key == *key);
        known.map(|known| known.machine.clone()).collect()
    }

    /// The id that a machine had when its key was first seen.
    pub(super) fn id_of(&self, machine: &MachineSlug) -> Option<&str> {
        let known = self.keys.iter().find(|known| known.machine == *machine)?;
        Some(known.id.as_str()).filter(|id| !id.is_empty())
    }

    /// Adds a key to those of a machine; false if it was known.
    pub(super) fn add(&mut self, machine: &MachineSlug, key: &PublicKey, id: &str) -> bool {
        if self.of(machine).any(|known| known == key) {
            return false;
        }
        // Whatever another machine calls its id, a line stays a line.
        let id = id.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        self.keys.push(KnownKey { machine: machine.clone(), key: key.clone(), id });
        true
    }

    /// Takes a machine's keys away; false if it had none.
    pub(super) fn remove(&mut self, machine: &MachineSlug) -> bool {
        let before = self.keys.len();
        self.keys.retain(|known| known.machine != *machine);
        self.keys.len() < before
    }

    /// Gives the keys of a machine to its new name.
    pub(super) fn rename(&mut self, from: &MachineSlug, to: &MachineSlug) {
        for known in self.keys.iter_mut().filter(|known| known.machine == *from) {
            known.machine = to.clone();
        }
    }
}

impl KnownKey {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        let machine = machine_of_part(words.next()?)?;
        if words.next()? != OPTIONS {
            return None;
        }
        let key = PublicKey::parse(&format!("{} {}", words.next()?, words.next()?))?;
        let id = words.next().unwrap_or_default().to_owned();
        Some(Self { machine, key, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(name: &str) -> MachineSlug {
        MachineSlug::new(name).unwrap()
    }

    fn key() -> PublicKey {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(folder.path()).unwrap();
        vault.ensure_signing_key().unwrap();
        vault.signing_key().unwrap().unwrap().public()
    }

    #[test]
    fn what_is_written_is_read_again_and_other_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(folder.path()).unwrap();
        let (mac, other) = (key(), key());
        let mut known = KnownKeys::load(&vault).unwrap();
        assert!(known.add(&slug("mac"), &mac, "abc\nevil"));
        assert!(!known.add(&slug("mac"), &mac, ""));
        assert!(known.add(&slug("My Mac"), &other, ""));
        known.save(&vault).unwrap();
        let path = vault.keys_dir().join(FILE);
        let text = fs_err::read_to_string(&path).unwrap() + "me@example.org ssh-rsa AAAA\n";
        fs_err::write(&path, text).unwrap();
        let mut known = KnownKeys::load(&vault).unwrap();
        assert_eq!(known.id_of(&slug("mac")), Some("abcevil"));
        assert_eq!(known.machines_of(&other), [slug("My Mac")]);
        known.rename(&slug("mac"), &slug("book"));
        assert!(known.remove(&slug("My Mac")) && !known.remove(&slug("My Mac")));
        known.save(&vault).unwrap();
        let known = KnownKeys::load(&vault).unwrap();
        assert_eq!(known.of(&slug("book")).collect::<Vec<_>>(), [&mac]);
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(text.matches("# Keys").count(), 1);
        assert!(text.ends_with("me@example.org ssh-rsa AAAA\n"), "{text}");
    }
}
