//! Trees that no machine of the backup made: nothing of such a commit is taken over.

use std::path::PathBuf;

use git2::{ObjectType, Oid, Repository, Signature};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::Sandbox;

const SESSION: &str = "11111111-0000-4000-8000-000000000000";

const FILE: &str = "100644";
const FOLDER: &str = "40000";

/// A remote in a folder, to which anybody can write any objects.
pub struct Remote {
    folder: tempfile::TempDir,
    git: Repository,
}

impl Remote {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path().join("backup.git")).unwrap();
        Self { folder, git }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("backup.git")
    }

    pub fn blob(&self, bytes: &[u8]) -> Oid {
        self.git.blob(bytes).unwrap()
    }

    /// A tree of these entries as they stand here, without any check.
    pub fn tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let entry = |(mode, name, id): &(&str, &[u8], Oid)| {
            [mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat()
        };
        let bytes: Vec<u8> = entries.iter().flat_map(entry).collect();
        self.git.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    /// A folder with these files.
    pub fn files(&self, files: &[(&str, &[u8])]) -> Oid {
        let mut folder = std::collections::BTreeMap::<&str, Vec<(&str, &[u8])>>::new();
        let mut builder = self.git.treebuilder(None).unwrap();
        for (path, bytes) in files {
            match path.split_once('/') {
                Some((first, rest)) => folder.entry(first).or_default().push((rest, bytes)),
                None => drop(builder.insert(path, self.blob(bytes), 0o100_644).unwrap()),
            }
        }
        for (name, files) in folder {
            builder.insert(name, self.files(&files), 0o040_000).unwrap();
        }
        builder.write().unwrap()
    }

    /// The entries of a folder of the branch, with another one in its place.
    fn with_entry(&self, folder: Option<&str>, entry: (&str, &[u8], Oid)) -> Oid {
        let head = self.git.find_reference("refs/heads/main").unwrap().peel_to_tree().unwrap();
        let tree = match folder {
            Some(name) => {
                let id = head.get_name(name).unwrap().id();
                self.git.find_tree(id).unwrap()
            }
            None => head,
        };
        let mut entries: Vec<(String, Vec<u8>, Oid)> = tree
            .iter()
            .map(|entry| {
                (format!("{:o}", entry.filemode()), entry.name_bytes().to_vec(), entry.id())
            })
            .filter(|(_, name, _)| name != entry.1)
            .collect();
        entries.push((entry.0.into(), entry.1.to_vec(), entry.2));
        let key = |(mode, name, _): &(String, Vec<u8>, Oid)| {
            [name.as_slice(), if mode == FOLDER { b"/" } else { b"" }].concat()
        };
        entries.sort_by_key(key);
        let entries: Vec<_> =
            entries.iter().map(|(mode, name, id)| (mode.as_str(), name.as_slice(), *id)).collect();
        self.tree(&entries)
    }

    /// Commits the branch with a machine's folder replaced.
    pub fn push_machine(&self, slug: &str, folder: Oid) -> Oid {
        self.push_in_machines((FOLDER, slug.as_bytes(), folder))
    }

    pub fn push_in_machines(&self, entry: (&str, &[u8], Oid)) -> Oid {
        let machines = self.with_entry(Some("machines"), entry);
        self.push_at_root((FOLDER, b"machines", machines))
    }

    pub fn push_at_root(&self, entry: (&str, &[u8], Oid)) -> Oid {
        let root = self.with_entry(None, entry);
        self.commit(root)
    }

    /// A commit that changes nothing.
    pub fn push_with_message(&self, message: &str) -> Oid {
        let head = self.git.find_commit(self.tip()).unwrap().tree_id();
        self.commit_with_message(head, message)
    }

    fn commit(&self, root: Oid) -> Oid {
        self.commit_with_message(root, "backup")
    }

    /// A commit on top of the branch, which moves there.
    fn commit_with_message(&self, root: Oid, message: &str) -> Oid {
        let who = "x <x@example.org> 1790000000 +0000";
        let tip = self.tip();
        let text =
            format!("tree {root}\nparent {tip}\nauthor {who}\ncommitter {who}\n\n{message}\n");
        let commit = self.git.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap();
        self.git.reference("refs/heads/main", commit, true, "").unwrap();
        commit
    }

    pub fn tip(&self) -> Oid {
        self.git.refname_to_id("refs/heads/main").unwrap()
    }

    /// Lets the branch be at an earlier commit again.
    pub fn reset(&self, commit: Oid) {
        self.git.reference("refs/heads/main", commit, true, "").unwrap();
    }

    /// Begins the branch with a folder that no machine of ours made.
    pub fn begin(&self, root: Oid) {
        let who = Signature::now("x", "x@example.org").unwrap();
        let tree = self.git.find_tree(root).unwrap();
        self.git.commit(Some("refs/heads/main"), &who, &who, "backup", &tree, &[]).unwrap();
    }
}

