//! What this machine alone decides, kept in `.git/config` below `[claude-backup]`.
//!
//! Nothing here is ever taken from a file that another machine may have written: a manifest that
//! came over the network could otherwise send this machine's files into another's folder.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use anyhow::Result;

use super::layout::{MACHINES, machine_folder};
use super::manifest::Manifest;
use crate::env::Env;
use crate::fs::read_if_exists;
use crate::secrets::Salt;
use crate::session::MachineSlug;
use crate::vault::transport::Address;
use crate::vault::{ObjectId, Vault};

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

/// The remote as it may be shown, without what is secret in it; nothing in local mode, whatever is set.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn shown_remote(vault: &Vault) -> Result<Option<String>> {
    let url = vault.remote_url()?.filter(|_| mode(vault).is_ok_and(|mode| mode != Mode::Local));
    Ok(url.map(|url| Address::new(&url).map_or_else(|_| "(unreadable)".into(), |a| a.to_string())))
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
    if let Some(slug) = announced(vault)?
        && vault.folder(&machine_folder(&slug))?.is_some()
    {
        return Ok(slug);
    }
    if let Some(Ok(slug)) = vault.setting("machine")?.map(MachineSlug::new) {
        return Ok(slug);
    }
    if let Some(slug) = only_machine_of_old_tool(vault, root)? {
        return Ok(slug);
    }
    let by_host = MachineSlug::from_host(&env.host);
    let is_a_clone = vault.remote_url()?.is_some() && vault.setting("machineId")?.is_none();
    match is_a_clone && has_an_owner(vault, &by_host)? {
        true => free_slug(&by_host, &vault.folders_in(MACHINES)?),
        false => Ok(by_host),
    }
}

/// True where a machine's folder was made by this program: a clone of it is not that machine.
fn has_an_owner(vault: &Vault, slug: &MachineSlug) -> Result<bool> {
    let Some(head) = vault.head()? else { return Ok(false) };
    Ok(machine_id_in(vault, head.tree, slug)?.is_some())
}

/// The id in a machine's manifest of some tree.
///
/// # Errors
/// Where git cannot be read.
pub(super) fn machine_id_in(
    vault: &Vault,
    tree: ObjectId,
    slug: &MachineSlug,
) -> Result<Option<String>> {
    let folder = vault.folder_in(tree, &machine_folder(slug))?;
    folder.map_or(Ok(None), |folder| machine_id_of(vault, folder))
}

/// The random id in the manifest of a machine's folder.
///
/// # Errors
/// If git cannot be read.
pub(super) fn machine_id_of(vault: &Vault, folder: ObjectId) -> Result<Option<String>> {
    let Some(file) = vault.file_in(folder, "manifest.json")? else { return Ok(None) };
    let manifest = Manifest::parse(&vault.read(file.id)?);
    Ok(manifest.ok().map(|manifest| manifest.machine_id).filter(|id| !id.is_empty()))
}

/// The name with the first number that makes it free, from 2.
///
/// # Errors
/// Never in practice: a name with a number is a name.
pub fn free_slug(wanted: &MachineSlug, taken: &[String]) -> Result<MachineSlug> {
    let is_free = |name: &String| !taken.contains(name);
    let name = (2..).map(|number: u32| format!("{wanted}-{number}")).find(is_free);
    MachineSlug::new(name.unwrap_or_default())
}

/// A machine's name without the number that an earlier twin made necessary.
#[must_use]
pub fn without_number(slug: &MachineSlug, host: &str) -> MachineSlug {
    let by_host = MachineSlug::from_host(host);
    let number =
        slug.as_str().strip_prefix(by_host.as_str()).and_then(|rest| rest.strip_prefix('-'));
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if number.is_some_and(is_number) { by_host } else { slug.clone() }
}

