//! Where a backup may lie, and how a remote may be written.

use serde_json::json;

use crate::fixture;
use crate::sandbox::Sandbox;

const ID: &str = "11111111-1111-4111-8111-111111111111";

/// `init` with the backup at a place below the home, by the flag and by the variable: both refuse it.
fn assert_refused(sandbox: Sandbox, place: &str, words: &str) {
    let folder = sandbox.home(place).to_str().unwrap().to_owned();
    let ran = sandbox.run(&["init", "--local", "--json", "--backup-dir", &folder]);
    let error = ran.fails(2).json_error();
    assert!(error["error"].as_str().unwrap().contains(words), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--backup-dir"), "{error}");
    let sandbox = sandbox.with_variable("CLAUDE_BACKUP_DIR", folder);
    assert_eq!(sandbox.run(&["init", "--yes", "--json"]).fails(2).json_error(), error);
}

#[test]
fn a_backup_inside_or_around_what_is_backed_up_is_refused_before_anything_is_made() {
    for place in [
        ".claude",
        ".claude/plugins/data/claude-backup",
        ".claude/skills/backup",
        ".claude/projects/backup",
        ".claude/projects/-home-dev/memory",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write_session("-p", ID, 2);
        let is_there = sandbox.home(place).exists();
        assert_refused(sandbox, place, "the backup would save itself");
        let sandbox = Sandbox::new();
        sandbox.write_session("-p", ID, 2);
        let folder = sandbox.home(place).to_str().unwrap().to_owned();
        sandbox.run(&["init", "--local", "--backup-dir", &folder]).fails(2);
        assert_eq!(sandbox.home(place).exists(), is_there, "{place}");
    }
    for place in ["", ".."] {
        let sandbox = Sandbox::new();
        sandbox.write_session("-p", ID, 2);
        assert_refused(sandbox, place, "contains");
    }
}

#[test]
fn a_repository_of_something_else_is_neither_taken_nor_pushed_from() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).write("public/code.py", "pass");
    let project = sandbox.home("public");
    sandbox.git_in(&project, &["init", "-q", "-b", "main"]);
    sandbox.git_in(&project, &["add", "."]);
    let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    sandbox.git_in(&project, &[&author[..], &["commit", "-qm", "code"]].concat());
    git2::Repository::init_bare(sandbox.home("origin.git")).unwrap();
    let origin = sandbox.home("origin.git").display().to_string();
    sandbox.git_in(&project, &["remote", "add", "origin", &origin]);
    let before = sandbox.git_in(&project, &["rev-parse", "HEAD"]);
    let folder = project.to_str().unwrap().to_owned();
    for words in [&["sync"][..], &["status"], &["backend", "set", "local"]] {
        let ran = sandbox.run(&[words, &["--json", "--backup-dir", &folder]].concat());
        assert_eq!(ran.fails(10).json_error()["code"], "no-repository", "{words:?}");
    }
    let words = ["uninstall", "--delete-data", "--yes", "--backup-dir", &folder];
    assert_eq!(sandbox.json(&words)["dataDeleted"], false);
    assert_eq!(sandbox.git_in(&project, &["rev-parse", "HEAD"]), before);
    assert_eq!(sandbox.git_in(&project, &["status", "--porcelain"]), "");
    assert_refused(sandbox, "public", "is a git repository, but not a backup");
}

#[test]
fn folders_with_other_things_are_refused_and_stay_as_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write("photos/one.jpg", "x");
    assert_refused(sandbox, "photos", "is not empty, and not a backup");
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.home("project/.git")).unwrap();
    assert_refused(sandbox, "project/below/backup", "is inside the git repository");
}

#[test]
fn a_backup_that_lies_in_a_claude_home_leaves_itself_out() {
    let sandbox = fixture::home();
    let place = sandbox.claude("plugins/data/backup");
    let folder = place.to_str().unwrap().to_owned();
    sandbox.init();
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::rename(sandbox.backup(""), &place).unwrap();
    let sandbox = sandbox.with_variable("CLAUDE_BACKUP_DIR", folder);
    let first = sandbox.json(&["sync"]);
    assert_eq!((&first["files"]["added"], &first["newlyGone"]), (&json!(0), &json!(0)), "{first}");
    let warning = first["warnings"][0].as_str().unwrap();
    assert!(warning.contains("is left out") && warning.contains("--backup-dir"), "{warning}");
    sandbox.append_session(fixture::ALPHA, fixture::A, 40..42).write(place.join("note"), "mine");
    let second = sandbox.sync();
    assert_eq!((&second["files"]["updated"], &second["files"]["added"]), (&json!(1), &json!(1)));
    assert_eq!(sandbox.json(&["init"])["existing"], true);
    assert_eq!(sandbox.sync()["files"]["added"], 0);
}

#[test]
fn a_relative_remote_is_meant_from_the_working_folder() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2);
    sandbox.init();
    for (typed, folder) in [("relrepo.git", "relrepo.git"), ("~/disk/a.git", "disk/a.git")] {
        git2::Repository::init_bare(sandbox.home(folder)).unwrap();
        let set = sandbox.json(&["backend", "set", "git", "--remote", typed]);
        assert_eq!(set["push"]["state"], "pushed");
        assert_eq!(set["remote"], sandbox.home(folder).to_str().unwrap());
        assert!(sandbox.git_in(&sandbox.home(folder), &["rev-parse", "main"]).len() > 40);
        let screen = sandbox.run(&["backend", "set", "git", "--remote", typed]).success().screen();
        assert!(
            screen.starts_with(&format!("✓ Up to date: ~/{folder}")) || screen.contains(folder)
        );
        sandbox.run(&["init", "--remote", typed]).success();
    }
    let words = ["backend", "set", "git", "--remote", "github.com/me/x", "--json"];
    let error = sandbox.run(&words).fails(2).json_error();
    assert_eq!(error["hint"], "did you mean https://github.com/me/x?");
}
