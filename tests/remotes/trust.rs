//! What machines accept of each other: only what the machine itself signed.

use std::path::Path;

use serde_json::{Value, json};

use crate::bare::Bare;
use crate::home::{Machine, Transport, tells};
use crate::life::{live_on, push_state};
use crate::old_tool::OldTool;
use crate::plain_git::git;
use crate::sandbox::conversation;

with_both_transports!(
    a_machine_is_verified_by_its_key,
    what_somebody_else_puts_into_our_folder_is_not_taken_over,
    a_session_that_somebody_else_changed_is_restored_as_it_was_signed,
    a_session_that_somebody_else_added_is_listed_and_not_restored,
    sessions_that_somebody_else_removed_stay,
    a_machine_whose_folder_is_removed_stays_in_lists,
    sessions_of_a_machine_that_runs_the_shell_tool_stay,
    sessions_that_their_own_machine_removes_stay,
    an_older_state_does_not_take_the_place_of_a_newer_one,
    a_machine_id_that_somebody_else_changed_renames_nobody,
    a_reinstalled_machine_is_unverified_until_its_key_is_trusted,
    a_machine_that_never_signed_is_unsigned,
    an_old_folder_is_continued_only_with_the_key_that_signed_it,
    an_unsigned_folder_is_continued_if_the_user_says_so,
    what_was_forged_before_a_machine_joins_is_left_out,
    a_renamed_machine_is_known_under_its_new_name,
    a_machine_renamed_while_others_push_leaves_no_folder_behind,
    a_folder_that_was_renamed_by_hand_is_still_this_machines,
    a_forgotten_key_makes_room_for_the_next_one,
    what_a_second_installation_put_into_our_folder_can_be_taken_over,
    a_clone_made_by_hand_trusts_what_is_signed,
);

/// Two machines that share a backup, with a session or two each, both up to date.
fn pair(transport: Transport) -> (Bare, Machine, Machine) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    anna.init(bare.url(), "anna");
    bert.init(bare.url(), "bert");
    anna.sync();
    (bare, anna, bert)
}

