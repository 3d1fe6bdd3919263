//! Completion in a real bash: the script, the words it offers, and the key itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use rexpect::session::spawn_command;

use crate::fixture::{self, A, B};
use crate::sandbox::Sandbox;

/// A bash that says nothing for so many milliseconds hangs.
const PATIENCE: u64 = 20_000;

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_claude-backup"))
}

/// A bash without anybody's settings, whose home is the sandbox's.
fn bash(sandbox: &Sandbox) -> Command {
    let mut command = Command::new("bash");
    let path = std::env::var("PATH").unwrap();
    let folder = program().parent().map(Path::to_path_buf).unwrap();
    command.args(["--noprofile", "--norc"]).env_clear().env("HOME", sandbox.home(""));
    command.env("PATH", format!("{}:{path}", folder.display())).env("PS1", "$ ");
    command.env("INPUTRC", "/dev/null").env("TERM", "dumb").current_dir(sandbox.home(""));
    command
}

/// What bash offers for the last of these words.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let script = r#"
        set -u
        source <(claude-backup completions bash)
        COMP_WORDS=(claude-backup "$@") COMP_CWORD=$#
        _claude_backup claude-backup "${@: -1}" before
        ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
        exit 0"#;
    let output = bash(sandbox).args(["-c", script, "bash"]).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Outside of a completion there is no `compopt`, which asks for files.
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{words:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_behind_subcommands() {
    let sandbox = fixture::home();
    for (words, expected) in [
        (&["restore", "--da"][..], &["--date"][..]),
        (&["schedule", ""], &["off", "daily", "6h", "hourly", "show"]),
        (&["backend", "set", ""], &["local", "github", "git"]),
        (&["export-config", "--js"], &["--json"]),
        (&["--backup-dir", "restore", "sync", "--dr"], &["--dry-run"]),
        (&["--color", "=", "al"], &["always"]),
        (&["ver"], &["versions", "verify"]),
        (&["restore", "--since", ""], &[]),
        (&["man", "sta"], &["status"]),
    ] {
        assert_eq!(offered(&sandbox, words), expected, "{words:?}");
    }
    assert!(!sandbox.backup("").exists());
}

#[test]
fn bash_completes_sessions_machines_and_projects() {
    let sandbox = fixture::home();
    sandbox.init();
    assert_eq!(offered(&sandbox, &["restore", &A[..8]]), [A]);
    assert_eq!(offered(&sandbox, &["peek", ""]).len(), 8);
    assert_eq!(offered(&sandbox, &["versions", "--project", "alpha", ""]), [A, B]);
    assert_eq!(offered(&sandbox, &["restore", "--machine", "te"]), ["test-host"]);
    let projects = offered(&sandbox, &["restore", "--list", "--project", "/home/dev/work/al"]);
    assert_eq!(projects, ["/home/dev/work/alpha-app", "/home/dev/work/alpha/app"]);
    std::fs::write(sandbox.backup("session-index.json"), "{").unwrap();
    assert_eq!(offered(&sandbox, &["restore", &A[..8]]), [A], "a damaged index is no error");
    std::fs::remove_dir_all(sandbox.backup(".git")).unwrap();
    assert!(offered(&sandbox, &["restore", ""]).is_empty());
}

#[test]
fn a_project_with_spaces_is_quoted() {
    let sandbox = Sandbox::new();
    let record = r#"{"type":"user","cwd":"/home/dev/my work; x","message":{"content":"hi"}}"#;
    sandbox.write(sandbox.session("-p", "one"), format!("{record}\n")).init();
    for typed in ["/home", r"/home/dev/my\ w"] {
        let projects = offered(&sandbox, &["restore", "--project", typed]);
        assert_eq!(projects, [r"/home/dev/my\ work\;\ x"]);
    }
}

#[test]
fn the_tab_key_works_in_an_interactive_bash() {
    let sandbox = fixture::home();
    sandbox.init();
    let mut command = bash(&sandbox);
    command.arg("-i");
    let mut terminal = spawn_command(command, Some(PATIENCE)).unwrap();
    let mut press = |keys: &str, expected: &str| {
        terminal.send(keys).unwrap();
        terminal.flush().unwrap();
        terminal.exp_string(expected).unwrap();
    };
    // The pseudo-terminal is made without an echo, and bash follows it.
    press("stty echo; echo ready$((0+1))\r", "ready1");
    press("source <(claude-backup completions bash); echo ready$((1+1))\r", "ready2");
    press("claude-backup restore --da\t", "restore --date ");
    press("\u{15}claude-backup schedule da\t", "schedule daily ");
    press(&format!("\u{15}claude-backup peek {}\t", &A[..8]), A);
    press("\u{15}touch one-file; echo ready$((2+2))\r", "ready4");
    press("claude-backup import-config one-\t", "one-file");
    press("\u{15}exit\r", "exit");
}
