//! `status`: one glance that a worried user can trust.

use std::fs;

use serde_json::{Value, json};

use crate::fixture::{self, A, ALPHA};
use crate::sandbox::{Sandbox, conversation, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";

fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox
}

#[test]
fn a_good_backup_fits_every_terminal() {
    let sandbox = fixture::home();
    sandbox.init();
    for width in [80, 40, 20] {
        let ran = sandbox.run_on_terminal(width, &["status"]).success();
        insta::assert_snapshot!(format!("status_{width}"), ran.both());
    }
}

#[test]
fn the_old_keys_keep_their_names_and_types() {
    let sandbox = fixture::home();
    sandbox.init();
    insta::assert_json_snapshot!(sandbox.steady(&sandbox.json(&["status"])));
}

#[test]
fn what_is_new_since_the_last_backup_is_counted_and_becomes_overdue() {
    let sandbox = saved();
    assert_eq!(
        (sandbox.json(&["status"])["pending"].clone(), sandbox.json(&["status"])["health"].clone()),
        (json!(0), json!("ok"))
    );
    sandbox.append_session("-p", ID, 4..6).write_session("-p", "other", 2);
    sandbox.pass_minutes(60);
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["pending"], &status["health"]), (&json!(2), &json!("ok")));
    sandbox.pass_minutes(3 * 24 * 60);
    assert_eq!(sandbox.json(&["status"])["health"], "overdue");
    insta::assert_snapshot!(sandbox.run(&["status"]).success().both());
    sandbox.sync();
    assert_eq!(sandbox.json(&["status"])["health"], "ok");
}

#[test]
fn an_idle_machine_is_not_overdue() {
    let sandbox = saved();
    sandbox.pass_minutes(60 * 24 * 60);
    assert_eq!(sandbox.json(&["status"])["pending"], 0);
    assert_ne!(sandbox.json(&["status"])["health"], "overdue");
}

#[test]
fn what_is_gone_at_the_source_is_told() {
    let sandbox = saved();
    sandbox.remove(".claude/projects/-p").sync();
    assert_eq!(sandbox.json(&["status"])["gone"], 1);
    insta::assert_snapshot!(sandbox.run(&["status"]).success().both());
}

#[test]
fn lost_messages_are_told_until_the_user_takes_note() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 3..4)).sync();
    let status = sandbox.json(&["status"]);
    assert_eq!(status["health"], "loss");
    assert_eq!(
        status["lost"],
        json!([{"uuid": ID, "title": "Question 0 of 11111111-1111-4111-8111-111111111111", "lostMessages": 3}])
    );
    insta::assert_snapshot!("status_loss", sandbox.run(&["status"]).success().both());
    insta::assert_snapshot!("versions_loss", sandbox.run(&["versions", ID]).success().both());
    sandbox.run(&["versions", ID, "--acknowledge"]).success();
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["health"], &status["lost"]), (&json!("ok"), &json!([])));
    assert_eq!(sandbox.json(&["versions", ID])["acknowledged"], true);
    sandbox.assert_git_clean();
}

#[test]
fn what_claude_code_will_delete_soon_is_counted_by_its_own_rule() {
    let sandbox = Sandbox::new();
    for (id, days) in [("fresh", 1), ("due", 26), ("older", 29)] {
        sandbox.write_session("-p", id, 2).age(sandbox.session("-p", id), days);
    }
    sandbox.init();
    let risk = |sandbox: &Sandbox| sandbox.json(&["status"])["atRisk"].clone();
    let expected = json!({"sessions": 2, "unsaved": 0, "withinDays": 5, "cleanupDays": 30});
    assert_eq!(risk(&sandbox), expected);
    insta::assert_snapshot!("status_sweep", sandbox.run(&["status"]).success().both());
    sandbox.write(".claude/settings.json", "{\"cleanupPeriodDays\": 99999}").sync();
    assert_eq!(risk(&sandbox)["sessions"], 0);
    sandbox.write(".claude/settings.json", "{\"cleanupPeriodDays\": 6}").sync();
    assert_eq!(risk(&sandbox)["sessions"], 3);
    sandbox.write(".claude/settings.json", "no json").sync();
    assert_eq!(risk(&sandbox), expected);
}

#[test]
fn an_unsaved_session_close_to_its_sweep_is_the_first_thing_said() {
    let sandbox = saved();
    sandbox.write_session("-p", "due", 2).age(sandbox.session("-p", "due"), 27);
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["health"], &status["atRisk"]["unsaved"]), (&json!("at-risk"), &json!(1)));
    insta::assert_snapshot!(sandbox.run(&["status"]).success().both());
}

#[test]
fn a_run_that_failed_before_it_began_is_told_with_its_reason() {
    let sandbox = saved();
    let journal = sandbox.backup(".git/claude-backup/journal");
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let error = sandbox.pass_minutes(1).run(&["sync", "--quiet", "--json"]).fails(1).json_error();
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["health"], &status["lastRun"]["error"]),
        (&json!("incomplete"), &error["error"])
    );
    let log = fs::read_to_string(sandbox.backup("backup.log")).unwrap();
    assert!(log.lines().last().unwrap().contains("failed: "), "{log}");
    fs::remove_dir(journal).unwrap();
    sandbox.sync();
    assert_eq!(sandbox.json(&["status"])["health"], "ok");
}

