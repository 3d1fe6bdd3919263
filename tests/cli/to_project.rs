//! `restore --to-project`: a session among those of another folder, where it can be continued.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, conversation};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OLD: &str = "-home-dev-work-alpha";
const AGENT: &str = "subagents/agent-a.jsonl";

/// A session with a sub-agent and a tool result, saved, and a folder that the project moved to.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session(OLD, ID, 4);
    for (name, text) in side_files() {
        sandbox.write(side_file(&sandbox, OLD, name), text);
    }
    std::fs::create_dir(sandbox.home("new_place")).unwrap();
    sandbox.init();
    sandbox
}

fn side_files() -> [(&'static str, String); 2] {
    [(AGENT, conversation("agent", 0..2)), ("tool-results/out.txt", "/home/dev/work/alpha".into())]
}

fn side_file(sandbox: &Sandbox, project: &str, name: &str) -> PathBuf {
    sandbox.claude("projects").join(project).join(ID).join(name)
}

/// The project that the new folder's sessions are kept in.
fn new_project(sandbox: &Sandbox) -> String {
    let folder = sandbox.home("new_place").canonicalize().unwrap();
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    folder.to_str().unwrap().chars().map(|c| if is_plain(c) { c } else { '-' }).collect()
}

fn lose_it_at_the_source(sandbox: &Sandbox) {
    std::fs::remove_dir_all(sandbox.claude("projects")).unwrap();
}

fn arguments<'a>(folder: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["restore", ID, "--to-project", folder], more].concat()
}

/// Gives the session back to the new folder.
fn give_back(sandbox: &Sandbox, more: &[&str]) -> crate::sandbox::Ran {
    let folder = sandbox.home("new_place");
    sandbox.run(&arguments(folder.to_str().unwrap(), more))
}

/// What the records say, as if they had always been made in the new folder.
fn as_if_made_there(sandbox: &Sandbox, records: &str) -> String {
    let folder = sandbox.home("new_place").canonicalize().unwrap();
    let (old, new) = (json!("/home/dev/work/alpha"), json!(folder));
    records.replace(&format!("\"cwd\":{old}"), &format!("\"cwd\":{new}"))
}

fn assert_is_in_the_new_place(sandbox: &Sandbox) {
    let project = new_project(sandbox);
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let transcript = read(sandbox.session(&project, ID));
    assert_eq!(transcript, as_if_made_there(sandbox, &conversation(ID, 0..4)));
    assert!(transcript.contains("new_place"));
    let [(agent, records), (result, text)] = side_files();
    assert_eq!(read(side_file(sandbox, &project, agent)), as_if_made_there(sandbox, &records));
    assert_eq!(read(side_file(sandbox, &project, result)), text, "what was said stays");
}

#[test]
fn a_lost_session_comes_back_to_another_folder() {
    let sandbox = saved();
    lose_it_at_the_source(&sandbox);
    let screen = give_back(&sandbox, &[]).success().screen();
    assert!(screen.contains(&format!("&& claude --resume {ID}")), "{screen}");
    assert_is_in_the_new_place(&sandbox);
    assert!(!sandbox.session(OLD, ID).exists());
    let again = give_back(&sandbox, &[]).success().screen();
    assert!(again.contains("already"), "{again}");
}

