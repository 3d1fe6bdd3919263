//! Folders that may not be written or read, another user, clocks that jump, readers that leave.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::home::{Home, Ran};
use crate::needs;
use crate::sandbox::set_mode;
use crate::shim::library;

/// A user that owns nothing here.
const NOBODY: u32 = 65534;

/// A home whose owner is not the one who may do everything; nothing where that cannot be had.
fn home_of_somebody() -> Option<Home> {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    let home = Home::new(5);
    if is_root {
        give_to(NOBODY, &home.sandbox.home("..").canonicalize().unwrap());
        if as_user(&home, &["--version"], NOBODY).code != Some(0) {
            needs::say_skipped("another user cannot start the program where it was built");
            return None;
        }
    }
    Some(home)
}

fn give_to(user: u32, folder: &Path) {
    let owner = format!("{user}:{user}");
    assert!(Command::new("chown").arg("-R").arg(owner).arg(folder).status().unwrap().success());
}

/// Runs it as this user where that is possible, else as who runs the tests.
fn as_user(home: &Home, arguments: &[&str], user: u32) -> Ran {
    let mut command = home.command(arguments);
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    if is_root {
        command.uid(user).gid(user);
    }
    match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child.wait_with_output().unwrap().into(),
        Err(_) => Ran { code: None, out: String::new(), err: String::new() },
    }
}

fn finish(home: &Home, arguments: &[&str]) {
    let ran = as_user(home, arguments, NOBODY);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:#?}");
}

/// What the branch points to, without asking git, which distrusts the folders of others.
fn tip(home: &Home) -> String {
    std::fs::read_to_string(home.sandbox.backup(".git/refs/heads/main")).unwrap()
}

/// Each folder that a backup writes to, one after the other.
#[test]
fn a_read_only_folder_is_named_and_heals_once_it_may_be_written() {
    let Some(mut home) = home_of_somebody() else { return };
    finish(&home, &["init", "--backend", "local"]);
    home.remember();
    let folders = ["", ".git", ".git/objects/pack", ".git/refs/heads", ".git/claude-backup"];
    for folder in folders {
        let folder = home.sandbox.backup(folder);
        home.work();
        give_to(NOBODY, &home.sandbox.claude(""));
        set_mode(&folder, 0o500);
        let ran = as_user(&home, &["sync"], NOBODY);
        set_mode(&folder, 0o700);
        if ran.code != Some(0) {
            let said = format!("{}{}", ran.out, ran.err);
            assert!([Some(1), Some(3)].contains(&ran.code), "{ran:#?}");
            assert!(said.contains("claude-backup") && said.contains("ermission"), "{ran:#?}");
        }
        finish(&home, &["sync"]);
        home.remember();
    }
    finish(&home, &["verify", "--read"]);
    give_to(0, &home.sandbox.home("").canonicalize().unwrap());
    home.assert_whole();
}

#[test]
fn an_unreadable_session_is_named_and_everything_else_is_saved() {
    let Some(mut home) = home_of_somebody() else { return };
    finish(&home, &["init", "--backend", "local"]);
    home.remember();
    home.work();
    give_to(NOBODY, &home.sandbox.claude(""));
    let session = home.session(0);
    set_mode(&session, 0);
    let ran = as_user(&home, &["sync"], NOBODY);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(format!("{ran:?}").contains(session.file_name().unwrap().to_str().unwrap()));
    set_mode(&session, 0o600);
    finish(&home, &["sync"]);
    home.remember();
    give_to(0, &home.sandbox.home("").canonicalize().unwrap());
    home.assert_whole();
}

/// What belongs to somebody else is refused or read, but never half changed.
#[test]
fn another_users_backup_is_left_as_it_is() {
    let Some(home) = home_of_somebody() else { return };
    finish(&home, &["init", "--backend", "local"]);
    let before = tip(&home);
    let other = NOBODY - 1;
    let ran = as_user(&home, &["sync"], other);
    if ran.code == Some(0) {
        needs::say_skipped("only root can be another user");
        return;
    }
    assert!([Some(1), Some(10)].contains(&ran.code), "{ran:#?}");
    assert!(ran.err.contains("claude-backup"), "{ran:#?}");
    assert_eq!(tip(&home), before);
    finish(&home, &["verify", "--read"]);
}

/// Forwards and backwards by days and years, while sessions go on.
#[test]
fn a_clock_that_jumps_changes_nothing_that_is_saved() {
    if library().is_none() {
        return;
    }
    let mut home = Home::new(77);
    for days in [0, 1, -1, 400, 399, -3000, -3001, 20_000, 2, 0] {
        home.days = days;
        match home.sandbox.backup("").exists() {
            true => home.work(),
            false => drop(home.finish(&["init", "--backend", "local"])),
        }
        home.sync();
        let again = home.finish(&["sync"]);
        assert!(again.out.contains("Nothing new"), "{days}: {again:?}");
        home.assert_whole();
    }
}

#[test]
fn a_reader_that_leaves_early_changes_nothing() {
    let mut home = Home::new(78);
    home.finish(&["init", "--backend", "local"]);
    home.remember();
    let id = home.session(3).file_stem().unwrap().to_str().unwrap().to_owned();
    home.work();
    for arguments in [&["restore", &id, "--stdout"][..], &["restore", "--list"], &["sync"]] {
        let mut command = home.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let code = child.wait().unwrap().code();
        assert!([Some(0), Some(1)].contains(&code), "{arguments:?}: {code:?}");
    }
    home.sync();
    home.assert_whole();
}
