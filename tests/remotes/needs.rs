//! Programs that a scenario needs; if one is missing, it is skipped, with the reason.

use std::path::PathBuf;

pub use crate::skipped::say_skipped;

/// A program of the machine that runs the tests.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// `python3`, for the http server.
    Python,
    /// `git http-backend`.
    HttpBackend,
    /// `openssl`, for certificates.
    Openssl,
    /// `sshd`, `ssh`, `ssh-keygen`, `ssh-agent` and `ssh-add`.
    Ssh,
}

/// With one of these set, what is missing is a failure.
const STRICT: [&str; 2] = ["CI", "CLAUDE_BACKUP_TEST_ALL"];

/// True where all of these are here. A scenario that gets `false` ends; it has said why.
pub fn met(needs: &[Need]) -> bool {
    let missing: Vec<_> = needs.iter().flat_map(|need| need.missing()).collect();
    if !missing.is_empty() {
        skip(&format!("not on this machine: {}", missing.join(", ")));
    }
    missing.is_empty()
}

/// Says why a scenario is skipped, which is a failure where none may be.
pub fn skip(why: &str) {
    assert!(STRICT.iter().all(|name| std::env::var_os(name).is_none()), "{why}");
    say_skipped(why);
}

impl Need {
    fn missing(self) -> Vec<String> {
        let programs: &[&str] = match self {
            Self::Python => &["python3"],
            Self::Openssl => &["openssl"],
            Self::Ssh => &["sshd", "ssh", "ssh-keygen", "ssh-agent", "ssh-add"],
            Self::HttpBackend => {
                let is_here = crate::plain_git::exec_path().join("git-http-backend").exists();
                return if is_here { Vec::new() } else { vec!["git http-backend".into()] };
            }
        };
        let missing = programs.iter().filter(|name| program(name).is_none());
        missing.map(|name| (*name).to_owned()).collect()
    }
}

/// Where a program is: on `PATH`, or where servers are that only root starts.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
