//! Commits made anew on top of others', and what differs between trees.

use crate::vault::testing::{Sandbox, at};
use crate::vault::{FileMode, ObjectId, TreeEdits};

const NOON: &str = "2026-11-20T12:00:00+01:00";
const LATER: &str = "2026-11-20T13:00:00+01:00";

/// Two branches from one commit: the newest of ours, and somebody else's.
fn parted() -> (Sandbox, ObjectId, ObjectId) {
    let sandbox = Sandbox::new();
    let base = sandbox.commit(&[("m/a/f", b"1"), ("m/b/f", b"1"), ("top", b"1")], NOON).unwrap();
    sandbox.commit(&[("m/a/f", b"2")], LATER).unwrap();
    let ours = sandbox.commit(&[("m/a/g/h", b"3")], LATER).unwrap();
    let mut edits = TreeEdits::new();
    edits.put("m/b/f", sandbox.vault.store_text(b"theirs").unwrap(), FileMode::Plain);
    edits.remove("top");
    let theirs = sandbox.vault.commit_on(base, &edits, &at(LATER)).unwrap();
    (sandbox, ours, theirs)
}

#[test]
fn their_tree_gets_our_folder_commit_by_commit() {
    let (sandbox, ours, theirs) = parted();
    let vault = &sandbox.vault;
    let commits = vault.commits_between(Some(theirs), ours).unwrap();
    assert_eq!(commits.len(), 2);
    let mut beside = TreeEdits::new();
    beside.put(".gitignore", vault.store_text(b"/x\n").unwrap(), FileMode::Plain);
    let tip = vault.replay(&commits, theirs, &["m/a"], &beside).unwrap();
    vault.advance(Some(ours), tip, &at(LATER)).unwrap();
    let files = vault.files_below("").unwrap();
    let names: Vec<_> = files.iter().filter_map(|file| file.text_path()).collect();
    assert_eq!(names, [".gitignore", "m/a/f", "m/a/g/h", "m/b/f"]);
    assert_eq!(vault.find("m/b/f").unwrap().unwrap().id, ObjectId::of_bytes(b"theirs"));
    assert!(vault.is_ancestor(theirs, tip).unwrap() && !vault.is_ancestor(ours, tip).unwrap());
    let said = sandbox.git(&["fsck", "--full", "--strict"]).unwrap_or_default();
    assert!(said.lines().all(|line| line.starts_with("dangling")), "{said}");
    if let Some(log) = sandbox.git(&["log", "--format=%an %ad %s", "--date=iso-strict", "-2"]) {
        let line = "Tom 2026-11-20T13:00:00+01:00 backup — 1 file\n";
        assert_eq!(log, line.repeat(2), "who, when and why stay");
    }
}

#[test]
fn a_commit_that_would_change_nothing_is_left_out() {
    let (sandbox, ours, theirs) = parted();
    let commits = sandbox.vault.commits_between(Some(theirs), ours).unwrap();
    let tip = sandbox.vault.replay(&commits, theirs, &["m/none"], &TreeEdits::new()).unwrap();
    assert_eq!(tip, theirs);
    let twice = || sandbox.vault.replay(&commits, theirs, &["m/a"], &TreeEdits::new()).unwrap();
    assert_eq!(twice(), twice(), "made again after a crash, it is the same");
}

#[test]
fn unrelated_histories_have_no_common_commit() {
    let (one, two) = (parted(), Sandbox::new());
    let other = two.commit(&[("x", b"other")], NOON).unwrap();
    let path = two.root().join(".git/objects").display().to_string();
    let alternates = one.0.root().join(".git/objects/info/alternates");
    fs_err::create_dir_all(alternates.parent().unwrap()).unwrap();
    fs_err::write(alternates, path + "\n").unwrap();
    let vault = crate::vault::Vault::open(&one.0.root()).unwrap().unwrap();
    assert_eq!(vault.common_ancestor(one.1, other).unwrap(), None);
    assert_eq!(vault.commits_between(Some(other), one.1).unwrap().len(), 3);
    assert!(vault.common_ancestor(one.1, one.2).unwrap().is_some());
}

#[test]
fn the_branch_is_not_moved_over_somebody_elses_commit() {
    let (sandbox, ours, theirs) = parted();
    assert!(sandbox.vault.advance(Some(theirs), theirs, &at(LATER)).is_err());
    assert_eq!(sandbox.vault.head().unwrap().unwrap().commit, ours);
}

#[test]
fn differences_are_those_that_git_sees() {
    let sandbox = Sandbox::new();
    let files: [(&str, &[u8]); 4] = [("a/x", b"1"), ("a/y", b"1"), ("b", b"1"), ("same/z", b"1")];
    let one = sandbox.commit(&files, NOON).unwrap();
    let mut edits = TreeEdits::new();
    edits.remove_folder("a");
    edits.put("a", sandbox.vault.store_text(b"now a file").unwrap(), FileMode::Plain);
    edits.remove("b");
    edits.put("b/c", sandbox.vault.store_text(b"now a folder").unwrap(), FileMode::Executable);
    let two = sandbox.vault.commit_on(one, &edits, &at(LATER)).unwrap();
    let (one_tree, two_tree) =
        (sandbox.vault.tree_of(one).unwrap(), sandbox.vault.tree_of(two).unwrap());
    let changed = sandbox.vault.difference(Some(one_tree), Some(two_tree)).unwrap();
    let mut names: Vec<String> = changed
        .iter()
        .map(|c| {
            let letter = match (&c.was, &c.is) {
                (None, _) => 'A',
                (_, None) => 'D',
                _ => 'M',
            };
            format!("{letter}\t{}", String::from_utf8_lossy(&c.path))
        })
        .collect();
    names.sort();
    assert_eq!(names, ["A\ta", "A\tb/c", "D\ta/x", "D\ta/y", "D\tb"]);
    let words = ["diff-tree", "-r", "--name-status", &one.to_string(), &two.to_string()];
    if let Some(said) = sandbox.git(&words) {
        let mut said: Vec<_> = said.lines().map(str::to_owned).collect();
        said.sort();
        assert_eq!(names, said);
    }
    assert!(sandbox.vault.difference(Some(one_tree), Some(one_tree)).unwrap().is_empty());
    assert_eq!(sandbox.vault.difference(None, Some(one_tree)).unwrap().len(), 4);
}
