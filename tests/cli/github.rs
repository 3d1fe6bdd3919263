//! GitHub: nothing goes there without a yes, and nothing goes where others can read it.

use std::process::Command;

use claude_backup::env::Os;
use rexpect::session::spawn_command;
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox};
use crate::system::machine;

const ID: &str = "11111111-1111-4111-8111-111111111111";
const MINUTES_OF_A_DAY: i64 = 24 * 60;

/// `gh`, logged in as octo; the account's repository is a folder.
const GH: &str = r#"
case "$*" in
--version) echo 'gh version 2.40.1 (2026-01-01)' ;;
'auth status'*) ;;
'api user'*) echo octo ;;
'repo view octo/claude-backup-data '*)
    fails network && { echo 'error connecting to api.github.com' >&2; exit 1; }
    echo '{"visibility":"'"$(cat visibility)"'","url":"file://'"$PWD"'/data","sshUrl":"x"}' ;;
'config get git_protocol'*) echo https ;;
*) echo "unknown command: $*" >&2; exit 1 ;;
esac"#;

/// A machine with a session, and an account whose repository these can read.
fn with_repository(visibility: &str) -> Sandbox {
    let sandbox = machine(Os::Other, &[("gh", GH)]);
    git2::Repository::init_bare(sandbox.home("system/data.git")).unwrap();
    becomes(&sandbox, visibility);
    sandbox.write_session("-p", ID, 4);
    sandbox
}

fn becomes(sandbox: &Sandbox, visibility: &str) {
    sandbox.write("system/visibility", visibility);
}

/// The commit at the remote; `None` where nothing was ever pushed.
fn pushed(sandbox: &Sandbox) -> Option<git2::Oid> {
    let remote = git2::Repository::open_bare(sandbox.home("system/data.git")).unwrap();
    remote.refname_to_id("refs/heads/main").ok()
}

/// How often GitHub was asked who can read the repository.
fn questions(sandbox: &Sandbox) -> usize {
    let diary = std::fs::read_to_string(sandbox.home("system/diary")).unwrap_or_default();
    diary.lines().filter(|line| line.starts_with("gh repo view")).count()
}

fn refused(ran: Ran, code: u8) -> Value {
    let document = ran.fails(code).json();
    assert_eq!(document["push"]["state"], "failed", "{document}");
    assert_eq!(document["push"]["code"], "public-repository", "{document}");
    document
}

#[test]
fn without_a_terminal_nothing_is_pushed_unless_a_flag_says_so() {
    let sandbox = with_repository("PRIVATE");
    let done = sandbox.json(&["init"]);
    assert_eq!((&done["mode"], &done["sync"]["remote"]), (&json!("local"), &Value::Null));
    assert_eq!((pushed(&sandbox), questions(&sandbox)), (None, 0));
    let sandbox = with_repository("PRIVATE");
    let screen = sandbox.run(&["init"]).success().screen();
    assert!(screen.contains("add a remote   claude-backup backend set github"), "{screen}");
    let sandbox = with_repository("PRIVATE");
    let done = sandbox.json(&["init", "--yes", "--no-schedule"]);
    let remote = format!("file://{}", sandbox.home("system/data.git").display());
    assert_eq!((&done["mode"], &done["sync"]["remote"]), (&json!("github"), &json!(remote)));
    assert!(pushed(&sandbox).is_some());
}

/// `init` at a real terminal, where somebody replies this to the question about GitHub.
fn init_replying(sandbox: &Sandbox, reply: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claude-backup"));
    command.env_clear().env("HOME", sandbox.home("")).env("PATH", sandbox.home("system"));
    command.env("NO_COLOR", "1").current_dir(sandbox.home("")).args(["init", "--no-schedule"]);
    let mut terminal = spawn_command(command, Some(20_000)).unwrap();
    let question = "Push a copy to a private GitHub repository (octo/claude-backup-data)? [Y/n]";
    terminal.exp_string(question).unwrap();
    terminal.send(reply).unwrap();
    terminal.flush().unwrap();
    terminal.exp_eof().unwrap();
}

#[test]
fn at_a_terminal_return_and_yes_accept_and_everything_else_declines() {
    let end_of_input = "\u{4}";
    for (reply, mode) in [
        ("\n", "github"),
        ("yes\n", "github"),
        ("n\n", "local"),
        ("q\n", "local"),
        ("?\n", "local"),
        ("what is stored there\n", "local"),
        (end_of_input, "local"),
    ] {
        let sandbox = with_repository("PRIVATE");
        init_replying(&sandbox, reply);
        assert_eq!(sandbox.json(&["status"])["mode"], mode, "{reply:?}");
        assert_eq!(pushed(&sandbox).is_some(), mode == "github", "{reply:?}");
    }
}

#[test]
fn yes_never_means_public() {
    for visibility in ["PUBLIC", "INTERNAL", "SOMETHING_NEW"] {
        for words in [&["init", "--yes"][..], &["init", "--yes", "--backend", "github"]] {
            let sandbox = with_repository(visibility);
            let ran = sandbox.run(&[words, &["--no-schedule", "--json"]].concat());
            let error = ran.fails(1).json_error();
            assert_eq!(error["code"], "public-repository", "{error}");
            assert!(error["hint"].as_str().unwrap().contains("--allow-public"), "{error}");
            assert_eq!(pushed(&sandbox), None);
            assert!(!sandbox.backup("").exists());
        }
        let sandbox = with_repository(visibility);
        sandbox.json(&["init", "--yes", "--allow-public", "--no-schedule"]);
        assert!(pushed(&sandbox).is_some());
        let status = sandbox.json(&["status"]);
        assert_eq!(
            (&status["health"], &status["github"]["allowPublic"]),
            (&json!("ok"), &json!(true))
        );
        let screen = sandbox.run(&["status"]).success().screen();
        assert!(screen.contains("others can read it, as you allowed"), "{screen}");
        assert_eq!(sandbox.sync()["push"]["state"], "up-to-date");
    }
}

