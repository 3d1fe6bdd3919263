//! What the user set up for git changes nothing of what is stored.

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;

use crate::clock;
use crate::sandbox::{Sandbox, conversation, set_mode};

const ID: &str = "aaaaaaaa-1111-4111-8111-111111111111";

/// The real process, in a home of its own, with git's usual search path.
fn process(home: &Path) -> Command {
    let mut command = Command::new(cargo_bin!("claude-backup"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .envs(clock::variables())
        .env("HOME", home)
        .env("PATH", path)
        .current_dir(home);
    command
}

/// A home with a session, and a file that line endings or filters would change.
fn home_with(gitconfig: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 6);
    sandbox.write(".claude/CLAUDE.md", "one\r\ntwo\nthree\r\n$Id$\n");
    sandbox.write(".gitconfig", gitconfig);
    sandbox
}

fn back_up(sandbox: &Sandbox) {
    process(&sandbox.home("")).args(["init", "--backend", "local"]).assert().code(0);
    append(sandbox, 6..8);
    process(&sandbox.home("")).args(["sync"]).assert().code(0);
}

fn append(sandbox: &Sandbox, messages: std::ops::Range<usize>) {
    sandbox.append_session("-p", ID, messages);
}

fn machine(sandbox: &Sandbox) -> String {
    let tree = sandbox.git(&["ls-tree", "--name-only", "HEAD", "machines/"]);
    tree.trim().to_owned()
}

/// Two commits on `main` that hold the bytes as they are.
fn assert_stored(sandbox: &Sandbox, messages: usize) {
    sandbox.assert_git_clean();
    assert_eq!(sandbox.git(&["symbolic-ref", "HEAD"]), "refs/heads/main\n");
    let machine = machine(sandbox);
    let config = sandbox.git(&["cat-file", "-p", &format!("HEAD:{machine}/config/CLAUDE.md")]);
    assert_eq!(config, "one\r\ntwo\nthree\r\n$Id$\n");
    let checked_out = std::fs::read(sandbox.backup(&machine).join("config/CLAUDE.md")).unwrap();
    assert_eq!(checked_out, config.as_bytes());
    let out = sandbox.home("out.jsonl");
    let place = out.to_str().unwrap();
    process(&sandbox.home("")).args(["restore", ID, "--to", place]).assert().code(0);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), conversation(ID, 0..messages));
}

fn last_author(sandbox: &Sandbox) -> String {
    sandbox.git(&["log", "-1", "--format=%an <%ae>"]).trim().to_owned()
}

fn commit_headers(sandbox: &Sandbox) -> String {
    sandbox.git(&["cat-file", "commit", "HEAD"])
}

