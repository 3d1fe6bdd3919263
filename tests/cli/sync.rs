//! `sync`: what is saved, and that nothing is ever lost by it.

use std::time::{Duration, SystemTime};

use crate::sandbox::{Sandbox, conversation, mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

#[test]
fn a_session_is_saved_and_comes_back_byte_for_byte() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-home-dev-alpha", ID, 4).init().assert_git_clean();
    let original = std::fs::read(sandbox.session("-home-dev-alpha", ID)).unwrap();
    sandbox.remove(".claude");
    sandbox.run(&["restore", "--all"]).success();
    let path = sandbox.session("-home-dev-alpha", ID);
    assert_eq!(std::fs::read(&path).unwrap(), original);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn nothing_new_makes_no_commit() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    let before = sandbox.commits();
    let outcome = sandbox.sync();
    assert_eq!(outcome["commit"], serde_json::Value::Null);
    assert_eq!(sandbox.commits(), before);
    sandbox.assert_git_clean();
}

#[test]
fn growth_is_saved_as_growth() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 400).init();
    sandbox.append_session("-p", ID, 400..420);
    let outcome = sandbox.sync();
    assert_eq!(outcome["grown"], 1);
    assert_eq!(outcome["newVersions"], serde_json::json!([]));
    sandbox.assert_git_clean();
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    let text = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(text, conversation(ID, 0..420));
}

#[test]
fn a_session_replaced_by_a_stub_keeps_its_messages() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 40).init();
    sandbox.write(sandbox.session("-p", ID), "{\"type\":\"custom-title\",\"customTitle\":\"x\"}\n");
    let outcome = sandbox.sync();
    assert_eq!(outcome["newVersions"][0]["lostMessages"], 40);
    sandbox.assert_git_clean();
    sandbox.run(&["restore", ID, "--force"]).success();
    let text = std::fs::read_to_string(sandbox.session("-p", ID)).unwrap();
    assert_eq!(text, conversation(ID, 0..40));
}

#[test]
fn what_vanishes_at_the_source_stays_in_the_backup() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.remove(".claude/projects/-p");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["sessions"]["removed"], &outcome["goneAtSource"]), (&0.into(), &1.into()));
    assert_eq!(sandbox.json(&["restore", "--list", "--gone"])["sessions"][0]["uuid"], ID);
    sandbox.assert_git_clean();
}

#[test]
fn a_wiped_home_that_is_used_once_takes_nothing_from_the_backup() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).write_session("-q", OTHER, 4).init();
    sandbox.remove(".claude").write_session("-new", "33333333-3333-4333-8333-333333333333", 2);
    let outcome = sandbox.sync();
    assert_eq!(outcome["sessions"], serde_json::json!({"added": 1, "updated": 0, "removed": 0}));
    assert_eq!(outcome["totalSessions"], 3);
    sandbox.assert_git_clean();
    assert_eq!(sandbox.json(&["restore", "--all"])["restored"], 2);
    assert_eq!(sandbox.read(sandbox.session("-p", ID)), conversation(ID, 0..4).into_bytes());
    assert_eq!(sandbox.read(sandbox.session("-q", OTHER)), conversation(OTHER, 0..4).into_bytes());
}

#[test]
fn new_content_with_an_older_time_is_saved() {
    let sandbox = Sandbox::new();
    let files =
        [sandbox.session("-p", ID), sandbox.claude("CLAUDE.md"), sandbox.claude("history.jsonl")];
    for file in &files {
        sandbox.write(file, "{\"n\":1}\n");
    }
    sandbox.init();
    for file in &files {
        let earlier = sandbox.modified(file) - Duration::from_secs(3600);
        sandbox.append(file, "{\"n\":2}\n").set_modified(file, earlier);
    }
    assert_eq!(sandbox.sync()["files"]["updated"], 3);
    sandbox.assert_git_clean().wipe_and_restore();
    for file in &files {
        assert_eq!(sandbox.read(file), b"{\"n\":1}\n{\"n\":2}\n");
    }
}

#[test]
fn new_content_of_the_same_length_and_time_is_saved() {
    let sandbox = Sandbox::new();
    let files = [sandbox.session("-p", ID), sandbox.claude("CLAUDE.md")];
    for file in &files {
        sandbox.write(file, "one\n");
    }
    sandbox.init();
    for file in &files {
        let time = sandbox.modified(file);
        sandbox.write(file, "two\n").set_modified(file, time);
    }
    assert_eq!(sandbox.sync()["files"]["updated"], 2);
    sandbox.assert_git_clean().wipe_and_restore();
    files.iter().for_each(|file| assert_eq!(sandbox.read(file), b"two\n"));
}

