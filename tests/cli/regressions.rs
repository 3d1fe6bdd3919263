//! What a close reading and a hard day of use found: each must not come back.

use std::fs;
use std::process::Command;

use crate::sandbox::{Sandbox, conversation};

const ID: &str = "11111111-1111-4111-8111-111111111111";

fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 20).init();
    sandbox
}

fn transcript(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.session("-p", ID)).unwrap()
}

#[test]
fn a_curious_checkout_does_not_move_the_backup() {
    let sandbox = saved();
    sandbox.append_session("-p", ID, 20..30).sync();
    sandbox.git(&["checkout", "-q", "HEAD~1"]);
    sandbox.append_session("-p", ID, 30..40);
    sandbox.pass_minutes(1);
    let ran = sandbox.run(&["sync"]).success();
    assert!(ran.talk().contains("it is on `main` again"), "{}", ran.talk());
    assert_eq!(sandbox.git(&["symbolic-ref", "HEAD"]), "refs/heads/main\n");
    assert_eq!(sandbox.commits(), 3);
    sandbox.assert_git_clean();
    sandbox.remove(".claude").run(&["restore", ID]).success();
    assert_eq!(transcript(&sandbox), conversation(ID, 0..40));
}

#[test]
fn a_clone_of_the_backup_is_the_backup_of_the_machine_that_says_so() {
    let sandbox = saved();
    sandbox.write(".claude/projects/-p/x/tool-results/t.txt", "output").sync();
    let (mirror, backup) = (sandbox.home("mirror.git"), sandbox.backup(""));
    for (from, to, bare) in [(&backup, &mirror, true), (&mirror, &backup, false)] {
        let mut git = Command::new("git");
        git.args(["clone", "-q"]).args(bare.then_some("--mirror")).arg(from).arg(to);
        assert!(git.status().unwrap().success());
        if bare {
            fs::remove_dir_all(&backup).unwrap();
        }
    }
    let lines = || sandbox.git(&["show", "HEAD:machines/test-host/ledger/-p.jsonl"]);
    let before = (lines(), sandbox.commits());
    assert_eq!(sandbox.json(&["status"])["machineSlug"], "test-host-2", "nobody else's folder");
    sandbox.accept(&["init", "--machine", "test-host"]);
    sandbox.json(&["sync", "--no-push"]);
    assert_eq!((lines(), sandbox.commits()), before, "nothing is taken over from our own layout");
    sandbox.remove(".claude");
    assert_eq!(sandbox.json(&["restore", "--all"])["files"]["restored"], 2);
}

#[test]
fn a_link_in_a_sessions_place_is_replaced_and_never_read() {
    let sandbox = saved();
    sandbox.write(".ssh/id_rsa", "THE PRIVATE KEY").remove(sandbox.session("-p", ID));
    std::os::unix::fs::symlink(sandbox.home(".ssh/id_rsa"), sandbox.session("-p", ID)).unwrap();
    sandbox.run(&["restore", ID, "--force"]).success();
    assert_eq!(transcript(&sandbox), conversation(ID, 0..20));
    assert_eq!(fs::read(sandbox.home(".ssh/id_rsa")).unwrap(), b"THE PRIVATE KEY");
    let objects = sandbox.git(&["cat-file", "--batch-all-objects", "--batch"]);
    assert!(!objects.contains("THE PRIVATE KEY"));
    assert!(!sandbox.stored("versions").exists(), "nothing was kept of it");
}

#[test]
fn a_link_to_the_same_settings_is_in_place_and_a_link_to_nothing_is_named() {
    let sandbox = saved();
    sandbox.write("dotfiles/CLAUDE.md", "be kind").write(".claude/loop.md", "again");
    std::os::unix::fs::symlink(sandbox.home("dotfiles/CLAUDE.md"), sandbox.claude("CLAUDE.md"))
        .unwrap();
    sandbox.git(&["config", "claude-backup.follow", "~/dotfiles"]);
    sandbox.sync();
    assert_eq!(sandbox.json(&["restore", "--all"])["files"]["skipped"], 3);
    sandbox.remove(".claude/loop.md");
    std::os::unix::fs::symlink("/nowhere/x", sandbox.claude("loop.md")).unwrap();
    let screen = sandbox.run(&["restore", "--all"]).fails(1).screen();
    assert!(screen.contains("loop.md: something that is no file stands there"), "{screen}");
}

#[test]
fn a_compressed_copy_beside_a_session_does_not_take_its_archives_place() {
    let sandbox = Sandbox::new();
    sandbox
        .write_session("-p", ID, 4)
        .write(sandbox.claude(format!("projects/-p/{ID}.jsonl.gz")), "x");
    sandbox.init().assert_git_clean();
    sandbox.remove(".claude").run(&["restore", "--all"]).success();
    assert_eq!(transcript(&sandbox), conversation(ID, 0..4));
    let copy = sandbox.claude(format!("projects/-p/{ID}.jsonl.gz"));
    assert_eq!(fs::read(copy).unwrap(), b"x");
}

