//! `restore --list` and its filters: what is there, whatever happened to the files about it.

use std::fs;

use serde_json::{Value, json};

use crate::fixture::{self, A, B, C, D, E, EMPTY, F, H};
use crate::sandbox::Sandbox;

fn ids(document: &Value) -> Vec<&str> {
    let sessions = document["sessions"].as_array().unwrap();
    sessions.iter().map(|session| session["uuid"].as_str().unwrap()).collect()
}

#[test]
fn the_list_fits_every_terminal() {
    let sandbox = fixture::home();
    sandbox.init();
    sandbox.remove(sandbox.session(fixture::ALPHA, B)).sync();
    for width in [140, 80, 40, 20] {
        let ran = sandbox.run_on_terminal(width, &["restore", "--list"]).success();
        insta::assert_snapshot!(format!("list_{width}"), ran.both());
    }
    insta::assert_snapshot!("list_piped", sandbox.run(&["restore", "--list"]).success().both());
}

#[test]
fn the_list_has_the_old_keys_and_the_new_ones() {
    let sandbox = fixture::home();
    sandbox.init();
    insta::assert_json_snapshot!(sandbox.steady(&sandbox.json(&["restore", "--list"])));
}

#[test]
fn filters_combine() {
    let sandbox = fixture::home();
    sandbox.init();
    sandbox.remove(sandbox.session(fixture::ALPHA, B)).sync();
    for (filters, expected) in [
        (&["--project", "alpha"][..], &[A, B][..]),
        (&["--project", "ALPHA-APP", "--last", "1"], &[A]),
        (&["--project", "work/alpha/app"], &[B]),
        (&["--date", "2026-10"], &[B]),
        (&["--date", "2026-11-16", "--project", "gamma", "--last", "2"], &[H, E]),
        (
            &[
                "--since",
                "2026-11-16",
                "--until",
                "2026-11-16",
                "--project",
                "gamma",
                "--last",
                "1",
            ],
            &[H],
        ),
        (&["--until", "2026-11-01"], &[B]),
        (&["--list", "--gone"], &[B]),
        (&["--list", "--gone", "--project", "gamma"], &[]),
        (&["--list", "--machine", "test-host", "--gone"], &[B]),
        (&["--last", "0"], &[]),
    ] {
        let list = sandbox.json(&[&["restore"], filters].concat());
        assert_eq!(ids(&list), expected, "{filters:?}");
    }
}

#[test]
fn the_newest_is_first_and_ten_are_enough() {
    let sandbox = Sandbox::new();
    for number in 0..12 {
        let id = format!("{number:08}-0000-4000-8000-000000000000");
        sandbox.write_session("-p", &id, number + 1);
    }
    sandbox.init();
    let list = sandbox.json(&["restore", "--last"]);
    let ids = ids(&list);
    assert_eq!(ids.len(), 10);
    assert!(ids[0].starts_with("00000011") && ids[9].starts_with("00000002"), "{ids:?}");
}

#[test]
fn a_filter_that_is_no_date_is_refused_instead_of_finding_nothing() {
    let sandbox = fixture::home();
    sandbox.init();
    for flag in ["--date", "--since", "--until"] {
        for value in
            ["yesterday", "20-11-2026", "", "2026-13-45", "2026-02-30", "2026-00", "2026-11-31"]
        {
            let argument = format!("{flag}={value}");
            let error = sandbox.run(&["restore", &argument, "--json"]).fails(2).json_error();
            assert_eq!(error["code"], "usage", "{argument}");
        }
    }
    assert_eq!(
        sandbox.run(&["restore", "--last", "many", "--json"]).fails(2).json_error()["code"],
        "usage"
    );
    let error =
        sandbox.run(&["restore", "--list", "--machine", "../x", "--json"]).fails(1).json_error();
    assert_eq!(
        (error["code"].as_str(), error["hint"].as_str()),
        (Some("not-found"), Some("machines: test-host"))
    );
}

