//! `sync --scan`: transcripts repeat what tools print, tokens too.

use serde_json::json;

use crate::fixture;
use crate::sandbox::Sandbox;

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// A session in which a tool printed a token, inside a document inside a record.
fn leaky() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let token = format!("{}{}", "ghp_", "aB3dE5gH7jK9".repeat(3));
    let printed = json!({"env": format!("export X={token}\nexport Y=1")}).to_string();
    let record = json!({"type": "user", "toolUseResult": {"stdout": printed}, "uuid": "x"});
    sandbox.write_session("-p", ID, 4);
    let path = sandbox.session("-p", ID);
    let text = std::fs::read_to_string(&path).unwrap() + &record.to_string() + "\n";
    sandbox.write(path, text);
    (sandbox, token)
}

#[test]
fn a_token_in_a_session_is_named_by_file_line_and_kind_and_never_shown() {
    let (sandbox, token) = leaky();
    sandbox.init();
    let done = sandbox.json(&["sync", "--scan"]);
    assert_eq!(
        done["scan"],
        json!({
            "at": "2026-11-20T03:00:00Z", "files": 1, "suspicious": 1, "lines": 1,
            "secrets": [{
                "path": format!("projects/-p/{ID}.jsonl"),
                "found": [{"line": 5, "kind": "GitHub token"}],
            }],
        })
    );
    let ran = sandbox.run(&["sync", "--scan"]).success();
    assert!(!ran.both().contains(&token));
    insta::assert_snapshot!("sync_scan", ran.both());
}

#[test]
fn status_remembers_how_many_there_were() {
    let (sandbox, _) = leaky();
    sandbox.init();
    assert_eq!(sandbox.json(&["status"])["secrets"], json!(null));
    assert!(sandbox.json(&["sync"]).get("scan").is_none(), "nobody asked");
    sandbox.json(&["sync", "--scan"]);
    sandbox.pass_minutes(60);
    assert_eq!(sandbox.json(&["status"])["secrets"]["lines"], 1);
    let screen = sandbox.run(&["status"]).success().screen();
    let expected = "1 line in 1 file may hold one, today 03:00: claude-backup sync --scan";
    assert!(screen.contains(expected), "{screen}");
    sandbox.remove(sandbox.session("-p", ID));
    sandbox.json(&["sync", "--scan"]);
    assert_eq!(sandbox.json(&["status"])["secrets"]["lines"], 0);
}

#[test]
fn a_home_without_any_says_so() {
    let sandbox = fixture::home();
    sandbox.init();
    let screen = sandbox.run(&["sync", "--scan"]).success().screen();
    assert!(screen.contains("nothing that looks like a secret"), "{screen}");
    sandbox.run(&["sync", "--scan", "--dry-run"]).fails(2);
}