/// Somebody else's commit on top of the branch.
fn forge(bare: &Bare, change: impl FnOnce(&Path)) {
    let work = bare.cloned();
    change(work.path());
    git(work.path(), &["add", "-A"]);
    git(work.path(), &["commit", "--quiet", "-m", "backup"]);
    git(work.path(), &["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
}

/// Every file of a machine is on another one too.
fn has_everything_of(machine: &Machine, other: &Machine) {
    let files = machine.everything();
    for (path, content) in other.everything() {
        assert_eq!(files.get(&path), Some(&content), "{}", path.display());
    }
}

fn signature(machine: &Machine, owner: &str, id: &str) -> Value {
    let list = machine.json(&["restore", "--list", "--machine", owner]);
    let mut sessions = list["sessions"].as_array().unwrap().iter();
    let session = sessions.find(|session| session["uuid"] == id);
    session.map_or(Value::Null, |session| session["signature"].clone())
}

fn state(machine: &Machine, owner: &str) -> Value {
    let list = machine.json(&["machines", "list"]);
    let machines = list["machines"].as_array().unwrap();
    machines.iter().find(|line| line["slug"] == owner).cloned().unwrap_or(Value::Null)
}

/// A ledger line of a plain file, and the file.
fn add_plain(folder: &Path, path: &str, kind: &str, text: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    let blob = git(folder, &["hash-object", "-w", file.to_str().unwrap()]);
    let sum = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let length = text.len();
    let line = json!({
        "path": path, "kind": kind, "length": length, "sha256": sum.split(' ').next(),
        "form": "plain", "mode": "644", "modified": "2026-10-01T10:00:00Z",
        "parts": [{"length": length, "uncompressed": length, "blob": blob.trim()}],
        "firstSeen": "2026-10-01T10:00:00Z", "lastSeen": "2026-10-01T10:00:00Z",
        "goneSince": null,
    });
    let project = path.strip_prefix("projects/").and_then(|rest| rest.split('/').next());
    let ledger = folder.join("ledger").join(format!("{}.jsonl", project.unwrap_or("%home")));
    let mut lines = std::fs::read_to_string(&ledger).unwrap_or_default();
    lines.push_str(&format!("{line}\n"));
    std::fs::write(ledger, lines).unwrap();
}

fn remove_session(folder: &Path, project: &str, id: &str) {
    let ledger = folder.join(format!("ledger/{project}.jsonl"));
    let lines = std::fs::read_to_string(&ledger).unwrap();
    let kept = lines.lines().filter(|line| !line.contains(id)).map(|line| format!("{line}\n"));
    std::fs::write(ledger, kept.collect::<String>()).unwrap();
    let stored = folder.join("projects").join(project);
    std::fs::remove_file(stored.join(format!("{id}.jsonl.gz"))).unwrap();
    let _ = std::fs::remove_dir_all(stored.join(id));
}

fn a_machine_is_verified_by_its_key(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    for (reader, owner) in [(&anna, "bert"), (&bert, "anna")] {
        assert_eq!(signature(reader, owner, &format!("{owner}-session-one")), "verified");
        assert_eq!(state(reader, owner)["signature"], "verified");
        let published =
            git(&reader.backup(""), &["show", &format!("HEAD:machines/{owner}/signing-key.pub")]);
        let known =
            std::fs::read_to_string(reader.backup(".git/claude-backup-keys/known")).unwrap();
        assert!(
            known.contains(&format!("{owner} namespaces=\"git\" {}", published.trim())),
            "{known}"
        );
    }
    assert_eq!(state(&anna, "anna")["current"], true);
    assert_eq!(state(&anna, "anna")["fingerprint"], state(&bert, "anna")["fingerprint"]);
    if crate::needs::program("ssh-keygen").is_some() {
        let known = format!(
            "gpg.ssh.allowedSignersFile={}",
            bert.backup(".git/claude-backup-keys/known").display()
        );
        for commit in git(&bert.backup(""), &["rev-list", "HEAD"]).lines() {
            git(&bert.backup(""), &["-c", &known, "verify-commit", commit]);
        }
    }
    bare.assert_whole();
}

fn what_somebody_else_puts_into_our_folder_is_not_taken_over(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    let hook = "{\"hooks\":{\"SessionStart\":[]}}\n";
    forge(&bare, |work| {
        let folder = work.join("machines/anna");
        add_plain(&folder, "config/settings.local.json", "config", hook);
    });
    let forged = bare.tip();
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["somebody else changed this machine's folder"]), "{sync:#}");
    assert_eq!(push_state(&sync), "pushed", "our folder is put back");
    assert!(!bare.files().contains_key("machines/anna/config/settings.local.json"));
    assert_eq!(anna.sync()["warnings"], Value::Null, "it is reported once");
    for words in [&["restore", "--gone"][..], &["restore", "--all"]] {
        anna.json(words);
        assert!(!anna.claude("settings.local.json").exists());
    }
    let kept = anna.git(&["rev-parse", &format!("refs/claude-backup/unverified/{forged}")]);
    assert_eq!(kept.trim(), forged);
    assert_eq!(anna.status()["health"], "ok");
}

fn a_session_that_somebody_else_changed_is_restored_as_it_was_signed(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let stored = anna.stored("bert", "bert-session-one", &[]);
    forge(&bare, |work| {
        let folder = work.join("machines/bert");
        remove_session(&folder, "-home-dev-bert", "bert-session-one");
        let path = "projects/-home-dev-bert/bert-session-one.jsonl";
        add_plain(&folder, path, "transcript", &conversation("forged", 0..99));
    });
    assert_eq!(push_state(&anna.sync()), "up-to-date");
    assert_eq!(anna.stored("bert", "bert-session-one", &[]), stored);
    assert_eq!(state(&anna, "bert")["signature"], "unverified");
    bert.append_session("-home-dev-bert", "bert-session-one", 12..14);
    bert.sync();
    anna.sync();
    assert_eq!(state(&anna, "bert")["signature"], "verified");
    let now = std::fs::read(bert.session("-home-dev-bert", "bert-session-one")).unwrap();
    assert_eq!(anna.stored("bert", "bert-session-one", &[]), now);
}

