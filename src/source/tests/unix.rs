//! Links, odd names, pipes and sockets.

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
fn a_linked_file_is_read_through_inside_the_claude_home_and_where_that_is_allowed() {
    let machine = Machine::new();
    write(&machine.user().join("dotfiles/CLAUDE.md"));
    machine.link("CLAUDE.md", machine.user().join("dotfiles/CLAUDE.md"));
    machine.file("projects/-p/a.jsonl").link("projects/-p/b.jsonl", "a.jsonl");
    let listing = machine.list_following(&["~/dotfiles"]);
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
    let listing = machine.list_following(&["~/.config", "~/.ssh"]);
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
fn links_out_of_the_claude_home_are_named_and_not_followed() {
    let machine = Machine::new();
    write(&machine.disk().join("skills/x/SKILL.md"));
    write(&machine.user().join("dotfiles/rules/a.md"));
    machine
        .link("rules", machine.user().join("dotfiles/rules"))
        .link("CLAUDE.md", "/etc/hosts")
        .link("skills", machine.disk().join("skills"))
        .link("projects/-p", "/etc");
    let listing = machine.list();
    assert!(listing.files.is_empty());
    let expected = ["CLAUDE.md", "projects/-p", "rules", "skills"];
    assert_eq!(skipped(&listing), expected.map(|name| (name.into(), SkipReason::NotFollowed)));
    assert_eq!(listing.skipped[2].target, Some(machine.user().join("dotfiles/rules")));
    assert!(listing.is_hidden(Path::new("skills/x/SKILL.md")));
    let disk = machine.disk().to_string_lossy().into_owned();
    let listing = machine.list_following(&["~/dotfiles", &disk, "relative/place"]);
    assert_eq!(names(&listing), ["rules/a.md", "skills/x/SKILL.md"]);
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
    let listing = machine.list_following(&["~/dotfiles"]);
    assert_eq!(names(&listing), ["skills/a/SKILL.md"]);
    assert_eq!(skipped(&listing), [("skills/b".into(), SkipReason::NotFollowed)]);
    let listing = machine.list_following(&["~/dotfiles/", "~/work"]);
    assert_eq!(names(&listing), ["skills/a/SKILL.md", "skills/b/SKILL.md"]);
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
    let expected = ["projects/-p/s", "projects/-q", "projects/-r", "skills/a/home", "skills/a/up"];
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
    let listing = machine.list_following(&["~"]);
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

#[test]
fn a_moved_project_brings_nothing_that_its_real_place_denies() {
    let machine = Machine::new();
    write(&machine.user().join(".kube/config"));
    write(&machine.user().join(".config/rclone/rclone.conf"));
    write(&machine.user().join(".config/notes.md"));
    machine
        .link("projects/-a", machine.user().join(".kube"))
        .link("projects/-b", machine.user().join(".config"))
        .link("projects/-c", machine.user().join(".config/rclone"));
    let listing = machine.list();
    assert_eq!(names(&listing), ["projects/-b/notes.md"]);
    assert_eq!(denied(&listing), ["projects/-a", "projects/-b/rclone", "projects/-c"]);
}

#[test]
fn a_hard_link_to_a_denied_file_is_refused_and_named() {
    let machine = Machine::new();
    let denied = [
        machine.user().join(".ssh/id_ed25519"),
        machine.user().join(".netrc"),
        machine.user().join(".mozilla/firefox/p/logins.json"),
        machine.user().join(".config/gh/hosts.yml"),
        machine.claude().join(".credentials.json"),
        machine.claude().join("skills/y/.env"),
        machine.claude().join("ide/1.lock"),
    ];
    machine.files(&["skills/x/kept.md", "projects/-p/a.jsonl"]);
    for (number, file) in denied.iter().enumerate() {
        write(file);
        let name = machine.claude().join(format!("skills/x/{number}.md"));
        fs_err::hard_link(file, name).unwrap();
    }
    // A copy of the whole home by hard links must not cost anything.
    let other = machine.disk().join("a.jsonl");
    fs_err::hard_link(machine.claude().join("projects/-p/a.jsonl"), other).unwrap();
    let listing = machine.list();
    assert_eq!(names(&listing), ["projects/-p/a.jsonl", "skills/x/kept.md"]);
    let expected =
        (0..denied.len()).map(|number| (format!("skills/x/{number}.md"), SkipReason::HardLink));
    assert_eq!(skipped(&listing), expected.collect::<Vec<_>>());
    let targets = listing.skipped.iter().map(|skipped| skipped.target.clone().unwrap());
    assert_eq!(targets.collect::<Vec<_>>(), denied);
}

#[test]
fn a_listed_file_that_was_replaced_meanwhile_is_not_read() {
    let machine = Machine::new();
    write(&machine.user().join(".ssh/id_ed25519"));
    machine.files(&["rules/link.md", "rules/pipe.md", "rules/hard.md", "rules/new.md"]);
    machine.file("rules/deep/a.md");
    let listing = machine.list();
    let path = |name: &str| machine.claude().join("rules").join(name);
    for name in ["link.md", "pipe.md", "hard.md", "new.md"] {
        fs_err::remove_file(path(name)).unwrap();
    }
    let secret = machine.user().join(".ssh/id_ed25519");
    fs_err::os::unix::fs::symlink(&secret, path("link.md")).unwrap();
    fs_err::hard_link(&secret, path("hard.md")).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe.md"), mode).unwrap();
    write(&path("new.md"));
    fs_err::rename(path("deep"), machine.disk().join("deep")).unwrap();
    fs_err::os::unix::fs::symlink(machine.disk().join("deep"), path("deep")).unwrap();
    let opened = listing.files.iter().filter(|file| file.open().is_ok());
    let opened: Vec<_> = opened.map(|file| file.relative.to_string_lossy()).collect();
    assert_eq!(opened, ["rules/new.md"]);
}

/// A skill, exchanged with a link to another place as fast as can be, is read as it was listed or not
/// at all.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_exchanged_with_a_link_all_the_time_never_leads_elsewhere() {
    use std::io::Read;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let machine = Machine::new();
    machine.file("skills/x/a.md");
    write(&machine.user().join(".ssh/a.md"));
    let (skill, link) = (machine.claude().join("skills/x"), machine.disk().join("link"));
    fs_err::os::unix::fs::symlink(machine.user().join(".ssh"), &link).unwrap();
    let file = machine.list().files.remove(0);
    let (expected, is_over) = (fs_err::read(&file.path).unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, &skill, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let read = || {
            let mut bytes = Vec::new();
            file.open().ok()?.read_to_end(&mut bytes).ok()?;
            Some(bytes)
        };
        let wrong = (0..2_000).filter_map(|_| read()).find(|bytes| *bytes != expected);
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
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
