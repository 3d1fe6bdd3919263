//! Manifests: empty, torn, of another machine, merged as text, or written by somebody who means ill.

use super::{Exhibit, commit_by_hand, put};
use crate::sandbox::Sandbox;

const CONFLICT: &str = "<<<<<<< HEAD\n{\"mode\": \"git\"}\n=======\n{}\n>>>>>>> origin/main\n";

/// What can stand in a manifest that is none.
const NONSENSE: [&str; 7] = [
    "",
    "null",
    "[]",
    "{\"version\": \"4",
    CONFLICT,
    "{\"machineSlug\": \"test-host\", \"sessions\": {\"files\": 1e400}}",
    "{\"machineSlug\": 7, \"sessions\": [], \"machines\": {}, \"lastRun\": \"x\"}",
];

/// The one at the root, which nobody tracks, and this machine's own.
fn both(home: &Sandbox, text: &str) {
    put(&home.backup("manifest.json"), text);
    put(&home.stored("manifest.json"), text);
}

fn told(exhibit: &Exhibit) -> (serde_json::Value, serde_json::Value) {
    let status = exhibit.home.json(&["status"]);
    (status["machineSlug"].clone(), status["sessions"]["files"].clone())
}

#[test]
fn nonsense_in_the_work_tree() {
    for text in NONSENSE {
        let exhibit = Exhibit::broken(|home| both(home, text)).status(0, "was damaged");
        assert_eq!(told(&exhibit), ("test-host".into(), 3.into()), "{text}");
        exhibit.verify(&[]).gives_all().sync(0, "").now_whole_with(4);
    }
}

#[test]
fn nonsense_that_was_committed_as_the_shell_tool_commits_its_merges() {
    for text in NONSENSE {
        let exhibit = Exhibit::broken(|home| {
            both(home, text);
            commit_by_hand(home);
        });
        assert_eq!(told(&exhibit), ("test-host".into(), 3.into()), "{text}");
        exhibit.verify(&[]).gives_all().sync(0, "").now_whole_with(5);
    }
}

#[test]
fn a_machine_that_is_somewhere_else() {
    for slug in ["../../work", "/work", "..", "", "other", "-rf", "\\u001b[2J"] {
        let text = format!(
            "{{\"machineSlug\": \"{slug}\", \"machine\": \"{slug}\", \"version\": \"3.2.5\"}}"
        );
        let exhibit = Exhibit::broken(|home| {
            home.write("work/projects/important/x.txt", "mine");
            both(home, &text);
        });
        assert_eq!(told(&exhibit), ("test-host".into(), 3.into()), "{slug}");
        let exhibit = exhibit.sync(0, "").now_whole_with(4);
        assert_eq!(exhibit.home.read("work/projects/important/x.txt"), b"mine");
        assert!(!exhibit.home.home("work/manifest.json").exists());
    }
}

#[test]
fn a_mode_and_a_schedule_that_only_a_manifest_claims() {
    let exhibit = Exhibit::broken(|home| {
        both(
            home,
            "{\"machineSlug\": \"test-host\", \"mode\": \"github\", \"schedule\": \"hourly\"}",
        );
    });
    let status = exhibit.home.json(&["status"]);
    assert_eq!((&status["mode"], &status["schedule"]), (&"local".into(), &"".into()));
    exhibit.sync(0, "").now_whole_with(4);
}

#[test]
fn escape_sequences_and_huge_numbers() {
    let most = u64::MAX;
    let text = format!(
        r#"{{"machineSlug":"test-host","machine":"\u001b]0;x\u0007","backupSize":"\u001b[2J",
            "sessions":{{"files":{most},"sizeBytes":{most},"uncompressedBytes":{most}}},
            "machines":[{{"slug":"../../x\u001b[2J","machine":"\u001b[2J","lastSync":"\u001b[2J",
                "sessionCount":{most},"backupSizeBytes":{most}}}],
            "lastRun":{{"at":"\u001b[2J","result":"\u001b[2J","error":"\u001b[2J\nhint: x"}},
            "lastPush":{{"tried":"\u001b[2J","error":"\u001b[2J","transport":"\u001b[2J"}},
            "\u001b[2J":"\u001b[2J"}}"#
    );
    let exhibit = Exhibit::broken(|home| both(home, &text));
    for arguments in [&["status"][..], &["restore", "--list"], &["verify"], &["sync"], &["status"]]
    {
        for screen in [exhibit.home.run(arguments), exhibit.home.run_on_terminal(80, arguments)] {
            assert!(!screen.both().contains('\u{1b}'), "{arguments:?}: {}", screen.both());
        }
    }
    exhibit.sync(0, "").now_whole();
}

#[test]
fn the_ids_of_two_machines_in_one_manifest() {
    // As a textual merge without conflict leaves it: the second key counts for nobody.
    let exhibit = Exhibit::broken(|home| {
        let text = std::fs::read_to_string(home.stored("manifest.json")).unwrap();
        let twice = text.replacen('{', "{\"machineId\": \"ffffffffffffffffffffffffffffffff\",", 1);
        both(home, &twice);
        commit_by_hand(home);
    });
    exhibit.verify(&[]).sync(0, "").now_whole_with(5);
}