/// A hook that would be noticed: it fails, and leaves a trace.
fn plant_hooks(sandbox: &Sandbox, folder: &str) {
    for hook in
        ["pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"]
    {
        let path = sandbox.home(folder).join(hook);
        let trace = sandbox.home("hook-ran");
        sandbox.write(&path, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", trace.display()));
        set_mode(&path, 0o755);
    }
}

#[test]
fn variables_of_a_surrounding_git_change_nothing() {
    let sandbox = home_with("");
    let other = sandbox.home("other");
    std::fs::create_dir_all(&other).unwrap();
    sandbox.git_in(&other, &["init", "-q"]);
    let variables = [
        ("GIT_DIR", other.join(".git")),
        ("GIT_WORK_TREE", other.clone()),
        ("GIT_INDEX_FILE", other.join("index-of-theirs")),
        ("GIT_OBJECT_DIRECTORY", other.join("objects-of-theirs")),
        ("GIT_COMMON_DIR", other.join(".git")),
        ("GIT_NAMESPACE", "theirs".into()),
        ("GIT_CONFIG_GLOBAL", other.join("no-config")),
        ("GIT_CEILING_DIRECTORIES", sandbox.home("")),
    ];
    for arguments in [&["init", "--backend", "local"][..], &["sync"]] {
        let mut command = process(&sandbox.home(""));
        command.envs(variables.clone()).args(arguments).assert().code(0);
        if arguments.len() > 1 {
            append(&sandbox, 6..8);
        }
    }
    assert_stored(&sandbox, 8);
    assert!(!other.join("index-of-theirs").exists());
    assert!(!other.join("objects-of-theirs").exists());
    assert_eq!(sandbox.git_in(&other, &["rev-list", "--all", "--count"]), "0\n");
}

#[test]
fn templates_with_hooks_are_not_copied() {
    let sandbox = home_with("");
    plant_hooks(&sandbox, "templates/hooks");
    let templates = sandbox.home("templates").display().to_string();
    sandbox.write(".gitconfig", format!("[init]\n\ttemplateDir = {templates}\n"));
    let mut command = process(&sandbox.home(""));
    command.env("GIT_TEMPLATE_DIR", &templates).args(["init", "--local"]).assert().code(0);
    back_up(&sandbox);
    assert!(!sandbox.backup(".git/hooks/pre-commit").exists());
    assert!(!sandbox.home("hook-ran").exists());
    assert_stored(&sandbox, 8);
}

#[test]
fn hooks_of_the_user_or_of_the_repository_do_not_run() {
    let sandbox = home_with("");
    plant_hooks(&sandbox, "hooks");
    let hooks = sandbox.home("hooks").display().to_string();
    sandbox.write(".gitconfig", format!("[core]\n\thooksPath = {hooks}\n"));
    process(&sandbox.home("")).args(["init", "--local"]).assert().code(0);
    plant_hooks(&sandbox, ".claude-backup/.git/hooks");
    append(&sandbox, 6..8);
    process(&sandbox.home("")).arg("sync").assert().code(0);
    assert!(!sandbox.home("hook-ran").exists());
    // Git itself would run them while it looks.
    sandbox.remove(".claude-backup/.git/hooks");
    assert_stored(&sandbox, 8);
}

#[test]
fn line_endings_filters_excludes_and_signing_change_nothing() {
    let sandbox = home_with("");
    sandbox.write("excludes", "*.gz\nconfig/\nmachines/\n*\n");
    sandbox.write("attributes", "* text=auto eol=crlf filter=shout ident\n");
    sandbox.write(
        ".gitconfig",
        format!(
            "[core]\n\tautocrlf = true\n\tsafecrlf = true\n\texcludesFile = {0}/excludes\n\tattributesFile = {0}/attributes\n\tfsmonitor = false\n[filter \"shout\"]\n\tclean = tr a-z A-Z\n\tsmudge = tr a-z A-Z\n\trequired = true\n[commit]\n\tgpgSign = true\n[user]\n\tsigningKey = NOBODY\n[gpg]\n\tprogram = /bin/false\n[init]\n\tdefaultBranch = trunk\n",
            sandbox.home("").display()
        ),
    );
    back_up(&sandbox);
    assert_stored(&sandbox, 8);
    // The machine's own key signs, whatever the user's git would sign with.
    assert_eq!(commit_headers(&sandbox).matches("BEGIN SSH SIGNATURE").count(), 1);
}

#[test]
fn nobody_configured_is_no_reason_to_fail() {
    let sandbox = home_with("[user]\n\tuseConfigOnly = true\n");
    back_up(&sandbox);
    assert_stored(&sandbox, 8);
    assert!(last_author(&sandbox).starts_with("claude-backup"), "{}", last_author(&sandbox));
}

#[test]
fn the_user_is_the_author_where_git_knows_the_user() {
    let sandbox = home_with("[user]\n\tname = Ada Lovelace\n\temail = ada@example.com\n");
    back_up(&sandbox);
    assert_stored(&sandbox, 8);
    assert_eq!(last_author(&sandbox), "Ada Lovelace <ada@example.com>");
}

#[test]
fn the_identity_is_found_in_the_xdg_folder_too() {
    let identity = "[user]\n\tname = Xena\n\temail = xena@example.com\n";
    let sandbox = home_with("");
    sandbox.remove(".gitconfig").write(".config/git/config", identity);
    back_up(&sandbox);
    assert_eq!(last_author(&sandbox), "Xena <xena@example.com>");

    let sandbox = home_with("");
    sandbox.remove(".gitconfig").write("elsewhere/git/config", identity);
    let mut command = process(&sandbox.home(""));
    command.env("XDG_CONFIG_HOME", sandbox.home("elsewhere")).args(["init", "--local"]);
    command.assert().code(0);
    assert_eq!(last_author(&sandbox), "Xena <xena@example.com>");
}

#[test]
fn a_damaged_configuration_of_the_user_is_named_and_costs_nothing_once_it_is_mended() {
    let sandbox = home_with("");
    back_up(&sandbox);
    sandbox.write(".gitconfig", "[user\nname = \n\"");
    append(&sandbox, 8..10);
    let ran = process(&sandbox.home("")).arg("sync").assert().code(1);
    let talk = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
    assert!(talk.contains(".gitconfig:1"), "{talk}");
    sandbox.write(".gitconfig", "");
    process(&sandbox.home("")).arg("sync").assert().code(0);
    assert_stored(&sandbox, 10);
}
