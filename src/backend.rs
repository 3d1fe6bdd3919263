//! The copy elsewhere.

mod folder_remote;
mod git_remote;
mod github;
mod incoming;
mod typed_remote;
mod visibility;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

pub use self::git_remote::{Look, clone_into, join, transport_name};
pub use self::github::usable_repository;
pub use self::typed_remote::resolve as resolve_remote;
use self::visibility::Readers;
pub use self::visibility::{AllowPublic, GithubState, Visibility, check as check_visibility};
use crate::env::Env;
use crate::error::{ErrorKind, failure, kind, one_line};
use crate::progress::Progress;
use crate::repository::lock::{Lock, Owner};
use crate::repository::settings::{self, Mode};
use crate::repository::{Rejection, RemoteLock, Repository, migrate};
use crate::vault::transport::Address;

/// What became of the copy elsewhere; a failure is an outcome, for the data is committed already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Push {
    /// It was brought up to date.
    Pushed,
    /// It was up to date.
    UpToDate,
    /// There is none, by choice.
    NotConfigured,
    /// It waits for a later run, by request.
    Later,
    /// Another run talks to the remote, and pushes this too.
    InProgress {
        /// That run, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<Owner>,
    },
    /// It could not be brought up to date.
    Failed {
        /// The kind of the failure, for programs.
        code: ErrorKind,
        /// Why.
        error: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// What the remote said, line by line.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        said: Vec<String>,
    },
}

impl Push {
    /// True where this run sent something.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        *self == Self::Pushed
    }

    /// What two pushes after each other came to.
    fn and(self, next: Self) -> Self {
        match (&self, &next) {
            (Self::Pushed, Self::UpToDate) => self,
            _ => next,
        }
    }

    fn failed(error: &anyhow::Error) -> Self {
        let (code, failure) = (kind(error), failure(error));
        let hint = failure.and_then(|failure| failure.hint.clone());
        let said = failure.map(|failure| failure.lines.clone()).unwrap_or_default();
        Self::Failed { code, error: one_line(error), hint, said }
    }
}

/// Where copies shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere else.
    Local,
    /// A repository in the user's GitHub account, private unless others are allowed.
    Github(AllowPublic),
    /// Any git remote.
    Git(Address, AllowPublic),
}

/// Where copies of a backup go already; nothing where that was never settled.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn destination(repository: &Repository) -> Result<Option<Destination>> {
    let vault = &repository.vault;
    let Some(url) = vault.remote_url()? else { return Ok(None) };
    let allow = visibility::consent(vault)?;
    Ok(match settings::mode(vault)? {
        Mode::Local => None,
        Mode::Github => Some(Destination::Github(allow)),
        Mode::Git => Some(Destination::Git(Address::new(&url)?, allow)),
    })
}

/// True where copies are sent elsewhere.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn has_copy(repository: &Repository) -> Result<bool> {
    Ok(settings::mode(&repository.vault)? != Mode::Local)
}

/// A remote and all that is set along with it.
struct Place {
    mode: Mode,
    address: Address,
    /// The credential helper that lets git in, where one is asked for.
    helper: Option<String>,
    /// Who can read it, for a repository at GitHub.
    readers: Option<Readers>,
    allow: AllowPublic,
    /// The `gh` that found it.
    gh: Option<PathBuf>,
}

impl Place {
    /// An address that the user gave; one at GitHub is refused where `gh` tells that others can read it.
    fn of_address(
        address: &Address,
        allow: AllowPublic,
        env: &Env,
        limit: Duration,
    ) -> Result<Self> {
        let readers = visibility::of_address(address, env, limit)?;
        if let Some(readers) = &readers {
            readers.check(allow)?;
        }
        let (address, mode) = (address.clone(), Mode::Git);
        Ok(Self { mode, address, helper: None, readers, allow, gh: None })
    }
}

/// A remote that was tried and can be sent to.
pub struct Tried {
    place: Place,
    /// What it has.
    pub look: Look,
}

