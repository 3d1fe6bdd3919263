//! Files that can execute code and that this machine did not commit itself: nothing installs them
//! silently.

use std::path::PathBuf;

use claude_backup::repository::ledger::Hash;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, mode, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const HOOK: &str = "#!/bin/sh\ntouch ~/pwned\n";

/// A remote by path that machine `laptop` sent its sessions and its profile to.
struct Remote {
    url: String,
    _folder: tempfile::TempDir,
}

impl Remote {
    fn of_laptop() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.git");
        git2::Repository::init_bare(&path).unwrap();
        let remote = Self { url: path.display().to_string(), _folder: folder };
        let laptop = Sandbox::new().named("laptop");
        write_profile(&laptop);
        laptop.write_session("-p", ID, 4);
        laptop.run(&remote.words(&[])).success();
        remote
    }

    /// The words of an `init` that joins it.
    fn words<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["init", "--backend", "git", "--remote", &self.url], more].concat()
    }
}

/// Harmless files and files that can execute code.
fn write_profile(machine: &Sandbox) {
    machine
        .write(machine.claude("CLAUDE.md"), "Be brief.\n")
        .write(machine.claude("settings.json"), "{\"statusLine\":{\"command\":\"x\"}}")
        .write(machine.claude("settings.local.json"), "{\"model\":\"opus\"}")
        .write(machine.claude("skills/notes/SKILL.md"), "---\nname: notes\n---\nTake notes.\n")
        .write(machine.claude("skills/run/run.sh"), "echo\n")
        .write(machine.claude("hooks/start.sh"), HOOK);
    set_mode(&machine.claude("hooks/start.sh"), 0o755);
}

fn names(files: &Value) -> Vec<&str> {
    files.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

const CODE: [&str; 3] = ["hooks/start.sh", "settings.json", "skills/run/run.sh"];

fn assert_without_code(machine: &Sandbox) {
    for name in CODE {
        assert!(!machine.claude(name).exists(), "{name}");
    }
    for name in ["CLAUDE.md", "settings.local.json", "skills/notes/SKILL.md"] {
        assert!(machine.claude(name).is_file(), "{name}");
    }
}

#[test]
fn a_folder_that_was_taken_over_comes_back_without_its_code() {
    let remote = Remote::of_laptop();
    let again = Sandbox::new().named("laptop");
    let words = remote.words(&["--machine", "laptop", "--restore", "all"]);
    let done = again.run_accepting(&words).fails(3).json();
    assert_eq!(names(&done["restored"]["heldBack"]), CODE);
    assert_eq!(done["restored"]["heldBack"][0]["machine"], "laptop");
    assert_eq!(done["restored"]["heldBack"][0]["reason"], "is a hook");
    assert_eq!(done["restored"]["files"]["heldBack"], 3);
    assert_without_code(&again);
    let held = again.run(&["restore", "--all", "--json"]).fails(3).json();
    assert_eq!(names(&held["heldBack"]), CODE);
    let forced = again.json(&["restore", "--all", "--with-code"]);
    assert_eq!(forced["files"]["code"], 3);
    assert_eq!(forced["heldBack"], json!([]));
    assert_eq!(mode(&again.claude("hooks/start.sh")), 0o755);
    again.sync();
    again.remove(".claude/hooks");
    again.run(&["restore", "--all"]).fails(3);
    assert!(!again.claude("hooks").exists(), "the same bytes are still another's");
}

#[test]
fn init_installs_code_where_it_is_told_to() {
    let remote = Remote::of_laptop();
    let again = Sandbox::new().named("laptop");
    let words = ["--machine", "laptop", "--restore", "all", "--with-code"];
    let done = again.accept(&remote.words(&words));
    assert_eq!(done["restored"]["files"]["code"], 3);
    assert!(again.claude("hooks/start.sh").is_file());
}

#[test]
fn what_a_machine_committed_after_the_takeover_is_its_own() {
    let remote = Remote::of_laptop();
    let again = Sandbox::new().named("laptop");
    again.accept(&remote.words(&["--machine", "laptop"]));
    again.write(again.claude("hooks/start.sh"), "#!/bin/sh\necho mine\n").sync();
    again.remove(".claude");
    let done = again.run(&["restore", "--all", "--json"]).fails(3).json();
    assert_eq!(names(&done["heldBack"]), ["settings.json", "skills/run/run.sh"]);
    assert!(again.claude("hooks/start.sh").is_file());
}

#[test]
fn what_this_machine_saved_itself_comes_back_without_a_question() {
    let sandbox = Sandbox::new();
    write_profile(&sandbox);
    sandbox.init().remove(".claude");
    let done = sandbox.json(&["restore", "--all"]);
    assert_eq!((&done["files"]["code"], &done["heldBack"]), (&json!(0), &json!([])));
    assert_eq!(mode(&sandbox.claude("hooks/start.sh")), 0o755);
    // A second `init` under the same name takes nothing over.
    sandbox.run(&["init", "--machine", "test-host"]).success();
    sandbox.remove(".claude").run(&["restore", "--all"]).success();
}

/// This machine's backup with the folder of `other` in it.
fn beside_other() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    sandbox.as_machine("other", |other| {
        write_profile(other);
        let side = other.claude(format!("projects/-p/{ID}/workflows/scripts"));
        other.write(side.join("run.js"), "run()\n").sync();
    });
    sandbox.remove(".claude");
    sandbox
}

