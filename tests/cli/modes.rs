//! The backup is its owner's alone, however it came into being.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::sandbox::{Sandbox, mode, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// The paths below a folder that others may read, write or enter.
fn open_to_others(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let is_open = |entry: &walkdir::DirEntry| {
        entry.metadata().unwrap().permissions().mode() & 0o077 != 0 && !entry.path_is_symlink()
    };
    entries.filter(is_open).map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn a_clone_by_hand_becomes_private() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    let (backup, clone) = (sandbox.backup(""), sandbox.home("clone"));
    let script = format!("umask 022; git clone -q {} {}", backup.display(), clone.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert!(!open_to_others(&clone).is_empty());
    let folder = clone.display().to_string();
    sandbox.run(&["sync", "--no-push", "--backup-dir", &folder]).success();
    assert_eq!(open_to_others(&clone), Vec::<String>::new());
}

#[test]
fn what_git_writes_into_a_backup_is_private_too() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    let script = format!("umask 022; git -C {} gc -q", sandbox.backup("").display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert_eq!(open_to_others(&sandbox.backup("")), Vec::<String>::new());
}

#[test]
fn what_git_leaves_beside_and_checks_out_by_hand_is_closed() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    let (message, stored) =
        (sandbox.backup(".git/COMMIT_EDITMSG"), sandbox.stored("manifest.json"));
    std::fs::write(&message, "by hand\n").unwrap();
    [&message, &stored].into_iter().for_each(|path| set_mode(path, 0o644));
    sandbox.sync();
    assert_eq!(mode(&message), 0o600);
    sandbox.json(&["sync", "--full"]);
    assert_eq!(open_to_others(&sandbox.backup("")), Vec::<String>::new());
}

#[test]
fn a_folder_that_was_opened_to_others_is_closed_with_all_below_it() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    for path in ["", "machines", "manifest.json", ".git/config"] {
        let path = sandbox.backup(path);
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    sandbox.sync();
    assert_eq!(open_to_others(&sandbox.backup("")), Vec::<String>::new());
    assert_eq!(mode(&sandbox.backup("")), 0o700);
}

#[test]
fn a_remote_in_a_folder_that_others_can_read_is_named_once_with_the_command_that_closes_it() {
    let sandbox = Sandbox::new();
    let shared = tempfile::tempdir().unwrap();
    let remote = shared.path().join("backup.git");
    git2::Repository::init_bare(&remote).unwrap();
    set_mode(&remote, 0o755);
    // The folders around it decide too.
    let around: Vec<&Path> = remote.ancestors().skip(1).collect();
    set_mode(shared.path(), 0o755);
    let is_reachable = around.iter().all(|folder| mode(folder) & 0o011 != 0);
    let remote = remote.display().to_string();
    sandbox.write_session("-p", ID, 4);
    let said = sandbox.run(&["init", "--backend", "git", "--remote", &remote]).success().both();
    assert_eq!(said.contains("core.sharedRepository 0600"), is_reachable, "{said}");
    sandbox.append_session("-p", ID, 4..6).pass_minutes(1);
    let said = sandbox.run(&["sync"]).success().both();
    assert!(!said.contains("sharedRepository"), "{said}");
}
