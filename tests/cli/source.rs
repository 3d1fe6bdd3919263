//! Where things lie at the source: links to other disks, skills that are repositories, odd files.

use crate::sandbox::{Sandbox, conversation};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

#[test]
fn a_linked_project_folder_is_followed() {
    let sandbox = Sandbox::new();
    sandbox.write("bigdisk/p/a.txt", "x").write_session("-q", OTHER, 2);
    sandbox.write(format!("bigdisk/p/{ID}.jsonl"), conversation(ID, 0..4));
    sandbox.link(".claude/projects/-p", sandbox.home("bigdisk/p")).init();
    assert_eq!(
        sandbox.unzipped(format!("projects/-p/{ID}.jsonl.gz")).len(),
        conversation(ID, 0..4).len()
    );
    sandbox.append(format!("bigdisk/p/{ID}.jsonl"), conversation(ID, 4..6));
    assert_eq!(sandbox.sync()["grown"], 1);
    sandbox.assert_git_clean();
}

#[test]
fn a_linked_projects_folder_is_followed() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.rename(".claude/projects", "bigdisk").link(".claude/projects", "../bigdisk");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["goneAtSource"], &outcome["totalSessions"]), (&0.into(), &1.into()));
    sandbox.append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["grown"], 1);
    sandbox.assert_git_clean();
}

#[test]
fn a_link_to_a_disk_that_is_away_forgets_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox.rename(".claude/projects", "bigdisk").link(".claude/projects", "../bigdisk").sync();
    sandbox.rename("bigdisk", "away");
    let outcome = sandbox.run(&["sync", "--json"]).fails(3).json();
    assert_eq!((&outcome["goneAtSource"], &outcome["totalSessions"]), (&0.into(), &1.into()));
    assert_eq!(sandbox.version(ID, 0), conversation(ID, 0..4).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn linked_skills_are_followed_where_that_is_allowed() {
    let sandbox = Sandbox::new();
    sandbox.write("dotfiles/skills/one/SKILL.md", "one").write("elsewhere/two/SKILL.md", "two");
    sandbox.link(".claude/skills", "../dotfiles/skills");
    sandbox.link("dotfiles/skills/two", sandbox.home("elsewhere/two")).init();
    for place in ["~/dotfiles/skills", "~/elsewhere"] {
        sandbox.git(&["config", "--add", "claude-backup.follow", place]);
    }
    sandbox.sync();
    assert_eq!(sandbox.cloned("config/skills/one/SKILL.md"), b"one");
    assert_eq!(sandbox.cloned("config/skills/two/SKILL.md"), b"two");
    sandbox.assert_git_clean();
}

#[test]
fn a_link_that_is_not_followed_is_named_with_its_target_and_the_command_that_allows_it() {
    let sandbox = Sandbox::new();
    sandbox.write("dotfiles/CLAUDE.md", "mine").link(".claude/CLAUDE.md", "../dotfiles/CLAUDE.md");
    let ran = sandbox.run(&["init", "--backend", "local"]).success();
    let said = String::from_utf8_lossy(ran.bytes());
    let target = sandbox.home("dotfiles/CLAUDE.md").canonicalize().unwrap();
    let (start, command) = said.split_once("git -C ").unwrap();
    assert!(start.contains("CLAUDE.md") && start.contains(&target.display().to_string()), "{said}");
    let (_, command) = command.split_once("config ").unwrap();
    let words: Vec<&str> = command.lines().next().unwrap().split(' ').collect();
    sandbox.git(&[&["config"], words.as_slice()].concat());
    assert_eq!(sandbox.sync()["skipped"], serde_json::json!([]));
    assert_eq!(sandbox.cloned("config/CLAUDE.md"), b"mine");
}

#[test]
fn links_in_a_circle_end() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/skills/one/SKILL.md", "one");
    sandbox.link(".claude/skills/one/up", "..").link(".claude/skills/self", "self");
    sandbox.run(&["init", "--backend", "local"]).fails(3);
    assert_eq!(sandbox.cloned("config/skills/one/SKILL.md"), b"one");
    sandbox.assert_git_clean();
}

#[test]
fn a_skill_that_is_a_git_clone_is_saved_as_files() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/skills/cloned/SKILL.md", "cloned");
    let skill = sandbox.claude("skills/cloned");
    for arguments in [&["init", "--quiet"][..], &["add", "."]] {
        let git = std::process::Command::new("git").current_dir(&skill).args(arguments).status();
        assert!(git.unwrap().success());
    }
    sandbox.init();
    assert_eq!(sandbox.cloned("config/skills/cloned/SKILL.md"), b"cloned");
    let tree = sandbox.git(&["ls-tree", "-r", "HEAD"]);
    assert!(!tree.lines().any(|line| line.starts_with("160000")), "{tree}");
    sandbox.assert_git_clean();
}

