//! `init`: one command, and it is safe to give it again.

use serde_json::json;

use crate::fixture;
use crate::sandbox::{Sandbox, mode};

#[test]
fn the_first_run_says_what_it_made_and_what_comes_next() {
    let sandbox = fixture::home();
    let ran = sandbox.run_on_terminal(80, &["init", "--backend", "local"]).success();
    insta::assert_snapshot!("init_first", ran.both());
    let ran = sandbox.run_on_terminal(80, &["init"]).success();
    insta::assert_snapshot!("init_again", ran.both());
    assert_eq!(mode(&sandbox.backup("")), 0o700);
    sandbox.assert_git_clean();
}

#[test]
fn it_works_before_there_is_anything_to_save() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(sandbox.run(&["init", "--local"]).success().both());
    sandbox.assert_git_clean();
}

#[test]
fn its_document_has_every_key() {
    let sandbox = fixture::home();
    let done = sandbox.json(&["init", "--backend", "local", "--no-schedule", "--yes"]);
    insta::assert_json_snapshot!(sandbox.steady(&done));
}

#[test]
fn what_the_backup_has_can_come_back_at_once() {
    let sandbox = fixture::home();
    sandbox.init().remove(".claude");
    let done = sandbox.json(&["init", "--restore", "none"]);
    assert_eq!(done["restored"]["restored"], 0);
    let done = sandbox.json(&["init", "--restore", "all"]);
    assert_eq!(done["restored"]["restored"], 8);
    assert!(sandbox.session(fixture::ALPHA, fixture::A).is_file());
    sandbox.remove(".claude");
    insta::assert_snapshot!(sandbox.run(&["init", "--restore", "all"]).success().both());
}

#[test]
fn a_remote_that_is_not_there_leaves_everything_as_it_was() {
    for arguments in [
        &["init", "--backend", "git", "--remote", "/nowhere/x.git"][..],
        &["init", "--remote", "/nowhere/x.git"],
        &["init", "--backend", "github"],
    ] {
        let sandbox = fixture::home();
        let error = sandbox.run(&[arguments, &["--json"]].concat()).fails(1).json_error();
        assert!(error["hint"].is_string(), "{error}");
        assert!(!sandbox.backup("").exists(), "{arguments:?}");
    }
}

#[test]
fn flags_that_contradict_are_refused() {
    let sandbox = fixture::home();
    for arguments in [
        &["init", "--local", "--backend", "local"][..],
        &["init", "--local", "--remote", "x"],
        &["init", "--backend", "cloud"],
        &["init", "--schedule", "daily", "--no-schedule"],
        &["init", "--restore", "some"],
        &["init", "--backend", "git"],
        &["init", "--backend", "local", "--remote", "x"],
        &["init", "--backend", "git", "--remote", "ext::sh -c true"],
        &["init", "--backend", "git", "--remote", "--upload-pack=x"],
    ] {
        assert_eq!(
            sandbox.run(&[arguments, &["--json"]].concat()).fails(2).json_error()["code"],
            "usage"
        );
    }
    sandbox.run(&["init", "--machine", "../up"]).fails(2);
    assert!(!sandbox.backup("").exists());
    sandbox.init();
    let error = sandbox.run(&["init", "--machine", "other", "--json"]).fails(2).json_error();
    assert_eq!(error["error"], "this machine is `test-host` in the backup already");
    sandbox.git(&["config", "claude-backup.mode", "git"]);
    let error = sandbox.run(&["init", "--backend", "local", "--json"]).fails(2).json_error();
    let hint = "continue as it is with `claude-backup init`, or change it with `claude-backup backend set local`";
    assert_eq!(error["hint"], hint);
}

#[test]
fn a_machine_can_be_named() {
    let sandbox = fixture::home();
    let done = sandbox.json(&["init", "--machine", "studio"]);
    assert_eq!(
        (&done["machineSlug"], &done["machine"]),
        (&json!("studio"), &json!("test-host.local"))
    );
    assert!(sandbox.backup("machines/studio/manifest.json").is_file());
}

#[test]
fn other_places_can_be_named_by_flag_and_by_variable() {
    let sandbox = Sandbox::new()
        .with_variable("CLAUDE_BACKUP_DIR", "~/vault")
        .with_variable("CLAUDE_CONFIG_DIR", "elsewhere/claude");
    sandbox.write("elsewhere/claude/CLAUDE.md", "x").init();
    assert!(sandbox.home("vault/machines/test-host/config/CLAUDE.md").is_file());
    sandbox.write("third/CLAUDE.md", "y");
    let places = ["--backup-dir", "other", "--claude-dir", "third"];
    sandbox.run(&[&["init"], &places[..]].concat()).success();
    assert_eq!(
        std::fs::read(sandbox.home("other/machines/test-host/config/CLAUDE.md")).unwrap(),
        b"y"
    );
    assert!(!sandbox.backup("").exists());
}

#[test]
fn before_init_every_command_says_how_to_begin() {
    let sandbox = fixture::home();
    for arguments in [
        &["sync"][..],
        &["status"],
        &["restore", "--list"],
        &["restore", "--all"],
        &["restore", "x"],
        &["versions", "x"],
        &["peek", "x"],
    ] {
        let error = sandbox.run(&[arguments, &["--json"]].concat()).fails(10).json_error();
        assert_eq!(error["code"], "no-repository");
        assert_eq!(error["hint"], "start one with `claude-backup init`");
    }
    insta::assert_snapshot!(sandbox.run(&["peek", "x"]).fails(10).both());
    assert!(!sandbox.backup("").exists());
}
