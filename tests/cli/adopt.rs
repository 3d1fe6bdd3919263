//! Backups of the shell tool, and what is left of damaged ones, taken over without losing anything.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::killing::contents;
use crate::sandbox::{Sandbox, conversation};

const A: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const B: &str = "bbbbbbbb-2222-4222-8222-222222222222";
const PROJECT: &str = "-home-dev-alpha";
/// What the shell tool wrote: none of it anchored.
const OLD_IGNORE: &str = "backup.log\nlaunchd-stdout.log\nlaunchd-stderr.log\n*.lock\n*.tmp\n.sync.lock/\ncli.sh\nsession-index.json\n";
const MINE: &str = "machines/test-host";

/// A backup as the shell tool leaves it, built with git and gzip.
struct Old {
    sandbox: Sandbox,
}

impl Old {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.backup("")).unwrap();
        std::fs::create_dir_all(sandbox.claude("projects")).unwrap();
        let old = Self { sandbox };
        old.git(&["init", "-q", "-b", "main"]);
        old.put(".gitignore", OLD_IGNORE).put("backup.log", "[2026-01-01 00:00:00] sync\n");
        old.put("cli.sh", "#!/bin/bash\n").put(".sync.lock/pid", "1\n");
        old.put("session-index.json", r#"{"version":"3.2.5","generatedAt":"","sessions":[]}"#);
        old
    }

    /// Version 3.2: `machines/<slug>/`, with config and history at the root, for two sessions.
    fn v32() -> Self {
        let old = Self::new();
        old.machine("test-host").archive(MINE, A, 6).archive(MINE, B, 8);
        old.put("config/CLAUDE.md", "be kind\n").put("config/skills/x/SKILL.md", "same\n");
        old.put("config/agents/twin.md", "same\n");
        old.gzip("history.jsonl.gz", "{\"display\":\"hello\"}\n");
        old.root_manifest("test-host").commit();
        old
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.sandbox.backup(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    fn gzip(&self, name: &str, text: &str) -> &Self {
        self.put(name, gzipped(text.as_bytes()))
    }

    /// A session's archive below a folder, of so many messages.
    fn archive(&self, folder: &str, id: &str, messages: usize) -> &Self {
        self.gzip(&archive_of(folder, id), &conversation(id, 0..messages))
    }

    fn machine(&self, slug: &str) -> &Self {
        let text = format!(r#"{{"version":"3.2.5","mode":"local","machineSlug":"{slug}"}}"#);
        self.put(&format!("machines/{slug}/manifest.json"), text)
    }

    fn root_manifest(&self, slug: &str) -> &Self {
        let text = format!(
            r#"{{"version":"3.2.5","mode":"local","machineSlug":"{slug}","custom":"kept"}}"#
        );
        self.put("manifest.json", text)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Old", "-c", "user.email=old@example.com"];
        self.sandbox.git(&[&identity, arguments].concat())
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "backup 2026-01-01 00:00"]);
    }

    /// Two commits at most: the adoption's and the sync's own; every byte of these sessions is back.
    fn adopt(&self, expected: &[(&str, usize)]) {
        let before = self.commits();
        self.sandbox.sync();
        self.assert_taken_over(before, expected);
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--all", "--count"]).trim().parse().unwrap()
    }

    fn assert_taken_over(&self, before: usize, expected: &[(&str, usize)]) {
        self.sandbox.assert_git_clean();
        assert!((1..=2).contains(&(self.commits() - before)), "{}", self.git(&["log", "--stat"]));
        for (id, messages) in expected {
            self.assert_restorable(id, &conversation(id, 0..*messages));
        }
        let listed = self.sandbox.json(&["restore", "--list"]);
        assert_eq!(listed["sessions"].as_array().unwrap().len(), expected.len(), "{listed}");
        let settled = self.commits();
        self.sandbox.sync();
        assert_eq!(self.commits(), settled, "taken over once");
        self.assert_walkable(expected.len());
    }

    fn assert_restorable(&self, id: &str, text: &str) {
        let out = self.sandbox.home("out").join(format!("{id}.jsonl"));
        self.sandbox.run(&["restore", id, "--to", out.to_str().unwrap()]).success();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), text, "{id}");
        std::fs::remove_file(out).unwrap();
    }

    /// What other programs do: walk `machines/*/projects/*/*.jsonl.gz` and unzip.
    fn assert_walkable(&self, count: usize) {
        let script = "cd \"$0\" && for f in machines/*/projects/*/*.jsonl.gz; do gzip -dc \"$f\" >/dev/null && echo \"$f\"; done";
        let output =
            Command::new("sh").args(["-c", script]).arg(self.sandbox.backup("")).output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found.lines().count(), count, "{found}");
    }

    fn blob(&self, name: &str) -> String {
        self.git(&["rev-parse", &format!("HEAD:{name}")])
    }

    fn tracked(&self, name: &str) -> bool {
        !self.git(&["ls-tree", "-r", "--name-only", "HEAD", "--", name]).is_empty()
    }

    fn exists(&self, name: &str) -> bool {
        self.sandbox.backup(name).exists()
    }
}

