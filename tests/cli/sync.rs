//! `sync`: what is saved, and that nothing is ever lost by it.

use crate::sandbox::{Sandbox, conversation, mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";

#[test]
fn a_session_is_saved_and_comes_back_byte_for_byte() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-home-dev-alpha", ID, 4).init().assert_git_clean();
    let original = std::fs::read(sandbox.session("-home-dev-alpha", ID)).unwrap();
    sandbox.remove(".claude");
    sandbox.run(&["restore", "--all"]).success();
    let path = sandbox.session("-home-dev-alpha", ID);
    assert_eq!(std::fs::read(&path).unwrap(), original);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn nothing_new_makes_no_commit() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    let before = sandbox.commits();
    let outcome = sandbox.sync();
    assert_eq!(outcome["commit"], serde_json::Value::Null);
    assert_eq!(sandbox.commits(), before);
    sandbox.assert_git_clean();
}

#[test]
fn growth_is_saved_as_growth() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 400).init();
    sandbox.append_session("-p", ID, 400..420);
    let outcome = sandbox.sync();
    assert_eq!(outcome["grown"], 1);
    assert_eq!(outcome["newVersions"], serde_json::json!([]));
    sandbox.assert_git_clean();
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    let text = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(text, conversation(ID, 0..420));
}

#[test]
fn a_session_replaced_by_a_stub_keeps_its_messages() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 40).init();
    sandbox.write(sandbox.session("-p", ID), "{\"type\":\"custom-title\",\"customTitle\":\"x\"}\n");
    let outcome = sandbox.sync();
    assert_eq!(outcome["newVersions"][0]["lostMessages"], 40);
    sandbox.assert_git_clean();
    sandbox.run(&["restore", ID, "--force"]).success();
    let text = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(text, conversation(ID, 0..40));
}

#[test]
fn what_vanishes_at_the_source_stays_in_the_backup() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.remove(".claude/projects/-p");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["sessions"]["removed"], &outcome["goneAtSource"]), (&0.into(), &1.into()));
    assert_eq!(sandbox.json(&["restore", "--gone"])["sessions"][0]["uuid"], ID);
    sandbox.assert_git_clean();
}
