//! Commits, reading them, the index after them.

use chrono::DateTime;

use crate::vault::testing::{Sandbox, at, git, noise};
use crate::vault::{FileMode, ObjectId, TreeEdits, Vault};

const NOON: &str = "2026-11-20T12:00:00+01:00";

#[test]
fn where_there_is_no_repository_there_is_none() {
    let home = tempfile::tempdir().unwrap();
    assert!(Vault::open(home.path()).unwrap().is_none());
    Vault::create(home.path()).unwrap();
    fs_err::create_dir_all(home.path().join("below")).unwrap();
    assert!(Vault::open(&home.path().join("below")).unwrap().is_none());
}

#[test]
fn a_repository_that_lost_its_head_is_not_taken_for_a_fresh_start() {
    let mut sandbox = Sandbox::new();
    let commit = sandbox.commit(&[("a", b"1")], NOON).unwrap();
    fs_err::remove_file(sandbox.root().join(".git/HEAD")).unwrap();
    sandbox.restart();
    assert_eq!(sandbox.vault.head().unwrap().unwrap().commit, commit);
    fs_err::remove_dir_all(sandbox.root().join(".git/objects")).unwrap();
    let error = Vault::open(&sandbox.root()).err().unwrap();
    assert!(format!("{error:#}").contains("backup"), "{error:#}");
}

#[test]
fn the_first_commit_can_be_cloned_and_read() {
    let mut sandbox = Sandbox::new();
    assert_eq!(sandbox.vault.head().unwrap(), None);
    let large = noise(1, 300_000);
    let files: [(&str, &[u8]); 3] = [("m/a b.gz", &large), ("m/é\".json", b"{}"), ("top", b"")];
    let commit = sandbox.commit(&files, NOON).unwrap();
    sandbox.assert_clean();
    sandbox.restart();
    let head = sandbox.vault.head().unwrap().unwrap();
    assert_eq!((head.commit, head.message.as_str()), (commit, "backup — 1 file"));
    assert_eq!(head.time, DateTime::parse_from_rfc3339(NOON).unwrap());
    let found = sandbox.vault.files_below("").unwrap();
    assert_eq!(found.len(), 3);
    for (path, bytes) in files {
        let file = sandbox.vault.find(path).unwrap().unwrap();
        assert_eq!((file.mode, file.text_path()), (0o100_644, Some(path)));
        assert_eq!(sandbox.vault.read(file.id).unwrap(), bytes);
    }
    let index = git2::Index::open(&sandbox.root().join(".git/index")).unwrap();
    let entry = index.get_path("m/a b.gz".as_ref(), 0).unwrap();
    assert!(entry.file_size == 300_000 && entry.mtime.seconds() != 0 && entry.ino != 0);
    assert_eq!(sandbox.vault.files_below("m").unwrap().len(), 2);
    assert_eq!(sandbox.vault.find("m").unwrap(), None);
    assert_eq!(sandbox.vault.find("top/x").unwrap(), None);
    if git(sandbox.home.path(), sandbox.home.path(), &["clone", "-q", "backup", "clone"]).is_some()
    {
        for (path, bytes) in files {
            assert_eq!(fs_err::read(sandbox.home.path().join("clone").join(path)).unwrap(), bytes);
        }
    }
}

#[test]
fn nothing_new_makes_no_commit_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a/b", b"1")], NOON).unwrap();
    let before = (sandbox.packs(""), sandbox.vault.head().unwrap());
    assert_eq!(sandbox.commit(&[("a/b", b"1")], "2026-11-21T12:00:00Z"), None);
    let mut edits = TreeEdits::new();
    edits.remove("not/there");
    edits.remove_folder("nor/this");
    assert_eq!(sandbox.vault.begin().unwrap().commit(&edits, &at(NOON)).unwrap(), None);
    assert_eq!((sandbox.packs(""), sandbox.vault.head().unwrap()), before);
}

#[test]
fn a_file_becomes_a_folder_and_a_file_again() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a", b"1"), ("b", b"2")], NOON);
    fs_err::remove_file(sandbox.root().join("a")).unwrap();
    sandbox.commit(&[("a/x", b"3"), ("a/y/z", b"4")], NOON);
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.files_below("a").unwrap().len(), 2);
    fs_err::remove_dir_all(sandbox.root().join("a")).unwrap();
    sandbox.commit(&[("a", b"5")], NOON);
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.files_below("").unwrap().len(), 2);
}

#[test]
fn removed_folders_vanish_from_tree_and_index() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a/x/1", b"1"), ("a/x/2", b"2"), ("a-b", b"3"), ("c/d", b"4")], NOON);
    fs_err::remove_dir_all(sandbox.root().join("a")).unwrap();
    fs_err::remove_dir_all(sandbox.root().join("c")).unwrap();
    let mut edits = TreeEdits::new();
    edits.remove_folder("a/x");
    edits.remove("c/d");
    sandbox.vault.begin().unwrap().commit(&edits, &at(NOON)).unwrap().unwrap();
    assert_eq!(sandbox.vault.refresh_index(&edits), crate::vault::IndexRefresh::default());
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.files_below("").unwrap().len(), 1);
}

#[test]
fn executables_stay_executable() {
    let sandbox = Sandbox::new();
    let (path, id, length) = sandbox.write("hook.sh", b"#!/bin/sh\n");
    crate::fs::set_mode(&path, 0o700).unwrap();
    let mut batch = sandbox.vault.begin().unwrap();
    batch.add_file(&path, id, length).unwrap();
    let mut edits = TreeEdits::new();
    edits.put("hook.sh", id, FileMode::Executable);
    batch.commit(&edits, &at(NOON)).unwrap();
    sandbox.vault.refresh_index(&edits);
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.find("hook.sh").unwrap().unwrap().mode, 0o100_755);
}

