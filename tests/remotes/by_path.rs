//! A remote that is a folder: another disk, a mounted share.

use serde_json::json;

use crate::bare::Bare;
use crate::home::{Machine, Transport, tells};
use crate::life::{everyday, live_on, push_state};
use crate::plain_git;

with_both_transports!(
    a_folder_is_a_remote,
    so_is_its_file_url,
    an_address_by_another_name_leads_there,
    a_push_that_was_put_off_is_made_by_the_next_run,
    the_copy_can_be_given_up_and_taken_up_again,
    what_is_no_repository_is_refused_and_changes_nothing,
    a_remote_with_something_else_in_it_is_left_alone,
    an_init_that_fails_leaves_no_backup_behind,
    trying_a_remote_leaves_nothing_there,
    a_torn_object_is_named_and_holds_up_no_run,
);

fn a_folder_is_a_remote(transport: Transport) {
    let bare = Bare::new();
    everyday(&bare, bare.url(), &|| Machine::new(transport));
}

fn so_is_its_file_url(transport: Transport) {
    let bare = Bare::new();
    everyday(&bare, &format!("file://{}", bare.url()), &|| Machine::new(transport));
}

fn an_address_by_another_name_leads_there(transport: Transport) {
    let bare = Bare::new();
    let folder = bare.path("..").canonicalize().unwrap();
    everyday(&bare, "https://backups.example.org/backup.git", &|| {
        let machine = Machine::new(transport);
        let key = format!("url.file://{}/.insteadOf", folder.display());
        machine.git_setting(&key, "https://backups.example.org/");
        machine
    });
}

fn a_push_that_was_put_off_is_made_by_the_next_run(transport: Transport) {
    let bare = Bare::new();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    let before = bare.tip();
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&machine.json(&["sync", "--no-push"])), "later");
    let status = machine.status();
    assert_eq!((&status["push"]["state"], &status["push"]["owed"]), (&json!("owed"), &json!(1)));
    assert_eq!(bare.tip(), before);
    assert_eq!(push_state(&machine.sync()), "pushed");
    assert_eq!(machine.status()["push"]["owed"], 0);
}

fn the_copy_can_be_given_up_and_taken_up_again(transport: Transport) {
    let (bare, other) = (Bare::new(), Bare::new());
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    assert_eq!(machine.json(&["backend", "set", "local"])["mode"], "local");
    let shown = machine.json(&["backend", "show"]);
    assert_eq!((&shown["mode"], &shown["remote"]), (&json!("local"), &json!(null)));
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&machine.sync()), "not-configured");
    let set = machine.json(&["backend", "set", "git", "--remote", other.url()]);
    assert_eq!((&set["remote"], push_state(&set)), (&json!(other.url()), "pushed"));
    assert_eq!(other.tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(
        push_state(&machine.json(&["backend", "set", "git", "--remote", bare.url()])),
        "pushed"
    );
    assert_eq!(bare.tip(), other.tip());
}

fn what_is_no_repository_is_refused_and_changes_nothing(transport: Transport) {
    let bare = Bare::new();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    let before = machine.git(&["config", "--list", "--local"]);
    let folder = machine.home("");
    for nowhere in ["/nonexistent/backup.git", folder.to_str().unwrap()] {
        let error = machine.error(&["backend", "set", "git", "--remote", nowhere]);
        assert_eq!(error["code"], "unreachable", "{error}");
    }
    for nonsense in ["ext::sh -c evil", "--upload-pack=evil", ""] {
        let remote = format!("--remote={nonsense}");
        assert_eq!(machine.error(&["backend", "set", "git", &remote])["code"], "usage");
    }
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
    assert_eq!(push_state(&machine.sync()), "up-to-date");
}

fn a_remote_with_something_else_in_it_is_left_alone(transport: Transport) {
    let bare = Bare::new();
    let work = bare.cloned();
    std::fs::write(work.path().join("main.c"), "int main;").unwrap();
    crate::plain_git::git(work.path(), &["add", "main.c"]);
    crate::plain_git::git(work.path(), &["commit", "--quiet", "-m", "a program"]);
    crate::plain_git::git(work.path(), &["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
    let before = bare.references();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    let error = machine.error(&["init", "--backend", "git", "--remote", bare.url()]);
    assert_eq!(error["code"], "refused");
    assert!(tells(&error, &["something else than a backup"]), "{error}");
    assert_eq!(bare.references(), before);
}

fn an_init_that_fails_leaves_no_backup_behind(transport: Transport) {
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    let ran = machine.run(&["init", "--backend", "git", "--remote", "/nonexistent/a.git"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(!machine.backup("").exists());
    assert_eq!(machine.run(&["init", "--backend", "git"]).code, 2, "no address");
    assert!(!machine.backup("").exists());
    let bare = Bare::new();
    machine.init(bare.url(), "anna");
}

fn trying_a_remote_leaves_nothing_there(transport: Transport) {
    let (bare, other) = (Bare::new(), Bare::new());
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    machine.json(&["backend", "set", "git", "--remote", other.url()]);
    machine.json(&["backend", "set", "git", "--remote", bare.url()]);
    for remote in [&bare, &other] {
        assert_eq!(remote.reference_names(), ["refs/heads/main"]);
        assert_eq!(remote.git(&["symbolic-ref", "HEAD"]).trim(), "refs/heads/main");
        remote.assert_whole();
    }
    let unreachable = machine.git(&["fsck", "--unreachable", "--no-reflogs", "--no-progress"]);
    assert_eq!(unreachable, "", "nor here");
}

fn a_torn_object_is_named_and_holds_up_no_run(transport: Transport) {
    let bare = Bare::new();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13).sync();
    unpack_all(&machine);
    let older = machine.git(&["rev-parse", "HEAD~1"]);
    let (folder, name) = older.trim().split_at(2);
    let torn = machine.backup(".git/objects").join(folder).join(name);
    let bytes = std::fs::read(&torn).unwrap();
    std::fs::remove_file(&torn).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    machine.append_session("-home-dev-anna", "anna-session-one", 13..14);
    let saved = machine.run(&["sync", "--json"]).document(3);
    assert!(tells(&saved["push"]["error"], &[name, "is damaged"]), "{saved}");
    assert_eq!(machine.run(&["verify", "--repair"]).code, 0);
    assert_eq!(push_state(&machine.sync()), "pushed");
}

/// Gives each object a file of its own, as git does with few of them.
fn unpack_all(machine: &Machine) {
    let folder = machine.backup(".git/objects/pack");
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let packs: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|e| e == "pack")).collect();
    for pack in packs {
        let aside = machine.home(pack.file_name().unwrap());
        std::fs::rename(&pack, &aside).unwrap();
        let packed = std::fs::File::open(&aside).unwrap();
        let mut git = plain_git::command(&machine.backup(""));
        plain_git::succeeded(git.args(["unpack-objects", "-q"]).stdin(packed));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
}
