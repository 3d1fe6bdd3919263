//! The two locks of a backup, and the order in which a run takes them.
//!
//! `lock` guards the backup folder, `remote.lock` the talk with the remote. A run that needs both takes
//! the remote's first, so no two runs wait for each other. While it talks, it holds the remote's alone,
//! and takes the backup's briefly to merge what it fetched: others save meanwhile. Whatever this run
//! knew of the folder is out of date then, so [`Repository::relock`] reads it again.

use std::time::Duration;

use anyhow::Result;

use super::lock::{self, Attempt, Lock, LockName, Owner};
use super::{Repository, heal, settings};
use crate::error::{ErrorKind, Failure};

/// What a run does that takes the backup's lock for a moment, between two talks with the remote.
pub const MERGE: &str = "merge";

/// A lock that is taken is tried again after this time.
const STEP: Duration = Duration::from_millis(50);
/// How long anybody tries: `status` may be looking, and a new holder is not written down at once.
const GRACE: Duration = Duration::from_millis(200);
/// How long a run waits for one that merges, or waits to merge. A remote gets as long for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The right to talk to the remote, for as long as this lives.
#[derive(Debug)]
pub struct RemoteLock {
    _lock: Lock,
    doing: String,
}

impl RemoteLock {
    /// The command that talks.
    #[must_use]
    pub fn doing(&self) -> &str {
        &self.doing
    }
}

impl Repository {
    /// Takes the backup's lock, and finishes what an interrupted run left. A run that only merges is
    /// waited for.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] while another run holds it.
    pub fn lock(&self, doing: &str) -> Result<Lock> {
        let lock = self.lock_as_it_is(doing)?;
        self.finish_interrupted()?;
        Ok(lock)
    }

