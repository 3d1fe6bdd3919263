//! `uninstall`: the schedule goes, the backup stays unless it is really meant to go.

use std::process::Command;

use claude_backup::env::Os;
use rexpect::session::spawn_command;
use serde_json::json;

use crate::fixture;
use crate::sandbox::{Sandbox, conversation};
use crate::system::{LINUX, machine};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const TIMER: &str = ".config/systemd/user/claude-backup.timer";

fn scheduled() -> Sandbox {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.write_session("-p", ID, 4).init();
    sandbox.run(&["schedule", "daily"]).success();
    sandbox
}

#[test]
fn the_schedule_goes_and_the_backup_stays() {
    let sandbox = scheduled();
    let done = sandbox.json(&["uninstall"]);
    assert_eq!((&done["schedule"], &done["dataDeleted"]), (&json!("off"), &json!(false)));
    assert!(!sandbox.home(TIMER).exists());
    assert_eq!(sandbox.json(&["status"])["sessions"]["files"], 1);
    insta::assert_snapshot!("uninstall", sandbox.run(&["uninstall"]).success().both());
}

#[test]
fn the_backup_goes_only_by_two_words() {
    let sandbox = scheduled();
    sandbox.run(&["uninstall", "--delete-data"]).fails(2);
    assert!(sandbox.backup("manifest.json").exists());
    let done = sandbox.json(&["uninstall", "--delete-data", "--yes"]);
    assert_eq!(done["dataDeleted"], true);
    assert!(!sandbox.backup("").exists());
    assert!(sandbox.session("-p", ID).exists(), "the source is none of its business");
}

#[test]
fn without_a_backup_a_timer_that_was_left_goes_too() {
    let sandbox = scheduled();
    sandbox.remove(".claude-backup");
    sandbox.json(&["uninstall"]);
    assert!(!sandbox.home(TIMER).exists());
}

#[test]
fn a_folder_that_is_no_backup_is_never_deleted() {
    let sandbox = machine(Os::Linux, LINUX);
    sandbox.write("photos/one.jpg", "x");
    let photos = sandbox.home("photos").to_string_lossy().into_owned();
    let words = ["uninstall", "--delete-data", "--yes", "--backup-dir", &photos];
    assert_eq!(sandbox.json(&words)["dataDeleted"], false);
    assert!(sandbox.home("photos/one.jpg").exists());
}

/// What a run at a real terminal says, where somebody gives this reply to the first question.
fn at_a_terminal(sandbox: &Sandbox, arguments: &[&str], reply: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claude-backup"));
    command.env_clear().env("HOME", sandbox.home("")).env("NO_COLOR", "1");
    command.current_dir(sandbox.home("")).args(arguments);
    let mut terminal = spawn_command(command, Some(20_000)).unwrap();
    terminal.send(reply).unwrap();
    terminal.flush().unwrap();
    terminal.exp_eof().unwrap()
}

#[test]
fn without_the_flag_nothing_is_asked_and_nothing_is_deleted() {
    let sandbox = fixture::home();
    sandbox.init();
    let said = at_a_terminal(&sandbox, &["uninstall"], "y\n");
    assert!(!said.contains("[y/N]"), "{said}");
    assert!(said.contains("The backup in ~/.claude-backup stays"), "{said}");
    assert!(said.contains("claude-backup uninstall --delete-data"), "{said}");
    assert_eq!(sandbox.json(&["uninstall", "--yes"])["dataDeleted"], false);
    assert!(sandbox.backup("manifest.json").exists());
}

#[test]
fn only_a_yes_deletes_at_a_terminal() {
    for (reply, is_kept) in
        [("\n", true), ("\u{4}", true), ("q\n", true), ("sure\n", true), ("y\n", false)]
    {
        let sandbox = fixture::home();
        sandbox.init();
        let said = at_a_terminal(&sandbox, &["uninstall", "--delete-data"], reply);
        assert!(said.contains("Delete ~/.claude-backup?"), "{said}");
        assert_eq!(sandbox.backup("manifest.json").exists(), is_kept, "{reply:?}: {said}");
    }
}

#[test]
fn what_only_the_backup_has_is_counted() {
    let remote = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(remote.path()).unwrap();
    let url = remote.path().display().to_string();
    let other = Sandbox::new().named("other");
    other.write_session("-q", "22222222-2222-4222-8222-222222222222", 2);
    other.write_session("-q", "33333333-3333-4333-8333-333333333333", 2);
    other.run(&["init", "--remote", &url]).success();
    let sandbox = Sandbox::new();
    let gone = "44444444-4444-4444-8444-444444444444";
    sandbox.write_session("-p", ID, 6).write_session("-p", gone, 2);
    sandbox.run(&["init", "--remote", &url]).success();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 10..12));
    sandbox.run(&["sync", "--no-push"]).success();
    sandbox.remove(sandbox.session("-p", gone));
    let counts = &sandbox.json(&["uninstall"])["onlyInBackup"];
    let expected = json!({
        "deletedSessions": 1,
        "earlierMessages": 6,
        "otherMachinesSessions": 2,
        "unpushedCommits": 1,
    });
    assert_eq!(counts, &expected);
    let said = at_a_terminal(&sandbox, &["uninstall", "--delete-data"], "n\n");
    let words = "Not in ~/.claude: 1 deleted session, 6 messages of earlier versions, \
                 2 sessions of other machines.";
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{said}");
    assert!(said.contains("1 commit."), "{said}");
}

#[cfg(unix)]
#[test]
fn the_folder_behind_a_link_goes_with_the_link() {
    let sandbox = fixture::home();
    sandbox.init();
    std::fs::rename(sandbox.backup(""), sandbox.home("disk")).unwrap();
    std::os::unix::fs::symlink(sandbox.home("disk"), sandbox.home(".claude-backup")).unwrap();
    assert_eq!(sandbox.json(&["uninstall", "--delete-data", "--yes"])["dataDeleted"], true);
    assert!(!sandbox.home("disk").exists());
    assert!(!sandbox.home(".claude-backup").is_symlink());
}

#[test]
fn a_backup_among_sessions_takes_none_of_them_along() {
    let sandbox = fixture::home();
    sandbox.init();
    for name in [".git", "machines", "manifest.json"] {
        std::fs::rename(sandbox.backup(name), sandbox.claude("projects").join(name)).unwrap();
    }
    let folder = sandbox.claude("projects").to_str().unwrap().to_owned();
    let words = ["uninstall", "--delete-data", "--yes", "--backup-dir", &folder];
    assert_eq!(sandbox.json(&words)["dataDeleted"], true);
    assert!(!sandbox.claude("projects/.git").exists());
    assert!(sandbox.session(fixture::ALPHA, fixture::A).exists());
}

#[test]
fn nothing_is_removed_while_another_run_is_at_work() {
    let sandbox = scheduled();
    let repository =
        claude_backup::repository::Repository::open(&sandbox.backup(""), &sandbox.env()).unwrap();
    let held = repository.lock("sync").unwrap();
    let ran = sandbox.run(&["uninstall", "--delete-data", "--yes", "--json"]);
    assert_eq!(ran.fails(11).json_error()["code"], "locked");
    assert!(sandbox.home(TIMER).exists() && sandbox.backup("manifest.json").exists());
    drop(held);
}
