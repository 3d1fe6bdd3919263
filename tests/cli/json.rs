//! `--json`: one document or one error object, with these keys; and the real fixture home.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{self, A};
use crate::sandbox::Sandbox;
use crate::skipped::say_skipped;

/// The keys that programs read, per call; `a.b` is below `a`.
const PROMISED: &[(&[&str], &str)] = &[
    (&["--version"], "version"),
    (&["init"], "mode machine machineSlug backupDir joined sync schedule restored"),
    (
        &["sync"],
        "config.filesSynced sessions.added sessions.updated sessions.removed files grown newVersions \
         goneAtSource unreadable bytesRead bytesStored commit pushed push.state durationMs",
    ),
    (
        &["restore", "--list"],
        "sessions.0.uuid sessions.0.projectHash sessions.0.machine sessions.0.sizeBytes sessions.0.backedUpAt",
    ),
    (&["restore", A], "restored.from restored.to restored.files"),
    (&["restore", "--all"], "restored skipped failed failures"),
    (&["versions", A], "versions"),
    (
        &["peek", A],
        "uuid projectHash backedUpAt sizeBytes messageCount uncompressedBytes firstMessages.0.role \
         firstMessages.0.preview lastMessages title cwd branch model firstRecord lastRecord tokens subagents",
    ),
    (
        &["status"],
        "version mode repo lastBackup backupSize backupSizeBytes machine machineSlug config.files config.size \
         sessions.files sessions.projects sessions.size scheduler schedule index.sessions health \
         warnings lastRun.at lastRun.result gone atRisk proof machines.0.slug machines.0.machine \
         machines.0.lastSync machines.0.sessionCount machines.0.backupSizeBytes",
    ),
    (
        &["export-config", "x.tar.gz"],
        "exported.path exported.size exported.files secrets denied leftOut",
    ),
    (
        &["import-config", "x.tar.gz"],
        "imported.files imported.failures dryRun added displaced kept unchanged ignored secrets",
    ),
    (&["schedule", "show"], "schedule scheduler active nextRun problem"),
    (&["completions", "bash"], "shell script"),
    (&["man"], "page"),
];

fn has(document: &Value, path: &str) -> bool {
    document.pointer(&format!("/{}", path.replace('.', "/"))).is_some()
}

#[test]
fn every_promised_key_is_there() {
    let sandbox = fixture::home();
    sandbox.init();
    for (arguments, keys) in PROMISED {
        let document = sandbox.json(arguments);
        assert_eq!(document["ok"], true, "{arguments:?}");
        for key in keys.split_whitespace() {
            assert!(has(&document, key), "{arguments:?} has no `{key}`: {document}");
        }
    }
}

#[test]
fn the_types_are_those_of_the_old_tool() {
    let sandbox = fixture::home();
    sandbox.init();
    let status = sandbox.json(&["status"]);
    for key in [
        "version",
        "mode",
        "lastBackup",
        "backupSize",
        "machine",
        "machineSlug",
        "scheduler",
        "schedule",
    ] {
        assert!(status[key].is_string(), "{key}");
    }
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(sandbox.backup("manifest.json")).unwrap()).unwrap();
    for key in ["/sessions/sizeBytes", "/sessions/files", "/sessions/projects", "/config/files"] {
        assert!(manifest.pointer(key).unwrap().is_u64(), "{key}");
    }
    assert_eq!(status["sessions"]["files"], manifest["sessions"]["files"]);
    assert_eq!(status["sessions"]["sizeBytes"], manifest["sessions"]["sizeBytes"]);
}

#[test]
fn an_error_is_one_object_with_three_keys() {
    let sandbox = fixture::home();
    sandbox.init();
    for (arguments, code, exit) in [
        (&["restore", "nobody\nat \"home\""][..], "not-found", 1),
        (&["restore"], "usage", 2),
        (&["nonsense"], "usage", 2),
    ] {
        let error = sandbox.run(&[arguments, &["--json"]].concat()).fails(exit).json_error();
        let keys: BTreeSet<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["code", "error", "hint"]));
        assert_eq!(error["code"], code);
    }
}