#[test]
fn a_file_that_changed_since_it_was_hashed_is_refused_and_the_rest_goes_on() {
    let sandbox = Sandbox::new();
    let mut batch = sandbox.vault.begin().unwrap();
    let (path, id, length) = sandbox.write("a", &noise(1, 400_000));
    let (good, good_id, good_length) = sandbox.write("b", b"good");
    fs_err::write(&path, noise(2, 400_000)).unwrap();
    assert!(batch.add_file(&path, id, length).is_err());
    assert!(batch.add_file(&path, id, length + 1).is_err());
    batch.add_file(&good, good_id, good_length).unwrap();
    let mut edits = TreeEdits::new();
    edits.put("a", id, FileMode::Plain);
    let batch_error = batch.commit(&edits, &at(NOON)).unwrap_err();
    assert!(batch_error.to_string().contains("never added"), "{batch_error}");
    sandbox.commit(&[("b", b"good")], NOON).unwrap();
    fs_err::remove_file(path).unwrap();
    sandbox.assert_clean();
}

#[test]
fn names_that_git_forbids_are_refused() {
    let sandbox = Sandbox::new();
    for path in ["a/.git/config", "", "/a", "a/", "a/../b", ".GIT"] {
        let mut edits = TreeEdits::new();
        let mut batch = sandbox.vault.begin().unwrap();
        let id = batch.add_bytes(b"x", None).unwrap();
        edits.put(path, id, FileMode::Plain);
        assert!(batch.commit(&edits, &at(NOON)).is_err(), "{path:?}");
    }
}

#[test]
fn history_names_each_content_once_newest_first() {
    let sandbox = Sandbox::new();
    let times = [9, 10, 11, 12, 13].map(|hour| format!("2026-11-20T{hour:02}:00:00Z"));
    sandbox.commit(&[("a/x", b"1")], &times[0]);
    sandbox.commit(&[("other", b"1")], &times[1]);
    sandbox.commit(&[("a/x", b"2")], &times[2]);
    sandbox.commit(&[("a/x", b"1")], &times[3]);
    sandbox.commit(&[("a/x", b"3")], &times[4]);
    let found = sandbox.vault.history_of("a/x").unwrap();
    let expected = [(b"3", 4), (b"1", 3), (b"2", 2)];
    let expected = expected.map(|(bytes, at)| {
        let time = DateTime::parse_from_rfc3339(&times[at]).unwrap().to_utc();
        (ObjectId::of_bytes(bytes), time)
    });
    assert_eq!(found, expected);
    assert_eq!(sandbox.vault.history_of("nothing").unwrap(), []);
}

#[test]
fn a_text_is_a_small_delta_on_the_one_before() {
    let sandbox = Sandbox::new();
    let mut lines: Vec<String> = (0..3000).map(|n| format!("{{\"n\":{}}}\n", n * 77_777)).collect();
    let mut previous = None;
    for round in 0..60 {
        lines[round * 7].push_str("changed\n");
        let text = lines.concat();
        let mut batch = sandbox.vault.begin().unwrap();
        let id = batch.add_bytes(text.as_bytes(), previous).unwrap();
        let mut edits = TreeEdits::new();
        edits.put("ledger", id, FileMode::Plain);
        batch.commit(&edits, &at(NOON)).unwrap().unwrap();
        assert_eq!(sandbox.vault.read(id).unwrap(), text.as_bytes());
        previous = Some(id);
    }
    let size =
        fs_err::metadata(sandbox.root().join(".git/objects/pack").join(&sandbox.packs(".pack")[0]));
    assert!(size.unwrap().len() < 60_000);
    assert!(sandbox.deepest().is_none_or(|depth| (40..=48).contains(&depth)));
    sandbox.git(&["checkout", "-q", "HEAD", "--", "ledger"]);
    sandbox.assert_clean();
}

#[test]
fn settings_come_back_and_leave_the_rest_alone() {
    let sandbox = Sandbox::new();
    let config = sandbox.root().join(".git/config");
    let mut text = fs_err::read_to_string(&config).unwrap();
    text.push_str("[remote \"origin\"]\n\turl = git@example.org:x.git ; note\n");
    fs_err::write(&config, &text).unwrap();
    fs_err::write(sandbox.root().join(".git/config.lock"), "left").unwrap();
    let value = "a \"b\" = c;\\ é";
    sandbox.vault.set_setting("mode", value).unwrap();
    assert_eq!(sandbox.vault.take_warnings().len(), 1);
    assert_eq!(sandbox.vault.setting("mode").unwrap().as_deref(), Some(value));
    assert_eq!(
        sandbox.git(&["config", "claude-backup.mode"]).unwrap_or(value.into()).trim(),
        value
    );
    sandbox.vault.remove_setting("mode").unwrap();
    sandbox.vault.remove_setting("mode").unwrap();
    assert_eq!(sandbox.vault.setting("mode").unwrap(), None);
    assert_eq!(sandbox.vault.remote_url().unwrap().as_deref(), Some("git@example.org:x.git"));
    assert!(fs_err::read_to_string(&config).unwrap().contains("; note"));
    assert!(sandbox.vault.set_setting("no_key", "x").is_err());
}