fn archive_of(folder: &str, id: &str) -> String {
    format!("{folder}/projects/{PROJECT}/{id}.jsonl.gz").trim_start_matches('/').to_owned()
}

/// `gzip -n -6`, as the shell tool called it.
pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("gzip")
        .args(["-n", "-6", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

fn cut_in_half(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn bare_remote(sandbox: &Sandbox) -> PathBuf {
    let remote = sandbox.home("remote.git");
    sandbox.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    remote
}

#[test]
fn a_flat_backup_without_a_manifest_is_taken_over_instead_of_failing_for_ever() {
    let old = Old::new();
    old.archive("", A, 6).archive("", B, 8).commit();
    let blob = old.blob(&archive_of("", A));
    old.adopt(&[(A, 6), (B, 8)]);
    assert_eq!(old.blob(&archive_of(MINE, A)), blob, "plain gzip stays as it is");
    assert!(!old.exists("projects") && !old.tracked("projects"));
    assert_eq!(old.sandbox.json(&["status"])["mode"], "local");
}

#[test]
fn a_flat_backup_with_a_manifest_goes_to_the_host_that_takes_it_over() {
    let old = Old::new();
    old.archive("", A, 6);
    let manifest = r#"{"version":"3.1.0","mode":"local","machine":"Former-Name.local"}"#;
    old.put("manifest.json", manifest).commit();
    old.adopt(&[(A, 6)]);
    assert!(old.tracked(&archive_of(MINE, A)));
    assert!(!old.tracked("manifest.json") && old.exists("manifest.json"));
}

#[test]
fn a_machine_keeps_its_folder_although_its_host_was_renamed() {
    let old = Old::new();
    old.machine("former-name").archive("machines/former-name", A, 6);
    old.root_manifest("former-name").commit();
    old.adopt(&[(A, 6)]);
    assert!(!old.exists(MINE));
    assert_eq!(old.sandbox.json(&["status"])["machineSlug"], "former-name");
}

#[test]
fn config_and_history_of_one_machine_move_below_it() {
    let old = Old::v32();
    old.adopt(&[(A, 6), (B, 8)]);
    for name in ["config/CLAUDE.md", "config/agents/twin.md", "history.jsonl.gz"] {
        assert!(old.tracked(&format!("{MINE}/{name}")), "{name}");
        assert!(!old.tracked(name) && !old.exists(name), "{name}");
    }
    for name in ["backup.log", "cli.sh", ".sync.lock/pid"] {
        assert!(old.exists(name) && !old.tracked(name), "{name}");
    }
    let ignored = std::fs::read_to_string(old.sandbox.backup(".gitignore")).unwrap();
    assert!(ignored.starts_with(OLD_IGNORE), "what stood there is left alone: {ignored}");
    let manifest = std::fs::read_to_string(old.sandbox.backup("manifest.json")).unwrap();
    assert!(manifest.contains("\"custom\": \"kept\""), "{manifest}");
    old.sandbox.run(&["restore", "--all"]).success();
    let read = |name: &str| std::fs::read_to_string(old.sandbox.claude(name)).unwrap();
    assert_eq!(read("skills/x/SKILL.md"), "same\n");
    assert_eq!(read("agents/twin.md"), "same\n");
    assert_eq!(read("history.jsonl"), "{\"display\":\"hello\"}\n");
}

#[test]
fn a_plain_archive_stays_until_its_session_grows() {
    let old = Old::v32();
    let blob = old.blob(&archive_of(MINE, A));
    let sandbox = &old.sandbox;
    sandbox.write_session(PROJECT, A, 6).write_session(PROJECT, B, 8);
    old.adopt(&[(A, 6), (B, 8)]);
    assert_eq!(old.blob(&archive_of(MINE, A)), blob);
    sandbox.append_session(PROJECT, A, 6..9);
    let outcome = sandbox.sync();
    assert_eq!((&outcome["grown"], &outcome["newVersions"]), (&1.into(), &serde_json::json!([])));
    old.assert_restorable(A, &conversation(A, 0..9));
    let archive = std::fs::read(sandbox.backup(archive_of(MINE, A))).unwrap();
    assert_eq!(archive[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], "format 1 now");
    sandbox.append_session(PROJECT, A, 9..12);
    assert_eq!(sandbox.sync()["grown"], 1);
    old.assert_restorable(A, &conversation(A, 0..12));
    sandbox.assert_git_clean();
}

#[test]
fn another_machine_that_still_runs_the_old_tool_keeps_its_folder_and_is_listed() {
    let old = Old::v32();
    old.machine("laptop").archive("machines/laptop", "cccccccc-3333-4333-8333-333333333333", 10);
    old.commit();
    let (theirs, root) =
        (old.git(&["rev-parse", "HEAD:machines/laptop"]), old.blob("manifest.json"));
    let c = "cccccccc-3333-4333-8333-333333333333";
    old.adopt(&[(A, 6), (B, 8), (c, 10)]);
    assert_eq!(old.git(&["rev-parse", "HEAD:machines/laptop"]), theirs);
    assert_eq!(old.blob("manifest.json"), root);
    for name in ["config/CLAUDE.md", "history.jsonl.gz"] {
        assert!(old.tracked(name) && old.exists(name), "may be anybody's: {name}");
    }
    let listed = old.sandbox.json(&["restore", "--list", "--machine", "laptop"]);
    assert_eq!(listed["sessions"][0]["uuid"], c);
    assert_eq!(old.sandbox.json(&["peek", c])["messageCount"], 10);
    old.sandbox.run(&["restore", "--all", "--machine", "laptop"]).success();
    let back = std::fs::read_to_string(old.sandbox.session(PROJECT, c)).unwrap();
    assert_eq!(back, conversation(c, 0..10));
    std::fs::write(old.sandbox.backup(".git/index"), "damaged").unwrap();
    old.sandbox.sync();
    old.sandbox.assert_git_clean();
}

#[test]
fn the_torn_archive_of_another_machine_is_no_success() {
    let old = Old::v32();
    let c = "cccccccc-3333-4333-8333-333333333333";
    old.machine("laptop").archive("machines/laptop", c, 10);
    cut_in_half(&old.sandbox.backup(archive_of("machines/laptop", c)));
    old.commit();
    old.sandbox.sync();
    old.sandbox.run(&["restore", c]).fails(1);
    assert!(!old.sandbox.session(PROJECT, c).exists());
}

#[test]
fn a_damaged_manifest_is_made_anew_and_never_changes_the_mode() {
    let conflict = "<<<<<<< HEAD\n{\"mode\":\"github\"}\n=======\n{}\n>>>>>>> theirs\n";
    let hostile = r#"{"version":"3.2.5","mode":"github","machineSlug":"../../work"}"#;
    for text in ["{\"version\": \"3.2", "[]", "", conflict, hostile] {
        let old = Old::v32();
        old.put("manifest.json", text);
        old.put(&format!("{MINE}/manifest.json"), text);
        old.commit();
        let before = old.commits();
        old.sandbox.run(&["sync"]).success();
        old.assert_taken_over(before, &[(A, 6), (B, 8)]);
        let status = old.sandbox.json(&["status"]);
        assert_eq!(
            (&status["mode"], &status["machineSlug"]),
            (&"local".into(), &"test-host".into())
        );
        assert!(!old.sandbox.home("work").exists());
    }
}

#[test]
fn the_mode_comes_from_the_remote_where_the_manifest_is_damaged() {
    let old = Old::v32();
    let remote = bare_remote(&old.sandbox);
    old.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    old.put("manifest.json", "{\"mode\":");
    old.commit();
    old.sandbox.run(&["sync", "--no-push"]).success();
    assert_eq!(old.sandbox.json(&["status"])["mode"], "git");
    old.assert_restorable(A, &conversation(A, 0..6));
}

#[test]
fn a_torn_archive_is_taken_from_an_earlier_commit() {
    let old = Old::v32();
    cut_in_half(&old.sandbox.backup(archive_of(MINE, A)));
    std::fs::write(old.sandbox.backup(archive_of(MINE, B)), "").unwrap();
    old.commit();
    let before = old.commits();
    let ran = old.sandbox.run(&["sync"]).success();
    assert!(ran.talk().contains("an earlier commit has it whole"), "{ran:?}");
    old.assert_taken_over(before, &[(A, 6), (B, 8)]);
}

#[test]
fn a_torn_archive_is_taken_from_the_flat_layout_of_an_earlier_commit() {
    let old = Old::new();
    old.archive("", A, 6).commit();
    std::fs::create_dir_all(old.sandbox.backup(MINE)).unwrap();
    old.git(&["mv", "projects", "machines/test-host/projects"]);
    cut_in_half(&old.sandbox.backup(archive_of(MINE, A)));
    old.commit();
    old.sandbox.run(&["sync"]).success();
    old.assert_restorable(A, &conversation(A, 0..6));
}

#[test]
fn a_torn_archive_is_made_again_from_the_source() {
    let old = Old::new();
    old.machine("test-host").archive(MINE, A, 6);
    cut_in_half(&old.sandbox.backup(archive_of(MINE, A)));
    old.commit();
    old.sandbox.write_session(PROJECT, A, 7);
    old.sandbox.run(&["sync"]).success();
    old.assert_restorable(A, &conversation(A, 0..7));
    old.sandbox.assert_git_clean();
}

#[test]
fn a_torn_archive_that_nobody_has_whole_is_named_and_kept() {
    let old = Old::new();
    old.machine("test-host").archive(MINE, A, 6).archive(MINE, B, 8);
    let torn = old.sandbox.backup(archive_of(MINE, A));
    cut_in_half(&torn);
    let bytes = std::fs::read(&torn).unwrap();
    old.commit();
    let ran = old.sandbox.run(&["sync"]).fails(3);
    assert!(ran.screen().contains(&archive_of(MINE, A)), "{ran:?}");
    assert_eq!(std::fs::read(&torn).unwrap(), bytes);
    assert!(old.tracked(&archive_of(MINE, A)));
    assert_eq!(old.sandbox.json(&["status"])["health"], "incomplete");
    old.assert_restorable(B, &conversation(B, 0..8));
    old.sandbox.assert_git_clean();
}

#[test]
fn what_a_global_gitignore_kept_out_of_every_commit_is_committed() {
    let old = Old::v32();
    old.git(&["rm", "-rq", "--cached", "machines"]);
    old.git(&["commit", "-qm", "nothing of the machines"]);
    old.adopt(&[(A, 6), (B, 8)]);
    assert!(old.tracked(&archive_of(MINE, A)));
}

#[test]
fn credentials_that_the_old_tool_published_are_published_no_more() {
    let old = Old::v32();
    let secret = format!("{MINE}/projects/{PROJECT}/.credentials.json");
    old.put(&secret, "{\"token\":\"t\"}");
    old.commit();
    let ran = old.sandbox.run(&["sync"]).success();
    assert!(ran.talk().contains(".credentials.json` may hold secrets"), "{ran:?}");
    assert!(!old.tracked(&secret));
    assert_eq!(std::fs::read(old.sandbox.backup(&secret)).unwrap(), b"{\"token\":\"t\"}");
    assert_eq!(old.git(&["status", "--porcelain"]), format!("?? {secret}\n"));
    old.assert_restorable(A, &conversation(A, 0..6));
}

#[test]
fn flat_folders_beside_machines_are_not_ignored_for_ever() {
    let old = Old::v32();
    let d = "dddddddd-4444-4444-8444-444444444444";
    old.archive("", d, 5).archive("", A, 3).commit();
    let before = old.commits();
    old.sandbox.sync();
    for (id, messages) in [(A, 6), (B, 8), (d, 5)] {
        old.assert_restorable(id, &conversation(id, 0..messages));
    }
    assert!((1..=2).contains(&(old.commits() - before)));
    old.sandbox.assert_git_clean();
    assert!(old.exists(&archive_of("", A)), "another copy of a known session stays");
}

#[test]
fn a_backup_whose_git_folder_was_deleted_is_taken_over_with_its_versions() {
    let sandbox = Sandbox::new();
    sandbox.write_session(PROJECT, A, 6).write_session(PROJECT, B, 8);
    sandbox.write(".claude/projects/-home-dev-alpha/x/tool-results/toolu_1.txt", "output\n");
    sandbox.write(".claude/skills/git/.gitignore", "*.o\n").init();
    sandbox.write(sandbox.session(PROJECT, A), "{\"type\":\"custom-title\"}\n").sync();
    sandbox.remove(".claude-backup/.git").remove(".claude");
    sandbox.init().assert_git_clean();
    let old = Old { sandbox };
    old.assert_restorable(A, &conversation(A, 0..6));
    old.assert_restorable(B, &conversation(B, 0..8));
    old.sandbox.run(&["restore", "--all"]).success();
    let left: Vec<String> = files_below(&old.sandbox.claude(""));
    let ids = [A, B].map(|id| format!("projects/{PROJECT}/{id}.jsonl"));
    let side = format!("projects/{PROJECT}/x/tool-results/toolu_1.txt");
    assert_eq!(left, [&ids[0], &ids[1], &side, "skills/git/.gitignore"]);
}

#[test]
fn a_deleted_git_folder_and_a_damaged_file_leave_the_version_that_is_whole() {
    let sandbox = Sandbox::new();
    sandbox.write_session(PROJECT, A, 6).init();
    sandbox.write(sandbox.session(PROJECT, A), "{\"type\":\"custom-title\"}\n").sync();
    sandbox.remove(".claude-backup/.git").remove(".claude");
    cut_in_half(&sandbox.backup(archive_of(MINE, A)));
    sandbox.init();
    let old = Old { sandbox };
    assert_eq!(old.git(&["status", "--porcelain"]), format!("?? {MINE}/projects/\n"), "left alone");
    old.assert_restorable(A, &conversation(A, 0..6));
}

#[test]
fn a_run_that_dies_before_the_adoption_is_committed_deletes_no_only_copy() {
    let old = Old::v32();
    old.git(&["rm", "-rq", "--cached", "machines", "config"]);
    old.git(&["commit", "-qm", "nothing of the machines"]);
    let journal = serde_json::json!({
        archive_of(MINE, A): "5".repeat(40), archive_of(MINE, B): "6".repeat(40),
        "config/CLAUDE.md": null,
    });
    old.put(".git/claude-backup/journal", journal.to_string());
    old.adopt(&[(A, 6), (B, 8)]);
}

#[test]
fn an_archive_newer_than_its_last_commit_is_the_one_that_is_taken_over() {
    let old = Old::v32();
    old.archive(MINE, A, 20);
    let journal = serde_json::json!({ archive_of(MINE, A): "5".repeat(40) });
    old.put(".git/claude-backup/journal", journal.to_string());
    old.adopt(&[(A, 20), (B, 8)]);
}

fn files_below(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name.display().to_string()).collect()
}

#[test]
fn an_older_layout_is_read_before_it_is_taken_over() {
    let old = Old::v32();
    let sandbox = &old.sandbox;
    sandbox.remove(".claude");
    let list = sandbox.json(&["restore", "--list"]);
    let ids = list["sessions"].as_array().unwrap().iter().map(|session| session["uuid"].as_str());
    assert!(ids.into_iter().any(|id| id == Some(A)), "{list}");
    assert_eq!(sandbox.json(&["peek", A])["messageCount"], 6);
    sandbox.json(&["restore", A]);
    old.assert_restorable(A, &conversation(A, 0..6));
}