fn machine(host: &str) -> Sandbox {
    let machine = Sandbox::new().named(host);
    machine.write_session("-p", SESSION, 2);
    machine
}

fn join(machine: &Sandbox, remote: &Remote) -> Value {
    let url = remote.path().display().to_string();
    machine.json(&["init", "--backend", "git", "--remote", &url])
}

/// A machine that has sent a backup to a remote.
fn begun() -> (Remote, Sandbox) {
    let (remote, laptop) = (Remote::new(), machine("laptop"));
    join(&laptop, &remote);
    (remote, laptop)
}

/// The folder of a machine with one file beside its manifest.
fn evil(remote: &Remote, mode: &str, name: &[u8], id: Oid) -> Oid {
    let manifest = remote.blob(b"{}");
    let mut entries = vec![(FILE, &b"manifest.json"[..], manifest), (mode, name, id)];
    entries.sort_by(|one, other| one.1.cmp(other.1));
    remote.tree(&entries)
}

/// A run saves here, sends nothing and names the commit; `status` does so as well.
fn is_rejected(laptop: &Sandbox, commit: Oid, machine: &Value) -> Value {
    laptop.append_session("-p", SESSION, 2..3);
    let before = laptop.commits();
    let sync = laptop.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(sync["push"]["code"], "commit-rejected", "{sync}");
    assert_eq!(laptop.commits(), before + 1, "the local backup is made");
    laptop.run(&["sync", "--full"]).fails(3);
    let status = laptop.json(&["status"]);
    let rejected = &status["rejected"];
    assert_eq!(rejected["commit"], commit.to_string(), "{status}");
    assert_eq!(&rejected["machine"], machine, "{status}");
    assert_eq!(status["health"], "not-pushed");
    assert!(!laptop.git(&["rev-list", "HEAD"]).contains(&commit.to_string()));
    rejected.clone()
}

fn sessions(machine: &Sandbox) -> usize {
    machine.json(&["restore", "--list"])["sessions"].as_array().unwrap().len()
}

/// A server of libgit2 does not even send an empty name.
const BAD_NAMES: [&[u8]; 21] = [
    b"..",
    b".",
    b".git",
    b".GIT",
    b".git ",
    b".git...",
    b"git~1",
    b".git::$INDEX_ALLOCATION",
    b".g\xe2\x80\x8cit",
    b"a/b",
    b"a\\b",
    b"a\x1b[2J",
    b"a\xff",
    b"con",
    b"AUX.md",
    b"com\xc2\xb9",
    b"CONIN$",
    b"a:b",
    b"a.",
    b"a ",
    b"lpt1 .txt",
];

