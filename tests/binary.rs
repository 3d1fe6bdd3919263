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
