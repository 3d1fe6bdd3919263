//! Likely secrets in the config profile stop the push, and can be removed before they are published.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::witness::contains;

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// A machine with a bare remote beside its home, which has nothing yet.
struct Scenario {
    sandbox: Sandbox,
    remote: tempfile::TempDir,
}

impl Scenario {
    /// With a session, and a token in the settings.
    fn new() -> Self {
        let remote = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(remote.path().join("backup.git")).unwrap();
        let scenario = Self { sandbox: Sandbox::new(), remote };
        scenario.sandbox.write_session("-p", ID, 4);
        scenario.write_token();
        scenario
    }

    fn write_token(&self) {
        let settings = json!({"model": "opus", "env": {"KEY": token()}}).to_string();
        self.sandbox.write(".claude/settings.json", settings + "\n");
    }

    fn remove_token(&self) {
        self.sandbox.write(".claude/settings.json", "{\"model\":\"opus\"}\n");
    }

    fn remote(&self) -> PathBuf {
        self.remote.path().join("backup.git")
    }

    fn init(&self, more: &[&str]) -> Value {
        let remote = self.remote().display().to_string();
        let call = ["init", "--backend", "git", "--remote", &remote, "--json"];
        let code = if more.is_empty() { 3 } else { 0 };
        let ran = self.sandbox.run(&[&call, more].concat());
        if code == 0 { ran.success().json() } else { ran.fails(code).json() }
    }

    /// Every object of the remote, one after the other.
    fn remote_bytes(&self) -> String {
        let objects = ["cat-file", "--batch-all-objects", "--batch"];
        self.sandbox.git_in(&self.remote(), &objects)
    }

    fn fingerprint(&self) -> String {
        let list = self.sandbox.json(&["secrets", "list"]);
        list["secrets"][0]["fingerprint"].as_str().unwrap().to_owned()
    }

    fn assert_pushed(&self) {
        let state = self.sandbox.sync()["push"]["state"].clone();
        assert!(["pushed", "up-to-date"].contains(&state.as_str().unwrap()), "{state}");
    }
}

/// Never a whole token in these files: it is put together here.
fn token() -> String {
    format!("{}{}", "ghp_", "aB3dE5gH7jK9".repeat(3))
}

#[test]
fn a_token_in_the_settings_stops_the_push_and_not_the_backup() {
    let scenario = Scenario::new();
    let outcome = scenario.init(&[]);
    assert_eq!(outcome["sync"]["push"]["state"], "failed");
    assert_eq!(outcome["sync"]["push"]["code"], "secret-found");
    assert_eq!(outcome["sync"]["totalSessions"], 1);
    let error = outcome["sync"]["push"]["error"].as_str().unwrap();
    assert!(error.contains("settings.json:1") && error.contains("GitHub token"), "{error}");
    assert!(!scenario.remote_bytes().contains("ghp_"));
    let sandbox = &scenario.sandbox;
    let said = sandbox.run(&["sync"]).fails(3).both();
    assert!(said.contains("secrets purge") && said.contains(&scenario.fingerprint()), "{said}");
    let status = sandbox.json(&["status"]);
    assert_eq!(status["unpushedSecrets"][0]["path"], "settings.json");
    assert_eq!(status["health"], "not-pushed");
    let screens = [said, sandbox.run(&["secrets", "list"]).success().both(), status.to_string()];
    assert!(screens.iter().all(|screen| !screen.contains(&token())), "the secret is never shown");
}

#[test]
fn an_earlier_commit_with_a_secret_stops_the_push_too() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    scenario.remove_token();
    scenario.sandbox.pass_minutes(1);
    scenario.sandbox.run(&["sync"]).fails(3);
    assert!(!scenario.remote_bytes().contains("ghp_"));
}

#[test]
fn a_secret_that_comes_later_stops_the_next_push() {
    let scenario = Scenario::new();
    scenario.remove_token();
    let remote = scenario.remote().display().to_string();
    scenario.sandbox.json(&["init", "--backend", "git", "--remote", &remote]);
    scenario.sandbox.write(".claude/hooks/key.sh", format!("#!/bin/sh\necho {}\n", token()));
    scenario.sandbox.pass_minutes(1);
    let outcome = scenario.sandbox.run(&["sync", "--json"]).fails(3).json();
    let error = outcome["push"]["error"].as_str().unwrap();
    assert!(error.contains("hooks/key.sh:2"), "{error}");
    assert!(!scenario.remote_bytes().contains("ghp_"));
}

#[test]
fn secrets_are_pushed_where_the_flag_allows_it() {
    let scenario = Scenario::new();
    let outcome = scenario.init(&["--allow-secrets"]);
    assert_eq!(outcome["sync"]["push"]["state"], "pushed");
    assert!(scenario.remote_bytes().contains("ghp_"));
    scenario.sandbox.append_session("-p", ID, 4..6);
    scenario.assert_pushed();
}

