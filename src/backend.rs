//! The copy elsewhere.

mod git_remote;
mod github;

use anyhow::Result;
use serde::Serialize;

pub use self::git_remote::{Look, clone_into, join, transport_name};
pub use self::github::{Exposure, usable_account};
use crate::error::{ErrorKind, failure, kind, one_line};
use crate::progress::Progress;
use crate::repository::settings::{self, Mode};
use crate::repository::{Repository, migrate};
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
    /// A private repository in the user's GitHub account.
    Github(Exposure),
    /// Any git remote.
    Git(Address),
}

impl Destination {
    /// A git remote by its address.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is no address.
    pub fn git(url: &str) -> Result<Self> {
        Address::new(url).map(Self::Git)
    }
}

/// Where copies of a backup go already; nothing where that was never settled.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn destination(repository: &Repository) -> Result<Option<Destination>> {
    let vault = &repository.vault;
    let Some(url) = vault.remote_url()? else { return Ok(None) };
    Ok(match settings::mode(vault)? {
        Mode::Local => None,
        Mode::Github => Some(Destination::Github(Exposure::Refused)),
        Mode::Git => Some(Destination::git(&url)?),
    })
}

/// True where copies are sent elsewhere.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn has_copy(repository: &Repository) -> Result<bool> {
    Ok(settings::mode(&repository.vault)? != Mode::Local)
}

/// A remote that was tried and can be sent to.
pub struct Tried {
    mode: Mode,
    address: Address,
    /// What it has.
    pub look: Look,
}

/// Tries a destination, with a real push that leaves nothing behind, and gets what it has; nothing
/// of the repository's settings or branch changes.
///
/// # Errors
/// Where it cannot be reached, does not let us in, takes nothing, or holds something else.
pub fn try_out(
    repository: &Repository,
    destination: &Destination,
    progress: &dyn Progress,
) -> Result<Option<Tried>> {
    let (mode, address, helper) = match destination {
        Destination::Local => return Ok(None),
        Destination::Git(address) => (Mode::Git, address.clone(), None),
        Destination::Github(exposure) => {
            let place = github::place(repository.env(), *exposure)?;
            (Mode::Github, place.address, place.helper)
        }
    };
    let vault = &repository.vault;
    let before = vault.credential_helper(github::URL)?;
    if helper.is_some() {
        vault.set_credential_helper(github::URL, helper.as_deref())?;
    }
    match git_remote::try_out(repository, &address, progress) {
        Ok(look) => Ok(Some(Tried { mode, address, look })),
        Err(error) => {
            vault.set_credential_helper(github::URL, before.as_deref())?;
            Err(error)
        }
    }
}

/// Sends copies there from now on.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn settle(repository: &Repository, tried: Option<&Tried>) -> Result<()> {
    let vault = &repository.vault;
    match tried {
        Some(tried) => {
            vault.set_remote_url(Some(tried.address.as_str()))?;
            settings::set_mode(vault, tried.mode)
        }
        None => {
            settings::set_mode(vault, Mode::Local)?;
            vault.set_remote_url(None)
        }
    }
}

/// Tries a destination, and only then sends copies there, from now on and at once.
///
/// # Errors
/// As [`try_out`]; then everything is as before.
pub fn switch(
    repository: &mut Repository,
    destination: &Destination,
    progress: &dyn Progress,
) -> Result<Push> {
    let tried = try_out(repository, destination, progress)?;
    settle(repository, tried.as_ref())?;
    // What lies in an older layout is this machine's before anything of others comes beside it.
    migrate::adopt(repository)?;
    publish(repository, progress)
}

/// Makes the copy elsewhere equal to the repository, and the repository to what others sent there.
///
/// # Errors
/// Where the user asked to stop, or how it went cannot be noted.
pub fn publish(repository: &mut Repository, progress: &dyn Progress) -> Result<Push> {
    match settings::mode(&repository.vault)? {
        Mode::Local => Ok(Push::NotConfigured),
        Mode::Github | Mode::Git => git_remote::publish(repository, progress),
    }
}