/// Tries a destination, with a real push that leaves nothing behind, and gets what it has; nothing
/// of the repository's settings or branch changes. The caller does not hold the backup's lock.
///
/// # Errors
/// Where it cannot be reached, does not let us in, takes nothing, or holds something else.
pub fn try_out(
    repository: &mut Repository,
    lock: &RemoteLock,
    destination: &Destination,
    progress: &dyn Progress,
) -> Result<Option<Tried>> {
    let place = match destination {
        Destination::Local => return Ok(None),
        Destination::Git(address, allow) => {
            let limits = repository.vault.time_limits(repository.env())?;
            Place::of_address(address, *allow, repository.env(), limits.silence)?
        }
        Destination::Github(allow) => {
            let limits = repository.vault.time_limits(repository.env())?;
            github::place(repository.env(), limits.silence, *allow)?
        }
    };
    let before = repository.vault.credential_helper(github::URL)?;
    let sets_helper = place.helper.is_some();
    if sets_helper {
        set_helper(repository, lock, place.helper.as_deref())?;
    }
    match git_remote::try_out(repository, lock, &place.address, progress) {
        Ok(look) => Ok(Some(Tried { place, look })),
        Err(error) => {
            if sets_helper {
                set_helper(repository, lock, before.as_deref())?;
            }
            Err(error)
        }
    }
}

/// Settings are changed under the backup's lock.
fn set_helper(repository: &mut Repository, lock: &RemoteLock, helper: Option<&str>) -> Result<()> {
    let _lock = repository.relock(lock.doing())?;
    repository.vault.set_credential_helper(github::URL, helper)
}

/// Sends copies there from now on.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn settle(repository: &Repository, tried: Option<&Tried>) -> Result<()> {
    let vault = &repository.vault;
    let Some(Tried { place, .. }) = tried else {
        settings::set_mode(vault, Mode::Local)?;
        vault.set_remote_url(None)?;
        return visibility::settle(vault, None, AllowPublic::No);
    };
    vault.set_remote_url(Some(place.address.as_str()))?;
    settings::set_mode(vault, place.mode)?;
    if let Some(program) = place.gh.as_deref().and_then(Path::to_str) {
        vault.set_setting(github::PROGRAM, program)?;
    }
    visibility::settle(vault, place.readers.as_ref(), place.allow)
}

/// Tries a destination, and only then sends copies there, from now on and at once. The caller does not
/// hold the backup's lock.
///
/// # Errors
/// As [`try_out`]; then everything is as before.
pub fn switch(
    repository: &mut Repository,
    remote_lock: RemoteLock,
    destination: &Destination,
    progress: &dyn Progress,
) -> Result<Push> {
    let tried = try_out(repository, &remote_lock, destination, progress)?;
    let lock = repository.relock(remote_lock.doing())?;
    settle(repository, tried.as_ref())?;
    // What lies in an older layout is this machine's before anything of others comes beside it.
    migrate::adopt(repository)?;
    publish(repository, lock, Turn::Taken(remote_lock), progress)
}

/// Continues without what these machines committed: a commit of ours leaves it out, and is pushed. The
/// caller does not hold the backup's lock.
///
/// # Errors
/// Where nothing of them is rejected, or more than that is.
pub fn reject(
    repository: &mut Repository,
    remote_lock: RemoteLock,
    names: &[String],
    progress: &dyn Progress,
) -> Result<(Rejection, Push)> {
    git_remote::reject(repository, remote_lock, names, progress)
}

/// A run's turn to talk to the remote.
#[derive(Debug)]
pub enum Turn<'a> {
    /// It has the remote's lock.
    Taken(RemoteLock),
    /// It is this command, and takes the lock if that is free.
    Wanted(&'a str),
}

/// Makes the remote equal to the repository, and the repository to what others pushed there. The
/// backup's lock is released for that time.
///
/// # Errors
/// Where the user asked to stop, or how it went cannot be noted.
pub fn publish(
    repository: &mut Repository,
    lock: Lock,
    turn: Turn<'_>,
    progress: &dyn Progress,
) -> Result<Push> {
    let mode = settings::mode(&repository.vault)?;
    drop(lock);
    match (mode, turn) {
        (Mode::Local, _) => Ok(Push::NotConfigured),
        (Mode::Github | Mode::Git, Turn::Taken(lock)) => {
            git_remote::publish_with(repository, lock, progress)
        }
        (Mode::Github | Mode::Git, Turn::Wanted(doing)) => {
            git_remote::publish(repository, doing, progress)
        }
    }
}
