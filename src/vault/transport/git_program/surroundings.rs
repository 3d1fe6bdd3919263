//! What git finds around it: its variables and its settings.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::env::Env;
use crate::process::{LEAST_RATE, Programs};
use crate::vault::transport::address::Login;

/// `GIT_*` variables that say how to reach a remote. All others could lead git to another
/// repository, another index, or write a trace with a password in it.
const KEPT: &[&str] = &[
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];
const KEPT_BEGINNINGS: &[&str] = &["GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_"];

/// Nobody is there to answer, and what git says is read by a program.
const FIXED: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("LANGUAGE", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // Empty, it also outranks `core.askPass` and SSH_ASKPASS.
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];

/// Settings that outrank the user's: nothing but the transfer happens.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.logAllRefUpdates", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // What is fetched stays one pack.
    ("fetch.unpackLimit", "1"),
    ("transfer.unpackLimit", "1"),
    // A file's content that is larger than any of ours is streamed, not held in memory.
    ("core.bigFileThreshold", "64m"),
    ("core.deltaBaseCacheLimit", "32m"),
    ("fetch.prune", "false"),
    ("fetch.pruneTags", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.pushOption", ""),
    ("submodule.recurse", "false"),
    ("protocol.ext.allow", "never"),
    ("credential.interactive", "false"),
];

const LOGIN_NAME: &str = "CLAUDE_BACKUP_LOGIN_NAME";
const LOGIN_PASSWORD: &str = "CLAUDE_BACKUP_LOGIN_PASSWORD";

/// A credential helper that repeats the address's own login. It is a shell's built-ins alone, so
/// the list of processes shows these words and never what the variables hold.
const HELPER: &str = "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \
                      \"$CLAUDE_BACKUP_LOGIN_NAME\" \"$CLAUDE_BACKUP_LOGIN_PASSWORD\"; }; f";

/// The variables of every call.
pub(super) fn variables(env: &Env) -> Vec<(OsString, OsString)> {
    let kept = env.variables().filter(|(name, _)| is_kept(name));
    let mut all: Vec<_> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    all.extend(FIXED.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    all.push(("HOME".into(), env.home.clone().into()));
    all
}

fn is_kept(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let is_known = KEPT.contains(&name.as_ref())
        || KEPT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    !name.starts_with("GIT_") || is_known
}

/// The settings of a call that speaks to a remote, as variables. A login goes with the origin that
/// it is for: scheme, host and port.
pub(super) fn settings(
    login: Option<(&Login, String)>,
    redirects: &str,
    silence: Duration,
) -> Vec<(OsString, OsString)> {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut settings: Vec<(String, String)> = SETTINGS.iter().map(own).collect();
    let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
    set("http.followRedirects", redirects);
    set("http.lowSpeedLimit", &LEAST_RATE.to_string());
    set("http.lowSpeedTime", &silence.as_secs().to_string());
    if let Some((login, origin)) = &login {
        match login.password {
            // Asks nobody else, and has nobody else keep it.
            Some(_) => set("credential.helper", ""),
            None => set(&format!("credential.{origin}.username"), &login.name),
        }
        set(&format!("credential.{origin}.helper"), HELPER);
    }
    let mut variables: Vec<(OsString, OsString)> =
        vec![("GIT_CONFIG_COUNT".into(), settings.len().to_string().into())];
    for (number, (key, value)) in settings.into_iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{number}").into(), key.into()));
        variables.push((format!("GIT_CONFIG_VALUE_{number}").into(), value.into()));
    }
    if let Some((login, _)) = login {
        variables.push((LOGIN_NAME.into(), login.name.clone().into()));
        let password = login.password.clone().unwrap_or_default();
        variables.push((LOGIN_PASSWORD.into(), password.into()));
    }
    variables
}

/// The first `git` on `PATH` that can be run.
pub(super) fn find_git(programs: &Programs<'_>) -> Option<PathBuf> {
    programs.find("git").find(|path| !is_apple_stub(path))
}

/// On a Mac without developer tools `/usr/bin/git` only opens a window that offers them.
fn is_apple_stub(path: &Path) -> bool {
    let tools = [
        "/Library/Developer/CommandLineTools/usr/bin/git",
        "/Applications/Xcode.app/Contents/Developer/usr/bin/git",
        "/var/db/xcode_select_link",
    ];
    cfg!(target_os = "macos")
        && path == Path::new("/usr/bin/git")
        && !tools.iter().any(|tool| Path::new(tool).exists())
}
