//! `verify`: what is wrong is found, named, and mended without dropping anything.

use std::path::PathBuf;

use serde_json::Value;

use crate::fixture;
use crate::sandbox::{Sandbox, conversation, flip_a_bit, set_mode};

const ID: &str = "aaaaaaaa-1111-4111-8111-111111111111";
/// So many that most of a fresh pack is this session.
const MESSAGES: usize = 3000;
const ARCHIVE: &str = "projects/-p/aaaaaaaa-1111-4111-8111-111111111111.jsonl.gz";

fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, MESSAGES).write(".claude/CLAUDE.md", "be kind\n").init();
    sandbox
}

fn kinds(found: &Value) -> Vec<String> {
    let problems = found["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
}

fn verify(sandbox: &Sandbox, code: u8, arguments: &[&str]) -> Value {
    sandbox.run(&[&["verify", "--json"], arguments].concat()).fails(code).json()
}

/// The one pack of a fresh backup.
fn pack(sandbox: &Sandbox) -> PathBuf {
    sandbox.packs("pack").remove(0)
}

#[test]
fn a_sound_backup_has_no_problem_at_any_depth() {
    let sandbox = fixture::home();
    sandbox.init();
    for arguments in [&[][..], &["--read"], &["--proof"], &["--repair"], &["--proof", "--repair"]] {
        let found = verify(&sandbox, 0, arguments);
        assert_eq!(found["problems"], serde_json::json!([]), "{arguments:?}");
        assert_eq!(
            (&found["checked"]["sessions"], &found["checked"]["files"]),
            (&7.into(), &27.into())
        );
    }
    let proof = &verify(&sandbox, 0, &["--proof"])["proof"];
    assert_eq!(
        (&proof["proven"], &proof["tried"], &proof["compared"]),
        (&7.into(), &7.into(), &7.into())
    );
    insta::assert_snapshot!("verify", sandbox.run(&["verify", "--proof"]).success().both());
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["proof"]["proven"], &status["proof"]["sessions"]), (&7.into(), &7.into()));
    let left = std::fs::read_dir(sandbox.backup(".git/claude-backup")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("scratch-")), "{left:?}");
}

#[test]
fn what_the_work_tree_lost_comes_back_from_git() {
    let sandbox = saved();
    let good = std::fs::read(sandbox.stored(ARCHIVE)).unwrap();
    std::fs::write(sandbox.stored(ARCHIVE), &good[..good.len() / 2]).unwrap();
    sandbox.remove(sandbox.stored("config/CLAUDE.md"));
    let found = verify(&sandbox, 1, &[]);
    assert_eq!(kinds(&found), ["missing", "damaged"]);
    assert_eq!(found["problems"][0]["remedy"], "claude-backup verify --repair");
    insta::assert_snapshot!("problems", sandbox.run(&["verify"]).fails(1).both());
    let mended = verify(&sandbox, 0, &["--repair"]);
    assert_eq!(mended["repaired"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read(sandbox.stored(ARCHIVE)).unwrap(), good);
    sandbox.assert_git_clean();
}

#[test]
fn a_flipped_bit_is_found_by_reading() {
    let sandbox = saved();
    flip_a_bit(&sandbox.stored(ARCHIVE));
    assert_eq!(kinds(&verify(&sandbox, 0, &[])), [""; 0], "sizes alone do not tell");
    assert_eq!(kinds(&verify(&sandbox, 1, &["--read"])), ["damaged"]);
    let mended = verify(&sandbox, 0, &["--read", "--repair"]);
    assert_eq!(mended["repaired"][0]["from"], "git");
}

#[test]
fn what_git_lost_comes_back_from_the_work_tree() {
    let sandbox = saved();
    flip_a_bit(&pack(&sandbox));
    let found = verify(&sandbox, 1, &["--read"]);
    assert!(kinds(&found).iter().any(|kind| kind == "git-damaged"), "{found}");
    let mended = verify(&sandbox, 0, &["--read", "--repair"]);
    assert_eq!(mended["repaired"][0]["from"], "work-tree");
    sandbox.remove(sandbox.stored(ARCHIVE));
    let back = sandbox.run(&["restore", ID, "--stdout"]).success();
    assert_eq!(back.bytes(), conversation(ID, 0..MESSAGES).as_bytes());
}

#[test]
fn what_the_whole_backup_lost_comes_back_from_the_source() {
    let sandbox = saved();
    flip_a_bit(&pack(&sandbox));
    flip_a_bit(&sandbox.stored(ARCHIVE));
    let found = verify(&sandbox, 1, &["--read"]);
    assert_eq!(kinds(&found), ["lost"]);
    let mended = verify(&sandbox, 0, &["--read", "--repair"]);
    assert_eq!(mended["repaired"][0]["from"], "source");
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    assert_eq!(
        std::fs::read_to_string(sandbox.session("-p", ID)).unwrap(),
        conversation(ID, 0..MESSAGES)
    );
}

#[test]
fn what_is_lost_everywhere_is_named_and_stays_named() {
    let sandbox = saved();
    flip_a_bit(&pack(&sandbox));
    flip_a_bit(&sandbox.stored(ARCHIVE));
    sandbox.remove(sandbox.session("-p", ID));
    let found = verify(&sandbox, 1, &["--read", "--repair"]);
    assert_eq!(kinds(&found), ["lost"]);
    assert_eq!(found["problems"][0]["path"], ARCHIVE);
    assert_eq!(found["repaired"], serde_json::json!([]));
}

#[test]
fn a_file_without_a_line_and_a_line_without_sense_are_named() {
    let sandbox = saved();
    let ledger = sandbox.stored("ledger/%home.jsonl");
    let mut text = std::fs::read(&ledger).unwrap();
    text.extend_from_slice(b"{\"path\":3}\n");
    std::fs::write(&ledger, text).unwrap();
    std::fs::write(sandbox.stored("projects/-p/stray.gz"), "x").unwrap();
    let commit = ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "by hand"];
    sandbox.git(&["add", "-A"]);
    sandbox.git(&commit);
    assert_eq!(kinds(&verify(&sandbox, 1, &[])), ["line-damaged", "unlisted"]);
}

