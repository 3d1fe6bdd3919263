//! What is never copied, whatever is asked for: credentials, keys, and state that carries tokens.
//!
//! This is the only such list. The walk asks it for each name it meets and for the real end of each
//! link; adoption of old backups, export, import and restore ask it for each path they carry. A copy
//! of a denied file (`.env~`, `auth (1).json`) is denied like the file itself.

mod copies;
mod rules;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use self::rules::RulePlace;
use super::pattern::{name_fits, tail_fits, whole_fits};

/// What a name stands for; some names are denied for files only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryType {
    File,
    Folder,
}

/// Returns true if a file must never be copied: its path relative to a Claude home, or its real
/// path.
///
/// Each part of the path is judged, without regard to case.
#[must_use]
pub fn is_denied(path: &Path) -> bool {
    is_denied_entry(path, EntryType::File)
}

/// Returns true if a folder, and so everything in it, must never be copied.
#[must_use]
pub fn is_denied_folder(path: &Path) -> bool {
    is_denied_entry(path, EntryType::Folder)
}

fn is_denied_entry(path: &Path, last: EntryType) -> bool {
    let place = place_of(path);
    let mut names = Vec::new();
    let mut parts = path.components().filter_map(normal).peekable();
    while let Some(name) = parts.next() {
        let entry = if parts.peek().is_some() { EntryType::Folder } else { last };
        if FolderRules::at(&names, place).denies(name, entry) {
            return true;
        }
        names.push(lower(name).into_owned());
    }
    false
}

/// The folders that rules name in full, such as `.config/gh`.
pub(super) fn literal_folders() -> impl Iterator<Item = PathBuf> {
    let folders = rules::PLACED.iter().filter_map(|rule| {
        let (_, folders) = rule.names.split_last()?;
        (!folders.is_empty() && !folders.iter().any(|name| name.contains('*'))).then_some(folders)
    });
    folders
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|names| names.iter().collect())
}

fn place_of(path: &Path) -> RulePlace {
    if path.has_root() { RulePlace::Anywhere } else { RulePlace::ClaudeHome }
}

/// The rules of one folder that is not denied itself, to judge the many names in it cheaply.
#[derive(Debug)]
pub(super) struct FolderRules {
    /// Patterns of the rules that name folders, if these are the folders.
    placed: Vec<&'static str>,
    naming: Naming,
}

/// Who names the entries of a folder. Names that say nothing of the content are not judged.
#[derive(Debug, PartialEq, Eq)]
enum Naming {
    /// The user, or any program.
    Free,
    /// `projects`: folders are called like a path with every dot replaced by a dash.
    Projects,
    /// A folder of `projects`: a session is kept, however its name ends.
    Transcripts,
    /// A team's inboxes: one file for each agent, called like it.
    Inboxes,
}

impl FolderRules {
    /// Selects the rules of a folder: relative to a Claude home, or absolute.
    pub(super) fn new(folder: &Path) -> Self {
        let names = folder.components().filter_map(normal).map(|name| lower(name).into_owned());
        Self::at(&names.collect::<Vec<_>>(), place_of(folder))
    }

    /// The same by the names that lead to the folder, in lower case.
    fn at(names: &[String], place: RulePlace) -> Self {
        let originals = copies::originals(names);
        let paths = [Some(names), originals.as_deref()];
        let is_in_claude_home = place == RulePlace::ClaudeHome;
        let lies_at = |folders: &[&str], place: RulePlace| {
            paths.iter().flatten().any(|names| match place {
                RulePlace::Anywhere => tail_fits(folders, names),
                RulePlace::ClaudeHome => is_in_claude_home && whole_fits(folders, names),
            })
        };
        let placed = rules::PLACED.iter().filter_map(|rule| {
            let (last, folders) = rule.names.split_last().expect("each rule has a name");
            lies_at(folders, rule.place).then_some(*last)
        });
        let naming = if is_in_claude_home { Naming::at(names) } else { Naming::Free };
        Self { placed: placed.collect(), naming }
    }

    /// Returns true if an entry of this name must never be copied.
    pub(super) fn denies(&self, name: &OsStr, entry: EntryType) -> bool {
        let name = lower(name);
        match self.naming {
            Naming::Projects if !name.contains('.') => return false,
            Naming::Transcripts if is_visible(&name, ".jsonl") => {
                return is_denied_transcript(&name);
            }
            Naming::Inboxes if is_visible(&name, ".json") => return false,
            _ => {}
        }
        let mut candidate = name;
        for _ in 0..copies::MAX_COPIES {
            let visible = candidate.trim_start_matches('.');
            if self.denies_original(&candidate, entry)
                || (visible.len() < candidate.len() && self.denies_original(visible, entry))
            {
                return true;
            }
            let Some(original) = copies::original(&candidate) else { return false };
            candidate = Cow::Owned(original.into_owned());
        }
        false
    }