#[test]
fn a_clock_set_back_hides_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.pass_minutes(-60 * 24 * 400).append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_eq!(sandbox.sync()["commit"], serde_json::Value::Null);
    sandbox.assert_git_clean().wipe_and_restore();
    assert_eq!(sandbox.read(sandbox.session("-p", ID)), conversation(ID, 0..6).into_bytes());
}

#[test]
fn a_time_in_the_future_is_not_saved_again_at_each_run() {
    let sandbox = Sandbox::new();
    let (session, config) = (sandbox.session("-p", ID), sandbox.claude("CLAUDE.md"));
    let next_year = SystemTime::now() + Duration::from_secs(3600 * 24 * 365);
    sandbox.write_session("-p", ID, 4).write(&config, "x");
    sandbox.set_modified(&session, next_year).set_modified(&config, next_year).init();
    let outcome = sandbox.sync();
    assert_eq!((&outcome["commit"], &outcome["bytesRead"]), (&serde_json::Value::Null, &0.into()));
    sandbox.append_session("-p", ID, 4..6).set_modified(&session, next_year);
    assert_eq!(sandbox.sync()["grown"], 1);
    sandbox.assert_git_clean();
}

#[test]
fn a_session_that_cannot_be_read_keeps_its_good_backup_and_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).write_session("-p", OTHER, 4).init();
    let (session, aside) = (sandbox.session("-p", ID), sandbox.home("aside.jsonl"));
    sandbox.rename(&session, &aside).link(&session, "/nonexistent");
    sandbox.append_session("-p", OTHER, 4..6);
    for grown in [1, 0] {
        let ran = sandbox.run(&["sync", "--json"]).fails(3);
        let outcome = ran.json();
        assert_eq!(outcome["unreadable"][0]["path"], session.to_str().unwrap());
        assert_eq!((&outcome["grown"], &outcome["goneAtSource"]), (&grown.into(), &0.into()));
    }
    sandbox.assert_git_clean();
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..4).into_bytes());
    sandbox.remove(&session).rename(&aside, &session).append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..6).into_bytes());
}

#[test]
fn a_folder_named_like_a_session_stops_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.rename(sandbox.session("-p", ID), "aside.jsonl");
    sandbox.write(sandbox.session("-p", ID).join("note.txt"), "x").write_session("-p", OTHER, 4);
    let outcome = sandbox.sync();
    assert_eq!(outcome["sessions"]["added"], 1);
    sandbox.assert_git_clean();
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..4).into_bytes());
    assert_eq!(sandbox.read(sandbox.stored(format!("projects/-p/{ID}.jsonl/note.txt"))), b"x");
}

#[test]
fn a_line_that_was_half_written_at_one_run_is_whole_at_the_next() {
    let sandbox = Sandbox::new();
    let (session, text) = (sandbox.session("-p", ID), conversation(ID, 0..6).into_bytes());
    let time = SystemTime::now() - Duration::from_secs(3600);
    sandbox.write(&session, &text[..text.len() / 2]).set_modified(&session, time).init();
    assert_eq!(sandbox.version(ID, 0), text[..text.len() / 2]);
    for end in [text.len() / 2 + 1, text.len() - 1, text.len()] {
        sandbox.write(&session, &text[..end]).set_modified(&session, time);
        assert_eq!(sandbox.sync()["grown"], 1);
        assert_eq!(sandbox.version(ID, 0), text[..end]);
    }
    assert_eq!(sandbox.versions(ID).len(), 1);
    sandbox.assert_git_clean();
}

#[test]
fn a_backup_that_was_cloned_anew_still_sees_local_changes() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 40).init();
    sandbox.append_session("-p", ID, 40..42);
    sandbox.rename(".claude-backup", "original");
    let (from, to) = (sandbox.home("original"), sandbox.backup(""));
    let status = std::process::Command::new("git")
        .args(["clone", "--quiet", from.to_str().unwrap(), to.to_str().unwrap()])
        .status();
    assert!(status.unwrap().success());
    sandbox.git(&["remote", "remove", "origin"]);
    let outcome = sandbox.sync();
    assert_eq!((&outcome["grown"], &outcome["totalSessions"]), (&1.into(), &1.into()));
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..42).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn a_damaged_archive_is_never_built_upon() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 400).init();
    let archive = sandbox.stored(format!("projects/-p/{ID}.jsonl.gz"));
    for (damage, messages) in [(0, 410), (30, 420)] {
        let mut bytes = sandbox.read(&archive);
        bytes.truncate(damage);
        sandbox.write(&archive, bytes).append_session("-p", ID, messages - 10..messages);
        sandbox.remove(".claude-backup/.git/claude-backup/cache");
        assert_eq!(sandbox.sync()["grown"], 1);
        let whole = conversation(ID, 0..messages).into_bytes();
        assert_eq!(sandbox.unzipped(format!("projects/-p/{ID}.jsonl.gz")), whole);
        sandbox.assert_git_clean();
    }
    sandbox.write(&archive, "").sync();
    sandbox.remove(".claude").run(&["restore", "--all"]).success();
    assert_eq!(sandbox.read(sandbox.session("-p", ID)), conversation(ID, 0..420).into_bytes());
}

