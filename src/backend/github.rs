//! A private repository at GitHub, found or made through the `gh` program.
//!
//! The only file that starts `gh`. What is sent goes the way of any git remote.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Place;
use super::visibility::{AllowPublic, Readers, Visibility};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::process::{self, Output, Programs, TimeLimits};
use crate::repository::Repository;
use crate::repository::settings::Mode;
use crate::vault::transport::Address;

/// The repository's name in the user's account.
const REPOSITORY: &str = "claude-backup-data";
const HOST: &str = "github.com";
/// The names by which git reaches it.
const HOSTS: [&str; 3] = [HOST, "www.github.com", "ssh.github.com"];
/// The setting that names the `gh` that set the remote.
pub(super) const PROGRAM: &str = "gh";
/// What credentials are asked for.
pub(super) const URL: &str = "https://github.com";
const DESCRIPTION: &str = "Backup of Claude Code sessions, made by claude-backup";
/// None of its answers is longer.
const MOST_OUTPUT: usize = 1 << 20;
/// The first version whose `repo view` tells the visibility and the account as JSON.
const OLDEST: (u32, u32) = (2, 0);

/// The `gh` program of this machine.
pub(super) struct Gh<'a> {
    program: PathBuf,
    env: &'a Env,
    limit: Duration,
}

/// What `gh repo view` tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    visibility: String,
    url: String,
    ssh_url: String,
}

/// The repository that an address at GitHub names, `owner/name`; `None` for another host.
pub(super) fn name_of(address: &Address) -> Option<String> {
    let (host, path) = address.host_and_path()?;
    if !HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known)) {
        return None;
    }
    let path = path.trim_matches('/');
    let mut parts = path.strip_suffix(".git").unwrap_or(path).split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    let is_name = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && !part.starts_with('-') && part.chars().all(is_plain)
    };
    (parts.next().is_none() && is_name(owner) && is_name(name)).then(|| format!("{owner}/{name}"))
}

/// The repository that an account keeps its backup in.
pub(super) fn default_name(account: &str) -> String {
    format!("{account}/{REPOSITORY}")
}

/// Finds or makes the user's data repository.
///
/// # Errors
/// Where `gh` is not there, too old or not logged in; as [`Gh::repository`].
pub(super) fn place(env: &Env, limit: Duration, allow: AllowPublic) -> Result<Place> {
    let gh = Gh::find(env, limit).ok_or_else(|| {
        Failure::new(ErrorKind::Failed, "the GitHub backend needs the program `gh`")
            .hint("install it (https://cli.github.com) and run `gh auth login`, or use `--backend git --remote URL`")
    })?;
    gh.repository(&gh.account()?, allow)
}

/// The GitHub repository that could be used without asking for anything, `owner/name`.
#[must_use]
pub fn usable_repository(env: &Env) -> Option<String> {
    let gh = Gh::find(env, TimeLimits::default().silence)?;
    gh.account().ok().map(|account| default_name(&account))
}

impl<'a> Gh<'a> {
    /// The program on `PATH`, whether usable or not.
    #[must_use]
    pub(super) fn find(env: &'a Env, limit: Duration) -> Option<Self> {
        let program = Programs::new(env, None).find("gh").next()?;
        Some(Self { program, env, limit })
    }

    /// The same; else the one that set the remote, which a timer's `PATH` may not have.
    ///
    /// # Errors
    /// Where git's settings cannot be read.
    pub(super) fn of(repository: &'a Repository) -> Result<Option<Self>> {
        let env = repository.env();
        let limit = repository.vault.time_limits(env)?.silence;
        if let Some(found) = Self::find(env, limit) {
            return Ok(Some(found));
        }
        let program = repository.vault.setting(PROGRAM)?.map(PathBuf::from);
        let program = program.filter(|path| path.is_absolute() && path.is_file());
        Ok(program.map(|program| Self { program, env, limit }))
    }

    /// Checks version and login, and tells whose account it is.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] where nobody is logged in; where `gh` is too old.
    pub(super) fn account(&self) -> Result<String> {
        self.check_version()?;
        let status = self.run(&["auth", "status", "--hostname", HOST])?;
        if !status.success {
            let message = "nobody is logged in to GitHub here";
            return Err(Failure::new(ErrorKind::Unauthorized, message)
                .hint("log in with `gh auth login`, then try again")
                .into());
        }
        let login = self.ask(&["api", "user", "--jq", ".login"])?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if login.is_empty() || !login.chars().all(is_name) {
            let message = format!("`gh` tells no account name: `{}`", login.escape_debug());
            return Err(Failure::new(ErrorKind::Failed, message).into());
        }
        Ok(login)
    }

    /// Who can read a repository.
    ///
    /// # Errors
    /// Where GitHub cannot be asked, or shows no such repository.
    pub(super) fn visibility(&self, name: &str) -> Result<Visibility> {
        let view = self.view(name)?.with_context(|| format!("GitHub shows no `{name}`"))?;
        Ok(Visibility::parse(&view.visibility))
    }