#[test]
fn a_name_that_is_none_is_rejected_wherever_it_stands() {
    let (remote, laptop) = begun();
    let (good, content) = (remote.tip(), remote.blob(b"evil"));
    for name in BAD_NAMES {
        let folder = remote.tree(&[(FOLDER, name, remote.tree(&[(FILE, b"escaped", content)]))]);
        let in_folder = evil(&remote, FOLDER, b"config", folder);
        let commit = remote.push_machine("evil", in_folder);
        is_rejected(&laptop, commit, &"evil".into());
        remote.reset(good);
        let folder = evil(&remote, FILE, b"x", content);
        for place in ["", "machines"] {
            let commit = match place {
                "" => remote.push_at_root((FILE, name, content)),
                _ => remote.push_in_machines((FOLDER, name, folder)),
            };
            let sync = laptop.run(&["sync", "--json"]).fails(3).json();
            let error = sync["push"]["error"].as_str().unwrap();
            assert!(error.contains(&commit.to_string()[..12]), "{sync}");
            remote.reset(good);
        }
    }
    laptop.run(&["sync"]).success();
    assert_eq!(laptop.json(&["status"])["rejected"], Value::Null);
    let files = walkdir::WalkDir::new(laptop.home("")).into_iter().flatten();
    assert_eq!(files.filter(|file| file.file_name() == "escaped").count(), 0);
}

#[test]
fn what_is_neither_a_file_nor_a_folder_is_rejected() {
    let (remote, laptop) = begun();
    let (good, link) = (remote.tip(), remote.blob(b"/tmp"));
    for mode in ["120000", "160000", "140000", "104755", "0"] {
        let id = if mode == "160000" { good } else { link };
        let commit = remote.push_machine("evil", evil(&remote, mode, b"x", id));
        is_rejected(&laptop, commit, &"evil".into());
        remote.reset(good);
    }
}

#[test]
fn a_tree_that_git_would_not_make_is_rejected() {
    let (remote, laptop) = begun();
    let (good, x) = (remote.tip(), remote.blob(b"x"));
    let below = remote.tree(&[(FILE, b"x", x)]);
    let twice = remote.tree(&[(FILE, b"a", x), (FILE, b"a", x)]);
    let both = remote.tree(&[(FILE, b"a", x), (FILE, b"a-", x), (FOLDER, b"a", below)]);
    let unsorted = remote.tree(&[(FILE, b"b", x), (FILE, b"a", x)]);
    for folder in [twice, both, unsorted] {
        let commit = remote.push_machine("evil", evil(&remote, FOLDER, b"plans", folder));
        is_rejected(&laptop, commit, &"evil".into());
        remote.reset(good);
    }
}

#[test]
fn a_rejected_commit_is_found_behind_one_that_is_in_order() {
    let (remote, laptop) = begun();
    let dots = remote.tree(&[(FILE, b"x", remote.blob(b"x"))]);
    let bad = remote.push_machine("evil", evil(&remote, FOLDER, b"..", dots));
    remote.push_machine("evil", remote.files(&[("manifest.json", b"{}")]));
    is_rejected(&laptop, bad, &"evil".into());
}

#[test]
fn after_a_rejection_the_backup_goes_on_everywhere() {
    let (remote, laptop) = begun();
    let good = remote.files(&[("manifest.json", b"{}"), ("plans/old.md", b"before")]);
    remote.push_machine("evil", good);
    laptop.sync();
    let link = remote.blob(b"/tmp");
    let bad = remote.push_machine("evil", evil(&remote, "120000", b"link", link));
    is_rejected(&laptop, bad, &"evil".into());

    let rejected = laptop.json(&["machines", "reject", "evil"]);
    assert_eq!(rejected["rejected"]["machine"], "evil");
    assert_eq!(rejected["push"]["state"], "pushed", "{rejected}");
    assert!(
        laptop.git(&["log", "-1", "--format=%B", "HEAD~1"]).contains(&format!("Rejects: {bad}"))
    );
    laptop.git(&["merge-base", "--is-ancestor", &bad.to_string(), "HEAD"]);
    assert_eq!(
        laptop.git(&["ls-tree", "-r", "--name-only", "HEAD", "machines/evil"]).lines().count(),
        2
    );
    assert_eq!(std::fs::read(laptop.backup("machines/evil/plans/old.md")).unwrap(), b"before");
    let status = laptop.json(&["status"]);
    assert_eq!((&status["rejected"], &status["health"]), (&Value::Null, &"ok".into()), "{status}");
    laptop.assert_git_clean();

    let desktop = machine("desktop");
    join(&desktop, &remote);
    assert_eq!(sessions(&desktop), 2);
    assert_eq!(desktop.json(&["verify", "--read"])["problems"], json!([]));
    assert_eq!(desktop.json(&["verify", "--from-remote"])["problems"], json!([]));
    laptop.append_session("-p", SESSION, 3..4);
    assert_eq!(laptop.sync()["push"]["state"], "pushed");

    // The same folder again, on top of everything.
    let again = remote.push_machine("evil", evil(&remote, "120000", b"link", link));
    is_rejected(&laptop, again, &"evil".into());
}

