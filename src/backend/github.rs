//! A private repository at GitHub, found or made through the `gh` program.
//!
//! The only file that starts `gh`. What is sent goes the way of any git remote.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::vault::transport::Address;

/// The repository's name in the user's account.
const REPOSITORY: &str = "claude-backup-data";
const HOST: &str = "github.com";
/// What credentials are asked for.
pub(super) const URL: &str = "https://github.com";
const DESCRIPTION: &str = "Backup of Claude Code sessions, made by claude-backup";
/// The first version whose `repo view` tells the visibility and the account as JSON.
const OLDEST: (u32, u32) = (2, 0);

/// What to do about a repository that everybody can read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Refuse it.
    #[default]
    Refused,
    /// The user wants it so.
    Accepted,
}

/// The `gh` program of this machine.
struct Gh<'a> {
    program: PathBuf,
    env: &'a Env,
}

/// Where a user's backup is at GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its address, by the protocol that the user chose in `gh`.
    pub address: Address,
    /// The credential helper that lets git in, where the protocol asks for one.
    pub helper: Option<String>,
}

/// What `gh repo view` tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    visibility: String,
    url: String,
    ssh_url: String,
}

/// Finds or makes the user's data repository.
///
/// # Errors
/// Where `gh` is not there, too old or not logged in; as [`Gh::repository`].
pub(super) fn place(env: &Env, exposure: Exposure) -> Result<Place> {
    let gh = Gh::find(env).ok_or_else(|| {
        Failure::new(ErrorKind::Failed, "the GitHub backend needs the program `gh`")
            .hint("install it (https://cli.github.com) and run `gh auth login`, or use `--backend git --remote URL`")
    })?;
    gh.repository(&gh.account()?, exposure)
}

/// The GitHub account that could be used without asking for anything.
#[must_use]
pub fn usable_account(env: &Env) -> Option<String> {
    Gh::find(env)?.account().ok()
}

impl<'a> Gh<'a> {
    /// The program on `PATH`, whether usable or not.
    #[must_use]
    fn find(env: &'a Env) -> Option<Self> {
        env.programs("gh").next().map(|program| Self { program, env })
    }

    /// Checks version and login, and tells whose account it is.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] where nobody is logged in; where `gh` is too old.
    fn account(&self) -> Result<String> {
        self.check_version()?;
        let status = self.run(&["auth", "status", "--hostname", HOST])?;
        if !status.status.success() {
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

    /// Finds the account's data repository, or makes it, private.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] where it is there and not private, unless that is accepted; where `gh`
    /// cannot make it.
    fn repository(&self, account: &str, exposure: Exposure) -> Result<Place> {
        let name = format!("{account}/{REPOSITORY}");
        let view = match self.view(&name)? {
            Some(view) => view,
            None => {
                self.create(&name)?;
                let view = self.view(&name)?;
                view.with_context(|| format!("GitHub does not show `{name}` after making it"))?
            }
        };
        if view.visibility != "PRIVATE" && exposure == Exposure::Refused {
            let visibility = view.visibility.to_lowercase();
            let message = format!("the repository `{name}` is {visibility}: others can read it");
            return Err(Failure::new(ErrorKind::Refused, message)
                .hint(format!("make it private with `gh repo edit {name} --visibility private`, or accept it with --yes"))
                .into());
        }
        let by_ssh = self.ask(&["config", "get", "git_protocol", "--host", HOST]);
        if by_ssh.is_ok_and(|protocol| protocol == "ssh") {
            return Ok(Place { address: Address::new(&view.ssh_url)?, helper: None });
        }
        let address = Address::new(&format!("{}.git", view.url))?;
        Ok(Place { address, helper: Some(self.helper()) })
    }

    /// By its whole path: a timer knows few places for programs.
    fn helper(&self) -> String {
        let program = self.program.display().to_string().replace('\'', "'\\''");
        format!("!'{program}' auth git-credential")
    }

    fn view(&self, name: &str) -> Result<Option<View>> {
        let output = self.run(&["repo", "view", name, "--json", "visibility,url,sshUrl"])?;
        if output.status.success() {
            let view = serde_json::from_slice(&output.stdout);
            return view.map(Some).context("`gh repo view` gave no JSON that makes sense");
        }
        let words = words(&output.stderr);
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
        if !output.status.success() {
            return Err(failed(arguments.first().unwrap_or(&""), &words(&output.stderr)));
        }
        Ok(words(&output.stdout))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one file that starts gh")]
    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let quiet =
            [("GH_PROMPT_DISABLED", "1"), ("NO_COLOR", "1"), ("GH_NO_UPDATE_NOTIFIER", "1")];
        Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .envs(self.env.variables())
            .env("HOME", &self.env.home)
            .envs(quiet)
            .env_remove("GH_DEBUG")
            .current_dir(&self.env.home)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `{}`", self.program.display()))
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
}
