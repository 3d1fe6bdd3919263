//! `verify --repair`: each kind of problem, what verify says of it, and what its remedy does.

use serde_json::Value;

use crate::sandbox::{Sandbox, conversation, flip_a_bit, set_mode};

const ID: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const ARCHIVE: &str = "projects/-p/aaaaaaaa-1111-4111-8111-111111111111.jsonl.gz";
const MESSAGES: usize = 300;

/// Two days of a session that grew.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new().with_git();
    sandbox.write_session("-p", ID, MESSAGES).write(".claude/CLAUDE.md", "be kind\n").init();
    sandbox.pass_minutes(24 * 60).append_session("-p", ID, MESSAGES..MESSAGES + 10).sync();
    sandbox
}

/// The same, with a copy elsewhere that has everything.
fn saved_elsewhere() -> (Sandbox, tempfile::TempDir) {
    let remote = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(remote.path()).unwrap();
    let sandbox = saved();
    let url = remote.path().display().to_string();
    sandbox.run(&["backend", "set", "git", "--remote", &url]).success();
    (sandbox, remote)
}

fn verify(sandbox: &Sandbox, code: u8, arguments: &[&str]) -> Value {
    sandbox.run(&[&["verify", "--json"], arguments].concat()).fails(code).json()
}

fn kinds(found: &Value) -> Vec<&str> {
    let problems = found["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["kind"].as_str().unwrap()).collect()
}

fn origins(found: &Value) -> Vec<&str> {
    let repaired = found["repaired"].as_array().unwrap();
    repaired.iter().map(|repaired| repaired["from"].as_str().unwrap()).collect()
}

/// Follows the remedy of the first problem of this kind.
fn follow_remedy(sandbox: &Sandbox, found: &Value, kind: &str) -> Value {
    let problems = found["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["kind"] == kind);
    let problem = problem.unwrap_or_else(|| panic!("no {kind} in {found}"));
    let remedy = problem["remedy"].as_str().unwrap();
    let words: Vec<&str> = remedy.strip_prefix("claude-backup ").unwrap().split(' ').collect();
    sandbox.json(&words)
}

fn assert_whole(sandbox: &Sandbox) {
    assert_eq!(verify(sandbox, 0, &["--proof"])["problems"], serde_json::json!([]));
    sandbox.assert_git_clean();
}

/// `verify` names this kind of problem alone, and its remedy takes what is lacking from `origin`.
fn assert_mended(sandbox: &Sandbox, arguments: &[&str], kind: &str, origin: &str) {
    let found = verify(sandbox, 1, arguments);
    assert_eq!(kinds(&found), [kind]);
    assert_eq!(origins(&follow_remedy(sandbox, &found, kind)), [origin]);
    assert_whole(sandbox);
}

/// What one backup has, by its name in git.
fn id_of(sandbox: &Sandbox, name: &str) -> String {
    sandbox.git(&["rev-parse", name]).trim().to_owned()
}

/// Takes objects out of git for good, each pack unpacked first.
fn lose(sandbox: &Sandbox, ids: &[String]) {
    let packs = sandbox.backup(".git/objects/pack");
    let aside = sandbox.home("packs");
    std::fs::rename(&packs, &aside).unwrap();
    std::fs::create_dir(&packs).unwrap();
    for entry in std::fs::read_dir(&aside).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "pack") {
            let unpack = format!("git unpack-objects -q < '{}'", path.display());
            let ran = std::process::Command::new("sh")
                .args(["-c", &unpack])
                .current_dir(sandbox.backup(""))
                .status();
            assert!(ran.unwrap().success());
        }
    }
    std::fs::remove_dir_all(&aside).unwrap();
    for id in ids {
        let path = sandbox.backup(".git/objects").join(&id[..2]).join(&id[2..]);
        std::fs::remove_file(path).unwrap();
    }
}

fn commit_by_hand(sandbox: &Sandbox) {
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "by hand"]);
}

#[test]
fn missing() {
    let sandbox = saved();
    sandbox.remove(sandbox.stored(ARCHIVE));
    assert_mended(&sandbox, &[], "missing", "git");
}

#[test]
fn damaged() {
    let sandbox = saved();
    flip_a_bit(&sandbox.stored(ARCHIVE));
    assert_mended(&sandbox, &["--read"], "damaged", "git");
}

#[test]
fn git_damaged() {
    let sandbox = saved();
    lose(&sandbox, &[id_of(&sandbox, &format!("HEAD:machines/test-host/{ARCHIVE}"))]);
    assert_mended(&sandbox, &["--read"], "git-damaged", "work-tree");
}

