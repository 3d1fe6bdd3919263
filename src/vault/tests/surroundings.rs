//! What the user has set up, and what other processes left, does not matter.

use crate::vault::testing::{Sandbox, at};
use crate::vault::{FileMode, TreeEdits, Vault};

const NOON: &str = "2026-11-20T12:00:00Z";

/// A user whose git settings get in the way of everything.
fn hostile_home(sandbox: &Sandbox) {
    let home = sandbox.home.path();
    let hooks = home.join("hooks");
    fs_err::create_dir_all(&hooks).unwrap();
    for hook in ["pre-commit", "commit-msg", "post-commit", "reference-transaction"] {
        fs_err::write(hooks.join(hook), "#!/bin/sh\nexit 1\n").unwrap();
        crate::fs::set_mode(&hooks.join(hook), 0o755).unwrap();
    }
    fs_err::write(home.join("ignore"), "*\n").unwrap();
    fs_err::write(home.join("attributes"), "* text filter=mangle\n").unwrap();
    let config = format!(
        "[core]\n\tautocrlf = true\n\texcludesFile = {0}/ignore\n\tattributesFile = {0}/attributes\n\
         \thooksPath = {0}/hooks\n[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = trunk\n\
         [filter \"mangle\"]\n\tclean = sed s/a/b/\n\trequired = true\n",
        home.display()
    );
    fs_err::write(home.join(".gitconfig"), config).unwrap();
}

#[test]
fn hooks_excludes_filters_and_line_endings_change_nothing() {
    let sandbox = Sandbox::new();
    hostile_home(&sandbox);
    sandbox.commit(&[("a/x.gz", b"a\r\nb\r\n"), ("a/.gitignore", b"*\n")], NOON).unwrap();
    sandbox.assert_clean();
    // Git reads the files themselves when their stat data tell nothing.
    fs_err::remove_file(sandbox.root().join(".git/index")).unwrap();
    assert!(sandbox.vault.refresh_index(&TreeEdits::new()).rebuilt);
    sandbox.assert_clean();
    let stored = sandbox.vault.find("a/x.gz").unwrap().unwrap();
    assert_eq!(sandbox.vault.read(stored.id).unwrap(), b"a\r\nb\r\n");
    let head = sandbox.git(&["symbolic-ref", "HEAD"]).unwrap_or("refs/heads/main".into());
    assert_eq!(head.trim(), "refs/heads/main");
    let hooks = fs_err::read_dir(sandbox.root().join(".git/hooks")).map_or(0, |entries| {
        entries
            .filter(|e| !e.as_ref().unwrap().file_name().to_string_lossy().contains("sample"))
            .count()
    });
    assert_eq!(hooks, 0);
}

/// The real work is done by this same test program, started again with a hostile environment.
#[test]
#[expect(clippy::disallowed_methods, reason = "a child process is the way to set variables")]
fn git_variables_change_nothing() {
    const CHILD: &str = "CLAUDE_BACKUP_TEST_CHILD";
    if let Some(root) = std::env::var_os(CHILD) {
        let vault = Vault::create(std::path::Path::new(&root)).unwrap();
        let mut batch = vault.begin().unwrap();
        let mut edits = TreeEdits::new();
        edits.put("a", batch.add_bytes(b"1", None).unwrap(), FileMode::Plain);
        batch.commit(&edits, &at(NOON)).unwrap().unwrap();
        vault.refresh_index(&edits);
        return;
    }
    let sandbox = Sandbox::new();
    let other = sandbox.home.path().join("other");
    let elsewhere = Vault::create(&other).unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vault::tests::surroundings::git_variables_change_nothing"])
        .env(CHILD, sandbox.root())
        .env("HOME", sandbox.home.path())
        .env("GIT_DIR", other.join(".git"))
        .env("GIT_WORK_TREE", &other)
        .env("GIT_INDEX_FILE", other.join(".git/index"))
        .env("GIT_OBJECT_DIRECTORY", other.join(".git/objects"))
        .env("GIT_CEILING_DIRECTORIES", "/")
        .env("GIT_AUTHOR_NAME", "Mallory")
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    assert_eq!(elsewhere.head().unwrap(), None);
    assert!(!other.join(".git/index").exists());
    assert!(sandbox.vault.find("a").unwrap().is_some());
    fs_err::write(sandbox.root().join("a"), "1").unwrap();
    sandbox.assert_clean();
}

#[test]
fn a_leftover_index_lock_is_removed_and_told() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a", b"1")], NOON);
    fs_err::write(sandbox.root().join(".git/index.lock"), "").unwrap();
    let (_, edits) = sandbox.commit_alone(&[("a", b"2")], NOON).unwrap();
    let refresh = sandbox.vault.refresh_index(&edits);
    assert!(refresh.removed_lock && !refresh.rebuilt && refresh.problem.is_none(), "{refresh:?}");
    sandbox.assert_clean();
}