/// Runs the generator that lies beside this repository; nothing where there is none.
fn real_home(sandbox: &Sandbox) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let script = folder.join("make_fixtures.py");
    if !script.is_file() {
        return None;
    }
    let made = Command::new("python3").arg(&script).arg(sandbox.home("")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap())
}

#[test]
fn the_fixture_home_is_read_as_it_is_meant_and_comes_back_whole() {
    let sandbox = Sandbox::new();
    let Some(expected) = real_home(&sandbox) else {
        return say_skipped("no fixture generator beside this repository");
    };
    let saved = sandbox.json(&["init", "--backend", "local"]);
    assert_eq!(saved["sync"]["unreadable"], json!([]));
    let list = sandbox.json(&["restore", "--list"]);
    for (name, session) in expected["sessions"].as_object().unwrap() {
        let id = session["id"].as_str().unwrap();
        let listed = list["sessions"].as_array().unwrap().iter().find(|line| line["uuid"] == id);
        let listed = listed.unwrap_or_else(|| panic!("{name} is not listed"));
        if session["transcript"] == false {
            assert_eq!(listed["withoutTranscript"], true);
            continue;
        }
        agrees(name, session, &sandbox.json(&["peek", id]), listed);
    }
    comes_back(&sandbox);
}

/// What `expected.json` says of a session, under the names that `peek` and the list give it.
fn agrees(name: &str, expected: &Value, peek: &Value, listed: &Value) {
    for (theirs, ours) in [
        ("/title", "/title"),
        ("/first_prompt", "/firstPrompt"),
        ("/model", "/model"),
        ("/cwd", "/cwd"),
        ("/cwd_last", "/cwd"),
        ("/api_messages", "/answers"),
        ("/tokens/input", "/tokens/input"),
        ("/tokens/output", "/tokens/output"),
        ("/tokens/cache_write", "/tokens/cacheWrite"),
        ("/tokens/cache_read", "/tokens/cacheRead"),
        ("/subagent_files", "/subagents"),
        ("/messages", "/messageCount"),
        ("/lines", "/records"),
        ("/whole_lines", "/records"),
        ("/continued_in", "/continuedIn"),
    ] {
        if let Some(value) = expected.pointer(theirs) {
            assert_eq!(peek.pointer(ours), Some(value), "{theirs} of {name}");
        }
    }
    for key in ["title", "firstPrompt", "cwd"] {
        assert_eq!(listed.get(key), peek.get(key), "{key} of {name}");
    }
}

/// Deletes everything that was saved and brings it back, byte for byte.
fn comes_back(sandbox: &Sandbox) {
    std::fs::rename(sandbox.claude(""), sandbox.home("before")).unwrap();
    let all = sandbox.json(&["restore", "--all"]);
    assert_eq!((&all["failed"], &all["failures"]), (&json!(0), &json!([])));
    let mut files = 0;
    for entry in walkdir::WalkDir::new(sandbox.claude("")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let below = entry.path().strip_prefix(sandbox.claude("")).unwrap();
            let before = std::fs::read(sandbox.home("before").join(below)).unwrap();
            assert_eq!(std::fs::read(entry.path()).unwrap(), before, "{}", below.display());
            files += 1;
        }
    }
    assert_eq!(all["files"]["restored"], files);
    assert!(files > 40, "{files} files came back");
    for kept in
        ["projects", "agent-memory", "history.jsonl", "plugins/data", "todos", "tasks", "plans"]
    {
        assert!(sandbox.claude(kept).exists(), "{kept} came back");
    }
    for never in [".credentials.json", "channels", "daemon", "ide", "backups", "shell-snapshots"] {
        assert!(!sandbox.claude(never).exists(), "{never} was never saved");
    }
}