#[test]
fn the_copy_elsewhere_is_proven_from_a_fresh_clone() {
    let remote = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(remote.path()).unwrap();
    let sandbox = saved();
    let url = remote.path().display().to_string();
    sandbox.run(&["verify", "--from-remote"]).fails(1);
    sandbox.run(&["backend", "set", "git", "--remote", &url]).success();
    flip_a_bit(&sandbox.stored(ARCHIVE));
    let found = verify(&sandbox, 0, &["--from-remote", "--proof"]);
    assert_eq!(found["proof"]["proven"], 1);
    assert_eq!(
        (&found["proof"]["compared"], &found["proof"]["fromRemote"]),
        (&1.into(), &true.into())
    );
    assert_eq!(
        kinds(&verify(&sandbox, 1, &["--read"])),
        ["damaged"],
        "the one here is not mended by it"
    );
}

#[test]
fn wherever_a_pack_is_damaged_it_is_named_and_nothing_panics() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 40).write(".claude/CLAUDE.md", "be kind\n").init();
    let pack = pack(&sandbox);
    let whole = std::fs::read(&pack).unwrap();
    set_mode(&pack, 0o600);
    let mut found_kinds = std::collections::BTreeSet::new();
    for at in (12..whole.len() - 20).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&pack, bytes).unwrap();
        let ran = sandbox.run(&["verify", "--read", "--json"]);
        found_kinds.extend(kinds(&ran.json()));
    }
    std::fs::write(&pack, &whole).unwrap();
    assert!(found_kinds.contains("history-damaged"), "{found_kinds:?}");
    assert!(found_kinds.contains("git-damaged"), "{found_kinds:?}");
    assert_eq!(kinds(&verify(&sandbox, 0, &["--read"])), [""; 0]);
}

/// A folder of a test restore that was killed; it was made at this second, where it says when.
fn left_by_a_killed_trial(sandbox: &Sandbox, made: Option<i64>) -> PathBuf {
    let made = made.map(|made| format!("{made}-")).unwrap_or_default();
    let left = sandbox.backup(format!(".git/claude-backup/scratch-{made}proof-x"));
    sandbox.write(left.join("vm/session.jsonl"), "plain");
    left
}

#[test]
fn what_a_killed_trial_left_goes_the_day_after() {
    let sandbox = fixture::home();
    sandbox.init();
    let left = left_by_a_killed_trial(&sandbox, Some(sandbox.env().now().timestamp()));
    sandbox.sync();
    assert!(left.exists(), "that trial may still be running");
    sandbox.pass_minutes(25 * 60).sync();
    assert!(!left.exists());
}

#[test]
fn what_a_trial_of_a_wrong_clock_left_goes_at_once() {
    let sandbox = fixture::home();
    sandbox.init();
    let next_year = sandbox.env().now().timestamp() + 365 * 86_400;
    let left = [Some(next_year), None].map(|made| left_by_a_killed_trial(&sandbox, made));
    sandbox.sync();
    assert!(left.iter().all(|left| !left.exists()));
}

#[test]
fn it_says_what_it_read_and_what_it_did_not() {
    let sandbox = saved();
    for (flags, screen) in [
        (&[][..], "✓ 2 files of 1 session are in place; contents not read: --read reads them\n"),
        (&["--repair"], "Nothing to repair"),
        (&["--read"], "✓ 2 files of 1 session read and checked ("),
        (&["--percent", "1"], "(a sample of 1 %)"),
    ] {
        let said = sandbox.run(&[&["verify"], flags].concat()).success().screen();
        assert!(said.contains(screen), "{flags:?}: {said}");
    }
}