#[test]
fn a_month_may_start_or_end_a_range() {
    let sandbox = fixture::home();
    sandbox.init();
    let of = |flag: &str, month: &str| {
        let list = sandbox.json(&["restore", flag, month]);
        ids(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("--until", "2026-10"), of("--until", "2026-10-31"));
    assert_eq!(of("--since", "2026-11"), of("--since", "2026-11-01"));
    assert_eq!(of("--date", "2026-1"), of("--since", "2026-10"), "half a month is typed");
}

#[test]
fn a_filter_that_matches_nothing_says_how_many_there_are_without_it() {
    let sandbox = fixture::home();
    sandbox.init();
    let filters = ["restore", "--list", "--project", "nope", "--since", "2026-11-01", "--gone"];
    let screen = sandbox.run(&filters).success().screen();
    assert_eq!(
        screen,
        "No session matches --project nope --since 2026-11-01 --gone; the backup has 8 sessions\n"
    );
    assert_eq!(sandbox.json(&filters), json!({"ok": true, "sessions": [], "total": 8}));
    let error = sandbox.run(&["peek", A, "--project", "nope", "--json"]).fails(1).json_error();
    let message = format!("no session matches `{A}` with --project nope");
    assert_eq!(error["error"], message.as_str());
}

#[test]
fn a_slash_behind_a_project_does_not_matter() {
    let sandbox = fixture::home();
    sandbox.init();
    let of = |project: &str| sandbox.json(&["restore", "--list", "--project", project]);
    assert_eq!(of("/home/dev/work/alpha-app/"), of("/home/dev/work/alpha-app"));
    assert_eq!(ids(&of("work/alpha/app//")), [B]);
    assert!(ids(&of("/")).contains(&A), "a slash alone is in every path");
}

#[test]
fn a_hostile_title_is_harmless_on_screen_and_whole_in_json() {
    let sandbox = Sandbox::new();
    let title = "\u{1b}]0;owned\u{7}\u{1b}[2J red \u{202e}gpj.exe\u{2066} | \"quoted\" \\";
    let record = json!({"type": "custom-title", "customTitle": title});
    let project = "-p \"x\" \\ | \u{9b}31m";
    sandbox.write(sandbox.session(project, "id \"1\" |"), format!("{record}\n")).init();
    for arguments in [&["restore", "--list"][..], &["peek", "id"], &["status"], &["versions", "id"]]
    {
        let ran = sandbox.run(arguments).success();
        let is_harmful = |c: char| {
            c.is_control() && c != '\n'
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        assert!(!ran.screen().chars().any(is_harmful), "{}", ran.screen());
    }
    let list = sandbox.json(&["restore", "--list"]);
    assert_eq!(list["sessions"][0]["title"], title);
    sandbox.remove(".claude");
    sandbox.run(&["restore", "id \"1\" |"]).success();
    assert!(sandbox.session(project, "id \"1\" |").is_file());
}

#[test]
fn a_missing_or_damaged_index_is_not_an_empty_backup() {
    let sandbox = fixture::home();
    sandbox.init();
    let index = sandbox.backup("session-index.json");
    let whole = sandbox.json(&["restore", "--list"]);
    let bytes = fs::read(&index).unwrap();
    for damage in [&b""[..], b"{", b"[]", b"null", b"{\"sessions\":7}", &bytes[..bytes.len() / 2]] {
        fs::write(&index, damage).unwrap();
        assert_eq!(sandbox.json(&["restore", "--list"])["sessions"], whole["sessions"]);
        let ran = sandbox.run(&["restore", "--list"]).success();
        assert!(
            ran.talk().contains("session-index.json` was damaged; made anew"),
            "{}",
            ran.talk()
        );
    }
    sandbox.sync();
    assert_eq!(sandbox.run(&["restore", "--list"]).success().talk(), "", "sync mended it");
    fs::remove_file(&index).unwrap();
    assert_eq!(sandbox.json(&["restore", "--list"])["sessions"], whole["sessions"]);
    sandbox.sync();
    assert!(index.is_file());
}

#[test]
fn a_damaged_ledger_is_taken_from_git() {
    let sandbox = fixture::home();
    sandbox.init();
    let whole = sandbox.json(&["restore", "--list"]);
    fs::remove_file(sandbox.backup("session-index.json")).unwrap();
    for entry in fs::read_dir(sandbox.stored("ledger")).unwrap() {
        fs::write(entry.unwrap().path(), "{\"path\":\n").unwrap();
    }
    assert_eq!(sandbox.json(&["restore", "--list"])["sessions"], whole["sessions"]);
    assert!(
        sandbox
            .run(&["restore", "--list"])
            .success()
            .talk()
            .contains("was damaged; taken from git")
    );
    sandbox.remove(".claude");
    sandbox.run(&["restore", "--all"]).success();
    assert!(sandbox.session(fixture::ALPHA, A).is_file());
}

#[test]
fn everything_odd_is_listed() {
    let sandbox = fixture::home();
    sandbox.init();
    let list = sandbox.json(&["restore", "--list"]);
    let mut ids = ids(&list);
    ids.sort_unstable();
    let mut expected = [A, B, C, D, E, EMPTY, F, H];
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

#[test]
fn an_empty_backup_says_so() {
    let sandbox = Sandbox::new();
    sandbox.init();
    insta::assert_snapshot!(sandbox.run(&["restore", "--list"]).success().both());
    assert_eq!(sandbox.json(&["restore", "--list"]), json!({"ok": true, "sessions": []}));
}