    fn denies_original(&self, name: &str, entry: EntryType) -> bool {
        let list = &*LIST;
        list.names.contains(name)
            || extension(name).is_some_and(|extension| list.extensions.contains(extension))
            || rules::PATTERNS.iter().any(|pattern| name_fits(pattern, name))
            || self.placed.iter().any(|pattern| name_fits(pattern, name))
            || (entry == EntryType::File
                && (list.file_names.contains(name) || list.is_named_by_words(name)))
    }
}

impl Naming {
    fn at(names: &[String]) -> Self {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["projects"] => Self::Projects,
            ["projects", _] => Self::Transcripts,
            ["teams", _, "inboxes"] => Self::Inboxes,
            _ => Self::Free,
        }
    }
}

fn is_visible(name: &str, ending: &str) -> bool {
    name.ends_with(ending) && !name.starts_with('.')
}

/// A session directly in a project is never lost to how its name ends.
fn is_denied_transcript(name: &str) -> bool {
    let mut patterns = rules::PATTERNS.iter().filter(|pattern| !pattern.starts_with('*'));
    patterns.any(|pattern| name_fits(pattern, name))
}

/// The rules without a place, for one look at a name.
struct List {
    names: HashSet<&'static str>,
    file_names: HashSet<&'static str>,
    extensions: HashSet<&'static str>,
    words: HashSet<&'static [u8]>,
    data_extensions: HashSet<&'static str>,
}

static LIST: LazyLock<List> = LazyLock::new(|| List {
    names: rules::NAMES.iter().copied().collect(),
    file_names: rules::FILE_NAMES.iter().copied().collect(),
    extensions: rules::EXTENSIONS.iter().copied().collect(),
    words: rules::WORDS.iter().map(|word| word.as_bytes()).collect(),
    data_extensions: rules::DATA_EXTENSIONS.iter().copied().collect(),
});

impl List {
    /// Returns true for `api-key.txt`, `Secrets.yaml`, `token`: a telling word and an ending of data.
    fn is_named_by_words(&self, name: &str) -> bool {
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) => (stem, Some(extension)),
            None => (name, None),
        };
        if extension.is_some_and(|extension| !self.data_extensions.contains(extension)) {
            return false;
        }
        let mut word = [0; LONGEST_WORD];
        let mut length = 0;
        for byte in stem.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'_')) {
            let Some(place) = word.get_mut(length) else { return false };
            (*place, length) = (byte, length + 1);
        }
        self.words.contains(&word[..length])
    }
}

const LONGEST_WORD: usize = 20;

fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, extension)| extension)
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
        ".envrc", "prod.env", "env.production", ".env-local", ".dev.vars", ".credentials",
        ".pgpass", ".my.cnf", ".kube", "prod.kubeconfig", ".terraformrc", "terraform.tfstate",
        "a.tfvars", ".htpasswd", ".dockercfg", ".azure", ".boto", ".s3cfg", ".oci/config",
        "rclone.conf", ".config/rclone", ".config/op", ".config/hub", ".config/doctl",
        ".config/github-copilot", ".yarnrc.yml", ".password-store", "a.gpg", "a.asc", "a.ppk",
        "a.jks", "a.keystore", "a.p8", "a.der", "a.ovpn", "wg0.conf", ".secrets",
        "client_secret_1.json", "service-account-2.json", ".bash_history", ".mcp.json",
        "mcp.json", "claude.json", ".gemini/settings.json", ".codex/config.toml",
        ".continue/config.json", ".aider.conf.yml", "Login Data", "Local State", "key4.db",
        "logins.json", "cookies.sqlite", "cookies.txt", "wallet.dat", ".mozilla",
        "plugins/data/pw/Default/Local Storage", "plugins/data/pw/Default/IndexedDB",
        // Copies.
        ".env~", ".env.20261101", "credentials.json~", "credentials.json.bak", "auth.json.old",
        ".auth.json.swp", "oauth_creds.json.orig", ".netrc.save", ".npmrc.tmp",
        ".docker/config.json.bak", ".docker.bak/config.json", ".git-credentials.lock",
        ".config/gh/hosts.yml.bak", "#.netrc#", ".#.netrc", ".netrc.1", "auth (1).json",
        "auth copy.json", ".netrc copy", "auth-2026-11-01.json", "server.pem.gz", ".ssh.old",
        "backup-auth.json", "key4 (2).db", "tls.key.1",
    ];

    /// Denied as files; folders of these names are harmless.
    #[rustfmt::skip]
    const DENIED_FILES: &[&str] = &[
        "credentials", "credentials.yml", "credentials.toml", "secrets.yaml", "secrets.json",
        "secrets", "token", "token.json", "tokens.json", "api_key.txt", "API-Key.txt", "apikey",
        "password.txt", "access_token.json", "github-token.txt", ".vault-token", "kubeconfig",
        "kubeconfig.yaml", "service_account.json", "Cookies", ".history", ".zhistory",
        ".cargo/credentials.toml", ".gem/credentials", "plugins/data/pw/Default/Cookies",
        // Copies.
        "secrets.json.bak", "tokens (1).json", "secrets.prod.yaml", "prod-secrets.yaml",
        "credentials.old", "Cookies~", "secrets.tar.gz", "token copy",
    ];

    #[test]
    fn a_store_of_secrets_is_denied_as_a_file_and_harmless_as_a_folder() {
        for name in DENIED_FILES {
            for folder in ["", "skills/x", "projects/-p/uuid/tool-results", "/home/dev", "/mnt/x"] {
                let path = Path::new(folder).join(name);
                assert!(is_denied(&path), "{path:?}");
                assert!(is_denied(Path::new(&path.to_string_lossy().to_uppercase())), "{path:?}");
                assert_eq!(is_denied_folder(&path), is_denied(&path.join("a.md")), "{path:?}");
            }
        }
        for folder in
            ["skills/secrets", "skills/tokens", "agent-memory/credentials", "skills/cookies"]
        {
            assert!(!is_denied_folder(Path::new(folder)), "{folder}");
        }
    }

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

    #[rustfmt::skip]
    const HARMLESS: &[&str] = &[
        "", "skills/keys/SKILL.md", "skills/environment/SKILL.md", "skills/ide/SKILL.md",
        "skills/indexeddb/SKILL.md", "skills/cookies/SKILL.md", "skills/daemon/SKILL.md",
        "skills/secrets/SKILL.md", "skills/x/key.md", "skills/x/pem", "skills/x/keys.json",
        "skills/x/keys.md", "skills/x/credentials.py", "skills/x/secrets.rs", "skills/x/tokens.md",
        "skills/x/tokens.ts", "skills/x/design-tokens.json", "skills/x/tokenizer.json",
        "skills/x/token-counter.txt", "skills/x/password-policy.md", "skills/x/detect-secrets.yaml",
        "skills/x/authors.json", "skills/x/environment.yml", "skills/x/env.example",
        "skills/x/settings.json", "skills/x/config.json", "skills/x/config.toml",
        "skills/x/hosts.yml", "skills/x/history.md", "skills/x/mcp.md", "skills/x/mcp/server.json",
        "skills/x/Cargo.lock", "skills/x/notes.bak", "skills/x/notes (1).md",
        "skills/x/notes-2026-11-01.md", "skills/x/wg.conf", "skills/secrets/secrets.md",
        "agents/credentials.md", "commands/tokens.md", "hooks/token.sh",
        "agent-memory/secrets/MEMORY.md", "teams/t/inboxes/tokens.json",
        "teams/t/inboxes/auth.json", "projects/-p/memory/tokens.md",
        "projects/-p/memory/secrets.md", "projects/-p/token.jsonl", "projects/-p/x.key.jsonl",
        "projects/-p/4f0c.env.jsonl", "projects/-p/4f0c/subagents/agent-a1.meta.json",
        "history.jsonl", "settings.local.json", "plans/secrets.md", "/home/dev/tokens/notes.md",
        "skills/x/storage/sessions.json", "projects/-home-x--ssh/4f0c.jsonl",
        "projects/id_rsa/4f0c.jsonl", "projects/-p/memory/id-of-the-key.md",
        "projects/-p/daemon/x.txt", "projects/-p/ide", "projects/-p/key.credentials.jsonl",
        "plugins/data/x/config.json", "/home/dev/ide/notes.md", "/home/dev/.config/nvim/init.lua",
        "/home/dev/.docker/notes.md",
    ];

    #[test]
    fn harmless_names_that_come_near_are_kept() {
        for path in HARMLESS {
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
    fn a_secret_named_like_a_session_is_still_a_secret() {
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