    /// The same, and nothing that an interrupted run left is finished yet.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn lock_as_it_is(&self, doing: &str) -> Result<Lock> {
        let lock = self.take(LockName::Backup, doing, |owner| match owner {
            Some(owner) if owner.doing == MERGE => PATIENCE,
            _ => GRACE,
        })?;
        self.vault.make_private()?;
        settings::ensure_secret_salt(&self.vault)?;
        // Another run may have ended since this one looked.
        self.vault.reread()?;
        self.check_name()?;
        self.vault.ensure_signing_key()?;
        Ok(lock)
    }

    /// Takes the backup's lock again, waiting for whoever holds it, and reads the state of the folder
    /// again: the branch, the settings, the packs, this machine's name.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if another run does not end in time.
    pub fn relock(&mut self, doing: &str) -> Result<Lock> {
        let lock = self.take(LockName::Backup, doing, |_| PATIENCE)?;
        self.vault.reread()?;
        self.machine = settings::machine(&self.vault, &self.root, &self.env)?;
        self.vault.ensure_signing_key()?;
        self.finish_interrupted()?;
        Ok(lock)
    }

    /// Takes the remote's lock. The caller does not hold the backup's.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] while another run talks to the remote.
    pub fn lock_remote(&self, doing: &str) -> Result<RemoteLock> {
        let lock = self.take(LockName::Remote, doing, |_| GRACE)?;
        Ok(RemoteLock { _lock: lock, doing: doing.into() })
    }

    /// Takes the remote's lock if no other run talks to the remote. The caller does not hold the
    /// backup's.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn try_lock_remote(&self, doing: &str) -> Result<Attempt<RemoteLock>> {
        Ok(match self.attempt(LockName::Remote, doing, |_| GRACE)? {
            Attempt::Taken(lock) => Attempt::Taken(RemoteLock { _lock: lock, doing: doing.into() }),
            Attempt::Held(owner) => Attempt::Held(owner),
        })
    }

    /// The runs that hold one of the locks now.
    ///
    /// # Errors
    /// Where the lock files cannot be read.
    pub fn running(&self) -> Result<Vec<Owner>> {
        let folder = self.vault.private_dir()?;
        let mut owners = Vec::new();
        for name in [LockName::Backup, LockName::Remote] {
            owners.extend(lock::owner(&folder, name)?);
        }
        owners.dedup_by_key(|owner| owner.pid);
        Ok(owners)
    }

    /// Finishes what an interrupted run left. The caller holds the lock.
    ///
    /// # Errors
    /// Where git cannot be read or the folder cannot be written.
    pub fn finish_interrupted(&self) -> Result<()> {
        heal::after_crash(self)
    }

    fn take(
        &self,
        name: LockName,
        doing: &str,
        patience: impl Fn(Option<&Owner>) -> Duration,
    ) -> Result<Lock> {
        match self.attempt(name, doing, patience)? {
            Attempt::Taken(lock) => Ok(lock),
            Attempt::Held(owner) => Err(lock::held(name, owner).into()),
        }
    }

    /// Tries to take a lock, for as long as `patience` says of whoever holds it.
    fn attempt(
        &self,
        name: LockName,
        doing: &str,
        patience: impl Fn(Option<&Owner>) -> Duration,
    ) -> Result<Attempt<Lock>> {
        let owner = Owner { pid: self.env.pid, since: self.begun, doing: doing.into() };
        let folder = self.vault.private_dir()?;
        let mut waited = Duration::ZERO;
        loop {
            let attempt = Lock::try_take(&folder, name, &owner)?;
            let Attempt::Held(holder) = &attempt else { return Ok(attempt) };
            if waited >= patience(holder.as_ref()) || self.env.interrupted() {
                return Ok(attempt);
            }
            self.env.pause(STEP);
            waited += STEP;
        }
    }

    /// A run that ended a moment ago may have given this machine another name.
    fn check_name(&self) -> Result<()> {
        let name = settings::machine(&self.vault, &self.root, &self.env)?;
        if name == self.machine {
            return Ok(());
        }
        let message = format!("another run has just named this machine `{name}`");
        Err(Failure::new(ErrorKind::Locked, message).hint("run it again").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;
    use crate::error::kind;
    use crate::testing::{ran_on, sandbox};

    fn begun(env: &Env) -> Repository {
        assert_eq!(ran_on(env, &["init", "--backend", "local"]).code, 0);
        Repository::open(&env.home.join(".claude-backup"), env).unwrap()
    }

    fn save_a_session(env: &Env, id: &str) {
        let path = env.home.join(format!(".claude/projects/-p/{id}.jsonl"));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "{\"type\":\"user\"}\n").unwrap();
        assert_eq!(ran_on(env, &["sync"]).code, 0);
    }

    #[test]
    fn what_other_runs_changed_meanwhile_is_read_again() {
        let (_home, env) = sandbox();
        let mut repository = begun(&env);
        save_a_session(&env, "11111111-0");
        let lock = repository.lock("sync").unwrap();
        let before = repository.vault.head().unwrap().unwrap().commit;
        assert!(repository.cache().unwrap().is_some());
        drop(lock);

        save_a_session(&env, "22222222-0");
        let other = Repository::open(repository.root(), &env).unwrap();
        other.vault.set_setting("machine", "mac-2").unwrap();
        other.vault.set_setting("mode", "git").unwrap();

        let _lock = repository.relock(MERGE).unwrap();
        let head = repository.vault.head().unwrap().unwrap().commit;
        assert_eq!(Some(head), other.vault.head().unwrap().map(|head| head.commit));
        assert_ne!(head, before);
        assert!(repository.contains(before).unwrap(), "packs that were joined are found");
        assert_eq!(repository.machine.as_str(), "mac-2");
        assert_eq!(settings::mode(&repository.vault).unwrap(), settings::Mode::Git);
        assert!(repository.cache().unwrap().is_none(), "it was the other name's");
    }

    #[test]
    fn what_a_run_that_died_meanwhile_left_is_finished() {
        let (_home, env) = sandbox();
        let mut repository = begun(&env);
        drop(repository.lock("sync").unwrap());
        let staged = repository.stage_dir().unwrap().join("half");
        fs_err::write(&staged, "half of a f").unwrap();
        let _lock = repository.relock(MERGE).unwrap();
        assert!(!staged.exists());
    }

    /// How long a run waits for a lock that another one holds for this, by the sandbox's clock.
    fn waits_for(doing: &str, take: impl FnOnce(&mut Repository) -> Result<Lock>) -> Duration {
        let (_home, env) = sandbox();
        let (other, mut repository) = (begun(&env), begun(&env));
        let _held = other.lock(doing).unwrap();
        let begun = env.now();
        assert_eq!(kind(&take(&mut repository).unwrap_err()), ErrorKind::Locked);
        (env.now() - begun).to_std().unwrap()
    }

    #[test]
    fn a_run_waits_for_one_that_merges_and_for_others_only_to_merge() {
        assert_eq!(waits_for("sync", |repository| repository.lock("sync")), GRACE);
        assert_eq!(waits_for(MERGE, |repository| repository.lock("sync")), PATIENCE);
        assert_eq!(waits_for("sync", |repository| repository.relock(MERGE)), PATIENCE);
    }

    #[test]
    fn a_lock_that_is_let_go_is_taken_at_the_next_try() {
        let (_home, env) = sandbox();
        let (other, repository) = (begun(&env), begun(&env));
        let mut held = Some(other.lock("sync").unwrap());
        let lets_go = std::cell::RefCell::new(&mut held);
        let patience = |_: Option<&Owner>| {
            lets_go.borrow_mut().take();
            PATIENCE
        };
        let attempt = repository.attempt(LockName::Backup, "sync", patience).unwrap();
        assert!(matches!(attempt, Attempt::Taken(_)));
    }

    #[test]
    fn nobody_waits_who_was_asked_to_stop() {
        let waited = waits_for(MERGE, |repository| {
            repository.env.interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
            repository.lock("sync")
        });
        assert_eq!(waited, Duration::ZERO);
    }

    #[test]
    fn a_machine_that_was_renamed_meanwhile_is_not_taken_for_the_old_one() {
        let (_home, env) = sandbox();
        let waiting = begun(&env);
        waiting.vault.set_setting("machine", "mac-2").unwrap();
        let refused = waiting.lock("sync").unwrap_err();
        assert_eq!(kind(&refused), ErrorKind::Locked);
        assert!(refused.to_string().contains("`mac-2`"), "{refused}");
        let next = Repository::open(waiting.root(), &env).unwrap();
        next.lock("sync").unwrap();
    }

    #[test]
    fn a_run_is_known_to_run_while_it_talks_to_the_remote() {
        let (_home, env) = sandbox();
        let repository = begun(&env);
        assert_eq!(repository.running().unwrap(), []);
        let lock = repository.lock_remote("sync").unwrap();
        let owner = Owner { pid: env.pid, since: env.now(), doing: "sync".into() };
        let other = Repository::open(repository.root(), &env).unwrap();
        assert_eq!(other.running().unwrap(), [owner]);
        drop(lock);
        assert_eq!(repository.running().unwrap(), []);
    }
}
