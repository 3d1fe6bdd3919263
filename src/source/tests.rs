//! Stories told to whole homes: what is planted, what the listing says.

#[cfg(unix)]
mod unix;

use std::path::{Path, PathBuf};

use super::*;
use crate::progress::{Silent, Stopped};

const SESSION: &str = "1b9342d9-1e35-4d3e-ab6c-c5e977eb2105";

/// A user's home in a temporary folder, with `.claude` in it, and a disk beside it.
struct Machine {
    temp: tempfile::TempDir,
    options: Options,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { temp: tempfile::tempdir().unwrap(), options: Options::default() };
        fs_err::create_dir_all(machine.claude()).unwrap();
        fs_err::create_dir_all(machine.disk()).unwrap();
        machine
    }

    fn real_temp(&self) -> PathBuf {
        fs_err::canonicalize(self.temp.path()).unwrap()
    }

    fn user(&self) -> PathBuf {
        self.real_temp().join("user")
    }

    fn claude(&self) -> PathBuf {
        self.user().join(".claude")
    }

    fn disk(&self) -> PathBuf {
        self.real_temp().join("disk")
    }

    fn file(&self, relative: impl AsRef<Path>) -> &Self {
        write(&self.claude().join(relative));
        self
    }

    fn files(&self, relative: &[&str]) -> &Self {
        relative.iter().for_each(|name| write(&self.claude().join(name)));
        self
    }

    #[cfg(unix)]
    fn link(&self, relative: &str, target: impl AsRef<Path>) -> &Self {
        let link = self.claude().join(relative);
        fs_err::create_dir_all(link.parent().unwrap()).unwrap();
        fs_err::os::unix::fs::symlink(target.as_ref(), link).unwrap();
        self
    }

    fn list(&self) -> Listing {
        self.list_following(&[])
    }

    /// Lists with links to these places allowed.
    fn list_following(&self, places: &[&str]) -> Listing {
        let places: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
        let roots = Roots::new(vec![self.claude()], self.user()).following(&places);
        list(&roots, &self.options, &Silent).unwrap()
    }
}

fn write(path: &Path) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, path.as_os_str().as_encoded_bytes()).unwrap();
}

fn names(listing: &Listing) -> Vec<String> {
    listing.files.iter().map(|file| file.relative.to_string_lossy().into()).collect()
}

fn denied(listing: &Listing) -> Vec<String> {
    listing.denied.iter().map(|name| name.to_string_lossy().into()).collect()
}

fn skipped(listing: &Listing) -> Vec<(String, SkipReason)> {
    let pair = |s: &Skipped| (s.relative.to_string_lossy().into(), s.reason);
    listing.skipped.iter().map(pair).collect()
}

#[test]
fn a_home_that_is_not_there_holds_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let roots = Roots::new(vec![temp.path().join("no")], temp.path().to_path_buf());
    assert_eq!(list(&roots, &Options::default(), &Silent).unwrap(), Listing::default());
}

#[test]
fn only_kept_places_are_listed_in_the_order_of_their_bytes() {
    let machine = Machine::new();
    let kept = [
        "CLAUDE.md",
        "agent-memory/r/MEMORY.md",
        "history.jsonl",
        "plugins/data/a/state.json",
        "plugins/installed_plugins.json",
        "projects/-p-q/a.jsonl",
        "projects/-p/a.jsonl",
        "projects/-p/memory/MEMORY.md",
        "settings.local.json",
        "skills/a/.git/config",
        "skills/a/SKILL.md",
        "statusline-fancy.sh",
        "tasks/s/.highwatermark",
    ];
    machine.files(&kept).files(&[
        ".credentials.json",
        "cache/x",
        "debug/x.txt",
        "file-history/s/a@v1",
        "ide/1.lock",
        "other.txt",
        "plugins/cache/a/b",
        "projects/-p/sessions-index.json",
        "skills/synced/a/SKILL.md",
        "tasks/s/.lock",
    ]);
    let listing = machine.list();
    assert_eq!(names(&listing), kept);
    assert!(listing.denied.is_empty() && listing.skipped.is_empty());
    assert!(listing.unreadable.is_empty() && listing.hidden.is_empty());
}

#[test]
fn a_listed_file_says_where_it_is_and_how_large() {
    let machine = Machine::new();
    let relative = format!("projects/-p/{SESSION}.jsonl");
    fs_err::create_dir_all(machine.claude().join("projects/-p")).unwrap();
    fs_err::write(machine.claude().join(&relative), b"").unwrap();
    let file = machine.list().files.remove(0);
    assert_eq!(file.path, machine.claude().join(&relative));
    assert_eq!((file.kind, file.stat.size), (Kind::Transcript, 0));
    assert_eq!(file.stat, Stat::of(&fs_err::metadata(&file.path).unwrap()));
}

