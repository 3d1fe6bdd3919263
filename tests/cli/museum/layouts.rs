//! Layouts of the shell tool and of this tool's own earlier days, stopped at each step of being
//! taken over. What a takeover itself does is told in `adopt.rs`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Exhibit, GONE, LEDGER, commit_by_hand, edit_lines, git_file, put, take};
use crate::adopt::gzipped;
use crate::sandbox::{Sandbox, conversation};

const MANIFEST: &str =
    r#"{"version":"3.2.5","mode":"local","machineSlug":"test-host","machine":"test-host"}"#;

/// What each version of the shell tool left: files below the root, and whether git had a commit.
struct Old {
    files: Vec<(String, Vec<u8>)>,
}

impl Old {
    fn sessions(folder: &str) -> Self {
        let archive = |id: &str, messages: usize| {
            let name = format!("{folder}projects/-p/{id}.jsonl.gz");
            (name, gzipped(conversation(id, 0..messages).as_bytes()))
        };
        Self { files: vec![archive(GONE.id, 12), archive(super::KEPT.id, 20)] }
    }

    fn and(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.as_bytes().to_vec()));
        self
    }

    fn packed(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), gzipped(text.as_bytes())));
        self
    }

    /// Versions 1 to 3.1, without and with a manifest, and 3.2.
    fn all() -> [Self; 3] {
        [
            Self::sessions(""),
            Self::sessions("").and("manifest.json", MANIFEST).and("config/CLAUDE.md", "be kind\n"),
            Self::sessions("machines/test-host/")
                .and("manifest.json", MANIFEST)
                .and("machines/test-host/manifest.json", MANIFEST)
                .and("config/CLAUDE.md", "be kind\n")
                .packed("history.jsonl.gz", "{\"display\":\"hello\"}\n"),
        ]
    }

    /// A home with the session that grows, and the backup as the shell tool left it.
    fn home(&self) -> Sandbox {
        let home = Sandbox::new();
        home.write_session("-p", super::KEPT.id, 20);
        std::fs::create_dir_all(home.backup("")).unwrap();
        home.git(&["init", "-q", "-b", "main"]);
        self.files.iter().for_each(|(name, bytes)| put(&home.backup(name), bytes));
        commit_by_hand(&home);
        home
    }
}

fn both_come_back(home: &Sandbox, kept: usize) {
    for (id, messages) in [(GONE.id, 12), (super::KEPT.id, kept)] {
        let ran = home.run(&["restore", id, "--stdout"]).success();
        assert!(ran.bytes() == conversation(id, 0..messages).as_bytes(), "{id}: {}", ran.both());
    }
}

/// Growing, syncing, and everything in its place.
fn is_taken_over(home: &Sandbox) {
    home.append_session("-p", super::KEPT.id, 20..25).sync();
    both_come_back(home, 25);
    assert_eq!(home.json(&["verify", "--read"])["problems"], json!([]));
    home.git(&["fsck", "--full", "--strict"]);
    let listed = home.json(&["restore", "--list"]);
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2, "{listed}");
}

#[test]
fn each_layout_is_taken_over() {
    for old in Old::all() {
        let home = old.home();
        home.run(&["status"]).success();
        home.run(&["verify", "--read"]).success();
        is_taken_over(&home);
        home.assert_git_clean();
    }
}

#[test]
fn the_newest_of_them_is_read_before_that() {
    let [.., newest] = Old::all();
    both_come_back(&newest.home(), 20);
}

#[test]
fn each_layout_without_its_repository() {
    for old in Old::all() {
        let home = old.home();
        take(&home.backup(".git"));
        home.run(&["init", "--backend", "local"]).success();
        is_taken_over(&home);
    }
}

#[test]
fn a_takeover_that_stopped_after_any_file_had_moved() {
    // By hand, or by another tool that moves files before it commits.
    for old in Old::all() {
        for moved in 0..old.files.len() {
            let home = old.home();
            for (name, _) in old.files.iter().take(moved + 1) {
                if let Some(new) = place_in_our_layout(name) {
                    let (from, to) = (home.backup(name), home.backup(new));
                    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                    std::fs::rename(from, to).unwrap();
                }
            }
            is_taken_over(&home);
        }
    }
}

fn place_in_our_layout(name: &str) -> Option<String> {
    let below_root = ["projects/", "config/", "history.jsonl.gz"];
    below_root
        .iter()
        .any(|start| name.starts_with(start))
        .then(|| format!("machines/test-host/{name}"))
}

#[test]
fn a_takeover_that_was_committed_and_not_put_in_place() {
    for old in Old::all() {
        let (home, after) = (old.home(), old.home());
        after.sync();
        // The repository is that of afterwards, the files are those of before.
        take(&home.backup(".git"));
        copy_all(&after.backup(".git"), &home.backup(".git"));
        both_come_back(&home, 20);
        home.run(&["sync", "--full"]).success();
        is_taken_over(&home);
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => std::fs::create_dir_all(target).unwrap(),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_textual_merge_in_each_manifest_of_the_shell_tool() {
    let conflict = "<<<<<<< HEAD\n{\"machineSlug\":\"a\"}\n=======\n{}\n>>>>>>> origin/main\n";
    for old in Old::all() {
        let old = old.and("manifest.json", conflict).and("machines/other/manifest.json", conflict);
        let home = old.home();
        home.append_session("-p", super::KEPT.id, 20..25).sync();
        both_come_back(&home, 25);
        assert_eq!(home.json(&["status"])["machineSlug"], "test-host");
    }
}

/// A repository of this tool as its first commits wrote it.
fn of_earlier_days(home: &Sandbox) {
    edit_lines(home, |line| {
        let line = line.as_object_mut().unwrap();
        // Neither counted answers and tokens nor said where a session went on, nor noted a cut.
        for field in ["cutTo", "acknowledged"] {
            line.remove(field);
        }
        if let Some(session) = line.get_mut("session").and_then(Value::as_object_mut) {
            for field in ["answers", "tokens", "continuedIn", "branch", "model"] {
                session.remove(field);
            }
        }
    });
    commit_by_hand(home);
    // Journal, cache and notes in forms that are no more.
    let private = git_file(home, "claude-backup");
    put(&private.join("journal"), json!([LEDGER, "machines/test-host/manifest.json"]).to_string());
    put(&private.join("cache"), "{\"files\":{}}");
    put(&private.join("index"), "not a commit");
    take(&private.join("growing"));
    take(&private.join("config"));
}

#[test]
fn a_repository_of_this_tools_earlier_days() {
    Exhibit::broken(of_earlier_days).verify(&[]).gives_all().sync(0, "").now_whole_with(5);
}

#[test]
fn a_repository_of_this_tools_days_to_come() {
    let exhibit = Exhibit::broken(|home| {
        edit_lines(home, |line| {
            line["holographic"] = json!({"depth": 3});
            line["parts"][0]["mirror"] = json!("x");
        });
        commit_by_hand(home);
    });
    let exhibit = exhibit.verify(&[]).sync(0, "").now_whole_with(5);
    let ledger = std::fs::read_to_string(exhibit.home.backup(LEDGER)).unwrap();
    assert_eq!(ledger.matches("holographic").count(), 3, "what it does not know stays");
}
