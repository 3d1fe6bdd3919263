//! `--verbose`: each step on standard error, and nothing of it anywhere else.

use crate::fixture::{self, A};

/// The steps that a call prints, without the folder of the backup.
fn steps(sandbox: &crate::sandbox::Sandbox, words: &[&str]) -> String {
    let plain = sandbox.run(words).success().talk();
    let steps = sandbox.run(&[words, &["--verbose"]].concat()).success().talk();
    assert!(!plain.contains("backup folder:"), "{plain}");
    assert!(steps.starts_with("backup folder: [HOME]/.claude-backup\n"), "{steps}");
    steps
}

#[test]
fn a_backup_tells_what_it_lists_stores_and_commits() {
    let sandbox = fixture::home();
    let steps = sandbox.run(&["init", "--backend", "local", "-v"]).success().talk();
    for step in [
        "backup folder: [HOME]/.claude-backup\n",
        "listed [HOME]/.claude\n",
        &format!("stored new projects/-home-dev-work-alpha-app/{A}.jsonl\n"),
        "committed ",
        "no remote to push to\n",
    ] {
        assert!(steps.contains(step), "{step}: {steps}");
    }
    sandbox.append_session(fixture::ALPHA, A, 90..92);
    let steps = sandbox.run(&["sync", "--verbose", "--no-push"]).success().talk();
    assert!(steps.contains(&format!("stored appended projects/-home-dev-work-alpha-app/{A}")));
    assert!(steps.contains("not pushed, as --no-push says\n"), "{steps}");
    assert!(sandbox.run(&["sync", "-v"]).success().talk().contains("nothing to commit\n"));
}

#[test]
fn restore_and_verify_tell_file_by_file() {
    let sandbox = fixture::home();
    sandbox.init();
    sandbox.remove(sandbox.session(fixture::ALPHA, A));
    let file = format!("projects/-home-dev-work-alpha-app/{A}.jsonl");
    let restored = sandbox.run(&["restore", "--all", "-v"]).success().talk();
    assert!(restored.contains(&format!("restored [HOME]/.claude/{file}\n")), "{restored}");
    assert!(restored.contains("left as it is [HOME]/.claude/"), "{restored}");
    let read = steps(&sandbox, &["verify", "--read"]);
    assert!(read.contains(&format!("read and checked test-host/{file}\n")), "{read}");
    let proven = steps(&sandbox, &["verify", "--proof"]);
    assert!(proven.contains(&format!("test-restored test-host/{file}\n")), "{proven}");
    let exported = sandbox.run(&["export-config", "-v"]).success().talk();
    assert!(exported.contains("read [HOME]/.claude/settings.json\n"), "{exported}");
    for words in [&["status"][..], &["restore", "--list"], &["peek", A], &["schedule"]] {
        steps(&sandbox, words);
    }
}

#[test]
fn steps_are_not_mixed_with_results_or_documents() {
    let sandbox = fixture::home();
    sandbox.init();
    let plain = sandbox.run(&["restore", "--list"]).success().screen();
    assert_eq!(sandbox.run(&["restore", "--list", "-v"]).success().screen(), plain);
    assert_eq!(sandbox.run(&["sync", "-v", "--json"]).success().talk(), "");
    assert_eq!(sandbox.run(&["completions", "zsh", "-v"]).success().talk(), "");
    sandbox.run(&["sync", "-v", "--quiet"]).fails(2);
}