#[test]
fn a_folder_called_like_a_session_is_a_folder() {
    let machine = Machine::new();
    machine.files(&["projects/-p/x.jsonl/inner.txt", "projects/stray.txt"]);
    assert_eq!(names(&machine.list()), ["projects/-p/x.jsonl/inner.txt", "projects/stray.txt"]);
}

#[test]
fn file_history_is_an_option() {
    let mut machine = Machine::new();
    machine.file("file-history/s/a@v1");
    assert!(machine.list().files.is_empty());
    machine.options.file_history = FileHistory::Keep;
    assert_eq!(machine.list().files[0].kind, Kind::FileHistory);
    machine.options.scope = Scope::ConfigOnly;
    assert!(machine.list().files.is_empty());
}

#[test]
fn planted_secrets_are_kept_out_at_every_depth_and_named() {
    let machine = Machine::new();
    let secrets = [
        format!("projects/-p/{SESSION}/tool-results/.env"),
        "projects/-p/.CREDENTIALS.json".into(),
        "projects/.ssh/known_hosts".into(),
        "skills/x/.SSH/id_rsa".into(),
        "skills/x/deploy/Server.PEM".into(),
        "skills/x/my.credentials.json/inside.txt".into(),
        "teams/t/inboxes/.netrc".into(),
        "workflows/.config/gh/hosts.yml".into(),
    ];
    for secret in &secrets {
        machine.file(secret);
    }
    machine.files(&["skills/x/keys/SKILL.md", "projects/-home-x--ssh/a.jsonl"]);
    let listing = machine.list();
    assert_eq!(names(&listing), ["projects/-home-x--ssh/a.jsonl", "skills/x/keys/SKILL.md"]);
    let mut expected = secrets;
    // Where a folder is denied, the folder is what is named.
    expected[2] = "projects/.ssh".into();
    expected[3] = "skills/x/.SSH".into();
    expected[5] = "skills/x/my.credentials.json".into();
    expected.sort();
    assert_eq!(denied(&listing), expected);
}

#[test]
fn the_script_that_the_settings_name_is_kept() {
    let machine = Machine::new();
    machine.files(&["bin/line.sh", "bin/other.sh"]);
    let settings = r#"{"statusLine":{"command":"bash ~/.claude/bin/line.sh ~/.claude/gone.sh"}}"#;
    fs_err::write(machine.claude().join("settings.json"), settings).unwrap();
    let listing = machine.list();
    assert_eq!(names(&listing), ["bin/line.sh", "settings.json"]);
    assert_eq!(listing.files[0].kind, Kind::Config);
    assert!(listing.unreadable.is_empty());
}

#[test]
fn the_settings_cannot_name_a_secret() {
    let machine = Machine::new();
    machine.file(".credentials.json");
    let settings = r#"{"statusLine":{"command":"cat ~/.claude/.credentials.json"}}"#;
    fs_err::write(machine.claude().join("settings.json"), settings).unwrap();
    let listing = machine.list();
    assert_eq!(names(&listing), ["settings.json"]);
    assert_eq!(denied(&listing), [".credentials.json"]);
}

#[test]
fn of_two_homes_the_first_one_wins_and_the_other_is_named() {
    let machine = Machine::new();
    let other = machine.user().join(".config/claude");
    machine.files(&["history.jsonl", "projects/-p/a.jsonl"]);
    write(&other.join("history.jsonl"));
    write(&other.join("projects/-p/b.jsonl"));
    let roots = Roots::new(vec![machine.claude(), other.clone()], machine.user());
    let listing = list(&roots, &Options::default(), &Silent).unwrap();
    let expected = ["history.jsonl", "projects/-p/a.jsonl", "projects/-p/b.jsonl"];
    assert_eq!(names(&listing), expected);
    assert_eq!(listing.files[0].path, machine.claude().join("history.jsonl"));
    assert_eq!(skipped(&listing), [("history.jsonl".into(), SkipReason::EarlierHome)]);
    assert_eq!(listing.skipped[0].path, other.join("history.jsonl"));
}

#[test]
fn a_user_who_stops_it_gets_no_half_listing() {
    let machine = Machine::new();
    let roots = Roots::new(vec![machine.claude()], machine.user());
    let error = list(&roots, &Options::default(), &Stopped).unwrap_err();
    assert_eq!(crate::error::kind(&error), crate::error::ErrorKind::Interrupted);
}