#[test]
fn a_repository_that_became_public_gets_nothing_until_it_is_private_again() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    let before = pushed(&sandbox);
    for visibility in ["PUBLIC", "INTERNAL"] {
        becomes(&sandbox, visibility);
        sandbox.pass_minutes(MINUTES_OF_A_DAY).append_session("-p", ID, 4..6);
        let commits = sandbox.commits();
        let document = refused(sandbox.run(&["sync", "--json"]), 3);
        assert_eq!(document["pushed"], false);
        assert_eq!(pushed(&sandbox), before);
        assert_eq!(sandbox.commits(), commits + 1);
        let screen = sandbox.run(&["sync"]).fails(3).screen();
        assert!(screen.contains("can read it"), "{screen}");
        assert!(screen.contains("claude-backup backend set github --allow-public"), "{screen}");
    }
    becomes(&sandbox, "PRIVATE");
    assert_eq!(sandbox.sync()["push"]["state"], "pushed");
    assert_ne!(pushed(&sandbox), before);
}

#[test]
fn the_first_sync_after_init_notices_a_repository_that_became_public() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    becomes(&sandbox, "PUBLIC");
    sandbox.append_session("-p", ID, 4..6);
    refused(sandbox.run(&["sync", "--json"]), 3);
}

#[test]
fn status_and_verify_notice_it_too() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    becomes(&sandbox, "PUBLIC");
    let status = sandbox.json(&["status"]);
    assert_eq!(status["health"], "not-pushed");
    assert_eq!(
        (&status["github"]["repository"], &status["github"]["visibility"]),
        (&json!("octo/claude-backup-data"), &json!("public"))
    );
    let screen = sandbox.run(&["status"]).success().screen();
    assert!(screen.contains("is public: anyone can read it, so nothing is pushed"), "{screen}");
    let verified = sandbox.json(&["verify", "--from-remote"]);
    let warning = verified["warnings"][0].as_str().unwrap();
    assert!(warning.contains("is public: anyone can read it"), "{verified}");
}

#[test]
fn github_is_asked_once_a_day_and_each_time_while_others_can_read() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    let begun = questions(&sandbox);
    sandbox.sync();
    assert_eq!(questions(&sandbox), begun + 1);
    for _ in 0..3 {
        sandbox.sync();
        sandbox.json(&["status"]);
        sandbox.json(&["verify", "--from-remote"]);
    }
    assert_eq!(questions(&sandbox), begun + 1);
    sandbox.pass_minutes(MINUTES_OF_A_DAY);
    becomes(&sandbox, "PUBLIC");
    for time in 1..=3 {
        refused(sandbox.run(&["sync", "--json"]), 3);
        assert_eq!(questions(&sandbox), begun + 1 + time);
    }
}

#[test]
fn consent_counts_for_the_repository_that_it_was_given_for() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    becomes(&sandbox, "PUBLIC");
    sandbox.append_session("-p", ID, 4..6);
    refused(sandbox.run(&["sync", "--json"]), 3);
    let ran = sandbox.run(&["backend", "set", "github", "--yes", "--json"]);
    assert_eq!(ran.fails(1).json_error()["code"], "public-repository");
    let set = sandbox.json(&["backend", "set", "github", "--allow-public"]);
    assert_eq!(set["push"]["state"], "pushed");
    assert_eq!(sandbox.sync()["push"]["state"], "up-to-date");
    sandbox.git(&["config", "claude-backup.allowPublic", "octo/another"]);
    refused(sandbox.run(&["sync", "--json"]), 3);
    becomes(&sandbox, "PRIVATE");
    sandbox.json(&["backend", "set", "github"]);
    becomes(&sandbox, "PUBLIC");
    refused(sandbox.run(&["sync", "--json"]), 3);
}

#[test]
fn a_github_that_cannot_be_asked_stops_no_push_and_clears_no_refusal() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    sandbox.system_fails("network").append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["push"]["state"], "pushed");
    assert_eq!(sandbox.json(&["status"])["github"]["visibility"], "unknown");
    sandbox.remove("system/fails-network").pass_minutes(MINUTES_OF_A_DAY);
    becomes(&sandbox, "PUBLIC");
    refused(sandbox.run(&["sync", "--json"]), 3);
    sandbox.system_fails("network");
    refused(sandbox.run(&["sync", "--json"]), 3);
    sandbox.remove("system/gh");
    refused(sandbox.run(&["sync", "--json"]), 3);
}

#[test]
fn a_schedule_that_has_no_gh_on_its_path_asks_the_one_that_set_the_remote() {
    let sandbox = with_repository("PRIVATE");
    sandbox.run(&["init", "--backend", "github", "--no-schedule"]).success();
    becomes(&sandbox, "PUBLIC");
    let sandbox = sandbox.with_variable("PATH", "/usr/bin:/bin");
    refused(sandbox.run(&["sync", "--json"]), 3);
}