#[test]
fn lost_and_the_source_has_it() {
    let sandbox = saved();
    lose(&sandbox, &[id_of(&sandbox, &format!("HEAD:machines/test-host/{ARCHIVE}"))]);
    flip_a_bit(&sandbox.stored(ARCHIVE));
    // It went on since then: what was stored is the beginning of what is there now.
    sandbox.append_session("-p", ID, MESSAGES + 10..MESSAGES + 30);
    assert_mended(&sandbox, &["--read"], "lost", "source");
}

#[test]
fn lost_and_only_the_copy_elsewhere_has_it() {
    let (sandbox, _remote) = saved_elsewhere();
    lose(&sandbox, &[id_of(&sandbox, &format!("HEAD:machines/test-host/{ARCHIVE}"))]);
    sandbox.remove(sandbox.stored(ARCHIVE)).remove(sandbox.session("-p", ID));
    assert_mended(&sandbox, &["--read"], "lost", "remote");
    sandbox.run(&["restore", ID]).success();
    let back = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(back, conversation(ID, 0..MESSAGES + 10));
}

#[test]
fn not_committed() {
    let sandbox = saved();
    sandbox.remove(sandbox.stored(ARCHIVE));
    commit_by_hand(&sandbox);
    let found = verify(&sandbox, 1, &[]);
    assert_eq!(kinds(&found), ["missing", "not-committed"]);
    follow_remedy(&sandbox, &found, "not-committed");
    assert_whole(&sandbox);
}

#[test]
fn unlisted() {
    let sandbox = saved();
    std::fs::write(sandbox.stored("projects/-p/stray.gz"), "x").unwrap();
    commit_by_hand(&sandbox);
    let found = verify(&sandbox, 1, &[]);
    assert_eq!(kinds(&found), ["unlisted"]);
    assert!(found["problems"][0]["remedy"].as_str().unwrap().contains("`git rm`"));
    assert_eq!(kinds(&verify(&sandbox, 1, &["--repair"])), ["unlisted"], "nothing is dropped");
    sandbox.git(&["rm", "-q", "machines/test-host/projects/-p/stray.gz"]);
    commit_by_hand(&sandbox);
    assert_whole(&sandbox);
}

#[test]
fn line_damaged() {
    let sandbox = saved();
    let ledger = sandbox.stored("ledger/%home.jsonl");
    let whole = std::fs::read(&ledger).unwrap();
    std::fs::write(&ledger, [&whole[..], b"{\"path\":3}\n"].concat()).unwrap();
    commit_by_hand(&sandbox);
    let found = verify(&sandbox, 1, &[]);
    assert_eq!(kinds(&found), ["line-damaged"]);
    assert!(found["problems"][0]["remedy"].as_str().unwrap().contains("`git log -p`"));
    std::fs::write(&ledger, whole).unwrap();
    commit_by_hand(&sandbox);
    assert_whole(&sandbox);
}

