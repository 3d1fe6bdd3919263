//! What this machine alone decides, kept in `.git/config` below `[claude-backup]`.
//!
//! Nothing here is ever taken from a file that another machine may have written: a manifest that
//! came over the network could otherwise send this machine's files into another's folder.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use anyhow::Result;

use super::layout::MACHINES;
use super::manifest::Manifest;
use crate::env::Env;
use crate::fs::read_if_exists;
use crate::session::MachineSlug;
use crate::vault::Vault;

/// Where the copies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// This machine only.
    Local,
    /// A private repository at GitHub.
    Github,
    /// Any git remote.
    Git,
}

impl Mode {
    /// The word in manifests, JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Github => "github",
            Self::Git => "git",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Local, Self::Github, Self::Git].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// The mode: as set here, else as the remote says.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn mode(vault: &Vault) -> Result<Mode> {
    if let Some(mode) = vault.setting("mode")?.as_deref().and_then(Mode::parse) {
        return Ok(mode);
    }
    Ok(match vault.remote_url()? {
        None => Mode::Local,
        Some(url) if url.contains("github.com") && url.contains("claude-backup-data") => {
            Mode::Github
        }
        Some(_) => Mode::Git,
    })
}

/// Sets the mode.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn set_mode(vault: &Vault, mode: Mode) -> Result<()> {
    vault.set_setting("mode", mode.as_str())
}

/// This machine's folder name: as set here, else as a backup of the old tool suggests, else the host's.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn machine(vault: &Vault, root: &Path, env: &Env) -> Result<MachineSlug> {
    if let Some(Ok(slug)) = vault.setting("machine")?.map(MachineSlug::new) {
        return Ok(slug);
    }
    let by_host = MachineSlug::from_host(&env.host);
    Ok(only_machine_of_old_tool(vault, root)?.unwrap_or(by_host))
}

/// The old tool's slug outlived a change of host name, but only a backup that never had a remote
/// can be sure that it wrote its manifest itself.
fn only_machine_of_old_tool(vault: &Vault, root: &Path) -> Result<Option<MachineSlug>> {
    if vault.remote_url()?.is_some() {
        return Ok(None);
    }
    let manifest = read_if_exists(&root.join("manifest.json"))?;
    let slug = manifest
        .and_then(|text| Manifest::parse(&text).ok())
        .and_then(|manifest| MachineSlug::new(manifest.machine_slug).ok());
    Ok(slug.filter(|slug| root.join(MACHINES).join(slug.as_str()).is_dir()))
}

/// Makes the machine's name and id stick.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn settle_machine(vault: &Vault, slug: &MachineSlug) -> Result<String> {
    vault.set_setting("machine", slug.as_str())?;
    if let Some(id) = vault.setting("machineId")? {
        return Ok(id);
    }
    let id = random_id();
    vault.set_setting("machineId", &id)?;
    Ok(id)
}

/// Sixteen random bytes in hex; the standard library seeds its hashers from the system.
fn random_id() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

/// True where file history is to be kept too.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn keeps_file_history(vault: &Vault) -> Result<bool> {
    Ok(vault.setting("fileHistory")?.is_some_and(|value| value == "true"))
}