#[test]
fn code_of_another_machine_is_listed_and_held_back() {
    let sandbox = beside_other();
    let ran = sandbox.run(&["restore", "--all", "--machine", "other"]).fails(3);
    insta::assert_snapshot!(ran.both());
    assert_without_code(&sandbox);
    sandbox.run(&["restore", "--all", "--machine", "other", "--with-code"]).success();
    assert!(sandbox.claude("hooks/start.sh").is_file());
}

#[test]
fn code_beside_a_session_is_held_back_wherever_the_session_goes() {
    let sandbox = beside_other();
    let script = format!("projects/-p/{ID}/workflows/scripts/run.js");
    for more in [&[][..], &["--to", "out"], &["--to-project", "."]] {
        let words = [&["restore", ID, "--machine", "other", "--json"], more].concat();
        let done = sandbox.run(&words).fails(3).json();
        assert_eq!(done["heldBack"].as_array().unwrap().len(), 1, "{more:?}");
        assert!(!sandbox.claude(&script).exists());
        assert!(!sandbox.home(format!("out/{ID}/workflows/scripts/run.js")).exists());
        drop(std::fs::remove_dir_all(sandbox.claude("")));
    }
    sandbox.json(&["restore", ID, "--machine", "other", "--to", "out", "--with-code"]);
    assert!(sandbox.home(format!("out/{ID}/workflows/scripts/run.js")).exists());
}

#[test]
fn a_dry_run_lists_what_would_be_written_and_what_would_be_held_back() {
    let sandbox = beside_other();
    let words = ["restore", "--all", "--machine", "other", "--dry-run"];
    let dry = sandbox.json(&words);
    assert_eq!(names(&dry["heldBack"]).len(), 4);
    let written: Vec<PathBuf> = names(&dry["wouldWrite"]).into_iter().map(PathBuf::from).collect();
    assert!(written.contains(&sandbox.claude("CLAUDE.md")));
    assert!(!written.contains(&sandbox.claude("hooks/start.sh")));
    let all = sandbox.json(&[&words[..], &["--with-code"]].concat());
    let hook = all["wouldWrite"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["path"].as_str().unwrap().ends_with("hooks/start.sh"));
    assert_eq!(hook.unwrap()["code"], "is a hook");
    assert!(!sandbox.claude("").exists());
    insta::assert_snapshot!(sandbox.run(&words).success().both());
}

