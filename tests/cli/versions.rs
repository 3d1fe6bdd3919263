//! `versions`: a session that becomes another one at the source leaves its earlier bytes behind.

use std::path::PathBuf;

use serde_json::json;

use crate::sandbox::{Sandbox, conversation};

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// A machine with one saved session of so many messages.
fn saved(messages: usize) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, messages).init();
    let session = sandbox.session("-p", ID);
    (sandbox, session)
}

fn text(messages: std::ops::Range<usize>) -> Vec<u8> {
    conversation(ID, messages).into_bytes()
}

#[test]
fn a_rewritten_middle_is_a_new_version_and_the_old_one_stays() {
    let (sandbox, session) = saved(40);
    let mut rewritten = text(0..40);
    let at = rewritten.len() / 2;
    rewritten[at..at + 3].copy_from_slice(b"###");
    sandbox.write(&session, &rewritten);
    let outcome = sandbox.sync();
    assert_eq!(outcome["newVersions"][0]["uuid"], ID);
    assert_eq!(sandbox.versions(ID)[1]["reason"], "rewritten");
    assert_eq!(sandbox.version(ID, 0), rewritten);
    assert_eq!(sandbox.version(ID, 1), text(0..40));
    sandbox.assert_git_clean();
}

#[test]
fn a_session_cut_short_is_kept_whole() {
    let (sandbox, session) = saved(40);
    sandbox.write(&session, text(0..10));
    let outcome = sandbox.sync();
    assert_eq!((&outcome["newVersions"], &outcome["sessions"]["updated"]), (&json!([]), &json!(0)));
    assert_eq!(sandbox.versions(ID).len(), 1);
    assert_eq!(sandbox.version(ID, 0), text(0..40));
    let ledger = String::from_utf8(sandbox.read(sandbox.stored("ledger/-p.jsonl"))).unwrap();
    assert!(ledger.contains(&format!("\"cutTo\":{}", text(0..10).len())), "{ledger}");
    assert_eq!(sandbox.sync()["commit"], json!(null), "told once");
    sandbox.assert_git_clean();
}

#[test]
fn a_session_cut_short_that_grows_as_before_is_one_version() {
    let (sandbox, session) = saved(40);
    for end in [10, 25, 40, 50] {
        sandbox.write(&session, text(0..end)).sync();
        assert_eq!(sandbox.versions(ID).len(), 1);
        assert_eq!(sandbox.version(ID, 0), text(0..end.max(40)));
    }
    let ledger = String::from_utf8(sandbox.read(sandbox.stored("ledger/-p.jsonl"))).unwrap();
    assert!(!ledger.contains("cutTo"), "{ledger}");
    sandbox.assert_git_clean();
}

#[test]
fn a_session_cut_short_that_goes_on_differently_keeps_both_ends() {
    let (sandbox, session) = saved(40);
    sandbox.write(&session, text(0..10)).sync();
    let other = [text(0..10), text(60..65)].concat();
    sandbox.write(&session, &other);
    assert_eq!(sandbox.sync()["newVersions"][0]["lostMessages"], 30);
    assert_eq!(sandbox.version(ID, 0), other);
    assert_eq!(sandbox.version(ID, 1), text(0..40));
    let longer = [other, text(65..120)].concat();
    sandbox.write(&session, &longer);
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_eq!(sandbox.version(ID, 0), longer);
    assert_eq!(sandbox.version(ID, 1), text(0..40));
    sandbox.assert_git_clean();
}

#[test]
fn a_stub_that_grows_again_hides_no_version() {
    let (sandbox, session) = saved(40);
    let stub = b"{\"type\":\"custom-title\",\"customTitle\":\"x\"}\n".to_vec();
    let mut contents = vec![text(0..40)];
    for content in [stub.clone(), [stub, text(50..53)].concat(), text(70..75)] {
        sandbox.write(&session, &content).sync();
        contents.push(content);
    }
    let versions = sandbox.versions(ID);
    assert_eq!(versions.len(), 3, "the stub itself only grew");
    assert_eq!(sandbox.version(ID, 1), contents[0]);
    assert_eq!(sandbox.version(ID, 2), contents[2]);
    assert_eq!(sandbox.version(ID, 0), contents[3]);
    assert_eq!(sandbox.output(&["restore", ID, "--stdout"]), contents[0], "the fullest");
    sandbox.assert_git_clean();
}

#[test]
fn an_earlier_version_that_comes_back_is_not_stored_twice() {
    let (sandbox, session) = saved(40);
    sandbox.write(&session, text(50..55)).sync();
    sandbox.write(&session, text(0..40)).sync();
    assert_eq!(sandbox.versions(ID).len(), 2);
    assert_eq!(sandbox.version(ID, 0), text(0..40));
    assert_eq!(sandbox.version(ID, 2), text(50..55));
    let stored = sandbox.tracked().into_iter().filter(|name| name.starts_with("versions/"));
    assert_eq!(stored.collect::<Vec<_>>(), [format!("versions/-p/{ID}/2.gz")]);
    sandbox.write(&session, text(0..45));
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_eq!(sandbox.version(ID, 0), text(0..45));
    sandbox.assert_git_clean();
}

#[test]
fn an_earlier_version_that_comes_back_longer_takes_its_place() {
    let (sandbox, session) = saved(40);
    sandbox.write(&session, text(50..55)).sync();
    sandbox.write(&session, text(0..60)).sync();
    assert_eq!(sandbox.versions(ID).len(), 2);
    assert_eq!(sandbox.version(ID, 0), text(0..60));
    assert_eq!(sandbox.version(ID, 2), text(50..55));
    sandbox.assert_git_clean();
}

#[test]
fn every_version_comes_back_after_many_changes_and_a_lost_cache() {
    let (sandbox, session) = saved(8);
    let contents: Vec<Vec<u8>> = (1..6).map(|n| text(n * 100..n * 100 + n)).collect();
    for content in &contents {
        sandbox.write(&session, content).remove(".claude-backup/.git/claude-backup/cache").sync();
    }
    assert_eq!(sandbox.version(ID, 1), text(0..8));
    for (number, content) in (2..).zip(&contents[..4]) {
        assert_eq!(sandbox.version(ID, number), *content);
        assert_eq!(sandbox.unzipped(format!("versions/-p/{ID}/{number}.gz")), *content);
    }
    sandbox.assert_git_clean();
}

#[test]
fn a_session_replaced_by_another_file_says_so() {
    let (sandbox, session) = saved(8);
    sandbox.write("other.jsonl", text(20..30)).rename("other.jsonl", &session).sync();
    assert_eq!(sandbox.versions(ID)[1]["reason"], "replaced");
    assert_eq!(sandbox.version(ID, 1), text(0..8));
    sandbox.assert_git_clean();
}

#[test]
fn a_session_that_comes_back_is_no_longer_gone() {
    let (sandbox, session) = saved(8);
    sandbox.remove(&session).sync();
    sandbox.write_session("-p", ID, 8);
    assert_eq!(sandbox.sync()["goneAtSource"], 0);
    assert_eq!(sandbox.versions(ID).len(), 1);
    sandbox.remove(&session).sync();
    sandbox.write_session("-p", ID, 3);
    let outcome = sandbox.sync();
    assert_eq!((&outcome["goneAtSource"], &outcome["newVersions"]), (&json!(0), &json!([])));
    assert_eq!(sandbox.version(ID, 0), text(0..8));
    sandbox.assert_git_clean();
}
