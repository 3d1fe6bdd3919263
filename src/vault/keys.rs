//! This machine's signing key: Ed25519 in OpenSSH's format, kept below `.git/` and never published.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use super::Vault;
use crate::fs;

/// Below `.git/`: unlike `claude-backup/`, it cannot be made again from anything else.
const FOLDER: &str = "claude-backup-keys";
/// This machine's private key.
const OWN: &str = "own";
/// What could not be read as a key.
const DAMAGED: &str = "own.damaged";
/// What git asks of a signature on a commit.
const NAMESPACE: &str = "git";

/// A private key. It has no `Debug`, so it cannot be printed by mistake.
pub struct SigningKey(PrivateKey);

/// The public half of a machine's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(KeyData);

impl SigningKey {
    fn generate() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow!("no random bytes: {error}"))?;
        Ok(Self(PrivateKey::from(Ed25519Keypair::from_seed(&seed))))
    }

    fn parse(text: &[u8]) -> Result<Self> {
        let key = PrivateKey::from_openssh(text)?;
        ensure!(key.key_data().ed25519().is_some(), "not an unencrypted Ed25519 key");
        Ok(Self(key))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().key_data().clone())
    }

    /// Signs as `ssh-keygen -Y sign -n git` does.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, message)?;
        Ok(signature.to_pem(LineEnding::LF)?)
    }
}

impl PublicKey {
    /// Reads a line as in `id_ed25519.pub`; `None` if it is not an Ed25519 key.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let key = ssh_key::PublicKey::from_openssh(line).ok()?.key_data().clone();
        key.ed25519().is_some().then_some(Self(key))
    }

    /// `ssh-ed25519` and the key in base64, without a comment.
    #[must_use]
    pub fn to_line(&self) -> String {
        // An Ed25519 key has 32 bytes, so it can always be written.
        ssh_key::PublicKey::from(self.0.clone()).to_openssh().unwrap_or_default()
    }

    /// `SHA256:` and the hash in base64, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Returns the key that made a signature of this message; `None` if the signature is not valid.
    pub(super) fn of_signature(signature: &[u8], message: &[u8]) -> Option<Self> {
        let signature = SshSig::from_pem(signature).ok()?;
        let key = signature.public_key().clone();
        key.ed25519()?;
        let verifier = ssh_key::PublicKey::from(key.clone());
        verifier.verify(NAMESPACE, message, &signature).ok()?;
        Some(Self(key))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl Vault {
    /// Returns the folder of this machine's key and of the keys that it knows.
    #[must_use]
    pub fn keys_dir(&self) -> PathBuf {
        self.git_dir.join(FOLDER)
    }

    /// Returns this machine's key; `None` before the first run that took the lock.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn signing_key(&self) -> Result<Option<Arc<SigningKey>>> {
        let mut cached = self.signing_key.lock().expect("no panic while a key is read");
        if cached.is_none() {
            let path = self.keys_dir().join(OWN);
            let Some(text) = fs::read_if_exists(&path)? else { return Ok(None) };
            let key = SigningKey::parse(&text);
            let key =
                key.with_context(|| format!("the signing key `{}` is damaged", path.display()))?;
            *cached = Some(Arc::new(key));
        }
        Ok(cached.clone())
    }

    /// Makes this machine's key unless it has one. The caller holds the backup's lock.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn ensure_signing_key(&self) -> Result<()> {
        let path = self.keys_dir().join(OWN);
        let present = fs::read_if_exists(&path)?;
        if let Some(text) = present {
            if SigningKey::parse(&text).is_ok() {
                return Ok(());
            }
            fs_err::rename(&path, self.keys_dir().join(DAMAGED))?;
            self.warn(format!(
                "the signing key `{}` was damaged; this machine has a new one",
                path.display()
            ));
        }
        fs::create_durable_dir(&self.keys_dir())?;
        let text = SigningKey::generate()?.0.to_openssh(LineEnding::LF)?;
        Ok(fs::write_durable(&path, text.as_bytes())?)
    }
}
