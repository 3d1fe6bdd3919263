//! `peek`: what a session was about, before it is restored.

use serde_json::json;

use crate::fixture::{self, A, B, C, D, E, EMPTY, H};
use crate::sandbox::Sandbox;

#[test]
fn a_session_is_shown_at_a_glance() {
    let sandbox = fixture::home();
    sandbox.init();
    for width in [80, 40, 20] {
        let ran = sandbox.run_on_terminal(width, &["peek", A]).success();
        insta::assert_snapshot!(format!("peek_{width}"), ran.both());
    }
    insta::assert_snapshot!("peek_empty", sandbox.run(&["peek", EMPTY]).success().both());
    insta::assert_snapshot!("peek_torn", sandbox.run(&["peek", C]).success().both());
}

#[test]
fn the_old_keys_keep_their_names_and_types() {
    let sandbox = fixture::home();
    sandbox.init();
    insta::assert_json_snapshot!(sandbox.steady(&sandbox.json(&["peek", A])));
}

#[test]
fn tokens_are_counted_once_per_answer() {
    let sandbox = fixture::home();
    sandbox.init();
    let peek = sandbox.json(&["peek", A]);
    let tokens = json!({"input": 18, "output": 775, "cacheWrite": 5100, "cacheRead": 85000});
    assert_eq!(peek["tokens"], tokens);
    assert_eq!(peek["answers"], 6);
    assert_eq!(
        (&peek["title"], &peek["model"]),
        (&json!("alpha: duration parser"), &json!("claude-opus-4-8"))
    );
    assert_eq!(
        (&peek["firstPrompt"], &peek["cwd"]),
        (&json!(fixture::PROMPT), &json!("/home/dev/work/alpha-app"))
    );
    assert_eq!(peek["subagents"], 2);
}

#[test]
fn each_odd_session_is_what_it_is() {
    let sandbox = fixture::home();
    sandbox.init();
    let of = |id, key: &str| sandbox.json(&["peek", id])[key].clone();
    assert_eq!(of(B, "title"), "Rename the build folder");
    assert_eq!(of(B, "cwd"), "/home/dev/work/alpha/app", "not its folder's name");
    assert_eq!(of(C, "cwd"), "/home/dev/work/beta_v1.0/.config/.claude/worktrees/try-1");
    assert_eq!(of(D, "title"), "gamma: long night");
    assert_eq!(of(D, "messageCount"), 0);
    assert_eq!(of(E, "continuedIn"), H);
    assert_eq!(of(E, "title"), "gamma: long night (Branch)");
    assert_eq!((of(EMPTY, "messageCount"), of(EMPTY, "uncompressedBytes")), (json!(0), json!(0)));
    let bytes = std::fs::metadata(sandbox.session(fixture::BETA, C)).unwrap().len();
    assert_eq!(of(C, "uncompressedBytes"), bytes, "bytes, not characters");
}

#[test]
fn as_many_messages_are_shown_as_asked_for_and_none_twice() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", "three", 3).write_session("-p", "nine", 9).init();
    for (id, wanted, first, last) in
        [("three", "2", 2, 1), ("three", "9", 3, 0), ("nine", "3", 3, 3), ("nine", "0", 0, 0)]
    {
        let peek = sandbox.json(&["peek", id, "--messages", wanted]);
        let shown = |key: &str| peek[key].as_array().unwrap().len();
        assert_eq!((shown("firstMessages"), shown("lastMessages")), (first, last), "{id} {wanted}");
    }
    sandbox.run(&["peek", "three", "--messages", "-1"]).fails(2);
    sandbox.run(&["peek"]).fails(2);
    assert_eq!(
        sandbox.run(&["peek", "nobody", "--json"]).fails(1).json_error()["code"],
        "not-found"
    );
}

#[test]
fn no_line_of_a_session_makes_a_look_fail() {
    let sandbox = Sandbox::new();
    let mut bytes =
        b"[1]\n\"text\"\nnull\n{\"type\":\"user\",\"message\":null}\nnot json\n".to_vec();
    bytes.extend(
        b"{\"type\":\"user\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":null}]}}\n",
    );
    bytes.extend(b"{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"half \\ud83d \xff\\u001b[2J\"}}\n\0\0");
    sandbox.write(sandbox.session("-p", "odd"), bytes).init();
    assert_eq!(sandbox.json(&["peek", "odd"])["messageCount"], 3);
    insta::assert_snapshot!(sandbox.run(&["peek", "odd"]).success().both());
}

#[test]
fn the_machine_that_is_named_is_the_one_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", "same", 3).init();
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-p", "same", 5).sync();
    });
    assert_eq!(sandbox.json(&["peek", "same"])["machine"], "zeta");
    let peek = sandbox.json(&["peek", "same", "--machine", "test-host"]);
    assert_eq!((&peek["machine"], &peek["messageCount"]), (&json!("test-host"), &json!(3)));
    assert_eq!(
        sandbox.json(&["versions", "same", "--machine", "zeta"])["versions"][0]["messages"],
        5
    );
    assert_eq!(sandbox.json(&["versions", "same", "--project", "-P"])["uuid"], "same");
}
