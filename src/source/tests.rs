//! Stories told to whole homes: what is planted, what the listing says.

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
        let roots = Roots::new(vec![self.claude()], self.user());
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

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn odd_names_come_back_as_they_are() {
        let machine = Machine::new();
        let odd: [&[u8]; 4] =
            [b"two\nlines.jsonl", b"no\xfftext.jsonl", &[b'x'; 255], "ü u\u{308} \"'".as_bytes()];
        for name in odd {
            machine.file(Path::new("projects/-p").join(OsStr::from_bytes(name)));
        }
        let listing = machine.list();
        for name in odd {
            let relative = Path::new("projects/-p").join(OsStr::from_bytes(name));
            let file = listing.files.iter().find(|file| file.relative == relative).unwrap();
            assert!(fs_err::metadata(&file.path).is_ok());
        }
        assert_eq!(listing.files.len(), odd.len());
    }

    #[test]
    fn a_linked_file_is_read_through_inside_the_home_folder() {
        let machine = Machine::new();
        write(&machine.user().join("dotfiles/CLAUDE.md"));
        machine.link("CLAUDE.md", machine.user().join("dotfiles/CLAUDE.md"));
        machine.file("projects/-p/a.jsonl").link("projects/-p/b.jsonl", "a.jsonl");
        let listing = machine.list();
        assert_eq!(names(&listing), ["CLAUDE.md", "projects/-p/a.jsonl", "projects/-p/b.jsonl"]);
        assert_eq!(listing.files[0].path, machine.user().join("dotfiles/CLAUDE.md"));
        assert_eq!(listing.files[1].stat, listing.files[2].stat);
    }

    #[test]
    fn a_link_to_a_secret_is_denied_whatever_it_is_called() {
        let machine = Machine::new();
        write(&machine.user().join(".ssh/id_rsa"));
        write(&machine.user().join(".ssh/config"));
        write(&machine.user().join(".config/gcloud/token"));
        write(&machine.disk().join("server.key"));
        machine.files(&[".credentials.json", "shell-snapshots/a.sh", "projects/-p/a.jsonl"]);
        machine
            .link("CLAUDE.md", ".credentials.json")
            .link("projects/-p/notes.md", machine.user().join(".ssh/id_rsa"))
            .link("projects/-p/twice.md", "notes.md")
            .link("projects/-q", machine.user().join(".ssh"))
            .link("rules/a.md", "../shell-snapshots/a.sh")
            .link("skills/all", machine.user().join(".config"))
            .link("skills/key.md", machine.disk().join("server.key"));
        let listing = machine.list();
        assert_eq!(names(&listing), ["projects/-p/a.jsonl"]);
        let expected = [
            "CLAUDE.md",
            "projects/-p/notes.md",
            "projects/-p/twice.md",
            "projects/-q",
            "rules/a.md",
            "skills/all/gcloud",
            "skills/key.md",
        ];
        assert_eq!(denied(&listing), expected);
    }

    #[test]
    fn links_out_of_the_home_folder_are_named_and_not_followed() {
        let machine = Machine::new();
        write(&machine.disk().join("skills/x/SKILL.md"));
        machine
            .link("CLAUDE.md", "/etc/passwd")
            .link("skills", machine.disk().join("skills"))
            .link("projects/-p", "/etc");
        let listing = machine.list();
        assert!(listing.files.is_empty());
        let expected = ["CLAUDE.md", "projects/-p", "skills"];
        assert_eq!(skipped(&listing), expected.map(|name| (name.into(), SkipReason::LeavesHome)));
        assert!(listing.is_hidden(Path::new("skills/x/SKILL.md")));
    }

    #[test]
    fn projects_moved_to_another_disk_are_followed() {
        let machine = Machine::new();
        write(&machine.disk().join("projects/-p/a.jsonl"));
        write(&machine.disk().join("projects/-p/.env"));
        write(&machine.disk().join("other/b.jsonl"));
        let moved = machine.disk().join("projects");
        fs_err::os::unix::fs::symlink("a.jsonl", moved.join("-p/c.jsonl")).unwrap();
        fs_err::os::unix::fs::symlink(machine.disk().join("other"), moved.join("-q")).unwrap();
        machine.link("projects", &moved);
        let listing = machine.list();
        let expected = ["projects/-p/a.jsonl", "projects/-p/c.jsonl", "projects/-q/b.jsonl"];
        assert_eq!(names(&listing), expected);
        assert_eq!(denied(&listing), ["projects/-p/.env"]);
        assert!(listing.skipped.is_empty() && listing.unreadable.is_empty());
        assert_eq!(listing.files[0].path, moved.join("-p/a.jsonl"));
    }

    #[test]
    fn linked_config_folders_are_followed_at_every_level() {
        let machine = Machine::new();
        write(&machine.user().join("dotfiles/skills/a/SKILL.md"));
        write(&machine.user().join("work/b/SKILL.md"));
        machine.link("skills", machine.user().join("dotfiles/skills"));
        let inner = machine.user().join("dotfiles/skills/b");
        fs_err::os::unix::fs::symlink(machine.user().join("work/b"), inner).unwrap();
        assert_eq!(names(&machine.list()), ["skills/a/SKILL.md", "skills/b/SKILL.md"]);
    }

    #[test]
    fn a_whole_home_behind_a_link_is_listed() {
        let machine = Machine::new();
        machine.files(&["CLAUDE.md", "projects/-p/a.jsonl"]);
        fs_err::rename(machine.claude(), machine.disk().join("claude")).unwrap();
        fs_err::os::unix::fs::symlink(machine.disk().join("claude"), machine.claude()).unwrap();
        assert_eq!(names(&machine.list()), ["CLAUDE.md", "projects/-p/a.jsonl"]);
    }

    #[test]
    fn links_in_a_circle_end() {
        let machine = Machine::new();
        machine
            .files(&["skills/a/SKILL.md", "projects/-p/a.jsonl"])
            .link("skills/a/up", "..")
            .link("skills/a/home", machine.claude())
            .link("skills/a/self", "self")
            .link("projects/-p/s", "../../projects")
            .link("projects/-q", ".")
            .link("projects/-r", machine.user());
        let listing = machine.list();
        assert_eq!(names(&listing), ["projects/-p/a.jsonl", "skills/a/SKILL.md"]);
        let expected =
            ["projects/-p/s", "projects/-q", "projects/-r", "skills/a/home", "skills/a/up"];
        assert_eq!(skipped(&listing), expected.map(|name| (name.into(), SkipReason::Loop)));
        assert_eq!(listing.unreadable.len(), 1);
        assert_eq!(listing.unreadable[0].path, machine.claude().join("skills/a/self"));
    }

    #[test]
    fn folders_that_link_to_each_other_end() {
        let machine = Machine::new();
        let (one, two) = (machine.user().join("one"), machine.user().join("two"));
        write(&one.join("1.md"));
        write(&two.join("2.md"));
        fs_err::os::unix::fs::symlink(&two, one.join("two")).unwrap();
        fs_err::os::unix::fs::symlink(&one, two.join("one")).unwrap();
        machine.link("rules/one", &one);
        let listing = machine.list();
        assert_eq!(names(&listing), ["rules/one/1.md", "rules/one/two/2.md"]);
        assert_eq!(skipped(&listing), [("rules/one/two/one".into(), SkipReason::Loop)]);
    }

    #[test]
    fn a_project_that_is_a_link_to_another_is_listed_once() {
        let machine = Machine::new();
        machine.file("projects/-p/a.jsonl").link("projects/-q", "-p");
        let listing = machine.list();
        assert_eq!(names(&listing), ["projects/-p/a.jsonl"]);
        assert_eq!(skipped(&listing), [("projects/-q".into(), SkipReason::SameProject)]);
    }

    #[test]
    fn behind_a_dangling_link_nothing_counts_as_gone() {
        let machine = Machine::new();
        machine.file("CLAUDE.md").link("projects", "/nowhere/projects").link("rules/a.md", "b.md");
        let listing = machine.list();
        assert_eq!(names(&listing), ["CLAUDE.md"]);
        let [projects, rule] = listing.unreadable.as_slice() else { panic!("{listing:?}") };
        assert_eq!(projects.error, "is a link to nothing: `/nowhere/projects`");
        assert_eq!(rule.path, machine.claude().join("rules/a.md"));
        assert!(listing.is_hidden(Path::new("projects/-p/a.jsonl")));
        assert!(!listing.is_hidden(Path::new("plans/a.md")));
    }

    #[test]
    fn a_home_that_is_a_dangling_link_hides_everything() {
        let machine = Machine::new();
        fs_err::remove_dir(machine.claude()).unwrap();
        fs_err::os::unix::fs::symlink("/nowhere", machine.claude()).unwrap();
        let listing = machine.list();
        assert_eq!(listing.unreadable[0].path, machine.claude());
        assert!(listing.is_hidden(Path::new("projects/-p/a.jsonl")));
    }

    #[test]
    fn a_socket_is_named_and_never_opened() {
        let machine = Machine::new();
        machine.file("projects/-p/a.jsonl").link("projects/-p/linked", "socket");
        let socket = machine.claude().join("projects/-p/socket");
        let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        let listing = machine.list();
        assert_eq!(names(&listing), ["projects/-p/a.jsonl"]);
        let expected = ["projects/-p/linked", "projects/-p/socket"];
        assert_eq!(skipped(&listing), expected.map(|name| (name.into(), SkipReason::NotAFile)));
    }

    /// Root reads every folder, so as root this test only shows that nothing breaks.
    #[test]
    fn an_unreadable_folder_is_named_and_the_rest_goes_on() {
        let machine = Machine::new();
        machine.files(&["projects/-p/a.jsonl", "projects/-q/b.jsonl"]);
        let locked = machine.claude().join("projects/-p");
        fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
        let listing = machine.list();
        let reads_everything = fs_err::read_dir(&locked).is_ok();
        fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
        if reads_everything {
            assert_eq!(listing.files.len(), 2);
            return;
        }
        assert_eq!(names(&listing), ["projects/-q/b.jsonl"]);
        assert_eq!(listing.unreadable[0].path, locked);
        assert!(listing.unreadable[0].error.starts_with("Permission denied"));
        assert!(listing.is_hidden(Path::new("projects/-p/a.jsonl")));
    }
}
