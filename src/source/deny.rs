//! What is never copied, whatever is asked for: credentials, keys, and state that carries tokens.
//!
//! This is the only such list. The walk asks it for each name it meets and for the real end of each
//! link; adoption of old backups, export and import ask it for each path they carry.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Component, Path};

use super::pattern::{name_fits, tail_fits, whole_fits};

/// Names in a row (lower case, `*` within a name, `**` for any row) whose last one is denied.
struct Rule {
    names: &'static [&'static str],
    place: RulePlace,
}

#[derive(PartialEq, Eq)]
enum RulePlace {
    /// In any folder.
    Anywhere,
    /// From the top of a Claude home on: these words are harmless as the name of a skill.
    ClaudeHome,
}

impl RulePlace {
    fn beginning(path: &Path) -> Self {
        if path.has_root() { Self::Anywhere } else { Self::ClaudeHome }
    }
}

/// The deny list. A folder that is denied takes all that lies below it along.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    // Logins of Claude Code, of the backup tool before this one, and whatever looks like them.
    anywhere(&["*.credentials.json*"]),
    anywhere(&["credentials.json"]),
    anywhere(&["*.encryption_key*"]),
    anywhere(&[".claude.json*"]),
    anywhere(&[".config", "anthropic"]),
    anywhere(&["mcp-needs-auth-cache.json"]),

    // Live state of Claude Code: socket and editor tokens, exported variables.
    claude_home(&["ide"]),
    claude_home(&["daemon"]),
    claude_home(&["daemon.*"]),
    claude_home(&["session-env"]),
    claude_home(&["shell-snapshots"]),
    claude_home(&["statsig"]),

    // Environment files; this also covers those of `channels/`.
    anywhere(&[".env"]),
    anywhere(&[".env.*"]),
    anywhere(&["oauth-keys.env"]),

    // Keys and key stores.
    anywhere(&["*.pem"]),
    anywhere(&["*.key"]),
    anywhere(&["*.p12"]),
    anywhere(&["*.pfx"]),
    anywhere(&["*.age"]),
    anywhere(&["*.kdbx"]),
    anywhere(&["id_rsa*"]),
    anywhere(&["id_dsa*"]),
    anywhere(&["id_ecdsa*"]),
    anywhere(&["id_ed25519*"]),
    anywhere(&[".ssh"]),
    anywhere(&[".gnupg"]),

    // Logins of other programs.
    anywhere(&[".aws"]),
    anywhere(&[".netrc"]),
    anywhere(&["_netrc"]),
    anywhere(&[".npmrc"]),
    anywhere(&[".pypirc"]),
    anywhere(&[".git-credentials"]),
    anywhere(&[".config", "gcloud"]),
    anywhere(&[".config", "gh", "hosts.yml"]),
    anywhere(&[".docker", "config.json"]),

    // Logins of other agents.
    anywhere(&["auth.json"]),
    anywhere(&["mcp-auth.json"]),
    anywhere(&["storage", "session_share"]),
    anywhere(&[".codex", "secrets"]),
    anywhere(&[".codex", "shell_snapshots"]),
    anywhere(&[".codex", "logs_*.sqlite*"]),
    anywhere(&["oauth_creds.json"]),
    anywhere(&["gemini-credentials.json"]),
    anywhere(&["mcp-oauth-tokens.json"]),
    anywhere(&["a2a-oauth-tokens.json"]),
    anywhere(&["google_accounts.json"]),

    // Stores of editors and browsers, where they keep them; elsewhere the words mean nothing.
    anywhere(&["state.vscdb*"]),
    anywhere(&[".config", "**", "cookies"]),
    anywhere(&[".config", "**", "local storage"]),
    anywhere(&[".config", "**", "indexeddb"]),
    anywhere(&["application support", "**", "cookies"]),
    anywhere(&["application support", "**", "local storage"]),
    anywhere(&["application support", "**", "indexeddb"]),
    anywhere(&["appdata", "**", "cookies"]),
    anywhere(&["appdata", "**", "local storage"]),
    anywhere(&["appdata", "**", "indexeddb"]),
];

const fn anywhere(names: &'static [&'static str]) -> Rule {
    Rule { names, place: RulePlace::Anywhere }
}

const fn claude_home(names: &'static [&'static str]) -> Rule {
    Rule { names, place: RulePlace::ClaudeHome }
}

/// True where a path must never be copied: relative to a Claude home, or the real end of a link.
///
/// Each part of the path is judged, as a file and as a folder, without regard to case.
#[must_use]
pub fn is_denied(path: &Path) -> bool {
    let mut names = Vec::new();
    for name in path.components().filter_map(normal) {
        if Ground::at(&names, &RulePlace::beginning(path)).denies(name) {
            return true;
        }
        names.push(lower(name).into_owned());
    }
    false
}

/// A folder that is not denied itself, to judge the many names in it cheaply.
#[derive(Debug)]
pub(super) struct Ground {
    /// What denied names look like here.
    patterns: Vec<&'static str>,
    holds_projects: bool,
    holds_transcripts: bool,
}

impl Ground {
    /// The folder: relative to a Claude home, or absolute.
    pub(super) fn new(folder: &Path) -> Self {
        let names = folder.components().filter_map(normal).map(|name| lower(name).into_owned());
        Self::at(&names.collect::<Vec<_>>(), &RulePlace::beginning(folder))
    }