#[test]
fn everything_that_belongs_to_a_session_is_saved_with_it() {
    let sandbox = Sandbox::new();
    let below = sandbox.session("-p", ID).with_extension("");
    let files = [
        below.join("subagents/agent-a.jsonl"),
        below.join("subagents/agent-a.meta.json"),
        below.join("subagents/workflows/wf_1/journal.jsonl"),
        below.join("tool-results/out.txt"),
        sandbox.session("-p", "agent-b"),
        sandbox.claude("projects/-p/memory/MEMORY.md"),
        sandbox.claude("projects/-p/memory/deep/more.md"),
    ];
    sandbox.write_session("-p", ID, 4);
    for file in &files {
        sandbox.write(file, file.to_str().unwrap());
    }
    sandbox.init().assert_git_clean();
    assert_eq!(sandbox.wipe_and_restore()["files"]["restored"], 8);
    for file in &files {
        assert_eq!(sandbox.read(file), file.to_str().unwrap().as_bytes());
    }
}

#[test]
fn an_empty_session_is_saved_and_grows() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.session("-p", ID), "").init().assert_git_clean();
    assert_eq!(sandbox.unzipped(format!("projects/-p/{ID}.jsonl.gz")), b"");
    assert_eq!(sandbox.wipe_and_restore()["restored"], 1);
    assert_eq!(sandbox.read(sandbox.session("-p", ID)), b"");
    assert_eq!(sandbox.sync()["commit"], serde_json::Value::Null);
    sandbox.write_session("-p", ID, 2);
    assert_eq!(sandbox.sync()["grown"], 1);
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..2).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn any_bytes_come_back() {
    let sandbox = Sandbox::new();
    let bytes = b"\0\xff\xfe{\"a\":\r\n}\r\n\xed\xa0\x80\n\n\0torn";
    sandbox.write(sandbox.session("-p", ID), bytes).init().assert_git_clean();
    assert_eq!(sandbox.version(ID, 0), bytes);
    assert_eq!(sandbox.unzipped(format!("projects/-p/{ID}.jsonl.gz")), bytes);
    sandbox.wipe_and_restore();
    assert_eq!(sandbox.read(sandbox.session("-p", ID)), bytes);
}

#[test]
fn twenty_small_appends_to_a_large_session_cost_little() {
    let sandbox = Sandbox::new();
    let noise = |seed: u32| {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + u8::try_from(state >> 28).unwrap())
        };
        (0..1000).map(|_| next()).chain(['\n']).collect::<String>()
    };
    let session = sandbox.session("-p", ID);
    let mut text: String = (0..1500).map(noise).collect();
    sandbox.write(&session, &text).init();
    let before = size_of_packs(&sandbox);
    for round in 0..20 {
        text.push_str(&noise(5000 + round));
        sandbox.write(&session, &text);
        assert_eq!(sandbox.sync()["grown"], 1);
    }
    let growth = size_of_packs(&sandbox) - before;
    assert!(growth < before / 2, "{growth} bytes for 20 KB beside {before}");
    assert_eq!(sandbox.version(ID, 0), text.as_bytes());
    sandbox.assert_git_clean();
}

fn size_of_packs(sandbox: &Sandbox) -> u64 {
    let files = walkdir(&sandbox.backup(".git/objects"));
    files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn everything_in_the_backup_is_private() {
    let sandbox = Sandbox::new();
    let config = sandbox.claude("CLAUDE.md");
    sandbox.write_session("-p", ID, 4).write(&config, "x");
    crate::sandbox::set_mode(&config, 0o644);
    sandbox.init();
    sandbox.append_session("-p", ID, 4..6).sync();
    sandbox.write_session("-p", ID, 1).sync();
    // What git itself puts into its folder lies behind that folder's bits.
    for folder in ["", ".git", "machines", "machines/test-host/projects/-p"] {
        assert_eq!(mode(&sandbox.backup(folder)), 0o700, "{folder}");
    }
    let is_ours = |path: &&std::path::PathBuf| !path.starts_with(sandbox.backup(".git"));
    for path in walkdir(&sandbox.backup("")).iter().filter(is_ours) {
        assert_eq!(mode(path) & 0o077, 0, "{}", path.display());
    }
}

fn walkdir(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}
