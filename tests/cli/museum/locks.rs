//! What processes that died left behind, and what stands where our own files must be.

use serde_json::{Map, Value};

use super::{Exhibit, git_file, put, take};

const LOCKS: [&str; 5] =
    ["index.lock", "HEAD.lock", "refs/heads/main.lock", "config.lock", "packed-refs.lock"];

#[test]
fn every_lock_of_git_left_behind() {
    Exhibit::broken(|home| LOCKS.iter().for_each(|lock| put(&git_file(home, lock), "x")))
        .status(0, "")
        .gives_all()
        .sync(0, "removed a lock on the branch that a dead process had left")
        .read(&[])
        .gives_all();
}

#[test]
fn a_housekeeping_that_never_ended() {
    Exhibit::broken(|home| {
        put(&git_file(home, "gc.pid"), "12345 some-host");
        put(&git_file(home, "objects/pack/tmp_pack_x"), "half");
        put(&git_file(home, "objects/pack/tmp_idx_x"), "half");
        put(&git_file(home, "objects/12/tmp_obj_x"), "half");
    })
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn our_own_folder_in_git_is_gone() {
    Exhibit::broken(|home| take(&git_file(home, "claude-backup"))).sync(0, "").now_whole_with(4);
}

#[test]
fn garbage_in_all_of_our_own_files() {
    let files = ["journal", "cache", "packs", "session-index", "index", "receipts.json", "config"];
    Exhibit::broken(|home| {
        for file in files {
            put(&git_file(home, "claude-backup").join(file), "\0\u{fffd}{garbage");
        }
    })
    .status(0, "")
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn a_journal_that_names_files_elsewhere() {
    let exhibit = Exhibit::broken(|home| {
        home.write("work/precious.txt", "mine");
        let there = home.home("work/precious.txt");
        let names =
            ["../work/precious.txt", there.to_str().unwrap(), ".git/config", "x/../../work"];
        let files: Map<String, Value> =
            names.into_iter().map(|name| (name.to_owned(), Value::Null)).collect();
        put(&git_file(home, "claude-backup/journal"), Value::Object(files).to_string());
    });
    let exhibit = exhibit.sync(0, "").now_whole_with(4);
    assert_eq!(exhibit.home.read("work/precious.txt"), b"mine");
}