#[test]
fn a_skill_that_ignores_everything_is_saved_whole() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/skills/ign/.gitignore", "*\n").write(".claude/skills/ign/SKILL.md", "x");
    sandbox.write(".claude/skills/ign/.gitattributes", "* text eol=crlf export-ignore\n");
    sandbox.init();
    assert_eq!(sandbox.cloned("config/skills/ign/SKILL.md"), b"x");
    sandbox.assert_git_clean().wipe_and_restore();
    assert_eq!(sandbox.read(".claude/skills/ign/.gitignore"), b"*\n");
}

#[test]
fn config_files_named_like_the_backups_own_are_saved() {
    let sandbox = Sandbox::new();
    let names = [
        "hooks/cli.sh",
        "skills/py/uv.lock",
        "skills/py/Cargo.lock",
        "skills/py/x.tmp",
        "skills/py/backup.log",
        "skills/py/session-index.json",
        "skills/py/manifest.json",
        "rules/launchd-stdout.log",
    ];
    for name in names {
        sandbox.write(sandbox.claude(name), name);
    }
    sandbox.init();
    for name in names {
        assert_eq!(sandbox.cloned(format!("config/{name}")), name.as_bytes());
    }
    sandbox.assert_git_clean();
}

#[test]
fn carriage_returns_in_config_stay() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/rules/crlf.md", "one\r\ntwo\r\n").init();
    assert_eq!(sandbox.cloned("config/rules/crlf.md"), b"one\r\ntwo\r\n");
    sandbox.assert_git_clean();
}

#[test]
fn a_stray_file_in_the_backup_folder_is_not_published() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    sandbox.write(sandbox.backup("notes.txt"), "mine");
    sandbox.write(sandbox.stored("config/.credentials.json"), "STRAY-SECRET");
    sandbox.append_session("-p", ID, 2..4).sync();
    assert!(!sandbox.git(&["ls-tree", "-r", "--name-only", "HEAD"]).contains("notes.txt"));
    assert!(!crate::witness::contains(&sandbox.every_object(), "STRAY-SECRET"));
    assert_eq!(sandbox.read(sandbox.backup("notes.txt")), b"mine");
}

#[test]
fn a_pipe_in_the_place_of_the_log_blocks_no_run() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2);
    sandbox.init();
    let log = sandbox.backup("backup.log");
    std::fs::remove_file(&log).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let warnings = sandbox.sync()["warnings"].to_string();
    assert!(warnings.contains("backup.log` is not a regular file"), "{warnings}");
}

#[test]
fn a_pipe_and_a_socket_stop_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2);
    let status = std::process::Command::new("mkfifo").arg(sandbox.session("-p", "pipe")).status();
    assert!(status.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.session("-p", "socket")).unwrap();
    sandbox.init().assert_git_clean();
    assert_eq!(sandbox.sync()["totalSessions"], 1);
}

#[test]
fn settings_with_a_byte_order_mark_and_windows_line_ends_are_understood() {
    let sandbox = Sandbox::new();
    let settings = "\u{feff}{\r\n\"cleanupPeriodDays\": 12,\r\n\"statusLine\": \
                    {\"type\": \"command\", \"command\": \"~/.claude/bin/line.sh\"}}\r\n";
    sandbox.write(".claude/settings.json", settings).write(".claude/bin/line.sh", "#!/bin/sh\n");
    let ran = sandbox.run(&["init", "--backend", "local"]).success();
    assert!(!ran.both().contains("warning"), "{}", ran.both());
    assert!(sandbox.stored("config/bin/line.sh").is_file());
    assert_eq!(sandbox.json(&["status"])["atRisk"]["cleanupDays"], 12);
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    for settings in [&b"{\n  // why\n  \"cleanupPeriodDays\": 12\n}"[..], b"\xff\xfe{\0}\0"] {
        let sandbox = Sandbox::new();
        sandbox.write(".claude/settings.json", settings).init();
        let warning = sandbox.run(&["sync"]).success().talk();
        let expected = "warning: `[HOME]/.claude/settings.json` is not valid JSON";
        assert!(warning.starts_with(expected), "{warning}");
        let status = sandbox.json(&["status"]);
        let warnings = status["warnings"].as_array().unwrap();
        let is_named = |text: &serde_json::Value| text.as_str().unwrap().contains("settings.json");
        assert!(warnings.iter().any(is_named), "{warnings:?}");
        assert_eq!(status["health"], "ok");
    }
}
