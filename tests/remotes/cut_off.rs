//! The line breaks, the server is ill or gone: what was saved is owed, and the next run sends it.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::home::{Machine, Transport, tells};
use crate::http::HttpServer;
use crate::life::{live_on, noise, push_state};

with_both_transports!(
    cut_off_in_the_middle_of_a_push,
    the_answer_to_a_push_is_lost,
    the_first_push_of_all_is_cut_off,
    a_server_that_is_ill,
    a_server_that_is_gone,
    cut_off_while_joining,
    cut_off_while_others_are_fetched,
);

/// A machine with a session too large for one breath, and a copy of it elsewhere.
fn begun(transport: Transport, server: &HttpServer) -> Machine {
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(&server.url(), "anna");
    machine
}

/// Something new that takes a while to send.
fn add_much(machine: &Machine) {
    let text: String = noise(200_000).iter().map(|byte| format!("{byte:02x}")).collect();
    let line = json!({"type": "user", "message": {"role": "user", "content": text}});
    machine.append(machine.session("-home-dev-anna", "anna-session-one"), format!("{line}\n"));
}

/// Two runs cannot send; then the line is well, and a run without anything new does.
fn is_owed_and_sent(machine: &Machine, server: &HttpServer, words: &[&str]) {
    let owed = |count: u64| {
        let status = machine.status();
        assert_eq!(
            (&status["health"], &status["push"]["owed"]),
            (&json!("not-pushed"), &json!(count))
        );
        assert!(tells(&status["push"]["error"], words), "{status:#}");
    };
    let sync = machine.sync_unsent();
    assert!(sync["commit"].is_string() && tells(&sync["push"], words), "{sync:#}");
    owed(1);
    machine.append_session("-home-dev-anna", "anna-session-two", 3..4);
    machine.sync_unsent();
    owed(2);
    server.well();
    sends_what_is_owed(machine, server);
}

fn sends_what_is_owed(machine: &Machine, server: &HttpServer) {
    let sync = machine.sync();
    let state: (&Value, &str) = (&sync["pushed"], push_state(&sync));
    assert_eq!(state, (&json!(true), "pushed"));
    assert!(sync["commit"].is_null(), "nothing new: {sync:#}");
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    server.bare().assert_whole();
    assert_eq!(machine.status()["health"], "ok");
    machine.git(&["fsck", "--full", "--strict"]);
}

fn cut_off_in_the_middle_of_a_push(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    add_much(&machine);
    server.mood(&json!({"cut_after": 20_000}));
    is_owed_and_sent(&machine, &server, &["cannot be reached", "git failed"]);
}

fn the_answer_to_a_push_is_lost(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    add_much(&machine);
    server.mood(&json!({"drop_answer": true}));
    machine.sync_unsent();
    server.well();
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim(), "it has arrived");
    assert_eq!(push_state(&machine.sync()), "up-to-date");
    let status = machine.status();
    assert_eq!((&status["health"], &status["push"]["owed"]), (&json!("ok"), &json!(0)));
}

fn the_first_push_of_all_is_cut_off(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    add_much(&machine);
    server.mood(&json!({"cut_after": 20_000}));
    let init = ["init", "--backend", "git", "--remote", &server.url(), "--json"];
    let init = machine.run(&init).document(3);
    assert_eq!(push_state(&init["sync"]), "failed");
    server.well();
    sends_what_is_owed(&machine, &server);
}

fn a_server_that_is_ill(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    add_much(&machine);
    server.mood(&json!({"fail": 500}));
    is_owed_and_sent(&machine, &server, &["answers with an error of its own"]);
}

fn a_server_that_is_gone(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = begun(transport, &server);
    add_much(&machine);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    machine.git(&["remote", "set-url", "origin", &format!("http://{free}/backup.git")]);
    let sync = machine.sync_unsent();
    assert!(tells(&sync["push"], &["127.0.0.1 cannot be reached"]), "{sync:#}");
    machine.git(&["remote", "set-url", "origin", &server.url()]);
    sends_what_is_owed(&machine, &server);
}

fn cut_off_while_joining(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let anna = Machine::new(transport);
    live_on(&anna, "anna");
    add_much(&anna);
    anna.init(&server.url(), "anna");
    let bert = Machine::new(transport);
    server.mood(&json!({"cut_answer": 20_000}));
    let error = bert.error(&["init", "--backend", "git", "--remote", &server.url()]);
    assert!(error["error"].is_string() && error["hint"].is_string(), "{error}");
    assert!(!bert.backup("").exists(), "as before");
    server.well();
    assert_eq!(bert.join(&server.url(), "bert")["joined"], true);
    assert_eq!(bert.sessions(), anna.sessions());
    assert_eq!(server.bare().reference_names(), ["refs/heads/main"]);
}

fn cut_off_while_others_are_fetched(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let (anna, bert) = (begun(transport, &server), Machine::new(transport));
    bert.join(&server.url(), "bert");
    add_much(&anna);
    anna.sync();
    live_on(&bert, "bert");
    server.mood(&json!({"cut_answer": 20_000}));
    bert.sync_unsent();
    server.well();
    sends_what_is_owed(&bert, &server);
    assert!(bert.git(&["ls-tree", "-r", "--name-only", "HEAD"]).contains("machines/anna/"));
}
