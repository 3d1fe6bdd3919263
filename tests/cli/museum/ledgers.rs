//! Ledgers: lost, torn, doubled, merged as text, or written by somebody who means ill.

use serde_json::{Value, json};

use super::{EARLIER, Exhibit, GONE, KEPT, LEDGER, commit_by_hand, edit_lines, put, take};
use crate::sandbox::Sandbox;

fn text(home: &Sandbox) -> String {
    std::fs::read_to_string(home.backup(LEDGER)).unwrap()
}

/// Puts this in the place of the project's ledger, and commits it.
fn committed(home: &Sandbox, text: impl AsRef<[u8]>) {
    put(&home.backup(LEDGER), text);
    commit_by_hand(home);
}

#[test]
fn anything_in_the_work_tree_costs_nothing() {
    let torn = |home: &Sandbox| text(home)[..300].to_owned();
    let lineless = |home: &Sandbox| text(home).lines().skip(1).collect::<String>();
    let mishaps: [&dyn Fn(&Sandbox); 6] = [
        &|home| take(&home.backup(LEDGER)),
        &|home| take(home.backup(LEDGER).parent().unwrap()),
        &|home| put(&home.backup(LEDGER), ""),
        &|home| put(&home.backup(LEDGER), b"\xff\xfe garbage \0\n"),
        &|home| put(&home.backup(LEDGER), torn(home)),
        &|home| put(&home.backup(LEDGER), lineless(home)),
    ];
    for mishap in mishaps {
        Exhibit::broken(mishap).verify(&[]).gives_all().sync(0, "").now_whole_with(4);
    }
}

#[test]
fn every_line_twice() {
    Exhibit::broken(|home| committed(home, text(home).repeat(2)))
        .verify(&[])
        .gives_all()
        .sync(0, "")
        .now_whole_with(5);
}

#[test]
fn conflict_markers_around_both_sides() {
    Exhibit::broken(|home| {
        let lines = text(home);
        committed(home, format!("<<<<<<< HEAD\n{lines}=======\n{lines}>>>>>>> other\n"));
    })
    .verify(&["line-damaged"])
    .gives_all()
    .sync(0, "")
    .gives_all();
}

#[test]
fn lines_that_lead_elsewhere_or_claim_the_impossible() {
    let path = "projects/-p/dddddddd-4444-4444-8444-444444444444.jsonl";
    let edits: [(&str, Value); 12] = [
        ("path", json!("../../../work/x.jsonl")),
        ("path", json!("/etc/hostname")),
        ("path", json!("projects/-p/../../x.jsonl")),
        ("path", json!("projects/-p/\u{1b}[2J.jsonl")),
        ("path", json!("config/.git/hooks/pre-commit")),
        ("length", json!(u64::MAX)),
        ("length", json!(i64::MAX)),
        ("parts", json!([])),
        ("parts", json!([{"length": u64::MAX, "uncompressed": u64::MAX, "blob": "0".repeat(40)}])),
        ("at", json!("../../../etc/hostname")),
        ("mode", json!("7777777")),
        ("modified", json!("+262142-12-31T23:59:59Z")),
    ];
    for (field, value) in edits {
        let exhibit = Exhibit::broken(|home| {
            let mut line: Value = serde_json::from_str(text(home).lines().next().unwrap()).unwrap();
            line["path"] = path.into();
            line[field] = value.clone();
            committed(home, format!("{}{line}\n", text(home)));
        });
        assert_ne!(exhibit.problems(&["--read"]), [""; 0], "{field}: {value}");
        exhibit.home.remove(".claude");
        let ran = exhibit.home.run(&["restore", "--all"]);
        assert!(matches!(ran.code(), 0 | 1), "{field}: {value}: {}", ran.both());
        assert!(!exhibit.home.home("work").exists() && !exhibit.home.claude(".git").exists());
        let exhibit = exhibit.gives_all();
        let ran = exhibit.home.run(&["sync"]);
        assert!(matches!(ran.code(), 0 | 3), "{field}: {value}: {}", ran.both());
        exhibit.gives_all();
    }
}

#[test]
fn a_line_that_promises_other_bytes() {
    Exhibit::broken(|home| {
        edit_lines(home, |line| {
            if line["path"].as_str().unwrap().contains(GONE.id) {
                line["sha256"] = "0".repeat(64).into();
            }
        });
        commit_by_hand(home);
    })
    .gives_all_but(&[GONE])
    .verify(&[])
    .read(&["wrong-content"])
    .sync(0, "")
    .gives_all_but(&[GONE]);
}

#[test]
fn a_line_that_promises_less_than_its_archive_has() {
    Exhibit::broken(|home| {
        edit_lines(home, |line| {
            if line["path"].as_str().unwrap().contains(GONE.id) {
                line["length"] = 3.into();
            }
        });
        commit_by_hand(home);
    })
    .gives_all_but(&[GONE])
    .read(&["wrong-content"]);
}

#[test]
fn deeply_nested_json_and_a_line_without_end() {
    for line in ["[".repeat(500_000), format!("{{\"path\": \"{}\"}}", "x/".repeat(500_000))] {
        Exhibit::broken(|home| committed(home, format!("{}{line}", text(home))))
            .verify(&["line-damaged"])
            .gives_all()
            .sync(0, "")
            .gives_all();
    }
}

#[test]
fn a_line_that_somebody_removed() {
    for piece in [GONE, KEPT] {
        Exhibit::broken(|home| {
            let lines = text(home);
            let kept = lines.lines().filter(|line| !line.contains(piece.id));
            committed(home, kept.map(|line| format!("{line}\n")).collect::<String>());
        })
        .verify(&["unlisted"])
        .repair(&[])
        .gives_all()
        .sync(0, "")
        .now_whole();
    }
}

#[test]
fn a_line_that_somebody_removed_and_nobody_noticed_for_a_while() {
    Exhibit::broken(|home| {
        let lines = text(home);
        let kept = lines.lines().filter(|line| line.contains(KEPT.id));
        committed(home, kept.map(|line| format!("{line}\n")).collect::<String>());
    })
    .sync(0, "")
    .gives_all_but(&[GONE, EARLIER])
    .verify(&["unlisted"])
    .says(&["verify"], 1, "claude-backup verify --repair")
    .repair(&[])
    .sync(0, "")
    .now_whole();
}

#[test]
fn a_ledger_of_garbage_an_empty_one_and_none() {
    let mishaps: [&dyn Fn(&Sandbox); 3] = [
        &|home| committed(home, ""),
        &|home| {
            take(&home.backup(LEDGER));
            commit_by_hand(home);
        },
        &|home| {
            take(home.backup(LEDGER).parent().unwrap());
            commit_by_hand(home);
        },
    ];
    for mishap in mishaps {
        let exhibit = Exhibit::broken(mishap).verify(&["unlisted"]).repair(&[]).gives_all();
        exhibit.sync(0, "").now_whole();
        let exhibit = Exhibit::broken(mishap).sync(0, "").gives_all_but(&[GONE, EARLIER]);
        exhibit.verify(&["unlisted"]).repair(&[]).now_whole();
    }
    Exhibit::broken(|home| committed(home, b"\xff\xfe garbage \0\n"))
        .verify(&["line-damaged", "unlisted"])
        .repair(&["line-damaged"])
        .gives_all()
        .sync(0, "")
        .gives_all();
}
