//! What is small to send and large to read: nothing is taken for as large as it says.

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::Value;

use super::{EARLIER, Exhibit, GONE, LEDGER, commit_by_hand, edit_lines, put};
use crate::sandbox::Sandbox;

const MANY: usize = 128 << 20;

/// So many zeros, packed into a thousandth.
fn zeros() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::best());
    let piece = vec![0; 1 << 20];
    (0..MANY / piece.len()).for_each(|_| packed.write_all(&piece).unwrap());
    packed.finish().unwrap()
}

/// An archive that inflates to far more than its line says.
fn a_bomb(home: &Sandbox) {
    let packed = zeros();
    put(&home.backup(GONE.archive()), &packed);
    let blob = home.git(&["hash-object", "-w", &GONE.archive()]);
    edit_lines(home, |line| {
        if line["path"].as_str().unwrap().contains(GONE.id) {
            line["parts"][0]["length"] = packed.len().into();
            line["parts"][0]["blob"] = blob.trim().into();
        }
    });
    commit_by_hand(home);
}

#[test]
fn an_archive_that_inflates_to_far_more_than_its_line_says() {
    let exhibit = Exhibit::broken(a_bomb).verify(&[]).read(&["wrong-content"]);
    exhibit.home.remove(".claude");
    let ran = exhibit.home.run(&["restore", GONE.id, "--stdout"]).fails(1);
    let promised = exhibit.text(GONE).len();
    assert!(ran.bytes().len() <= promised + 1, "{} bytes came out", ran.bytes().len());
    exhibit.home.run(&["restore", GONE.id]).fails(1);
    exhibit.home.run(&["restore", "--all"]).fails(1);
    let left = walkdir::WalkDir::new(exhibit.home.claude("")).into_iter().flatten();
    let most = left.map(|entry| entry.metadata().unwrap().len()).max().unwrap();
    assert!(most < MANY as u64, "no torso is left");
    exhibit.gives_all_but(&[GONE]).sync(0, "").gives_all_but(&[GONE]);
}

#[test]
fn a_bomb_in_another_machines_folder() {
    // The shell tool wrote no ledger, so nobody says how long the session is.
    let packed = zeros();
    let exhibit = Exhibit::broken(|home| {
        let folder = home.backup("machines/other");
        put(&folder.join("manifest.json"), "{}");
        put(&folder.join(format!("projects/-q/{}.jsonl.gz", EARLIER.id)), packed);
        commit_by_hand(home);
    });
    exhibit.home.json(&["restore", "--list"]);
    exhibit.sync(0, "").verify(&[]);
}

#[test]
fn a_folder_within_a_folder_ten_thousand_times() {
    let exhibit = Exhibit::broken(|home| {
        let git = git2::Repository::open(home.backup("")).unwrap();
        let mut tree = git.blob(b"x").unwrap();
        let mut mode = 0o100_644;
        for _ in 0..10_000 {
            let mut folder = git.treebuilder(None).unwrap();
            folder.insert("d", tree, mode).unwrap();
            (tree, mode) = (folder.write().unwrap(), 0o040_000);
        }
        let head = git.head().unwrap().peel_to_commit().unwrap();
        let machines = head.tree().unwrap().get_name("machines").unwrap().id();
        let mut folder = git.treebuilder(git.find_tree(machines).ok().as_ref()).unwrap();
        folder.insert("deep", tree, 0o040_000).unwrap();
        let machines = folder.write().unwrap();
        let mut root = git.treebuilder(head.tree().ok().as_ref()).unwrap();
        root.insert("machines", machines, 0o040_000).unwrap();
        let tree = git.find_tree(root.write().unwrap()).unwrap();
        let who = git2::Signature::now("x", "x@y").unwrap();
        git.commit(Some("HEAD"), &who, &who, "deep", &tree, &[&head]).unwrap();
    });
    exhibit.home.run(&["status"]).success();
    exhibit.verify(&["history-damaged"]).gives_all().sync(0, "").gives_all();
}

#[test]
fn a_ledger_with_a_hundred_thousand_lines_for_one_file() {
    let exhibit = Exhibit::broken(|home| {
        let text = std::fs::read_to_string(home.backup(LEDGER)).unwrap();
        let line = text.lines().next().unwrap();
        put(&home.backup(LEDGER), format!("{text}{}", format!("{line}\n").repeat(20_000)));
        commit_by_hand(home);
    });
    exhibit.verify(&[]).sync(0, "").now_whole_with(5);
}

#[test]
fn a_session_of_nothing_but_brackets_and_one_line_without_an_end() {
    let id = "dddddddd-4444-4444-8444-444444444444";
    let texts = ["[".repeat(4 << 20), "{\"a\":".repeat(1 << 20), "x".repeat(32 << 20)];
    for text in texts {
        let exhibit = Exhibit::good();
        let line = crate::sandbox::conversation(id, 0..2);
        exhibit.home.write(exhibit.home.session("-p", id), format!("{line}{text}\n{line}"));
        let exhibit = exhibit.sync(0, "").read(&[]);
        let shown: Value = exhibit.home.json(&["peek", id]);
        assert_eq!(shown["messageCount"].as_u64().map(|count| count >= 2), Some(true), "{shown}");
        let back = exhibit.home.output_of(&["restore", id, "--stdout"]);
        assert!(back == format!("{line}{text}\n{line}").as_bytes());
    }
}