    /// The folder of these names, the first of which lies directly at the beginning.
    fn at(names: &[String], beginning: &RulePlace) -> Self {
        let in_claude_home = *beginning == RulePlace::ClaudeHome;
        let lies_at = |folders: &[&str], place: &RulePlace| match place {
            RulePlace::Anywhere => tail_fits(folders, names),
            RulePlace::ClaudeHome => in_claude_home && whole_fits(folders, names),
        };
        let last = |rule: &Rule| {
            let (last, folders) = rule.names.split_last().expect("each rule has a name");
            lies_at(folders, &rule.place).then_some(*last)
        };
        Self {
            patterns: RULES.iter().filter_map(last).collect(),
            holds_projects: in_claude_home && whole_fits(&["projects"], names),
            holds_transcripts: in_claude_home && whole_fits(&["projects", "*"], names),
        }
    }

    /// True where an entry of this name must never be copied.
    pub(super) fn denies(&self, name: &OsStr) -> bool {
        let name = lower(name);
        if self.is_project_name(&name) {
            return false;
        }
        let is_transcript = self.is_transcript_name(&name);
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| {
            !(is_transcript && is_about_endings(pattern)) && name_fits(pattern, &name)
        })
    }

    /// A project folder is named after a path with every dot made a dash, so it says nothing.
    fn is_project_name(&self, name: &str) -> bool {
        self.holds_projects && !name.contains('.')
    }

    /// A session directly in a project is never lost to how its name ends.
    fn is_transcript_name(&self, name: &str) -> bool {
        self.holds_transcripts && name.ends_with(".jsonl") && !name.starts_with('.')
    }
}

fn is_about_endings(pattern: &str) -> bool {
    pattern.starts_with('*')
}

fn normal(component: Component<'_>) -> Option<&OsStr> {
    match component {
        Component::Normal(name) => Some(name),
        _ => None,
    }
}

fn lower(name: &OsStr) -> Cow<'_, str> {
    // Nearly all names are lower already, and need no copy.
    match name.to_str() {
        Some(name) if name.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) => name.into(),
        _ => name.to_string_lossy().to_lowercase().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const DENIED: &[&str] = &[
        ".credentials.json", ".credentials.json.bak", "my.credentials.json", "credentials.json",
        ".encryption_key", "x.encryption_key.old", ".claude.json", ".claude.json.backup.179",
        ".env", ".env.local", "server.pem", "tls.key", "a.p12", "a.pfx", "a.age", "a.kdbx",
        "id_rsa", "id_rsa.pub", "id_dsa", "id_ecdsa_sk", "id_ed25519", ".ssh", ".gnupg", ".aws",
        ".netrc", "_netrc", ".npmrc", ".pypirc", ".git-credentials", ".config/gh/hosts.yml",
        ".config/gcloud", ".config/anthropic", ".docker/config.json", "auth.json",
        "mcp-auth.json", "storage/session_share", ".codex/secrets", ".codex/logs_2.sqlite",
        "oauth_creds.json", "google_accounts.json", "state.vscdb.backup",
        "Library/Application Support/Code/Cookies", ".config/Code/Default/Local Storage",
    ];

    #[test]
    fn every_denied_name_is_denied_at_every_depth_and_in_every_case() {
        for name in DENIED {
            for folder in ["", "skills/x", "projects/-p/uuid/tool-results", "/home/dev", "/mnt/x"] {
                for below in ["", "below/deeper.txt"] {
                    let path = Path::new(folder).join(name).join(below);
                    assert!(is_denied(&path), "{path:?}");
                    let path = path.to_string_lossy().to_uppercase();
                    assert!(is_denied(Path::new(&path)), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn harmless_names_that_come_near_are_kept() {
        for path in [
            "",
            "skills/keys/SKILL.md",
            "skills/environment/SKILL.md",
            "skills/ide/SKILL.md",
            "skills/indexeddb/SKILL.md",
            "skills/cookies/SKILL.md",
            "skills/daemon/SKILL.md",
            "skills/secrets/SKILL.md",
            "skills/x/.envrc",
            "skills/x/key.md",
            "skills/x/pem",
            "skills/x/keys.json",
            "skills/x/storage/sessions.json",
            "projects/-home-x--ssh/4f0c.jsonl",
            "projects/id_rsa/4f0c.jsonl",
            "projects/-p/memory/id-of-the-key.md",
            "projects/-p/daemon/x.txt",
            "projects/-p/ide",
            "projects/-p/key.credentials.jsonl",
            "plugins/data/x/config.json",
            "/home/dev/ide/notes.md",
            "/home/dev/.config/nvim/init.lua",
            "/home/dev/.docker/notes.md",
        ] {
            assert!(!is_denied(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn live_state_of_the_home_is_denied_at_its_top() {
        for path in [
            "ide/5.lock",
            "daemon/roster.json",
            "daemon.log",
            "session-env/x",
            "IDE/5.lock",
            "shell-snapshots/a.sh",
            "statsig/x",
            "backups/.claude.json.backup.1",
            "channels/t/.env",
            "mcp-needs-auth-cache.json",
        ] {
            assert!(is_denied(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_secret_called_like_a_session_is_still_a_secret() {
        assert!(is_denied(Path::new("projects/-p/.credentials.jsonl")));
        assert!(is_denied(Path::new("projects/-p/uuid/a.credentials.jsonl")));
        assert!(is_denied(Path::new("projects/.ssh/id.jsonl")));
        assert!(is_denied(Path::new("projects/-p/id_rsa.jsonl")));
    }

    #[test]
    fn dots_and_letters_of_other_alphabets_do_not_hide_a_name() {
        assert!(is_denied(Path::new("skills/./x/../.env")));
        // The Kelvin sign is a capital K to a file system that ignores case.
        assert!(is_denied(Path::new("skills/tls.\u{212a}ey")));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_do_not_hide_a_name() {
        use std::os::unix::ffi::OsStrExt;
        assert!(is_denied(Path::new(OsStr::from_bytes(b"skills/\xff.PEM"))));
        assert!(!is_denied(Path::new(OsStr::from_bytes(b"skills/\xff.md"))));
    }
}