#[test]
fn a_run_that_could_not_read_everything_is_told() {
    let sandbox = saved();
    fs::create_dir_all(sandbox.claude("skills")).unwrap();
    std::os::unix::fs::symlink("loop", sandbox.claude("skills/loop")).unwrap();
    sandbox.write_session("-q", "closed", 2);
    set_mode(&sandbox.session("-q", "closed"), 0o000);
    // The super-user may read everything: then there is nothing to tell.
    let Err(_) = fs::read(sandbox.session("-q", "closed")) else { return };
    sandbox.run(&["sync"]).fails(3);
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["health"], &status["lastRun"]["result"]),
        (&json!("incomplete"), &json!("incomplete"))
    );
}

#[test]
fn a_restore_and_a_note_are_no_backups() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 3..4)).sync();
    let last = sandbox.json(&["status"])["lastRun"].clone();
    sandbox.pass_minutes(600);
    sandbox.run(&["versions", ID, "--acknowledge"]).success();
    assert_eq!(sandbox.json(&["status"])["lastRun"], last);
    sandbox.write(sandbox.session("-p", ID), "unsaved");
    sandbox.run(&["restore", ID, "--force"]).success();
    assert_eq!(sandbox.json(&["status"])["lastRun"], last);
    sandbox.assert_git_clean();
}

#[test]
fn every_machine_is_named() {
    let sandbox = saved();
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-p", "other", 2).sync();
    });
    sandbox.sync();
    let status = sandbox.json(&["status"]);
    let slugs: Vec<&Value> =
        status["machines"].as_array().unwrap().iter().map(|m| &m["slug"]).collect();
    assert_eq!(slugs, ["test-host", "zeta"]);
    assert_eq!(status["index"]["sessions"], 4);
    insta::assert_snapshot!(sandbox.run(&["status"]).success().both());
}

#[test]
fn a_secret_in_the_remotes_address_is_not_shown() {
    let sandbox = saved();
    for (url, shown) in [
        ("https://octo:ghp_TOKEN123@github.com/octo/x.git", "https://github.com/octo/x.git"),
        ("https://ghp_TOKEN123@host/my%20repo%s\".git", "https://host/my%20repo%s\".git"),
        ("ssh://git:TOKEN123@host:22/x.git", "ssh://git@host:22/x.git"),
        ("git@github.com:octo/x.git", "git@github.com:octo/x.git"),
    ] {
        sandbox.git(&["config", "remote.origin.url", url]);
        assert_eq!(sandbox.json(&["status"])["repo"], Value::Null, "nothing is sent in local mode");
        sandbox.git(&["config", "claude-backup.mode", "git"]);
        let status = sandbox.json(&["status"]);
        assert_eq!(status["repo"], shown);
        for text in [status.to_string(), sandbox.run(&["status"]).success().both()] {
            assert!(!text.contains("TOKEN123"), "{text}");
        }
        sandbox.git(&["config", "claude-backup.mode", "local"]);
    }
}

#[test]
fn a_missing_or_damaged_manifest_neither_changes_the_mode_nor_the_counts() {
    let sandbox = fixture::home();
    sandbox.init();
    let whole = sandbox.json(&["status"]);
    for manifest in [sandbox.backup("manifest.json"), sandbox.stored("manifest.json")] {
        for damage in [None, Some("{\"version\":\"3."), Some("[]"), Some("{\"mode\":7}")] {
            match damage {
                Some(text) => fs::write(&manifest, text).unwrap(),
                None => fs::remove_file(&manifest).unwrap(),
            }
            let status = sandbox.json(&["status"]);
            for key in ["mode", "machineSlug", "sessions", "config", "backupSize", "lastBackup"] {
                assert_eq!(status[key], whole[key], "{key} of {} {damage:?}", manifest.display());
            }
            if damage.is_some() && manifest == sandbox.backup("manifest.json") {
                let warning = status["warnings"][0].as_str().unwrap();
                assert!(warning.contains("was damaged and is made anew"), "{warning}");
            }
            sandbox.sync();
            let mut again = sandbox.json(&["status"]);
            again["lastRun"]["at"] = whole["lastRun"]["at"].clone();
            again["proof"] = whole["proof"].clone();
            assert_eq!(again, whole, "sync mended {} {damage:?}", manifest.display());
        }
    }
    sandbox.assert_git_clean();
}

#[test]
fn a_variable_of_the_old_tool_does_not_change_the_mode() {
    let sandbox = fixture::home().with_variable("BACKUP_MODE", "git");
    sandbox.init().sync();
    assert_eq!(sandbox.json(&["status"])["mode"], "local");
}

#[test]
fn no_secret_is_in_the_backup() {
    let sandbox = fixture::home();
    sandbox.init();
    for entry in walkdir::WalkDir::new(sandbox.backup("machines")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(fixture::SECRET), "{}", entry.path().display());
        }
    }
    let text = sandbox.git(&["grep", "-c", "-I", "-e", "changelog", "HEAD", "--", "machines"]);
    assert!(!text.contains(".env"), "{text}");
    assert!(sandbox.stored(format!("projects/{ALPHA}/{A}.jsonl.gz")).is_file());
}
