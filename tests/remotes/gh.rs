//! GitHub as its `gh` shows it, and the account's repositories on this disk.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::bare::Bare;
use crate::home::{Machine, Transport};
use crate::sandbox::set_mode;

/// A program named `gh` and what it knows.
pub struct Gh {
    folder: TempDir,
}

/// The account of whoever is logged in.
pub const ACCOUNT: &str = "octo";
/// What the repository there is called.
pub const REPOSITORY: &str = "claude-backup-data";

/// The calls that are answered; everything else is as wrong as it would be with the real one.
const SCRIPT: &str = r#"#!/bin/sh
PATH='@PATH@'; cd '@FOLDER@' || exit 9
printf '%s\n' "$*" >> calls
missing() { echo "GraphQL: Could not resolve to a Repository with the name '@NAME@'. (repository)" >&2; exit 1; }
case "$*" in
--version)
    echo "gh version $(cat version) (2026-01-01)"; echo 'https://github.com/cli/cli/releases' ;;
'auth status --hostname github.com')
    test -e login || { echo 'You are not logged into any GitHub hosts. To log in, run: gh auth login' >&2; exit 1; } ;;
'api user --jq .login')
    cat login ;;
'repo view @NAME@ --json visibility,url,sshUrl')
    test -e visibility || missing
    printf '{"visibility":"%s","url":"https://github.com/@NAME@","sshUrl":"git@github.com:@NAME@.git"}\n' "$(cat visibility)" ;;
'repo create @NAME@ --private --description '*)
    test -e quota && { echo 'HTTP 403: you have too many repositories (https://api.github.com/user/repos)' >&2; exit 1; }
    git init --quiet --bare -b main '@NAME@.git' && echo PRIVATE > visibility && echo 'https://github.com/@NAME@' ;;
'config get git_protocol --host github.com')
    cat protocol ;;
*)
    echo "unknown command: $*" >&2; exit 1 ;;
esac
"#;

impl Gh {
    /// Somebody is logged in and has no repository yet.
    pub fn new() -> Self {
        let gh = Self { folder: tempfile::tempdir().unwrap() };
        let folder = gh.folder.path().to_str().unwrap();
        let script = SCRIPT
            .replace("@PATH@", &std::env::var("PATH").unwrap())
            .replace("@FOLDER@", folder)
            .replace("@NAME@", &format!("{ACCOUNT}/{REPOSITORY}"));
        gh.note("gh", &script).note("login", ACCOUNT).note("version", "2.40.1");
        gh.note("protocol", "https").note("calls", "");
        set_mode(&gh.program(), 0o755);
        gh
    }

    /// Sets what it knows.
    pub fn note(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    /// Nobody is logged in.
    pub fn logged_out(self) -> Self {
        std::fs::remove_file(self.folder.path().join("login")).unwrap();
        self
    }

    /// The account has the repository, seen by those.
    pub fn with_repository(self, visibility: &str) -> Self {
        let account = self.folder.path().join(ACCOUNT);
        std::fs::create_dir(&account).unwrap();
        let path = account.join(format!("{REPOSITORY}.git"));
        crate::plain_git::git(&account, &["init", "--quiet", "--bare", path.to_str().unwrap()]);
        self.note("visibility", visibility);
        self
    }

    /// The account's repository.
    pub fn bare(&self) -> Bare {
        Bare::at(self.folder.path().join(ACCOUNT).join(format!("{REPOSITORY}.git")))
    }

    /// A machine with this `gh`, whose way to GitHub leads to the disk.
    pub fn machine(&self, transport: Transport) -> Machine {
        let machine = Machine::new(transport).program_at("gh", &self.program());
        let place = format!("url.file://{}/{ACCOUNT}/.insteadOf", self.folder.path().display());
        for address in ["https://github.com/octo/", "git@github.com:octo/"] {
            machine.git_setting(&place, address);
        }
        machine
    }

    /// How often it was called with words that begin so.
    pub fn calls(&self, beginning: &str) -> usize {
        let calls = std::fs::read_to_string(self.folder.path().join("calls")).unwrap();
        calls.lines().filter(|line| line.starts_with(beginning)).count()
    }

    fn program(&self) -> PathBuf {
        Path::new(self.folder.path()).join("gh")
    }
}