fn a_session_that_somebody_else_added_is_listed_and_not_restored(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    forge(&bare, |work| {
        let path = "projects/-home-dev-bert/forged-session.jsonl";
        add_plain(&work.join("machines/bert"), path, "transcript", &conversation("forged", 0..9));
    });
    anna.sync();
    assert_eq!(signature(&anna, "bert", "forged-session"), "unverified");
    assert_eq!(signature(&anna, "bert", "bert-session-one"), "verified");
    anna.json(&["restore", "--all"]);
    assert!(!anna.session("-home-dev-bert", "forged-session").exists());
    let error = anna.error(&["restore", "forged-session"]);
    assert_eq!(error["code"], "key-not-accepted", "{error:#}");
    anna.json(&["restore", "forged-session", "--unverified"]);
    assert!(anna.session("-home-dev-bert", "forged-session").exists());
}

fn sessions_that_somebody_else_removed_stay(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    let stored = anna.stored("bert", "bert-session-one", &[]);
    forge(&bare, |work| {
        remove_session(&work.join("machines/bert"), "-home-dev-bert", "bert-session-one");
    });
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["removed from machine `bert`"]), "{sync:#}");
    assert_eq!(anna.sync()["warnings"], Value::Null, "it is reported once");
    assert_eq!(signature(&anna, "bert", "bert-session-one"), "verified");
    assert_eq!(anna.stored("bert", "bert-session-one", &[]), stored);
    anna.json(&["restore", "--all", "--machine", "bert"]);
    let back = anna.session("-home-dev-bert", "bert-session-one");
    assert_eq!(std::fs::read(back).unwrap(), stored);
}

fn a_machine_whose_folder_is_removed_stays_in_lists(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    let stored = anna.stored("bert", "bert-session-two", &[]);
    forge(&bare, |work| std::fs::remove_dir_all(work.join("machines/bert")).unwrap());
    anna.sync();
    assert_eq!(anna.listed().len(), 4);
    assert_eq!(anna.stored("bert", "bert-session-two", &[]), stored);
    assert_eq!(state(&anna, "bert")["sessionCount"], 2);
}

fn sessions_of_a_machine_that_runs_the_shell_tool_stay(transport: Transport) {
    let bare = Bare::new();
    let mut old = OldTool::begin(&bare, "studio");
    (1..4).for_each(|round| old.sync(round));
    let anna = Machine::new(transport);
    live_on(&anna, "anna");
    anna.init(bare.url(), "anna");
    let listed = anna.listed();
    forge(&bare, |work| std::fs::remove_dir_all(work.join("machines/studio")).unwrap());
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["removed from machine `studio`"]), "{sync:#}");
    assert_eq!(anna.listed(), listed);
    assert!(!old.sessions().is_empty());
    for (id, bytes) in old.sessions() {
        assert_eq!(signature(&anna, "studio", &id), "unsigned");
        assert_eq!(anna.stored("studio", &id, &[]), bytes);
    }
}

fn sessions_that_their_own_machine_removes_stay(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let stored = anna.stored("bert", "bert-session-two", &[]);
    let (backup, id) = (bert.backup(""), "bert-session-two");
    remove_session(&backup.join("machines/bert"), "-home-dev-bert", id);
    git(&backup, &["add", "-A", "machines"]);
    git(&backup, &["commit", "--quiet", "-m", "smaller"]);
    bert.append_session("-home-dev-bert", "bert-session-one", 12..14);
    std::fs::remove_file(bert.session("-home-dev-bert", id)).unwrap();
    bert.sync();
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["removed from machine `bert`"]), "{sync:#}");
    assert_eq!(state(&anna, "bert")["signature"], "verified");
    assert_eq!(anna.stored("bert", id, &[]), stored);
    assert_eq!(anna.listed().len(), 4);
    bare.assert_whole();
}

