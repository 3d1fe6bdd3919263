//! `restore` without a word at a terminal: somebody searches, looks, decides. The terminal is real.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::clock;
use crate::sandbox::{Sandbox, conversation};

const ALPHA: &str = "11111111-1111-4111-8111-111111111111";
const BETA: &str = "22222222-2222-4222-8222-222222222222";
/// A program that says nothing for so many milliseconds hangs.
const PATIENCE: u64 = 20_000;

/// Two sessions that are only in the backup.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    let titled = format!(
        "{}{}",
        conversation(BETA, 0..2),
        r#"{"type":"custom-title","customTitle":"Kettle"}"#
    );
    sandbox.write_session("-alpha", ALPHA, 4).write(sandbox.session("-beta", BETA), titled).init();
    std::fs::remove_dir_all(sandbox.claude("projects")).unwrap();
    sandbox
}

/// The program at a terminal of its own.
fn at_a_terminal(sandbox: &Sandbox, arguments: &[&str]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claude-backup"));
    command.env_clear().envs(clock::variables());
    command.env("HOME", sandbox.home("")).env("TERM", "xterm").env("NO_COLOR", "1");
    std::fs::create_dir_all(sandbox.home("here")).unwrap();
    command.current_dir(sandbox.home("here")).args(arguments);
    spawn_command(command, Some(PATIENCE)).unwrap()
}

/// Searches with these words, and looks at the first session that has them.
fn look_at(terminal: &mut PtySession, words: &str) {
    terminal.exp_string("Which session?").unwrap();
    press(terminal, &format!("{words}\r"));
    terminal.exp_string("What now?").unwrap();
}

fn press(terminal: &mut PtySession, keys: &str) {
    terminal.send(keys).unwrap();
    terminal.flush().unwrap();
}

/// Waits for its end and compares its code, which only the text of the status tells from here.
fn ends_with(mut terminal: PtySession, code: i32) {
    let _ = terminal.exp_eof();
    let status = format!("{:?}", terminal.process_mut().wait().unwrap());
    assert!(status.starts_with("Exited") && status.ends_with(&format!(", {code})")), "{status}");
}

#[test]
fn a_session_is_found_by_words_looked_at_and_given_back() {
    let sandbox = saved();
    let mut terminal = at_a_terminal(&sandbox, &["restore"]);
    terminal.exp_string("Kettle").unwrap();
    press(&mut terminal, "kettle alpha\r");
    terminal.exp_string("What now?").unwrap();
    terminal.send_line("1").unwrap();
    terminal.exp_string("Restored session").unwrap();
    ends_with(terminal, 0);
    assert!(sandbox.session("-beta", BETA).exists());
    assert!(!sandbox.session("-alpha", ALPHA).exists());
}

#[test]
fn it_can_be_continued_where_one_is() {
    let sandbox = saved();
    let mut terminal = at_a_terminal(&sandbox, &["restore"]);
    look_at(&mut terminal, &ALPHA[..8]);
    terminal.send_line("2").unwrap();
    terminal.exp_string("claude --resume").unwrap();
    ends_with(terminal, 0);
    assert!(!sandbox.session("-alpha", ALPHA).exists());
}

#[test]
fn whoever_leaves_changes_nothing() {
    let sandbox = saved();
    let (escape, interrupt) = ("\x1b", "\x03");
    for (key, expected) in [(escape, 0), (interrupt, 130)] {
        let mut terminal = at_a_terminal(&sandbox, &["restore"]);
        terminal.exp_string("Esc to leave").unwrap();
        press(&mut terminal, key);
        ends_with(terminal, expected);
    }
    assert!(!sandbox.claude("projects").exists());
}

#[test]
fn another_one_can_be_looked_at_first() {
    let sandbox = saved();
    let mut terminal = at_a_terminal(&sandbox, &["restore", "--dry-run"]);
    look_at(&mut terminal, "kettle");
    terminal.send_line("3").unwrap();
    look_at(&mut terminal, &ALPHA[..8]);
    terminal.send_line("").unwrap();
    terminal.exp_string("Would restore session 1111").unwrap();
    ends_with(terminal, 0);
    assert!(!sandbox.claude("projects").exists());
}
