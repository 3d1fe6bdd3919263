//! A remote that is a folder: its repository is opened as this user, so none of its programs may run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use git2::{Config, ConfigLevel, Repository};

use super::{Address, OLDEST_GIT};
use crate::env::is_executable;
use crate::error::{ErrorKind, Failure};
use crate::vault::Vault;

/// Hooks that decide whether a push is taken. Others, such as `post-receive`, are left out silently.
const DECIDING_HOOKS: [&str; 2] = ["pre-receive", "update"];

/// What git at the folder may do. Each line is a setting of the folder's own that runs a program, or
/// that would lead to one: hooks; the list of references of alternates; the file system monitor and
/// filters, by way of a push into a checked-out branch; housekeeping.
const SETTINGS: [&str; 6] = [
    "core.alternateRefsCommand=:",
    "core.fsmonitor=false",
    "receive.denyCurrentBranch=refuse",
    "receive.autogc=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// Whether hooks of a folder remote run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hooks {
    /// None does.
    Skip,
    /// Those in this folder do, as the user wants it.
    Run(PathBuf),
}

impl Hooks {
    /// What the user's setting and the folder's hooks come to for a push.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] where a hook would decide about the push, and hooks do not run.
    pub(super) fn for_push(vault: &Vault, remote: &Address, folder: &Path) -> Result<Self> {
        let (hooks, named) = hooks_of(folder);
        let setting = vault.setting("runRemoteHooks")?;
        if setting.is_some_and(|value| matches!(value.as_str(), "true" | "yes" | "on" | "1")) {
            return Ok(Self::Run(hooks));
        }
        let deciding = DECIDING_HOOKS.iter().map(|name| hooks.join(name));
        let found =
            deciding.filter(|path| is_executable(path)).map(|path| path.display().to_string());
        let Some(hook) = found.chain(named).next() else { return Ok(Self::Skip) };
        let message =
            format!("the hook `{hook}` would check this push, but hooks of a folder do not run");
        Err(Failure::new(ErrorKind::Refused, message)
            .hint(format!(
                "remove it, or, if you trust everyone who can write to `{remote}`: \
                 `git -C ~/.claude-backup config claude-backup.runRemoteHooks true`"
            ))
            .into())
    }
}

/// # Errors
/// Where there are hooks to run in this folder: only git runs them.
pub(super) fn refuse_hooks_without_git(remote: &Address, hooks: &Path) -> Result<()> {
    let Some(hook) =
        DECIDING_HOOKS.iter().map(|name| hooks.join(name)).find(|path| is_executable(path))
    else {
        return Ok(());
    };
    let message = format!("the hook `{}` of `{remote}` can only be run by git", hook.display());
    Err(Failure::new(ErrorKind::Refused, message)
        .hint(format!("install git {OLDEST_GIT} or newer, or remove the hook"))
        .into())
}

/// The folder's hooks, and the hook commands that its settings name.
fn hooks_of(folder: &Path) -> (PathBuf, Vec<String>) {
    let Ok(repository) = Repository::open(folder) else {
        let inner = folder.join(".git");
        let git_dir = if inner.is_dir() { inner } else { folder.to_owned() };
        return (git_dir.join("hooks"), Vec::new());
    };
    let usual = repository.commondir().join("hooks");
    // The user's own settings are nobody else's, and git is told to leave them out.
    let config = repository.config().and_then(|config| config.open_level(ConfigLevel::Local));
    let Ok(config) = config else { return (usual, Vec::new()) };
    let base = repository.workdir().unwrap_or_else(|| repository.path());
    let hooks = config.get_path("core.hooksPath").map_or(usual, |path| base.join(path));
    (hooks, hook_commands(&config))
}

/// Newer versions of git also take `hook.<name>.command`.
fn hook_commands(config: &Config) -> Vec<String> {
    let mut commands = Vec::new();
    if let Ok(mut entries) = config.entries(Some("^hook\\..*\\.command$")) {
        while let Some(Ok(entry)) = entries.next() {
            commands.extend(entry.name().ok().map(str::to_owned));
        }
    }
    commands
}

/// The words by which git starts `service` at a folder, for a shell.
///
/// The repository there may claim to lack objects that it promises to fetch, from an address that
/// is a program: no protocol is allowed.
pub(super) fn service_command(git: &Path, service: &str, hooks: &Hooks) -> String {
    let mut command = format!("GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 {}", quoted(git));
    let hooks = match hooks {
        Hooks::Skip => Path::new("/dev/null"),
        Hooks::Run(folder) => folder,
    };
    command.push_str(&format!(" -c core.hooksPath={}", quoted(hooks)));
    for setting in SETTINGS {
        command.push_str(&format!(" -c {setting}"));
    }
    format!("{command} {service}")
}

/// A path as one word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_started_without_anything_of_the_folder() {
        let command = service_command(Path::new("/o'x/git"), "receive-pack", &Hooks::Skip);
        assert!(command.contains(" '/o'\\''x/git' -c core.hooksPath='/dev/null' -c "), "{command}");
        assert!(command.ends_with(" -c maintenance.auto=false receive-pack"), "{command}");
    }
}