fn an_older_state_does_not_take_the_place_of_a_newer_one(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let before = bare.tip();
    bert.write_session("-home-dev-bert", "bert-session-new", 5);
    bert.sync();
    anna.sync();
    forge(&bare, |work| {
        git(work, &["rm", "-r", "--quiet", "machines/bert"]);
        git(work, &["checkout", "--quiet", &before, "--", "machines/bert"]);
    });
    anna.sync();
    let stored = anna.stored("bert", "bert-session-new", &[]);
    assert_eq!(stored, conversation("bert-session-new", 0..5).into_bytes());
}

fn a_machine_id_that_somebody_else_changed_renames_nobody(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    forge(&bare, |work| {
        let path = work.join("machines/anna/manifest.json");
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["machineId"] = "00000000000000000000000000000000".into();
        std::fs::write(path, manifest.to_string()).unwrap();
    });
    anna.append_session("-home-dev-anna", "anna-session-one", 12..14);
    assert_eq!(push_state(&anna.sync()), "pushed");
    assert_eq!(anna.status()["machineSlug"], "anna");
    assert!(!bare.files().keys().any(|path| path.starts_with("machines/anna-2")));
}

fn a_reinstalled_machine_is_unverified_until_its_key_is_trusted(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let old = state(&anna, "bert")["fingerprint"].clone();
    drop(bert);
    let new = Machine::new(transport);
    new.join(bare.url(), "bert");
    new.write_session("-home-dev-bert", "since-then", 5);
    new.sync();
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["signs with a new key"]), "{sync:#}");
    let line = state(&anna, "bert");
    assert_eq!((&line["signature"], &line["fingerprint"]), (&"unverified".into(), &old));
    assert_eq!(line["newFingerprint"], state(&new, "bert")["fingerprint"]);
    assert_eq!(signature(&anna, "bert", "since-then"), "unverified");
    anna.json(&["restore", "--all"]);
    assert!(!anna.session("-home-dev-bert", "since-then").exists());
    assert!(anna.session("-home-dev-bert", "bert-session-one").exists());
    let error = anna.error(&["machines", "trust", "bert"]);
    assert_eq!(error["code"], "key-not-accepted");
    let key = line["newFingerprint"].as_str().unwrap();
    anna.error(&["machines", "trust", "bert", "--accept-key", old.as_str().unwrap()]);
    let trusted = anna.json(&["machines", "trust", "bert", "--accept-key", key]);
    assert_eq!((&trusted["fingerprint"], &trusted["formerFingerprint"]), (&key.into(), &old));
    assert_eq!(signature(&anna, "bert", "since-then"), "verified");
    assert_eq!(state(&anna, "bert")["newFingerprint"], Value::Null);
    anna.json(&["restore", "since-then"]);
    assert_eq!(anna.error(&["machines", "trust", "bert"])["code"], "not-found");
}

/// A folder as version 4.0 left it: without a key, in commits without signatures.
fn unsign(bare: &Bare, machine: &str) {
    let work = bare.cloned();
    let key = format!("machines/{machine}/signing-key.pub");
    git(work.path(), &["rm", "--quiet", &key]);
    let tree = git(work.path(), &["write-tree"]);
    let commit = git(work.path(), &["commit-tree", "-m", "backup", tree.trim()]);
    git(
        work.path(),
        &["push", "--quiet", "--force", "origin", &format!("{}:refs/heads/main", commit.trim())],
    );
}

fn a_machine_that_never_signed_is_unsigned(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&bert, "bert");
    bert.write_session("-home-dev-anna", "anna-session-one", 40);
    bert.init(bare.url(), "bert");
    unsign(&bare, "bert");
    live_on(&anna, "anna");
    anna.init(bare.url(), "anna");
    assert_eq!(state(&anna, "bert")["signature"], "unsigned");
    assert_eq!(signature(&anna, "bert", "bert-session-one"), "unsigned");
    let own = std::fs::read(anna.session("-home-dev-anna", "anna-session-one")).unwrap();
    anna.lose_everything();
    anna.json(&["restore", "anna-session-one"]);
    let back = || std::fs::read(anna.session("-home-dev-anna", "anna-session-one")).unwrap();
    assert_eq!(back(), own, "the longer copy is not signed");
    anna.lose_everything();
    anna.json(&["restore", "--all"]);
    assert_eq!(back(), own);
    assert!(anna.session("-home-dev-bert", "bert-session-one").exists(), "it stays readable");
}