#[test]
fn the_original_stays_byte_for_byte_in_the_backup() {
    let sandbox = saved();
    lose_it_at_the_source(&sandbox);
    sandbox.sync();
    give_back(&sandbox, &[]).success();
    let outcome = sandbox.sync();
    assert_eq!(outcome["goneSessions"], json!([]), "it was told before");
    let stdout = ["restore", ID, "--project", OLD, "--stdout"];
    assert_eq!(sandbox.output_of(&stdout), conversation(ID, 0..4).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn a_session_in_two_places_is_refused_unless_it_may_be_moved() {
    let sandbox = saved();
    let error = give_back(&sandbox, &["--json"]).fails(1).json_error();
    assert!(error["error"].as_str().unwrap().contains(OLD), "{error}");
    assert!(!sandbox.session(&new_project(&sandbox), ID).exists());
    let done = give_back(&sandbox, &["--force", "--json"]).success().json();
    assert_eq!(done["movedFrom"].as_array().unwrap().len(), 3, "{done}");
    assert_is_in_the_new_place(&sandbox);
    assert!(!sandbox.session(OLD, ID).exists());
    assert!(!sandbox.claude(format!("projects/{OLD}/{ID}")).exists());
}

#[test]
fn what_moved_is_no_loss_and_does_not_come_back_as_one() {
    let sandbox = saved();
    give_back(&sandbox, &["--force"]).success();
    let outcome = sandbox.sync();
    assert_eq!((&outcome["goneSessions"], &outcome["newlyGone"]), (&json!([]), &json!(0)));
    sandbox.run(&["restore", "--gone"]).success();
    assert!(!sandbox.session(OLD, ID).exists(), "in two places nobody finds it by its id");
    let peek = sandbox.json(&["peek", ID]);
    assert_eq!(peek["projectHash"], new_project(&sandbox), "it is the one that is there");
    let original = ["restore", ID, "--project", OLD, "--stdout"];
    assert_eq!(sandbox.output_of(&original), conversation(ID, 0..4).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn what_is_not_saved_is_not_moved() {
    let sandbox = saved();
    sandbox.append_session(OLD, ID, 4..6);
    let refused = give_back(&sandbox, &["--force"]).fails(1).talk();
    assert!(refused.contains("claude-backup sync"), "{refused}");
    assert!(sandbox.session(OLD, ID).exists());
    assert!(!sandbox.session(&new_project(&sandbox), ID).exists());
}

#[test]
fn what_the_backup_would_not_give_back_is_not_moved() {
    let sandbox = saved();
    let result = format!("projects/{OLD}/{ID}/tool-results/out.txt.gz");
    sandbox.remove(sandbox.stored(&result)).remove(sandbox.backup(".git/objects"));
    give_back(&sandbox, &["--force"]).fails(1);
    assert!(side_file(&sandbox, OLD, "tool-results/out.txt").exists());
    assert!(sandbox.session(OLD, ID).exists());
}

#[test]
fn what_stands_in_the_new_place_is_kept() {
    let sandbox = saved();
    lose_it_at_the_source(&sandbox);
    let project = new_project(&sandbox);
    sandbox.write(sandbox.session(&project, ID), "something else\n");
    let refused = give_back(&sandbox, &[]).fails(1).talk();
    assert!(refused.contains("--force"), "{refused}");
    give_back(&sandbox, &["--force"]).success();
    assert_is_in_the_new_place(&sandbox);
    let kept = ["restore", ID, "--project", &project, "--version", "0", "--stdout"];
    let versions = sandbox.json(&["versions", ID, "--project", &project]);
    assert_eq!(sandbox.output_of(&kept), b"something else\n", "{versions}");
}

#[test]
fn another_machines_session_is_continued_here() {
    let sandbox = saved();
    sandbox.as_machine("laptop", |laptop| {
        laptop.write_session(OLD, ID, 4).sync();
    });
    lose_it_at_the_source(&sandbox);
    give_back(&sandbox, &["--machine", "laptop"]).success();
    let transcript = std::fs::read_to_string(sandbox.session(&new_project(&sandbox), ID)).unwrap();
    assert_eq!(transcript, as_if_made_there(&sandbox, &conversation(ID, 0..4)));
}

#[test]
fn a_folder_is_meant_by_its_real_path() {
    let sandbox = saved();
    lose_it_at_the_source(&sandbox);
    std::os::unix::fs::symlink(sandbox.home("new_place"), sandbox.home("link")).unwrap();
    let link = sandbox.home("link");
    sandbox.run(&arguments(link.to_str().unwrap(), &[])).success();
    assert_is_in_the_new_place(&sandbox);
}

#[test]
fn a_folder_that_is_not_there_is_refused() {
    let sandbox = saved();
    let nowhere = sandbox.home("nowhere");
    let error =
        sandbox.run(&arguments(nowhere.to_str().unwrap(), &["--json"])).fails(1).json_error();
    assert!(error["error"].as_str().unwrap().contains("nowhere"), "{error}");
}

#[test]
fn a_dry_run_shows_it_and_writes_nothing() {
    let sandbox = saved();
    let folder = sandbox.home("new_place");
    let words = arguments(folder.to_str().unwrap(), &["--force", "--dry-run", "--json"]);
    let done = sandbox.run(&words).success().json();
    assert_eq!((&done["dryRun"], &done["movedFrom"]), (&json!(true), &Value::Null));
    assert!(sandbox.session(OLD, ID).exists());
    assert!(!sandbox.session(&new_project(&sandbox), ID).exists());
}
