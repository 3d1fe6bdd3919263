//! What vanished or became shorter at the source is told once, with the command that brings it back.

use serde_json::json;

use crate::sandbox::{Sandbox, conversation};

const ONE: &str = "11111111-1111-4111-8111-111111111111";
const TWO: &str = "22222222-2222-4222-8222-222222222222";

fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ONE, 6).write_session("-p", TWO, 4);
    sandbox.write(".claude/projects/-p/memory/MEMORY.md", "remember\n");
    let side = format!(".claude/projects/-p/{ONE}/subagents/agent-a1.jsonl");
    sandbox.write(side, conversation("agent", 0..3)).write(".claude/CLAUDE.md", "be kind\n");
    sandbox.init();
    // The day's share is proven by now, and says nothing from here on.
    sandbox.sync();
    sandbox
}

fn text(sandbox: &Sandbox, project: &str, id: &str) -> String {
    std::fs::read_to_string(sandbox.session(project, id)).unwrap()
}

#[test]
fn a_vanished_session_is_told_once_and_comes_back_by_the_command_that_is_told() {
    let sandbox = saved();
    sandbox.remove(sandbox.session("-p", TWO)).pass_minutes(1);
    // Even where nothing but trouble is to be said: it is said only now.
    let ran = sandbox.run(&["sync", "--quiet"]).success();
    insta::assert_snapshot!(ran.screen());
    assert_eq!(sandbox.run(&["sync", "--quiet"]).success().screen(), "", "the next one is silent");
    assert_eq!(sandbox.sync()["goneSessions"], json!([]));
    assert_eq!(sandbox.json(&["status"])["gone"], 1, "status goes on counting");
    let back = sandbox.json(&["restore", "--gone"]);
    assert_eq!((&back["restored"], &back["files"]["restored"]), (&json!(1), &json!(1)));
    assert_eq!(text(&sandbox, "-p", TWO), conversation(TWO, 0..4));
    sandbox.sync();
    assert_eq!(sandbox.json(&["status"])["gone"], 0);
    sandbox.assert_git_clean();
}

#[test]
fn the_document_names_what_vanished_and_what_was_cut() {
    let sandbox = saved();
    sandbox.remove(sandbox.session("-p", TWO));
    sandbox.write(sandbox.session("-p", ONE), conversation(ONE, 0..2));
    let synced = sandbox.sync();
    assert_eq!(synced["goneSessions"], json!([TWO]));
    assert_eq!(synced["cutSessions"], json!([ONE]));
    let again = sandbox.sync();
    assert_eq!((&again["goneSessions"], &again["cutSessions"]), (&json!([]), &json!([])));
}

#[test]
fn a_session_that_was_cut_back_comes_back_whole() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ONE), conversation(ONE, 0..2)).pass_minutes(1);
    let screen = sandbox.run(&["sync", "--quiet"]).success().screen();
    let command = format!("claude-backup restore {ONE} --force");
    assert!(screen.contains(&command), "{screen}");
    assert_eq!(sandbox.run(&["sync", "--quiet"]).success().screen(), "", "once");
    sandbox.run(&["restore", ONE, "--force"]).success();
    assert_eq!(text(&sandbox, "-p", ONE), conversation(ONE, 0..6));
}

#[test]
fn a_rewritten_session_is_told_with_its_versions() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ONE), conversation(ONE, 4..6)).pass_minutes(1);
    let screen = sandbox.run(&["sync", "--quiet"]).success().screen();
    assert!(screen.contains(&format!("claude-backup versions {ONE}")), "{screen}");
    assert!(screen.contains("4 messages only in an earlier version"), "{screen}");
    assert_eq!(sandbox.run(&["sync", "--quiet"]).success().screen(), "", "once");
    assert_eq!(sandbox.json(&["status"])["lost"][0]["lostMessages"], 4, "status goes on");
}

#[test]
fn a_vanished_project_and_a_vanished_home_come_back_whole() {
    for gone in [".claude/projects/-p", ".claude"] {
        let sandbox = saved();
        sandbox.remove(gone).pass_minutes(1);
        let screen = sandbox.run(&["sync"]).success().screen();
        assert!(screen.contains("2 sessions and"), "{screen}");
        assert!(screen.contains("claude-backup restore --gone"), "{screen}");
        let back = sandbox.json(&["restore", "--gone"]);
        assert_eq!((&back["restored"], &back["failed"]), (&json!(2), &json!(0)), "{gone}");
        for (id, messages) in [(ONE, 6), (TWO, 4)] {
            assert_eq!(text(&sandbox, "-p", id), conversation(id, 0..messages));
        }
        for name in ["projects/-p/memory/MEMORY.md", "CLAUDE.md"] {
            assert!(sandbox.claude(name).is_file(), "{name} after {gone}");
        }
        let side = format!("projects/-p/{ONE}/subagents/agent-a1.jsonl");
        assert!(sandbox.claude(side).is_file());
        sandbox.sync();
        assert_eq!(sandbox.json(&["status"])["gone"], 0);
    }
}

#[test]
fn a_lost_side_file_of_a_session_that_is_still_there_comes_back_too() {
    let sandbox = saved();
    let side = sandbox.claude(format!("projects/-p/{ONE}/subagents/agent-a1.jsonl"));
    sandbox.remove(&side).sync();
    sandbox.write(sandbox.session("-p", TWO), conversation(TWO, 0..4));
    assert_eq!(sandbox.json(&["restore", "--gone"])["files"]["restored"], 1);
    assert_eq!(std::fs::read_to_string(side).unwrap(), conversation("agent", 0..3));
}

#[test]
fn what_another_machine_lost_is_not_put_here_unasked() {
    let sandbox = saved();
    let other = "33333333-3333-4333-8333-333333333333";
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-z", other, 2).sync();
        zeta.remove(zeta.session("-z", other)).sync();
    });
    assert_eq!(sandbox.json(&["restore", "--gone"])["restored"], 0);
    assert_eq!(sandbox.json(&["restore", "--gone", "--machine", "zeta"])["restored"], 1);
}
