//! Signatures of commits in git's SSH format: `git verify-commit` accepts them.

use anyhow::{Context, Result};

use super::Vault;
use super::keys::PublicKey;
use super::object_id::{ObjectId, ObjectKind};

const HEADER: &[u8] = b"gpgsig ";
/// An Ed25519 signature takes about 300 bytes.
const LONGEST: usize = 4096;

impl Vault {
    /// Adds this machine's signature to the bytes of a commit; without a key they stay as they are.
    pub(super) fn signed(&self, commit: Vec<u8>) -> Result<Vec<u8>> {
        let Some(key) = self.signing_key()? else { return Ok(commit) };
        let signature = key.sign(&commit).context("cannot sign a commit")?;
        let end = end_of_headers(&commit).context("a commit has headers and a message")?;
        let mut bytes = commit[..end].to_vec();
        bytes.extend_from_slice(HEADER);
        bytes.extend_from_slice(signature.trim_end().replace('\n', "\n ").as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&commit[end..]);
        Ok(bytes)
    }

    /// Returns the key that signed a commit; `None` if there is no valid signature.
    ///
    /// # Errors
    /// If the commit is missing or damaged.
    pub fn signer_of(&self, commit: ObjectId) -> Result<Option<PublicKey>> {
        let bytes = self.read_kind(commit, ObjectKind::Commit)?;
        let Some((payload, signature)) = split(&bytes) else { return Ok(None) };
        Ok(PublicKey::of_signature(&signature, &payload))
    }
}

/// The first byte of the empty line between headers and message.
fn end_of_headers(commit: &[u8]) -> Option<usize> {
    Some(commit.windows(2).position(|pair| pair == b"\n\n")? + 1)
}

/// A commit without its signature, and the signature; `None` if it does not have exactly one.
pub(super) fn split(commit: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = end_of_headers(commit)?;
    let (mut payload, mut signature) = (Vec::with_capacity(commit.len()), Vec::new());
    let mut is_signature = false;
    for line in commit[..end].split_inclusive(|&byte| byte == b'\n') {
        is_signature = match line.strip_prefix(b" ") {
            Some(more) if is_signature => {
                signature.extend_from_slice(more);
                true
            }
            _ if line.starts_with(b"gpgsig") => {
                let first = line.strip_prefix(HEADER).filter(|_| signature.is_empty())?;
                signature.extend_from_slice(first);
                true
            }
            _ => {
                payload.extend_from_slice(line);
                false
            }
        };
    }
    payload.extend_from_slice(&commit[end..]);
    (!signature.is_empty() && signature.len() <= LONGEST).then_some((payload, signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::testing::Sandbox;

    const TIME: &str = "2026-11-20T10:00:00+01:00";

    fn signing() -> Sandbox {
        let backup = Sandbox::new();
        backup.vault.ensure_signing_key().unwrap();
        backup
    }

    fn own_key(backup: &Sandbox) -> PublicKey {
        backup.vault.signing_key().unwrap().unwrap().public()
    }

    #[test]
    fn a_commit_is_signed_by_the_machines_own_key() {
        let backup = signing();
        let commit = backup.commit_alone(&[("a", b"1")], TIME).unwrap().0.unwrap();
        assert_eq!(backup.vault.signer_of(commit).unwrap(), Some(own_key(&backup)));
    }

    #[test]
    fn a_commit_that_was_changed_has_no_signer() {
        let backup = signing();
        let commit = backup.commit_alone(&[("a", b"1")], TIME).unwrap().0.unwrap();
        let bytes = backup.vault.read_kind(commit, ObjectKind::Commit).unwrap();
        let (payload, signature) = split(&bytes).unwrap();
        assert!(PublicKey::of_signature(&signature, &payload).is_some());
        for at in 0..payload.len() {
            let mut other = payload.clone();
            other[at] ^= 1;
            assert_eq!(PublicKey::of_signature(&signature, &other), None, "byte {at}");
        }
    }

    #[test]
    fn a_commit_with_two_signatures_has_no_signer() {
        let backup = signing();
        let commit = backup.commit_alone(&[("a", b"1")], TIME).unwrap().0.unwrap();
        let bytes = backup.vault.read_kind(commit, ObjectKind::Commit).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let twice = text.replacen("gpgsig ", "gpgsig x\ngpgsig ", 1);
        assert_eq!(split(twice.as_bytes()), None);
        let other = text.replacen("gpgsig ", "gpgsig-sha256 x\ngpgsig ", 1);
        assert_eq!(split(other.as_bytes()), None);
        assert_eq!(split(b"tree x\n\nmessage"), None);
        assert_eq!(split(b"no headers"), None);
    }

    #[test]
    fn the_private_key_stays_the_same_and_is_readable_by_its_owner_only() {
        let backup = signing();
        let path = backup.vault.keys_dir().join("own");
        let before = fs_err::read(&path).unwrap();
        backup.vault.ensure_signing_key().unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), before);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(path), 0o600);
            assert_eq!(mode(backup.vault.keys_dir()), 0o700);
        }
    }

    #[test]
    fn a_damaged_key_is_kept_beside_a_new_one() {
        let backup = signing();
        let (folder, old) = (backup.vault.keys_dir(), own_key(&backup));
        fs_err::write(folder.join("own"), "-----BEGIN OPENSSH").unwrap();
        let other = Vault::open(&backup.root()).unwrap().unwrap();
        assert!(other.signing_key().is_err());
        other.ensure_signing_key().unwrap();
        assert_ne!(other.signing_key().unwrap().unwrap().public(), old);
        assert!(folder.join("own.damaged").is_file());
        assert!(other.take_warnings()[0].contains("was damaged"));
    }
}