fn an_old_folder_is_continued_only_with_the_key_that_signed_it(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let key = state(&anna, "bert")["fingerprint"].as_str().unwrap().to_owned();
    let new = Machine::new(transport);
    let init = ["init", "--backend", "git", "--remote", bare.url(), "--machine", "bert"];
    for words in
        [&[][..], &["--accept-key", "unsigned"], &["--accept-key", "SHA256:abc"], &["--yes"]]
    {
        let error = new.error(&[&init[..], words].concat());
        assert_eq!(error["code"], "key-not-accepted", "{error:#}");
        assert_eq!(error["key"], key.as_str());
        assert!(!new.backup(".git").exists(), "nothing was joined");
    }
    let restored = ["--accept-key", &key, "--restore", "all"];
    let joined = new.json(&[&init[..], &restored].concat());
    assert_eq!(joined["machineSlug"], "bert");
    has_everything_of(&new, &bert);
}

fn an_unsigned_folder_is_continued_if_the_user_says_so(transport: Transport) {
    let bare = Bare::new();
    let (old, new) = (Machine::new(transport), Machine::new(transport));
    live_on(&old, "anna");
    old.init(bare.url(), "anna");
    unsign(&bare, "anna");
    let init = ["init", "--backend", "git", "--remote", bare.url(), "--machine", "anna"];
    let error = new.error(&init);
    assert_eq!(error["key"], "unsigned", "{error:#}");
    let restored = ["--accept-key", "unsigned", "--restore", "all"];
    new.json(&[&init[..], &restored].concat());
    assert_eq!(new.everything(), old.everything());
    new.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&new.sync()), "pushed");
    assert!(bare.files().contains_key("machines/anna/signing-key.pub"));
}

fn what_was_forged_before_a_machine_joins_is_left_out(transport: Transport) {
    let (bare, _anna, bert) = pair(transport);
    forge(&bare, |work| {
        let folder = work.join("machines/bert");
        add_plain(&folder, "config/settings.local.json", "config", "{\"hooks\":{}}\n");
        remove_session(&folder, "-home-dev-bert", "bert-session-two");
    });
    let new = Machine::new(transport);
    let joined = new.join(bare.url(), "bert");
    assert!(tells(&joined["warnings"], &["somebody else changed"]), "{joined:#}");
    has_everything_of(&new, &bert);
    assert!(!bare.files().contains_key("machines/bert/config/settings.local.json"));
}

fn a_renamed_machine_is_known_under_its_new_name(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let key = state(&anna, "bert")["fingerprint"].clone();
    bert.json(&["machines", "rename", "bert", "book"]);
    bert.append_session("-home-dev-bert", "bert-session-one", 12..14);
    bert.sync();
    let sync = anna.sync();
    assert!(tells(&sync["warnings"], &["`bert` is called `book`"]), "{sync:#}");
    assert!(!tells(&sync["warnings"], &["removed"]), "{sync:#}");
    assert_eq!(state(&anna, "bert"), Value::Null);
    let line = state(&anna, "book");
    assert_eq!((&line["signature"], &line["fingerprint"]), (&"verified".into(), &key));
    assert!(!bare.files().keys().any(|path| path.starts_with("machines/bert/")));
    for machine in [&anna, &bert] {
        let owners: Vec<String> = machine.listed().into_iter().map(|(owner, _)| owner).collect();
        assert_eq!(owners, ["anna", "anna", "book", "book"]);
        assert!(!machine.backup("machines/bert").exists());
    }
    assert_eq!(bert.status()["machineSlug"], "book");
    let error = anna.error(&["machines", "rename", "book", "other"]);
    assert!(tells(&error, &["only `book` itself"]), "{error:#}");
    assert_eq!(bert.error(&["machines", "rename", "book", "anna"])["code"], "exists");
}

