//! The round trip with the agent itself: what was given back, it continues.
//!
//! Not part of the usual run: `cargo test --test agent -- --ignored` fetches Claude Code from npm and
//! its SDK from PyPI once, and lets them speak with a stand-in on loopback.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "what is shared with other tests is a small library of its own"
)]

mod person;
#[path = "../remotes/running.rs"]
mod running;
mod tools;

use serde_json::json;

use self::person::Person;

#[test]
#[ignore = "fetches the agent"]
fn a_lost_session_is_continued_after_its_restore() {
    let person = Person::new();
    let folder = person.folder("alpha_app.git");
    let id = person.begin(&folder, "Please remember pelican");
    let before = person.listed(&folder);
    person.begin_backup();
    person.lose_everything();
    assert_eq!(person.listed(&folder), json!([]));
    person.backup(&["restore", &id]);
    assert_eq!(person.listed(&folder), before);
    assert_eq!(person.resume(&folder, &id).as_deref(), Some("remembered: pelican"));
}

#[test]
#[ignore = "fetches the agent"]
fn a_session_given_to_another_folder_is_continued_there() {
    let person = Person::new();
    let (old, new) = (person.folder("old"), person.folder("a new_place"));
    let id = person.begin(&old, "Please remember pelican");
    let before = person.listed(&old);
    person.begin_backup();
    person.lose_everything();
    assert_eq!(person.resume(&new, &id), None);
    person.backup(&["restore", &id, "--to-project", new.to_str().unwrap()]);
    let after = person.listed(&new);
    for key in ["id", "summary", "firstPrompt", "messages"] {
        assert_eq!(after[0][key], before[0][key], "{key}");
    }
    assert_eq!((&after[0]["cwd"], &before[0]["cwd"]), (&json!(new), &json!(old)));
    assert_eq!(person.resume(&new, &id).as_deref(), Some("remembered: pelican"));
    assert_eq!(person.resume(&old, &id), None);
}

#[test]
#[ignore = "fetches the agent"]
fn a_session_that_moved_with_its_project_is_in_one_place() {
    let person = Person::new();
    let (old, new) = (person.folder("old"), person.folder("new"));
    let id = person.begin(&old, "Please remember pelican");
    person.begin_backup();
    person.backup(&["restore", &id, "--to-project", new.to_str().unwrap(), "--force"]);
    assert_eq!(person.listed(&old), json!([]));
    assert_eq!(person.resume(&new, &id).as_deref(), Some("remembered: pelican"));
    person.say(&new, "Please remember heron", &["--resume", &id]).unwrap();
    person.backup(&["sync"]);
    person.lose_everything();
    person.backup(&["restore", &id]);
    assert_eq!(person.resume(&new, &id).as_deref(), Some("remembered: pelican heron"));
}

#[test]
#[ignore = "fetches the agent"]
fn another_home_continues_what_one_has_sent() {
    let (one, other) = (Person::new(), Person::new());
    let (there, here) = (one.folder("work"), other.folder("elsewhere"));
    let id = one.begin(&there, "Please remember pelican");
    let remote = one.home("bare.git");
    git2::Repository::init_bare(&remote).unwrap();
    let remote = remote.to_str().unwrap();
    one.backup(&[
        "init",
        "--backend",
        "git",
        "--remote",
        remote,
        "--machine",
        "one",
        "--no-schedule",
    ]);
    other.backup(&[
        "init",
        "--backend",
        "git",
        "--remote",
        remote,
        "--machine",
        "other",
        "--no-schedule",
    ]);
    other.backup(&["restore", &id, "--to-project", here.to_str().unwrap()]);
    assert_eq!(other.resume(&here, &id).as_deref(), Some("remembered: pelican"));
}
