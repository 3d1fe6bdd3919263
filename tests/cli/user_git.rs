//! The user's git settings change nothing of what is stored.

use crate::clock;
use crate::sandbox::{Sandbox, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// A machine whose user told git much, with a session and a file with carriage returns.
fn opinionated() -> Sandbox {
    let sandbox = Sandbox::new();
    let home = sandbox.home("");
    let home = home.display();
    let config = format!(
        "[user]\nname = Tom\nemail = tom@example.org\nsigningkey = NONE\n\
         [core]\nautocrlf = input\nexcludesFile = {home}/ignore\nhooksPath = {home}/hooks\n\
         attributesFile = {home}/attributes\nfileMode = false\nfsmonitor = {home}/hooks/fail\n\
         [commit]\ngpgsign = true\n[gpg]\nprogram = /nonexistent\n[init]\ndefaultBranch = trunk\n\
         [filter \"wreck\"]\nclean = {home}/hooks/fail\nsmudge = {home}/hooks/fail\nrequired = true\n"
    );
    sandbox.write(".gitconfig", config).write("ignore", "*.gz\n*.md\nconfig/\n");
    sandbox.write("attributes", "* text=auto eol=lf filter=wreck\n*.gz -diff text\n");
    for hook in ["fail", "pre-commit", "commit-msg", "post-commit", "reference-transaction"] {
        let path = sandbox.home("hooks").join(hook);
        sandbox.write(&path, format!("#!/bin/sh\ntouch {home}/hook-ran\nexit 1\n"));
        set_mode(&path, 0o700);
    }
    sandbox.write_session("-p", ID, 4).write(".claude/rules/crlf.md", "one\r\ntwo\r\n");
    sandbox
}

#[test]
fn excludes_line_endings_hooks_filters_and_signing_change_nothing() {
    let sandbox = opinionated();
    let plain = Sandbox::new();
    plain.write_session("-p", ID, 4).write(".claude/rules/crlf.md", "one\r\ntwo\r\n").init();
    let output = sandbox.process(&["init", "--backend", "local"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    sandbox.append_session("-p", ID, 4..6);
    let output = sandbox.process(&["sync", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    plain.append_session("-p", ID, 4..6).sync();

    assert_eq!(stored_by(&sandbox), stored_by(&plain));
    assert!(!sandbox.home("hook-ran").exists());
    assert_eq!(sandbox.git(&["log", "-1", "--format=%an <%ae> %G?"]), "Tom <tom@example.org> N\n");
    assert_eq!(sandbox.git(&["branch", "--show-current"]), "main\n");
    sandbox.assert_git_clean();
}

#[test]
fn variables_of_a_surrounding_git_lead_nowhere() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4);
    let work = sandbox.home("work");
    std::fs::create_dir_all(&work).unwrap();
    let git = std::process::Command::new("git").current_dir(&work).args(["init", "-q"]).status();
    assert!(git.unwrap().success());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_claude-backup"))
        .env_clear()
        .envs(clock::variables())
        .env("HOME", sandbox.home(""))
        .env("GIT_DIR", work.join(".git"))
        .env("GIT_WORK_TREE", &work)
        .env("GIT_INDEX_FILE", work.join(".git/index"))
        .env("GIT_OBJECT_DIRECTORY", work.join(".git/objects"))
        .args(["init", "--backend", "local"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!work.join(".git/index").exists());
    assert_eq!(sandbox.commits(), 1);
    sandbox.assert_git_clean();
}

/// Names and blobs at the branch's end, without what differs by time, host or key.
fn stored_by(sandbox: &Sandbox) -> Vec<String> {
    let tree = sandbox.git(&["ls-tree", "-r", "HEAD"]);
    let is_own = ["/ledger/", "manifest.json", "signing-key.pub"];
    let is_timeless = |line: &&str| !is_own.iter().any(|name| line.contains(name));
    let below_machine = |line: &str| match line.split_once("machines/") {
        Some((blob, name)) => format!("{blob}{}", name.split_once('/').unwrap().1),
        None => line.to_owned(),
    };
    tree.lines().filter(is_timeless).map(below_machine).collect()
}