#[test]
fn only_what_is_named_is_rejected() {
    let (remote, laptop) = begun();
    laptop.run(&["machines", "reject", "evil"]).fails(1);
    let link = remote.blob(b"/tmp");
    remote.push_machine("other", evil(&remote, "120000", b"link", link));
    remote.push_machine("evil", evil(&remote, "120000", b"link", link));
    laptop.run(&["sync"]).fails(3);
    laptop.run(&["machines", "reject", "nobody"]).fails(3);
    let error = laptop.run(&["machines", "reject", "other", "--json"]).fails(3).json_error();
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("machines reject other evil"), "{error}");
    laptop.json(&["machines", "reject", "other", "evil"]);
    let listed = laptop.git(&["ls-tree", "--name-only", "HEAD", "machines/"]);
    assert_eq!(listed, "machines/laptop\n");
}

#[test]
fn a_commit_that_names_no_machine_is_rejected_by_its_id() {
    let (remote, laptop) = begun();
    let bad = remote.push_in_machines((FILE, b"..", remote.blob(b"x")));
    let rejected = is_rejected(&laptop, bad, &Value::Null);
    assert!(rejected["reason"].as_str().unwrap().contains("machines"), "{rejected}");
    laptop.json(&["machines", "reject", &bad.to_string()[..12]]);
    assert_eq!(laptop.json(&["status"])["rejected"], Value::Null);
}

#[test]
fn a_machine_that_joins_saves_here_and_sends_later() {
    let (remote, _laptop) = begun();
    let link = remote.blob(b"/tmp");
    let bad = remote.push_machine("evil", evil(&remote, "120000", b"link", link));
    let desktop = machine("desktop");
    let url = remote.path().display().to_string();
    let words = ["init", "--backend", "git", "--remote", &url, "--json"];
    let begun = desktop.run(&words).fails(3).json();
    assert_eq!(begun["sync"]["push"]["code"], "commit-rejected", "{begun}");
    assert_eq!(desktop.json(&["status"])["rejected"]["commit"], bad.to_string());
    assert_eq!(sessions(&desktop), 1);
    let from_remote = desktop.run(&["verify", "--from-remote", "--json"]).fails(3).json_error();
    assert_eq!(from_remote["code"], "commit-rejected");
    desktop.json(&["machines", "reject", "evil"]);
    assert_eq!(sessions(&desktop), 2);
}

/// A ledger line of a plain file.
fn line(path: &str, bytes: &[u8], blob: Oid) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let when = "2026-10-01T10:00:00Z";
    let line = json!({
        "path": path, "kind": "plan", "length": bytes.len(), "sha256": hash, "form": "plain",
        "parts": [{"length": bytes.len(), "uncompressed": bytes.len(), "blob": blob.to_string()}],
        "mode": "644", "modified": when, "firstSeen": when, "lastSeen": when, "goneSince": null,
    });
    format!("{line}\n")
}

#[test]
fn names_that_an_earlier_version_stored_are_no_reason_to_reject() {
    let (remote, laptop) = begun();
    let bytes = &b"a plan"[..];
    let ledger = line("plans/a:b.md", bytes, remote.blob(bytes));
    remote.push_machine(
        "older",
        remote.files(&[
            ("manifest.json", b"{}"),
            ("ledger/%home.jsonl", ledger.as_bytes()),
            ("plans/a:b.md", bytes),
        ]),
    );
    assert_eq!(laptop.sync()["push"]["state"], "up-to-date");
    laptop.json(&["restore", "--all", "--machine", "older"]);
    assert_eq!(std::fs::read(laptop.claude("plans/a:b.md")).unwrap(), bytes);
}

