//! Two runs on one machine: one talks to the remote, which takes its time, and the others go on.

use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bare::Bare;
use crate::home::{Machine, Ran, Transport};
use crate::http::HttpServer;
use crate::life::{live_on, push_state};
use crate::plain_git;

with_both_transports!(
    a_second_sync_saves_and_the_first_pushes_it_too,
    what_is_saved_during_a_fetch_goes_on_top_of_what_was_fetched,
    what_must_talk_to_the_remote_is_told_who_does,
    a_first_backup_does_not_hold_up_a_sync,
    a_repair_that_asks_the_remote_does_not_hold_up_a_sync,
    a_killed_push_leaves_the_remote_free,
    of_many_runs_at_once_none_leaves_a_commit_behind,
);

const PROJECT: &str = "-home-dev-anna";

fn begun(transport: Transport, server: &HttpServer) -> Machine {
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(&server.url(), "anna");
    machine
}

fn write_more(machine: &Machine, id: &str) {
    machine.write_session(PROJECT, id, 4);
}

/// Runs `work` while a sync waits for the server to answer requests for this; how the sync ended.
fn while_held(machine: &Machine, server: &HttpServer, word: &str, work: impl FnOnce()) -> Value {
    server.hold(word);
    thread::scope(|scope| {
        let first: ScopedJoinHandle<'_, Ran> = scope.spawn(|| machine.run(&["sync", "--json"]));
        server.wait_for_a_held_request();
        work();
        server.well();
        first.join().unwrap().document(0)
    })
}

fn leaves_it_to_the_first(machine: &Machine) -> Value {
    let second = machine.sync();
    assert_eq!((&second["pushed"], push_state(&second)), (&json!(false), "in-progress"));
    assert_eq!(second["push"]["owner"]["doing"], "sync", "{second:#}");
    second
}

