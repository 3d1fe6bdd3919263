//! Words of others that want to move a cursor, turn the reading direction or look like our own.

use std::path::Path;

use serde_json::json;

use super::{Exhibit, KEPT, put};
use crate::sandbox::{Sandbox, set_mode};

const ID: &str = "eeeeeeee-5555-4555-8555-555555555555";
/// Clears the screen, sets the title, is one letter where C1 counts, and turns around.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;pwned\u{7}\u{9b}31m\u{202e}txt\r\u{8}x\u{2066}";

const SCREENS: [&[&str]; 14] = [
    &["status"],
    &["restore", "--list"],
    &["restore", "--list", "--project", "evil"],
    &["peek", ID],
    &["versions", ID],
    &["verify"],
    &["verify", "--read"],
    &["restore", ID],
    &["restore", ID, "--force"],
    &["restore", "--all", "--dry-run"],
    &["restore", "no-such-\u{1b}[2J"],
    &["sync", "--dry-run"],
    &["sync", "--full"],
    &["backend", "show"],
];

fn is_calm(screen: &str) -> bool {
    screen.chars().all(|c| !is_harmful(c))
}

fn is_harmful(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && c != '\n')
}

fn all_are_calm(home: &Sandbox) {
    for arguments in SCREENS {
        for width in [40, 80, 200] {
            let both = home.run_on_terminal(width, arguments).both();
            assert!(is_calm(&both), "{arguments:?}: {both:?}");
        }
        let both = home.run(arguments).both();
        assert!(is_calm(&both), "{arguments:?}: {both:?}");
        let json = home.run(&[arguments, &["--json"]].concat()).both();
        assert!(!json.contains(['\u{1b}', '\r', '\u{8}']), "{arguments:?}: {json:?}");
    }
}

/// A session whose every field is evil, in a project whose name is as well.
fn evil_session(home: &Sandbox) {
    let records = [
        json!({"type": "ai-title", "aiTitle": EVIL, "sessionId": ID}),
        json!({"type": "custom-title", "customTitle": EVIL, "sessionId": ID}),
        json!({"type": "summary", "summary": EVIL}),
        json!({
            "type": "user", "uuid": EVIL, "sessionId": ID, "cwd": format!("/home/{EVIL}"),
            "gitBranch": EVIL, "timestamp": "2026-11-19T00:00:00.000Z", "version": EVIL,
            "message": {"role": "user", "content": EVIL},
        }),
        json!({
            "type": "assistant", "uuid": "b", "sessionId": ID, "timestamp": EVIL,
            "message": {"id": EVIL, "role": "assistant", "model": EVIL, "content": [
                {"type": "text", "text": EVIL}, {"type": "tool_use", "name": EVIL, "input": {}},
            ]},
        }),
    ];
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    home.write(home.session(&format!("-evil-{EVIL}").replace('/', "-"), ID), text);
    home.write(home.claude(format!("skills/{EVIL}/SKILL.md").replace("\u{1b}]0;", "")), "x");
}

#[test]
fn titles_previews_paths_and_projects() {
    let exhibit = Exhibit::good();
    evil_session(&exhibit.home);
    let exhibit = exhibit.sync(0, "");
    all_are_calm(&exhibit.home);
    // Shorter at the source, so that there is a version to tell of.
    let file = exhibit.home.session(&format!("-evil-{EVIL}"), ID);
    exhibit.home.write(file, "{\"type\":\"user\"}\n");
    all_are_calm(&exhibit.sync(0, "").home);
}

#[test]
fn names_that_cannot_be_saved_and_links_that_lead_nowhere() {
    let exhibit = Exhibit::good();
    let home = &exhibit.home;
    home.link(home.claude(format!("projects/-p/{EVIL}.jsonl")), format!("/nowhere/{EVIL}"));
    home.write(home.claude(format!("skills/{EVIL}/.env")), "SECRET=1");
    home.write(home.claude(format!("skills/{EVIL}/id_rsa")), "SECRET");
    std::fs::create_dir_all(home.session("-p", &format!("{EVIL}x"))).unwrap();
    let ran = home.run_on_terminal(80, &["sync"]);
    assert!(is_calm(&ran.both()), "{:?}", ran.both());
    all_are_calm(home);
}

#[test]
fn damaged_files_whose_names_are_told() {
    let exhibit = Exhibit::good();
    evil_session(&exhibit.home);
    let exhibit = exhibit.sync(0, "");
    for entry in walkdir::WalkDir::new(exhibit.home.stored("projects")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            put(entry.path(), "not an archive");
        }
    }
    put(&exhibit.home.backup("manifest.json"), EVIL);
    put(&exhibit.home.stored(format!("ledger/{EVIL}.jsonl").replace('/', "/")), EVIL);
    all_are_calm(&exhibit.home);
}

#[test]
fn what_a_remote_says_when_it_refuses() {
    let exhibit = Exhibit { home: Exhibit::good().home.with_git(), saved: 40 };
    let remote = exhibit.home.home("remote.git");
    git2::Repository::init_bare(&remote).unwrap();
    let url = remote.to_str().unwrap();
    exhibit.home.run(&["backend", "set", "git", "--remote", url]).success();
    refuse_with(&remote, EVIL);
    let exhibit = exhibit.sync(3, "");
    all_are_calm(&exhibit.home);
}

fn refuse_with(remote: &Path, words: &str) {
    put(&remote.join("words"), words);
    let hook = remote.join("hooks/pre-receive");
    put(&hook, format!("#!/bin/sh\ncat '{}' >&2\nexit 1\n", remote.join("words").display()));
    set_mode(&hook, 0o755);
}

#[test]
fn an_address_with_more_in_it_than_an_address() {
    let exhibit = Exhibit::good();
    exhibit.home.git(&["config", "remote.origin.url", &format!("https://git.example/{EVIL}")]);
    exhibit.home.git(&["config", "claude-backup.mode", "git"]);
    all_are_calm(&exhibit.home);
    let ran = exhibit.home.run(&["restore", KEPT.id, "--stdout"]).success();
    assert_eq!(ran.bytes(), exhibit.text(KEPT).as_bytes());
}