/// A line that promises other bytes than those that are stored.
fn promise_something_else(sandbox: &Sandbox) {
    let ledger = sandbox.stored("ledger/-p.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    let at = text.find("\"sha256\":\"").unwrap() + 10;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    std::fs::write(&ledger, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
    commit_by_hand(sandbox);
}

#[test]
fn wrong_content() {
    let sandbox = saved();
    promise_something_else(&sandbox);
    assert_mended(&sandbox, &["--read"], "wrong-content", "source");
}

#[test]
fn wrong_content_that_the_source_lacks_stays_named() {
    let sandbox = saved();
    promise_something_else(&sandbox);
    sandbox.remove(sandbox.session("-p", ID));
    let found = verify(&sandbox, 1, &["--repair"]);
    assert_eq!(kinds(&found), ["wrong-content"]);
    let remedy = found["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("there is no copy elsewhere"), "{remedy}");
}

#[test]
fn history_that_the_present_content_tells_is_made_again() {
    let sandbox = saved();
    lose(&sandbox, &[id_of(&sandbox, &format!("HEAD~1:machines/test-host/{ARCHIVE}"))]);
    sandbox.remove(".claude");
    let found = verify(&sandbox, 1, &["--read"]);
    assert_eq!(kinds(&found), ["history-damaged"]);
    assert_eq!(found["problems"][0]["path"], ARCHIVE);
    assert_eq!(origins(&follow_remedy(&sandbox, &found, "history-damaged")), ["git"]);
    assert_whole(&sandbox);
}

#[test]
fn the_newest_commit_and_its_folders_come_back_from_what_git_notes_beside_them() {
    for lost_index in [false, true] {
        let sandbox = saved();
        let names = ["HEAD", "HEAD^{tree}", "HEAD:machines", "HEAD:machines/test-host/projects/-p"];
        lose(&sandbox, &names.map(|name| id_of(&sandbox, name)));
        if lost_index {
            sandbox.remove(sandbox.backup(".git/index"));
        }
        sandbox.run(&["sync"]).fails(1);
        let found = verify(&sandbox, 1, &[]);
        assert_eq!(kinds(&found), ["history-damaged"]);
        follow_remedy(&sandbox, &found, "history-damaged");
        assert_whole(&sandbox);
        sandbox.append_session("-p", ID, 400..402).sync();
        assert_whole(&sandbox);
    }
}

#[test]
fn older_commits_and_folders_come_back_from_the_copy_elsewhere() {
    let (sandbox, _remote) = saved_elsewhere();
    let names = ["HEAD~1", "HEAD~1^{tree}", "HEAD~1:machines/test-host/ledger/-p.jsonl"];
    lose(&sandbox, &names.map(|name| id_of(&sandbox, name)));
    let found = verify(&sandbox, 1, &["--read"]);
    assert_eq!(kinds(&found), ["history-damaged"], "what lies behind a commit is not known yet");
    let mended = follow_remedy(&sandbox, &found, "history-damaged");
    assert_eq!(origins(&mended), ["remote"]);
    assert_whole(&sandbox);
}

#[test]
fn history_that_nobody_has_is_named_and_does_not_stand_in_the_way() {
    let sandbox = saved();
    let lost = id_of(&sandbox, "HEAD~1");
    lose(&sandbox, std::slice::from_ref(&lost));
    let found = verify(&sandbox, 1, &["--repair"]);
    assert_eq!(kinds(&found), ["history-damaged"]);
    let screen = sandbox.run(&["verify", "--repair"]).fails(1).both();
    insta::assert_snapshot!(screen.replace(&lost, "[COMMIT]"));
    sandbox.append_session("-p", ID, 400..402).sync();
    sandbox.remove(".claude").run(&["restore", "--all"]).success();
    let (sandbox, remote) = saved_elsewhere();
    lose(&sandbox, &[id_of(&sandbox, "HEAD~1")]);
    std::fs::remove_dir_all(remote.path()).unwrap();
    let found = verify(&sandbox, 1, &["--repair"]);
    let remedy = found["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("the copy elsewhere could not be asked"), "{remedy}");
    assert!(remedy.contains("`claude-backup sync` goes on"), "{remedy}");
}

#[test]
fn without_any_commit_what_lies_in_the_folder_is_taken_over() {
    let sandbox = saved();
    lose(&sandbox, &[id_of(&sandbox, "HEAD"), id_of(&sandbox, "HEAD~1")]);
    sandbox.remove(sandbox.backup(".git/logs")).remove(sandbox.backup(".git/index"));
    let found = verify(&sandbox, 1, &["--repair"]);
    assert_eq!(kinds(&found), ["history-damaged"]);
    let remedy = found["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("move its `.git` away and run `claude-backup init`"), "{remedy}");
    sandbox.remove(".claude").remove(sandbox.backup(".git")).init();
    sandbox.run(&["restore", ID]).success();
    let back = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(back, conversation(ID, 0..MESSAGES + 10));
}

#[test]
fn a_damaged_pack_is_written_anew_wherever_it_is_damaged() {
    let (sandbox, _remote) = saved_elsewhere();
    for step in 0..18 {
        let packs = sandbox.packs("pack");
        let pack = &packs[step % packs.len()];
        set_mode(pack, 0o600);
        let mut bytes = std::fs::read(pack).unwrap();
        let at = (bytes.len() - 1) * step / 17;
        bytes[at] ^= 0x40;
        std::fs::write(pack, bytes).unwrap();
        verify(&sandbox, 0, &["--repair"]);
        assert_whole(&sandbox);
    }
}

#[test]
fn a_lost_index_of_a_pack_and_a_lost_branch_come_back() {
    let sandbox = saved();
    for pack in sandbox.packs("pack") {
        std::fs::remove_file(pack.with_extension("idx")).unwrap();
    }
    sandbox.run(&["verify", "--repair"]).success();
    assert_whole(&sandbox);
    let commits = sandbox.commits();
    std::fs::write(sandbox.backup(".git/refs/heads/main"), "").unwrap();
    let found = verify(&sandbox, 1, &[]);
    assert_eq!(found["problems"][0]["path"], ".git/refs/heads/main");
    // Nobody has to ask for it: the next run goes on where the branch was.
    sandbox.append_session("-p", ID, 400..402);
    let synced = sandbox.sync();
    assert_eq!(synced["warnings"][0], "git's branch was lost; it is again where it last was");
    assert_eq!(sandbox.commits(), commits + 1);
    assert_whole(&sandbox);
}