/// The remote has the newest commit, and nothing here is out of date.
fn assert_all_is_pushed(machine: &Machine, bare: &Bare) {
    assert_eq!(bare.tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(machine.git(&["status", "--porcelain"]), "");
    machine.git(&["fsck", "--full", "--strict"]);
    bare.assert_whole();
    let status = machine.status();
    assert_eq!((&status["health"], &status["push"]["owed"]), (&json!("ok"), &json!(0)));
}

fn a_second_sync_saves_and_the_first_pushes_it_too(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    write_more(&machine, "first");
    let mut second = Value::Null;
    let first = while_held(&machine, &server, "git-receive-pack", || {
        write_more(&machine, "second");
        second = leaves_it_to_the_first(&machine);
    });
    assert_eq!((&first["pushed"], push_state(&first)), (&json!(true), "pushed"));
    assert_ne!(first["commit"], second["commit"]);
    let pushed = machine.git(&["log", "--format=%H", "HEAD"]);
    for run in [&first, &second] {
        assert!(pushed.contains(run["commit"].as_str().unwrap()), "{run:#}");
    }
    assert_all_is_pushed(&machine, server.bare());
    assert_eq!(push_state(&machine.sync()), "up-to-date");
}

fn what_is_saved_during_a_fetch_goes_on_top_of_what_was_fetched(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let (anna, bert) = (begun(transport, &server), Machine::new(transport));
    bert.join(&server.url(), "bert");
    live_on(&bert, "bert");
    bert.sync();
    write_more(&anna, "first");
    let first = while_held(&anna, &server, "/git-upload-pack", || {
        write_more(&anna, "second");
        leaves_it_to_the_first(&anna);
    });
    assert_eq!(push_state(&first), "pushed");
    let listed = anna.listed();
    for (machine, id) in [("anna", "first"), ("anna", "second"), ("bert", "bert-session-one")] {
        assert!(listed.contains(&(machine.into(), id.into())), "{listed:?}");
    }
    assert!(anna.backup("machines/bert/manifest.json").is_file());
    assert_all_is_pushed(&anna, server.bare());
}

fn what_must_talk_to_the_remote_is_told_who_does(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    write_more(&machine, "first");
    let url = server.url();
    while_held(&machine, &server, "git-receive-pack", || {
        let calls: [&[&str]; 3] = [
            &["init"],
            &["backend", "set", "git", "--remote", &url],
            &["uninstall", "--delete-data", "--yes"],
        ];
        for call in calls {
            let error = machine.error(call);
            assert_eq!(
                (&error["code"], &error["owner"]["doing"]),
                (&json!("locked"), &json!("sync"))
            );
            assert!(error["error"].as_str().unwrap().starts_with("the remote is in use by `sync`"));
        }
        machine.json(&["restore", "--all", "--force"]);
        machine.json(&["schedule", "off"]);
    });
    assert_all_is_pushed(&machine, server.bare());
}

fn a_first_backup_does_not_hold_up_a_sync(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    let remote = server.url();
    let init = ["init", "--backend", "git", "--remote", &remote, "--json"];
    // The test push comes first, and finds no branch.
    server.hold("/git-receive-pack");
    thread::scope(|scope| {
        let first = scope.spawn(|| machine.run(&init));
        server.wait_for_a_held_request();
        let second = machine.sync();
        assert_eq!(push_state(&second), "not-configured", "nothing is settled yet: {second:#}");
        server.well();
        let first = first.join().unwrap().document(0);
        assert_eq!(push_state(&first["sync"]), "pushed");
    });
    assert_all_is_pushed(&machine, server.bare());
}

fn a_repair_that_asks_the_remote_does_not_hold_up_a_sync(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    machine.write(".claude/CLAUDE.md", "Be kind.\n").sync();
    let lost = machine.git(&["rev-parse", "HEAD~1"]);
    lose(&machine, lost.trim());
    server.hold("/git-upload-pack");
    thread::scope(|scope| {
        let repair = scope.spawn(|| machine.run(&["verify", "--repair", "--json"]));
        server.wait_for_a_held_request();
        write_more(&machine, "second");
        machine.json(&["sync", "--no-push"]);
        server.well();
        let repaired = repair.join().unwrap().document(0);
        assert_eq!(repaired["repaired"][0]["from"], "remote", "{repaired:#}");
    });
    machine.sync();
    assert_all_is_pushed(&machine, server.bare());
}

/// Takes an object out of git, whose others stay.
fn lose(machine: &Machine, object: &str) {
    let (objects, aside) = (machine.backup(".git/objects"), machine.home("packs"));
    std::fs::rename(objects.join("pack"), &aside).unwrap();
    std::fs::create_dir(objects.join("pack")).unwrap();
    for file in std::fs::read_dir(&aside).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "pack") {
            let mut git = plain_git::command(&machine.backup(""));
            git.args(["unpack-objects", "-q"]).stdin(std::fs::File::open(file).unwrap());
            plain_git::succeeded(&mut git);
        }
    }
    let (folder, file) = object.split_at(2);
    std::fs::remove_file(objects.join(folder).join(file)).unwrap();
}

fn a_killed_push_leaves_the_remote_free(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    write_more(&machine, "first");
    server.hold("git-receive-pack");
    machine.run_killed_after(Duration::from_secs(3), &["sync"]);
    server.wait_for_a_held_request();
    server.well();
    write_more(&machine, "second");
    assert_eq!(push_state(&machine.sync()), "pushed");
    assert_all_is_pushed(&machine, server.bare());
}

/// A run may end with 11, as another one saves; but what is saved is pushed, by whichever run.
fn of_many_runs_at_once_none_leaves_a_commit_behind(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    for round in 0..3 {
        thread::scope(|scope| {
            for number in 0..5 {
                let machine = &machine;
                scope.spawn(move || {
                    write_more(machine, &format!("session-{round}-{number}"));
                    let ran = machine.run(&["sync", "--json"]);
                    assert!([0, 11].contains(&ran.code), "{ran:#?}");
                });
            }
        });
        assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    }
    machine.sync();
    assert_all_is_pushed(&machine, server.bare());
}
