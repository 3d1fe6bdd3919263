//! The repository's own settings: section `[claude-backup]` of `.git/config`.

use anyhow::{Context, Result, ensure};

use super::Vault;
use super::lock_file::{LockFile, lock_path, remove_leftover};
use crate::env::Env;
use crate::fs;
use crate::process::TimeLimits;

impl Vault {
    /// A setting of this repository; those of the user or the machine do not count.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        self.config_value(&format!("claude-backup.{name}"))
    }

    /// All values of a setting that may be given several times.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read.
    pub fn setting_values(&self, name: &str) -> Result<Vec<String>> {
        let (key, path) = (format!("claude-backup.{name}"), self.git_dir.join("config"));
        let read = || {
            let config = git2::Config::open(&path)?;
            let mut values = Vec::new();
            let found = config.multivar(&key, None)?;
            found.for_each(|entry| values.extend(entry.value().map(str::to_owned)))?;
            Ok::<_, git2::Error>(values)
        };
        match read() {
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(Vec::new()),
            read => read.with_context(|| format!("cannot read `{key}` in `{}`", path.display())),
        }
    }

    /// Keeps a setting, durably.
    ///
    /// # Errors
    /// Where the name is no git key, the value has control characters, or `.git/config` cannot be
    /// replaced.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        self.change_config(&format!("claude-backup.{name}"), Some(value))
    }

    /// Forgets a setting; one that is not there is forgotten already.
    ///
    /// # Errors
    /// Where `.git/config` cannot be replaced.
    pub fn remove_setting(&self, name: &str) -> Result<()> {
        self.change_config(&format!("claude-backup.{name}"), None)
    }

    /// How long remotes and programs may keep a run waiting.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read or the setting is not a number of seconds.
    pub fn time_limits(&self, env: &Env) -> Result<TimeLimits> {
        let has_terminal = env.terminal.stdin && env.terminal.stderr;
        TimeLimits::parse(self.setting("timeout")?.as_deref(), has_terminal)
    }

    /// The address of the remote `origin`, as it is written.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read.
    pub fn remote_url(&self) -> Result<Option<String>> {
        self.config_value("remote.origin.url")
    }

    /// Sets or forgets the remote `origin`, with what git users expect to go with it.
    ///
    /// What is known of another remote is forgotten.
    ///
    /// # Errors
    /// Where `.git/config` cannot be replaced.
    pub fn set_remote_url(&self, url: Option<&str>) -> Result<()> {
        if self.remote_url()?.as_deref() == url {
            return Ok(());
        }
        self.remove_references("refs/remotes/origin/")?;
        self.change_config(
            "remote.origin.fetch",
            url.map(|_| "+refs/heads/*:refs/remotes/origin/*"),
        )?;
        self.change_config("branch.main.remote", url.map(|_| "origin"))?;
        self.change_config("branch.main.merge", url.map(|_| "refs/heads/main"))?;
        self.change_config("remote.origin.url", url)
    }

    /// The helper that this repository asks for what a host wants to know.
    ///
    /// # Errors
    /// Where `.git/config` cannot be read.
    pub fn credential_helper(&self, host: &str) -> Result<Option<String>> {
        self.config_value(&format!("credential.{host}.helper"))
    }

    /// Sets or forgets that helper; the user's own helpers are asked before it.
    ///
    /// # Errors
    /// Where `.git/config` cannot be replaced.
    pub fn set_credential_helper(&self, host: &str, helper: Option<&str>) -> Result<()> {
        self.change_config(&format!("credential.{host}.helper"), helper)
    }

    /// Sets or removes one value in `.git/config`; nothing is written where it is so already.
    pub(super) fn change_config(&self, key: &str, value: Option<&str>) -> Result<()> {
        if self.config_value(key)?.as_deref() == value {
            return Ok(());
        }
        ensure_one_line(key, value.unwrap_or_default())?;
        self.edit_config(key, |config| match value {
            Some(value) => config.set_str(key, value),
            None => config.remove(key),
        })
    }

    /// Adds a value to those that a setting has.
    ///
    /// # Errors
    /// As [`Self::set_setting`].
    pub fn add_setting(&self, name: &str, value: &str) -> Result<()> {
        let key = format!("claude-backup.{name}");
        ensure_one_line(&key, value)?;
        // No value matches this, so none is replaced.
        self.edit_config(&key, |config| config.set_multivar(&key, "a^", value))
    }

    fn edit_config(
        &self,
        key: &str,
        edit: impl FnOnce(&mut git2::Config) -> Result<(), git2::Error>,
    ) -> Result<()> {
        let path = fs_err::canonicalize(self.git_dir.join("config"))?;
        let mut lock = LockFile::take(&path)?;
        if lock.removed_leftover {
            self.warn("removed a lock on `.git/config` that a dead process had left");
        }
        lock.write(&fs_err::read(&path)?)?;
        // libgit2 replaces the file that it edits, so it edits the copy under the lock's name. For that
        // it takes a lock of its own, which a dead process may have left as well.
        remove_leftover(&lock_path(&lock.path()))?;
        git2::Config::open(&lock.path())
            .and_then(|mut config| edit(&mut config))
            .with_context(|| format!("cannot change `{key}` in `{}`", path.display()))?;
        fs::set_mode(&lock.path(), fs::PRIVATE_FILE)?;
        Ok(lock.publish()?)
    }

    pub(super) fn config_value(&self, key: &str) -> Result<Option<String>> {
        let path = self.git_dir.join("config");
        let value = git2::Config::open(&path).and_then(|config| config.get_string(key));
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read `{key}` in `{}`", path.display()))
            }
        }
    }
}

/// libgit2 writes some control characters so that they do not come back.
fn ensure_one_line(key: &str, value: &str) -> Result<()> {
    ensure!(!value.contains(char::is_control), "a value of `{key}` has control characters");
    Ok(())
}