fn a_machine_renamed_while_others_push_leaves_no_folder_behind(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    bert.json(&["machines", "rename", "bert", "book"]);
    anna.append_session("-home-dev-anna", "anna-session-one", 12..14);
    anna.sync();
    bert.sync();
    anna.sync();
    assert!(!bare.files().keys().any(|path| path.starts_with("machines/bert/")));
    assert_eq!(state(&anna, "book")["signature"], "verified");
    assert_eq!(state(&anna, "bert"), Value::Null);
    bare.assert_whole();
}

fn a_folder_that_was_renamed_by_hand_is_still_this_machines(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    let backup = bert.backup("");
    std::fs::rename(backup.join("machines/bert"), backup.join("machines/book")).unwrap();
    for manifest in ["manifest.json", "machines/book/manifest.json"] {
        let path = backup.join(manifest);
        let mut text: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        text["machineSlug"] = "book".into();
        std::fs::write(path, text.to_string()).unwrap();
    }
    let sync = bert.sync();
    assert!(tells(&sync["warnings"], &["it is `book` from now on"]), "{sync:#}");
    assert_eq!(bert.status()["machineSlug"], "book");
    assert!(!backup.join("machines/bert").exists());
    assert_eq!(bert.git(&["status", "--porcelain"]), "");
    anna.sync();
    for machine in [&anna, &bert] {
        let owners: Vec<String> = machine.listed().into_iter().map(|(owner, _)| owner).collect();
        assert_eq!(owners, ["anna", "anna", "book", "book"]);
    }
    assert_eq!(state(&anna, "book")["signature"], "verified");
    bare.assert_whole();
}

fn a_forgotten_key_makes_room_for_the_next_one(transport: Transport) {
    let (bare, anna, bert) = pair(transport);
    anna.json(&["machines", "forget", "bert"]);
    let line = state(&anna, "bert");
    assert_eq!((&line["signature"], &line["fingerprint"]), (&"unverified".into(), &Value::Null));
    assert_eq!(anna.listed().len(), 4, "no session goes");
    assert_eq!(anna.error(&["machines", "forget", "bert"])["code"], "not-found");
    drop(bert);
    let new = Machine::new(transport);
    new.join(bare.url(), "bert");
    new.write_session("-home-dev-bert", "since-then", 5);
    new.sync();
    anna.sync();
    assert_eq!(state(&anna, "bert")["signature"], "verified");
    assert_eq!(signature(&anna, "bert", "since-then"), "verified");
}

fn what_a_second_installation_put_into_our_folder_can_be_taken_over(transport: Transport) {
    let (bare, _anna, bert) = pair(transport);
    let second = Machine::new(transport);
    second.join(bare.url(), "bert");
    second.write_session("-home-dev-bert", "of-the-second", 5);
    second.sync();
    let sync = bert.sync();
    assert!(tells(&sync["warnings"], &["somebody else changed this machine's folder"]));
    assert!(!bert.listed().contains(&("bert".into(), "of-the-second".into())));
    let key = state(&second, "bert")["fingerprint"].as_str().unwrap().to_owned();
    bert.json(&["machines", "trust", "bert", "--accept-key", &key]);
    let stored = bert.stored("bert", "of-the-second", &[]);
    assert_eq!(stored, conversation("of-the-second", 0..5).into_bytes());
    assert_eq!(push_state(&bert.sync()), "pushed");
}

fn a_clone_made_by_hand_trusts_what_is_signed(transport: Transport) {
    let (bare, anna, _bert) = pair(transport);
    let new = Machine::new(transport);
    git(Path::new("/"), &["clone", "--quiet", bare.url(), new.backup("").to_str().unwrap()]);
    live_on(&new, "carl");
    new.sync();
    assert_eq!(state(&new, "anna")["signature"], "verified");
    assert_eq!(state(&new, "bert")["signature"], "verified");
    anna.sync();
    assert_eq!(anna.listed().len(), 6);
}