/// Notes the name that this machine is about to get: it counts once the branch has its folder.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn announce(vault: &Vault, former: &MachineSlug, slug: &MachineSlug) -> Result<()> {
    if vault.folder(&machine_folder(former))?.is_some() {
        vault.set_setting("former", former.as_str())?;
    }
    vault.set_setting("becoming", slug.as_str())
}

/// The name that this machine's folder had before, in commits that may not be published yet.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn former(vault: &Vault) -> Result<Option<MachineSlug>> {
    Ok(vault.setting("former")?.and_then(|slug| MachineSlug::new(slug).ok()))
}

/// Ends a change of name that was announced, whether the branch has the new folder or not.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn settle_announced(vault: &Vault, slug: &MachineSlug) -> Result<()> {
    let Some(announced) = announced(vault)? else { return Ok(()) };
    if announced == *slug {
        settle_machine(vault, slug)?;
    }
    vault.remove_setting("becoming")
}

fn announced(vault: &Vault) -> Result<Option<MachineSlug>> {
    Ok(vault.setting("becoming")?.and_then(|slug| MachineSlug::new(slug).ok()))
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

/// The places outside the Claude homes that links may lead to, as they are written.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn followed_places(vault: &Vault) -> Result<Vec<String>> {
    vault.setting_values("follow")
}

/// Whether likely secrets may be pushed that the user has not allowed one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretPolicy {
    /// They stop the push.
    #[default]
    Refuse,
    /// They are pushed, by request.
    Allow,
}

impl SecretPolicy {
    /// What a flag says that allows them.
    #[must_use]
    pub fn of(is_allowed: bool) -> Self {
        if is_allowed { Self::Allow } else { Self::Refuse }
    }
}

/// What the fingerprints of secrets are made with: random, and never published.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn secret_salt(vault: &Vault) -> Result<Salt> {
    Ok(Salt::new(vault.setting("secretSalt")?.unwrap_or_else(random_id)))
}

/// Makes the salt once and for all. The caller holds the lock.
///
/// # Errors
/// Where git's settings cannot be read or written.
pub(super) fn ensure_secret_salt(vault: &Vault) -> Result<()> {
    match vault.setting("secretSalt")? {
        Some(_) => Ok(()),
        None => vault.set_setting("secretSalt", &random_id()),
    }
}

/// The fingerprints of secrets that may be pushed.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn allowed_secrets(vault: &Vault) -> Result<Vec<String>> {
    vault.setting_values("allowedSecret")
}

/// Lets the secret with this fingerprint be pushed.
///
/// # Errors
/// Where git's settings cannot be written.
pub fn allow_secret(vault: &Vault, fingerprint: &str) -> Result<()> {
    if allowed_secrets(vault)?.iter().any(|allowed| allowed == fingerprint) {
        return Ok(());
    }
    vault.add_setting("allowedSecret", fingerprint)
}

/// True where file history is to be kept too.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn keeps_file_history(vault: &Vault) -> Result<bool> {
    Ok(vault.setting("fileHistory")?.is_some_and(|value| value == "true"))
}

/// Whether the first sync of a day proves a share of the backup: unless `dailyProof` says `false`.
///
/// # Errors
/// Where git's settings cannot be read.
pub fn proves_daily(vault: &Vault) -> Result<bool> {
    Ok(vault.setting("dailyProof")?.as_deref() != Some("false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_behind_the_hosts_own_name_is_one_of_ours() {
        for (slug, host, name) in [
            ("laptop-2", "laptop.local", "laptop"),
            ("laptop-12", "laptop", "laptop"),
            ("laptop", "laptop", "laptop"),
            ("node-2", "node-2", "node-2"),
            ("laptop-old", "laptop", "laptop-old"),
            ("laptop-", "laptop", "laptop-"),
            ("chosen-2", "laptop", "chosen-2"),
        ] {
            let slug = MachineSlug::new(slug).unwrap();
            assert_eq!(without_number(&slug, host).as_str(), name);
        }
    }
}