    /// Finds the account's data repository, or makes it, private.
    ///
    /// # Errors
    /// [`ErrorKind::PublicRepository`] where it is there and not private, unless that is accepted;
    /// where `gh` cannot make it.
    fn repository(&self, account: &str, allow: AllowPublic) -> Result<Place> {
        let name = default_name(account);
        let view = match self.view(&name)? {
            Some(view) => view,
            None => {
                self.create(&name)?;
                let view = self.view(&name)?;
                view.with_context(|| format!("GitHub does not show `{name}` after making it"))?
            }
        };
        let visibility = Visibility::parse(&view.visibility);
        let readers = Readers::at_setup(name, visibility);
        readers.check(allow)?;
        let by_ssh = self.ask(&["config", "get", "git_protocol", "--host", HOST]);
        let (url, helper) = match by_ssh.is_ok_and(|protocol| protocol == "ssh") {
            true => (view.ssh_url, None),
            false => (format!("{}.git", view.url), Some(self.helper())),
        };
        Ok(Place {
            mode: Mode::Github,
            address: Address::new(&url)?,
            helper,
            readers: Some(readers),
            allow,
            gh: Some(self.program.clone()),
        })
    }

    /// By its whole path: a timer knows few places for programs.
    fn helper(&self) -> String {
        let program = self.program.display().to_string().replace('\'', "'\\''");
        format!("!'{program}' auth git-credential")
    }

    fn view(&self, name: &str) -> Result<Option<View>> {
        let output = self.run(&["repo", "view", name, "--json", "visibility,url,sshUrl"])?;
        if output.success {
            let view = serde_json::from_slice(&output.out);
            return view.map(Some).context("`gh repo view` gave no JSON that makes sense");
        }
        let words = words(&output.err);
        match words.contains("Could not resolve to a Repository") || words.contains("HTTP 404") {
            true => Ok(None),
            false => Err(failed("repo view", &words)),
        }
    }

    fn create(&self, name: &str) -> Result<()> {
        self.ask(&["repo", "create", name, "--private", "--description", DESCRIPTION]).map(drop)
    }

    fn check_version(&self) -> Result<()> {
        let text = self.ask(&["--version"])?;
        let version = version_of(&text);
        if version.is_some_and(|version| version >= OLDEST) {
            return Ok(());
        }
        let first = text.lines().next().unwrap_or_default().to_owned();
        let (major, minor) = OLDEST;
        let message = format!("`gh` is too old: {first}");
        Err(Failure::new(ErrorKind::Failed, message)
            .hint(format!("update it to {major}.{minor} or newer: https://cli.github.com"))
            .into())
    }

    /// The output of a call that must succeed, without the last line end.
    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        if !output.success {
            return Err(failed(arguments.first().unwrap_or(&""), &words(&output.err)));
        }
        Ok(words(&output.out))
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let quiet =
            [("GH_PROMPT_DISABLED", "1"), ("NO_COLOR", "1"), ("GH_NO_UPDATE_NOTIFIER", "1")];
        let mut command = Programs::new(self.env, None).command(&self.program);
        command.args(arguments).envs(quiet).env_remove("GH_DEBUG");
        process::run_whole(&mut command, b"", self.env, self.limit, MOST_OUTPUT)
    }
}

fn failed(what: &str, words: &str) -> anyhow::Error {
    let first = words.lines().next().unwrap_or("it did not say why");
    Failure::new(ErrorKind::Failed, format!("`gh {what}` failed: {first}"))
        .hint("see `gh auth status`")
        .into()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// `gh version 2.23.0 (2023-02-08)` → 2, 23.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("gh version ")?.split(['.', ' ', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_gh_writes_them() {
        assert_eq!(version_of("gh version 2.23.0 (2023-02-08)\nhttps://…"), Some((2, 23)));
        assert_eq!(version_of("gh version 1.9.2"), Some((1, 9)));
        assert_eq!(version_of("gh"), None);
    }

    #[test]
    fn a_repository_is_known_by_each_of_its_addresses() {
        for address in [
            "https://github.com/octo/data.git",
            "https://me:token@github.com/octo/data",
            "https://GitHub.com/octo/data/",
            "ssh://git@ssh.github.com:443/octo/data.git",
            "git@github.com:octo/data.git",
            "git@github.com:/octo/data",
        ] {
            let address = Address::new(address).unwrap();
            assert_eq!(name_of(&address).as_deref(), Some("octo/data"), "{address}");
        }
        for address in [
            "https://github.com.example.org/octo/data",
            "https://example.org/github.com/octo/data",
            "https://github.com/octo",
            "https://github.com/octo/data/more",
            "https://github.com/--help/data",
            "/github.com/octo/data",
        ] {
            assert_eq!(name_of(&Address::new(address).unwrap()), None, "{address}");
        }
    }
}