#[test]
fn files_of_any_name_are_saved_and_accepted_by_others() {
    let (remote, laptop) = begun();
    let names = ["a:b.md", "con.md", "Aux", "note.", "note ", ".git", "git~1", "100%", "a\\b"];
    for name in names {
        laptop.write(format!(".claude/plans/{name}"), name);
        laptop.write(format!(".claude/skills/{name}/x.md"), name);
    }
    assert_eq!(laptop.sync()["push"]["state"], "pushed");
    let desktop = machine("desktop");
    join(&desktop, &remote);
    desktop.json(&["restore", "--all", "--machine", "laptop", "--with-code"]);
    for name in names {
        assert_eq!(std::fs::read(desktop.claude("plans").join(name)).unwrap(), name.as_bytes());
    }
    for machine in [&laptop, &desktop] {
        machine.run(&["sync", "--full"]).success();
        assert_eq!(machine.json(&["verify", "--read"])["problems"], json!([]));
        machine.assert_git_clean();
    }
}

#[test]
fn only_the_places_of_machines_reach_the_work_tree() {
    let (remote, laptop) = begun();
    let hook = remote.blob(b"#!/bin/sh\n");
    for name in ["CLAUDE.md", ".envrc", ".mcp.json", "ssh"] {
        remote.push_at_root(("100755", name.as_bytes(), hook));
    }
    remote.push_at_root((FOLDER, b".claude", remote.files(&[("settings.json", b"{}")])));
    remote.push_machine(
        "evil",
        remote.files(&[
            ("manifest.json", b"{}"),
            ("CLAUDE.md", b"evil"),
            (".vscode/tasks.json", b"{}"),
            ("projects/-p/AGENTS.md", b"evil"),
            ("config/CLAUDE.md", b"be kind"),
        ]),
    );
    for arguments in [&["sync"][..], &["sync", "--full"], &["verify", "--repair"]] {
        laptop.json(arguments);
        let mut found: Vec<String> = walkdir::WalkDir::new(laptop.backup(""))
            .min_depth(1)
            .into_iter()
            .filter_entry(|entry| entry.file_name() != ".git")
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                entry.path().strip_prefix(laptop.backup("")).unwrap().display().to_string()
            })
            .filter(|path| !path.starts_with("machines/laptop/"))
            .collect();
        found.sort();
        let expected = [
            ".gitignore",
            "backup.log",
            "machines/evil/config/CLAUDE.md",
            "machines/evil/manifest.json",
            "manifest.json",
            "session-index.json",
        ];
        assert_eq!(found, expected, "{arguments:?}");
        laptop.assert_git_clean();
    }
    assert!(laptop.git(&["ls-tree", "--name-only", "HEAD"]).contains("CLAUDE.md"), "git keeps it");
}

#[test]
fn what_an_earlier_version_put_at_the_root_is_removed_where_git_has_it() {
    let (remote, laptop) = begun();
    remote.push_at_root((FILE, b"CLAUDE.md", remote.blob(b"evil")));
    remote.push_at_root((FOLDER, b".vscode", remote.files(&[("tasks.json", b"{}"), ("x", b"x")])));
    laptop.sync();
    laptop.write(".claude-backup/CLAUDE.md", "evil");
    laptop.write(".claude-backup/.vscode/tasks.json", "{}");
    laptop.write(".claude-backup/.vscode/x", "mine");
    laptop.write(".claude-backup/notes.md", "mine too");
    let sync = laptop.sync();
    assert!(sync["warnings"].to_string().contains("2 files"), "{sync}");
    let is_there = |name: &str| laptop.backup(name).exists();
    assert!(!is_there("CLAUDE.md") && !is_there(".vscode/tasks.json"));
    assert!(is_there(".vscode/x") && is_there("notes.md"), "what git does not have stays");
    assert_eq!(laptop.sync()["warnings"], Value::Null);
}

