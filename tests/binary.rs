//! The real process: version, exit codes, a closed pipe.

#![expect(clippy::disallowed_methods, reason = "a test is the outside world")]

use std::io::Read;
use std::process::Stdio;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;

fn command(home: &std::path::Path) -> Command {
    let mut command = Command::new(cargo_bin!("claude-backup"));
    command.env_clear().env("HOME", home).current_dir(home);
    command
}

#[test]
fn it_tells_its_version() {
    let home = tempfile::tempdir().unwrap();
    let output = command(home.path()).args(["--version", "--json"]).output().unwrap();
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn exit_codes_tell_what_happened() {
    let home = tempfile::tempdir().unwrap();
    command(home.path()).arg("sync").assert().code(10);
    command(home.path()).args(["sync", "--nonsense"]).assert().code(2);
    command(home.path()).args(["init", "--backend", "local"]).assert().code(0);
    command(home.path()).args(["restore", "nobody"]).assert().code(1);
}

#[cfg(unix)]
#[test]
fn a_deleted_working_folder_stops_only_what_needs_it() {
    let home = tempfile::tempdir().unwrap();
    let gone = home.path().join("gone");
    let run = |words: &[&str], code: i32| {
        std::fs::create_dir(&gone).unwrap();
        // The shell is in the folder while it is removed.
        let script = r#"cd gone && rmdir ../gone && exec "$0" "$@""#;
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().env("HOME", home.path()).current_dir(home.path());
        let program = cargo_bin!("claude-backup");
        let output = shell.args(["-c", script]).arg(program).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        said
    };
    run(&["init", "--backend", "local"], 0);
    for words in [&["--version"][..], &["status"], &["sync"], &["restore", "--list"], &["verify"]] {
        run(words, 0);
    }
    let said = run(&["sync", "--claude-dir", "relative"], 1);
    assert!(said.contains("`relative` is relative, and the current folder was deleted"), "{said}");
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(cargo_bin!("claude-backup"))
        .env_clear()
        .env("HOME", home.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut talk = String::new();
    child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert_eq!((child.wait().unwrap().code(), talk.as_str()), (Some(0), ""));
}