/// Puts a file with any name into the folder of machine `other`, as somebody with a hand on the
/// remote could.
fn plant(sandbox: &Sandbox, path: &str, kind: &str, text: &str) {
    let folder = sandbox.backup("machines/other");
    sandbox.write(folder.join(path), text);
    set_mode(&folder.join(path), 0o755);
    let file = folder.join(path).display().to_string();
    let (hash, length) = Hash::of(text.as_bytes()).unwrap();
    let line = json!({
        "path": path, "kind": kind, "length": length, "sha256": hash.to_string(), "form": "plain",
        "parts": [{
            "length": length, "uncompressed": length,
            "blob": sandbox.git(&["hash-object", &file]).trim(),
        }],
        "mode": "4777", "modified": "2026-10-01T10:00:00Z", "firstSeen": "2026-10-01T10:00:00Z",
        "lastSeen": "2026-10-01T10:00:00Z", "goneSince": null,
    });
    let ledger = match path.strip_prefix("projects/").and_then(|below| below.split_once('/')) {
        Some((project, _)) => folder.join(format!("ledger/{project}.jsonl")),
        None => folder.join("ledger/%home.jsonl"),
    };
    let lines = std::fs::read_to_string(&ledger).unwrap_or_default();
    sandbox.write(ledger, format!("{lines}{line}\n"));
}

fn commit(sandbox: &Sandbox) {
    sandbox.git(&["add", "-A", "-f", "machines/other"]);
    let words = ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-m", "by hand"];
    sandbox.git(&words);
}

#[test]
fn a_restore_writes_no_name_that_no_backup_saves() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    let planted = [
        (".claude.json", "config", "is never restored"),
        ("config/.credentials.json", "config", "is never restored"),
        ("config/skills/x/.env", "config", "is never restored"),
        ("config/local/claude", "config", "no backup saves"),
        ("config/plugins/cache/p/hooks.json", "config", "no backup saves"),
        ("config/shell-snapshots/a.sh", "config", "is never restored"),
        ("ide/1.lock", "config", "is never restored"),
        ("local/claude", "config", "no backup gives"),
        ("settings.json", "config", "no backup gives"),
        ("hooks/start.sh", "memory", "of another kind"),
        ("projects/-p/memory/a.md", "config", "no backup gives"),
        ("projects/-p/22222222-2.jsonl", "memory", "of another kind"),
    ];
    for (path, kind, _) in planted {
        plant(&sandbox, path, kind, "evil\n");
    }
    plant(&sandbox, "config/CLAUDE.md", "config", "Be brief.\n");
    commit(&sandbox);
    sandbox.remove(".claude");
    for more in [&[][..], &["--force"], &["--with-code"]] {
        let words = [&["restore", "--all", "--machine", "other", "--json"], more].concat();
        let done = sandbox.run(&words).fails(3).json();
        let refused = done["refused"].as_array().unwrap();
        for (path, _, reason) in planted {
            let name = path.strip_prefix("config/").unwrap_or(path);
            let is_it = |file: &&Value| {
                file["path"] == name && file["reason"].as_str().unwrap().contains(reason)
            };
            assert!(refused.iter().any(|file| is_it(&file)), "{path}: {refused:#?}");
        }
        assert_eq!(refused.len(), planted.len());
        let files = walkdir::WalkDir::new(sandbox.claude("")).into_iter().flatten();
        let files = files.filter(|file| file.file_type().is_file());
        let files: Vec<PathBuf> = files.map(walkdir::DirEntry::into_path).collect();
        assert_eq!(files, [sandbox.claude("CLAUDE.md")]);
        assert_eq!(mode(&files[0]), 0o644, "neither set-user-id nor executable");
    }
}

#[test]
fn a_transcript_that_is_refused_is_not_printed_either() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    let name = "projects/.aws/22222222-2.jsonl";
    plant(&sandbox, name, "transcript", "{}\n");
    plant(&sandbox, "manifest.json", "config", "{}");
    commit(&sandbox);
    for words in [&["--stdout"][..], &["--to", "out"], &[]] {
        let words = [&["restore", "22222222-2", "--machine", "other"], words].concat();
        let ran = sandbox.run(&words).fails(1);
        assert!(ran.both().contains("is never restored"), "{}", ran.both());
        assert!(!sandbox.home("out").exists());
    }
}