#[test]
fn what_the_shell_tool_left_at_the_root_is_taken_from_git() {
    let remote = Remote::new();
    let manifest = br#"{"version":"3.2.5","machineSlug":"laptop","machine":"laptop"}"#;
    remote.begin(remote.files(&[
        ("manifest.json", manifest),
        ("config/CLAUDE.md", b"be kind\n"),
        ("config/.credentials.json", b"secret"),
        ("config/local/claude", b"#!/bin/sh\n"),
        ("machines/laptop/manifest.json", manifest),
        ("machines/laptop/projects/-p/sessions-index.json", b"{}"),
    ]));
    let laptop = machine("laptop");
    let url = remote.path().display().to_string();
    laptop.accept(&[
        "init",
        "--backend",
        "git",
        "--remote",
        &url,
        "--machine",
        "laptop",
        "--accept-key",
        "unsigned",
    ]);
    assert!(!laptop.backup("config").exists());
    let stored = laptop.backup("machines/laptop/config");
    assert_eq!(std::fs::read(stored.join("CLAUDE.md")).unwrap(), b"be kind\n");
    for name in [".credentials.json", "local/claude"] {
        assert!(!stored.join(name).exists(), "{name}");
    }
}

#[test]
fn what_unfolds_to_more_than_a_backup_has_is_rejected() {
    let (remote, laptop) = begun();
    let (good, x) = (remote.tip(), remote.blob(b"x"));
    // Ten folders in each of ten folders, six times.
    let mut wide = remote.tree(&[(FILE, b"x", x)]);
    for _ in 0..6 {
        let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let entries: Vec<_> = names.iter().map(|name| (FOLDER, name.as_bytes(), wide)).collect();
        wide = remote.tree(&entries);
    }
    let mut deep = remote.tree(&[(FILE, b"x", x)]);
    for _ in 0..5_000 {
        deep = remote.tree(&[(FOLDER, b"d", deep)]);
    }
    let long = "n".repeat(1_000);
    let mut path = remote.tree(&[(FILE, b"x", x)]);
    for _ in 0..5 {
        path = remote.tree(&[(FOLDER, long.as_bytes(), path)]);
    }
    let zeros = vec![0; 100_000_001];
    let lines = b"\n".repeat(200_001);
    let folders = [
        evil(&remote, FOLDER, b"plans", wide),
        evil(&remote, FOLDER, b"plans", deep),
        evil(&remote, FOLDER, b"plans", path),
        remote.files(&[("manifest.json", b"{}"), ("plans/zeros", &zeros)]),
        remote.files(&[("manifest.json", &zeros[..2 << 20])]),
        remote.files(&[("manifest.json", b"{}"), ("ledger/p.jsonl", &zeros[..65 << 20])]),
        remote.files(&[("manifest.json", b"{}"), ("ledger/p.jsonl", &lines)]),
    ];
    for folder in folders {
        let commit = remote.push_machine("evil", folder);
        is_rejected(&laptop, commit, &"evil".into());
        remote.reset(good);
    }
    remote.push_machine("evil", remote.files(&[("plans/zeros", &zeros)]));
    laptop.run(&["sync"]).fails(3);
    assert_eq!(laptop.json(&["machines", "reject", "evil"])["push"]["state"], "pushed");
}

#[test]
fn a_commit_with_a_message_beyond_measure_is_not_even_kept() {
    let (remote, laptop) = begun();
    let good = remote.tip();
    let commit = remote.push_with_message(&"x".repeat(2 << 20));
    let packs = laptop.packs("pack");
    laptop.append_session("-p", SESSION, 2..3);
    let before = laptop.commits();
    let sync = laptop.run(&["sync", "--json"]).fails(3).json();
    assert_eq!(sync["push"]["code"], "commit-rejected", "{sync}");
    assert!(sync["push"]["error"].as_str().unwrap().contains(&commit.to_string()[..12]), "{sync}");
    assert_eq!(laptop.commits(), before + 1);
    assert!(laptop.json(&["status"])["rejected"]["reason"].as_str().is_some());
    assert!(laptop.packs("pack").len() <= packs.len() + 1);
    remote.reset(good);
    assert_eq!(laptop.sync()["push"]["state"], "pushed");
    assert_eq!(laptop.json(&["status"])["rejected"], Value::Null);
}