#[test]
fn a_secret_that_was_allowed_by_its_fingerprint_is_pushed_and_another_one_is_not() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    let (sandbox, fingerprint) = (&scenario.sandbox, scenario.fingerprint());
    sandbox.run(&["secrets", "allow", "0123456789abcdef"]).fails(1);
    sandbox.run(&["secrets", "allow", &fingerprint]).success();
    scenario.assert_pushed();
    let other = token().replace("ghp_", "gho_");
    sandbox.write(".claude/rules/notes.md", format!("{other}\n")).pass_minutes(1);
    sandbox.run(&["sync"]).fails(3);
    assert!(!scenario.remote_bytes().contains(&other));
}

#[test]
fn a_purge_refuses_while_the_file_still_holds_the_secret() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    let error = scenario.sandbox.run(&["secrets", "purge", "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "secret-found");
    assert!(error["error"].as_str().unwrap().contains("settings.json:1"), "{error}");
}

#[test]
fn a_purge_removes_the_secret_from_every_unpushed_commit_and_from_the_disk() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    let sandbox = &scenario.sandbox;
    for round in 0..3 {
        sandbox.append_session("-p", ID, 4 + 2 * round..6 + 2 * round).pass_minutes(1);
        sandbox.run(&["sync"]).fails(3);
    }
    let commits = sandbox.commits();
    scenario.remove_token();
    let purged = sandbox.json(&["secrets", "purge"]);
    assert_eq!(purged["purged"][0]["path"], "settings.json");
    assert_eq!(sandbox.commits(), commits + 1);
    assert!(!contains(&sandbox.every_object(), &token()), "in an object");
    sandbox.assert_git_clean();
    sandbox.run(&["verify", "--read"]).success();
    sandbox.run(&["verify", "--proof"]).success();
    scenario.assert_pushed();
    assert!(!scenario.remote_bytes().contains("ghp_"));
    assert_eq!(sandbox.cloned("config/settings.json"), b"{\"model\":\"opus\"}\n");
}

#[test]
fn a_purge_removes_a_file_that_was_deleted_with_its_secret() {
    let scenario = Scenario::new();
    scenario.remove_token();
    scenario.sandbox.write(".claude/hooks/key.sh", format!("echo {}\n", token()));
    scenario.init(&[]);
    let sandbox = &scenario.sandbox;
    sandbox.remove(".claude/hooks/key.sh").pass_minutes(1);
    sandbox.run(&["secrets", "purge"]).success();
    assert!(!contains(&sandbox.every_object(), &token()), "in an object");
    assert!(!sandbox.stored("config/hooks/key.sh").exists());
    sandbox.assert_git_clean();
    sandbox.run(&["verify", "--read"]).success();
    scenario.assert_pushed();
}

#[test]
fn a_purge_works_after_git_packed_everything_itself() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    let sandbox = &scenario.sandbox;
    scenario.remove_token();
    sandbox.pass_minutes(1);
    sandbox.run(&["sync"]).fails(3);
    sandbox.git(&["gc", "--quiet", "--prune=now"]);
    sandbox.run(&["secrets", "purge"]).success();
    assert!(!contains(&sandbox.every_object(), &token()), "in an object");
    sandbox.assert_git_clean();
    scenario.assert_pushed();
}

#[test]
fn a_purge_passes_over_what_is_kept_of_other_machines_folders() {
    let scenario = Scenario::new();
    scenario.init(&[]);
    let sandbox = &scenario.sandbox;
    let folder = sandbox.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
    let kept = format!("refs/claude-backup/removed/other/{}", folder.trim());
    sandbox.git(&["update-ref", &kept, folder.trim()]);
    scenario.remove_token();
    sandbox.run(&["secrets", "purge"]).success();
    assert!(!contains(&sandbox.every_object(), &token()), "in an object");
    assert_eq!(sandbox.git(&["rev-parse", &kept]), folder);
    sandbox.run(&["verify", "--read"]).success();
    scenario.assert_pushed();
}

#[test]
fn what_was_pushed_cannot_be_purged() {
    let scenario = Scenario::new();
    scenario.init(&["--allow-secrets"]);
    let sandbox = &scenario.sandbox;
    scenario.remove_token();
    scenario.assert_pushed();
    scenario.write_token();
    sandbox.pass_minutes(1);
    sandbox.run(&["sync"]).fails(3);
    scenario.remove_token();
    let error = sandbox.run(&["secrets", "purge", "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "refused");
    assert!(error["error"].as_str().unwrap().contains("was pushed already"), "{error}");
}

#[test]
fn nothing_is_changed_where_there_is_nothing_to_purge() {
    let scenario = Scenario::new();
    scenario.remove_token();
    scenario.sandbox.init();
    let head = scenario.sandbox.git(&["rev-parse", "HEAD"]);
    let purged = scenario.sandbox.json(&["secrets", "purge"]);
    assert_eq!(purged["purged"], json!([]));
    assert_eq!(scenario.sandbox.git(&["rev-parse", "HEAD"]), head);
}