#[test]
fn a_status_line_script_is_known_by_the_settings_that_came_with_it() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 2).init();
    sandbox.as_machine("other", |other| {
        let settings = "{\"statusLine\":{\"command\":\"bash ~/.claude/bin/line.sh\"}}";
        other.write(other.claude("settings.json"), settings);
        other.write(other.claude("bin/line.sh"), "echo\n").sync();
    });
    sandbox.remove(".claude");
    let words = ["restore", "--all", "--machine", "other"];
    let held = sandbox.run(&[&words[..], &["--json"]].concat()).fails(3).json();
    assert_eq!(names(&held["heldBack"]), ["bin/line.sh", "settings.json"]);
    sandbox.json(&[&words[..], &["--with-code"]].concat());
    assert!(sandbox.claude("bin/line.sh").is_file());
}

#[test]
fn a_link_inside_the_home_hides_no_place() {
    let sandbox = beside_other();
    std::fs::create_dir_all(sandbox.claude("hooks")).unwrap();
    std::fs::create_dir_all(sandbox.claude("skills")).unwrap();
    std::os::unix::fs::symlink("../hooks", sandbox.claude("skills/notes")).unwrap();
    let words = ["restore", "--all", "--machine", "other", "--json"];
    let held = sandbox.run(&words).fails(3).json();
    assert!(names(&held["heldBack"]).contains(&"skills/notes/SKILL.md"), "{held}");
    assert!(!sandbox.claude("hooks/SKILL.md").exists());
}

#[test]
fn an_archive_is_imported_without_its_code() {
    let old = Sandbox::new();
    write_profile(&old);
    old.json(&["export-config", "x.tar.gz"]);
    let new = Sandbox::new();
    std::fs::copy(old.home("x.tar.gz"), new.home("x.tar.gz")).unwrap();
    let dry = new.json(&["import-config", "x.tar.gz", "--dry-run"]);
    assert_eq!(names(&dry["heldBack"]), CODE);
    let ran = new.run(&["import-config", "x.tar.gz"]).fails(3);
    insta::assert_snapshot!(ran.both());
    assert_without_code(&new);
    let done = new.json(&["import-config", "x.tar.gz", "--with-code"]);
    assert_eq!((&done["imported"]["files"], &done["heldBack"]), (&json!(3), &json!([])));
    assert_eq!(mode(&new.claude("hooks/start.sh")), 0o755);
}

#[test]
fn code_that_the_shell_tool_kept_at_the_root_of_a_remote_is_anothers() {
    let remote = Remote::of_laptop();
    let old = Sandbox::new();
    let work = old.home("work");
    std::fs::create_dir(&work).unwrap();
    old.write("work/machines/laptop/manifest.json", "{\"machineSlug\":\"laptop\"}")
        .write("work/manifest.json", "{\"machineSlug\":\"laptop\"}")
        .write("work/config/CLAUDE.md", "Be brief.\n")
        .write("work/config/hooks/start.sh", HOOK);
    let identity = ["-c", "user.name=x", "-c", "user.email=x@y"];
    old.git_in(&work, &["init", "-q", "-b", "main"]);
    old.git_in(&work, &["add", "-A"]);
    old.git_in(&work, &[&identity[..], &["commit", "-q", "-m", "backup"]].concat());
    old.git_in(&work, &["push", "-q", "--force", &remote.url, "main"]);
    let again = Sandbox::new().named("laptop");
    again.run(&remote.words(&["--machine", "laptop", "--accept-key", "unsigned"])).success();
    let held = again.run(&["restore", "--all", "--json"]).fails(3).json();
    assert_eq!(names(&held["heldBack"]), ["hooks/start.sh"]);
    assert!(again.claude("CLAUDE.md").is_file() && !again.claude("hooks").exists());
}