#[test]
fn a_lost_work_tree_is_made_again_by_the_next_sync() {
    let sandbox = saved();
    sandbox.sync();
    fs::remove_dir_all(sandbox.backup("machines")).unwrap();
    sandbox.pass_minutes(1);
    let ran = sandbox.run(&["sync"]).success();
    assert!(
        ran.talk().contains("restored 5 missing or damaged files in the backup folder"),
        "{}",
        ran.talk()
    );
    sandbox.assert_git_clean();
}

#[test]
fn a_retention_for_ever_is_no_reason_to_panic() {
    let sandbox = saved();
    sandbox.write(".claude/settings.json", "{\"cleanupPeriodDays\": 9223372036854775807}");
    assert_eq!(sandbox.json(&["status"])["atRisk"]["sessions"], 0);
}

#[test]
fn a_message_swapped_for_another_is_named_and_comes_back_by_default() {
    let sandbox = saved();
    let text = transcript(&sandbox).replace(&format!("{ID}-record-7\""), "another-record\"");
    sandbox.write(sandbox.session("-p", ID), text);
    assert_eq!(sandbox.sync()["newVersions"][0]["lostMessages"], 1);
    let screen = sandbox.run(&["versions", ID]).success().screen();
    assert!(screen.contains("lacks 1 message that version 1 has"), "{screen}");
    assert!(screen.contains("--version 1 --force"), "{screen}");
    sandbox.remove(".claude").run(&["restore", ID]).success();
    assert_eq!(transcript(&sandbox), conversation(ID, 0..20));
}

#[test]
fn a_session_cut_back_at_the_source_is_told_of() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 0..5)).pass_minutes(1);
    let screen = sandbox.run(&["sync"]).success().screen();
    let told = format!("{ID} was cut back at the source; the backup keeps all of it");
    assert!(screen.contains(&told), "{screen}");
    assert_eq!(sandbox.sync()["cut"], 0, "once");
}

#[test]
fn a_ledger_line_of_a_newer_version_is_neither_lost_nor_written_over() {
    let sandbox = saved();
    let path = sandbox.stored("ledger/-p.jsonl");
    let newer = fs::read_to_string(&path).unwrap().replace("\"sectioned\"", "\"holographic\"");
    fs::write(&path, &newer).unwrap();
    sandbox.git(&["-c", "user.name=n", "-c", "user.email=n@n", "commit", "-qam", "newer"]);
    sandbox.write_session("-p", "22222222-2222-4222-8222-222222222222", 4).append_session(
        "-p",
        ID,
        20..22,
    );
    let ran = sandbox.pass_minutes(1).run(&["sync", "--json"]).fails(3);
    let outcome: serde_json::Value = serde_json::from_slice(ran.bytes()).unwrap();
    assert!(outcome["unreadable"][0]["error"].as_str().unwrap().contains("newer version"));
    let kept = sandbox.git(&["show", "HEAD:machines/test-host/ledger/-p.jsonl"]);
    assert!(kept.contains(newer.trim_end()), "the line is as it was");
    assert!(kept.contains("22222222-2222"), "the rest goes on");
}

#[test]
fn a_transcript_is_no_json_document() {
    saved().run(&["restore", ID, "--stdout", "--json"]).fails(2);
}

#[test]
fn what_another_machines_session_displaced_stays_a_version() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-q", "22222222-2222-4222-8222-222222222222", 2).init();
    sandbox.as_machine("other", |other| {
        other.write_session("-p", ID, 20).sync();
        other.remove(other.session("-p", ID));
    });
    let local = "what this machine wrote and never saved\n";
    sandbox.write(sandbox.session("-p", ID), local);
    sandbox.run(&["restore", ID, "--machine", "other", "--force"]).success();
    assert_eq!(transcript(&sandbox), conversation(ID, 0..20));
    sandbox.sync();
    let arguments = ["restore", ID, "--machine", "test-host", "--version", "1", "--stdout"];
    assert_eq!(sandbox.output_of(&arguments), local.as_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn what_was_just_restored_is_nothing_new() {
    let sandbox = saved();
    let script = sandbox.claude(format!("projects/-p/{ID}/workflows/scripts/check.js"));
    sandbox.write(&script, "check()");
    crate::sandbox::set_mode(&script, 0o644);
    sandbox.sync();
    sandbox.remove(".claude").sync();
    sandbox.run(&["restore", "--all"]).success();
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["updated"], &outcome["bytesStored"]), (&0.into(), &0.into()));
}
