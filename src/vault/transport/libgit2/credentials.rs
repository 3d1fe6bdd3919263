//! Who we are, for libgit2: it asks again after each answer that a remote did not take.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use git2::{Config, Cred, CredentialType, Error, ErrorClass, ErrorCode};

use super::credential_helper::{self, Asker, Query};
use super::ssh_config::SshHost;
use crate::env::Env;
use crate::process::{Programs, TimeLimits};

/// What can still be tried; each thing is tried once.
pub(super) struct Credentials<'a> {
    env: &'a Env,
    config: Option<Config>,
    keys: VecDeque<Key>,
    /// Key files that cannot be used without asking somebody.
    locked: Vec<PathBuf>,
    asks_helpers: bool,
    tries_ticket: bool,
}

enum Key {
    Agent,
    File(PathBuf),
}

/// Where ssh looks by itself.
const KEY_FILES: &[&str] = &["id_ed25519", "id_ecdsa", "id_rsa"];

impl<'a> Credentials<'a> {
    pub(super) fn new(env: &'a Env, config: Option<Config>, ssh: Option<SshHost>) -> Self {
        let ssh = ssh.unwrap_or_default();
        let usual = KEY_FILES.iter().map(|name| env.home.join(".ssh").join(name));
        let mut files: Vec<PathBuf> = ssh.identities.clone();
        if !ssh.identities_only || files.is_empty() {
            files.extend(usual);
        }
        files.retain(|path| path.is_file());
        let (locked, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_locked(path));
        let mut keys: VecDeque<_> = files.into_iter().map(Key::File).collect();
        if env.variable("SSH_AUTH_SOCK").is_some() {
            // Where only some keys may be tried, they come before all that the agent has.
            match ssh.identities_only {
                true => keys.push_back(Key::Agent),
                false => keys.push_front(Key::Agent),
            }
        }
        Self { env, config, keys, locked, asks_helpers: true, tries_ticket: true }
    }

    /// The next answer to libgit2's question.
    ///
    /// # Errors
    /// Where nothing is left, which ends the conversation.
    pub(super) fn next(
        &mut self,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, Error> {
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user.unwrap_or("git"));
        }
        if allowed.contains(CredentialType::SSH_KEY) {
            return self.next_key(user.unwrap_or("git"));
        }
        if allowed.contains(CredentialType::USER_PASS_PLAINTEXT)
            && std::mem::take(&mut self.asks_helpers)
            && let Some(login) = self.ask_helpers(url, user)
        {
            return Cred::userpass_plaintext(&login.0, &login.1);
        }
        if allowed.contains(CredentialType::DEFAULT) && std::mem::take(&mut self.tries_ticket) {
            return Cred::default();
        }
        Err(Error::new(ErrorCode::Auth, ErrorClass::Http, "no credentials are left to try"))
    }

    fn next_key(&mut self, user: &str) -> Result<Cred, Error> {
        match self.keys.pop_front() {
            Some(Key::Agent) => Cred::ssh_key_from_agent(user),
            Some(Key::File(path)) => Cred::ssh_key(user, None, &path, None),
            None => Err(Error::new(ErrorCode::Auth, ErrorClass::Ssh, "no ssh key is left to try")),
        }
    }

    fn ask_helpers(&self, url: &str, user: Option<&str>) -> Option<(String, String)> {
        let query = Query::new(url, user)?;
        let programs = Programs::new(self.env, None);
        let asker = Asker { env: self.env, programs: &programs, limits: TimeLimits::default() };
        credential_helper::ask(&query, self.config.as_ref()?, &asker).ok()?
    }

    /// What a person should know where nothing was taken.
    pub(super) fn remarks(&self) -> String {
        let remark = |path: &PathBuf| format!("`{}` has a passphrase; not tried", path.display());
        self.locked.iter().map(remark).collect::<Vec<_>>().join("\n")
    }
}

/// How a key file of OpenSSH begins that has no passphrase, behind its first line: the words
/// `openssh-key-v1` and `none`, in base64.
const OPEN_KEY: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

/// True for a private key with a passphrase; nobody is there to type it, and libgit2 would give up
/// on it instead of going on to the next.
fn is_locked(path: &Path) -> bool {
    let Ok(bytes) = fs_err::read(path) else { return true };
    let text = String::from_utf8_lossy(&bytes);
    let is_openssh = text.contains("BEGIN OPENSSH PRIVATE KEY");
    text.contains("ENCRYPTED") || is_openssh && !text.contains(OPEN_KEY)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_thing_is_tried_once() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        fs_err::create_dir_all(&ssh).unwrap();
        let open = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{OPEN_KEY}AAAA\n");
        fs_err::write(ssh.join("id_rsa"), &open).unwrap();
        fs_err::write(ssh.join("own"), &open).unwrap();
        fs_err::write(ssh.join("id_ed25519"), open.replace("5vbm", "FlczI1")).unwrap();
        let env = Env::sandbox(home.path().into(), "mac", Arc::default());
        let env = env.with_variable("SSH_AUTH_SOCK", "/nowhere");
        let host = SshHost { identities: vec![ssh.join("own")], ..SshHost::default() };
        let mut credentials = Credentials::new(&env, None, Some(host));
        for _ in 0..3 {
            credentials.next("ssh://host", Some("me"), CredentialType::SSH_KEY).unwrap();
        }
        let nothing = credentials.next("ssh://host", Some("me"), CredentialType::SSH_KEY);
        assert_eq!(nothing.err().unwrap().code(), ErrorCode::Auth);
        assert!(credentials.remarks().contains("id_ed25519` has a passphrase"));
        let plain = CredentialType::USER_PASS_PLAINTEXT | CredentialType::DEFAULT;
        assert!(credentials.next("https://host", None, plain).is_ok(), "a ticket");
        assert!(credentials.next("https://host", None, plain).is_err());
    }
}