#[test]
fn a_damaged_index_is_built_anew() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a/b", b"1"), ("c", b"2")], NOON);
    let index = sandbox.root().join(".git/index");
    for damage in [&b"DIRC rubbish"[..], b""] {
        fs_err::write(&index, damage).unwrap();
        let refresh = sandbox.vault.refresh_index(&TreeEdits::new());
        assert!(refresh.problem.is_none(), "{refresh:?}");
        sandbox.assert_clean();
    }
    let mut bytes = fs_err::read(&index).unwrap();
    bytes[40] ^= 1;
    fs_err::write(&index, bytes).unwrap();
    sandbox.vault.refresh_index(&TreeEdits::new());
    sandbox.assert_clean();
}

#[test]
fn an_index_that_missed_a_commit_catches_up() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a", b"1"), ("b", b"1")], NOON);
    // The process ends between the commit and the index.
    sandbox.commit_alone(&[("a", b"2")], NOON).unwrap();
    sandbox.commit(&[("b", b"2")], NOON);
    sandbox.assert_clean();
}

#[test]
fn a_hidden_file_stays_hidden() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("manifest.json", b"theirs"), ("a", b"1")], NOON);
    sandbox.vault.hide_from_status("manifest.json").unwrap();
    sandbox.write("manifest.json", b"ours, longer");
    sandbox.assert_clean();
    sandbox.commit(&[("a", b"2")], NOON);
    sandbox.assert_clean();
    fs_err::remove_file(sandbox.root().join(".git/claude-backup/index-commit")).unwrap();
    sandbox.commit(&[("a", b"3")], NOON);
    sandbox.assert_clean();
    assert!(sandbox.vault.hide_from_status("nothing").is_err());
}

#[test]
fn another_branch_name_and_a_detached_head_are_followed() {
    let sandbox = Sandbox::new();
    fs_err::write(sandbox.root().join(".git/HEAD"), "ref: refs/heads/master\n").unwrap();
    let first = sandbox.commit(&[("a", b"1")], NOON).unwrap();
    assert!(sandbox.root().join(".git/refs/heads/master").exists());
    fs_err::write(sandbox.root().join(".git/HEAD"), format!("{first}\n")).unwrap();
    let second = sandbox.commit(&[("a", b"2")], NOON).unwrap();
    assert_eq!(sandbox.vault.head().unwrap().unwrap().commit, second);
    sandbox.assert_clean();
}

#[test]
fn names_that_are_no_text_stay_in_git_and_are_not_listed() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a", b"1")], NOON);
    let (foreign, tree) = {
        let repository = git2::Repository::open(sandbox.root()).unwrap();
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        let mut builder = repository.treebuilder(Some(&head.tree().unwrap())).unwrap();
        let blob = repository.blob(b"x").unwrap();
        builder.insert(&b"f\xff"[..], blob, 0o100_644).unwrap();
        let tree = repository.find_tree(builder.write().unwrap()).unwrap();
        let who = git2::Signature::now("T", "t@example.org").unwrap();
        repository.commit(Some("HEAD"), &who, &who, "m", &tree, &[&head]).unwrap();
        (blob, tree.id())
    };
    assert_ne!(tree, foreign);
    sandbox.commit(&[("b", b"2")], NOON);
    let files = sandbox.vault.files_below("").unwrap();
    let names: Vec<_> = files.iter().filter_map(|file| file.text_path()).collect();
    assert_eq!((names, files.len()), (vec!["a", "b"], 2));
    let warnings = sandbox.vault.take_warnings();
    assert_eq!(warnings, ["left out of folder ``: the name `f\\xff` is not UTF-8"]);
    let listed = sandbox.git(&["ls-tree", "HEAD"]).unwrap();
    assert!(listed.contains("\"f\\377\""), "{listed}");
    let fsck = sandbox.git(&["fsck", "--full", "--strict"]).unwrap_or_default();
    assert_eq!(fsck, "");
}

#[cfg(unix)]
#[test]
fn folders_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.commit(&[("a", b"1")], NOON);
    sandbox.vault.private_dir().unwrap();
    for folder in ["", ".git", ".git/claude-backup"] {
        let mode = fs_err::metadata(sandbox.root().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    Vault::create(&sandbox.root()).unwrap();
    let attributes = fs_err::read_to_string(sandbox.root().join(".git/info/attributes")).unwrap();
    assert_eq!(attributes.matches("-text").count(), 1);
}
