//! Remotes over ssh: keys, agents, hosts that are known and hosts that are not.

use crate::home::{Machine, Transport, tells, whoami};
use crate::life::{everyday, live_on, push_state};
use crate::ssh::SshServer;

with_both_transports!(
    a_key_in_the_home,
    a_key_in_an_agent,
    a_host_by_the_name_it_has_here,
    a_host_that_is_not_known_is_refused,
    a_host_with_another_key_than_before_is_refused,
    a_user_without_a_key_is_not_let_in,
    a_hook_over_ssh_is_told,
);

fn a_key_in_the_home(transport: Transport) {
    let Some(server) = SshServer::start() else { return };
    everyday(server.bare(), &server.url(), &|| server.machine(transport));
}

fn a_key_in_an_agent(transport: Transport) {
    let Some(server) = SshServer::start() else { return };
    let agent = server.agent();
    everyday(server.bare(), &server.url(), &|| {
        let machine = agent.machine(&server, transport);
        assert!(!machine.home(".ssh/id_ed25519").exists());
        machine
    });
}

fn a_host_by_the_name_it_has_here(transport: Transport) {
    let Some(server) = SshServer::start() else { return };
    let new = || {
        let machine = server.machine(transport);
        server.aliased(&machine, "nas");
        machine
    };
    everyday(server.bare(), &format!("nas:{}", server.bare().url()), &new);
    let third = new();
    assert_eq!(third.join(&server.url_at("nas"), "carl")["joined"], true);
}

/// What a machine is told that cannot reach the server, by `backend set` and by `sync`.
fn is_refused(machine: &Machine, server: &SshServer, code: &str, words: &[&str]) {
    let (anna, url) = (server.machine(machine.transport), server.url());
    live_on(&anna, "anna");
    anna.init(&url, "anna");
    live_on(machine, "bert");
    machine.init_here();
    let before = machine.git(&["config", "--list", "--local"]);
    let error = machine.error(&["backend", "set", "git", "--remote", &url]);
    assert_eq!(error["code"], code, "{error}");
    assert!(tells(&error["error"], words), "{error}");
    assert!(error["hint"].is_string());
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
    machine.git(&["remote", "add", "origin", &url]);
    machine.git(&["config", "claude-backup.mode", "git"]);
    machine.append_session("-home-dev-bert", "bert-session-one", 12..13);
    assert!(tells(&machine.sync_unsent()["push"], words));
}

fn a_host_that_is_not_known_is_refused(transport: Transport) {
    let Some(server) = SshServer::start() else { return };
    let machine = server.keyed(Machine::new(transport));
    is_refused(&machine, &server, "unreachable", &["ssh key of 127.0.0.1 is not known"]);
    server.known_by_now(&machine);
    assert_eq!(push_state(&machine.sync()), "pushed");
}

fn a_host_with_another_key_than_before_is_refused(transport: Transport) {
    let (Some(server), Some(other)) = (SshServer::start(), SshServer::start()) else { return };
    let machine = server.keyed(Machine::new(transport));
    machine.write(".ssh/known_hosts", server.known_hosts(&other));
    is_refused(&machine, &server, "unreachable", &["has changed"]);
}

fn a_user_without_a_key_is_not_let_in(transport: Transport) {
    let (Some(server), Some(other)) = (SshServer::start(), SshServer::start()) else { return };
    let machine = other.keyed(Machine::new(transport));
    server.known_by_now(&machine);
    is_refused(&machine, &server, "unauthorized", &["takes no ssh key of this user"]);
    server.keyed_by_now(&machine);
    assert_eq!(push_state(&machine.sync()), "pushed");
}

fn a_hook_over_ssh_is_told(transport: Transport) {
    let Some(server) = SshServer::start() else { return };
    let machine = server.machine(transport);
    live_on(&machine, "anna");
    machine.init(&server.url(), "anna");
    server.bare().hook("update", "echo 'the disk is being moved' >&2; exit 1");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert!(tells(&machine.sync_unsent()["push"], &["the disk is being moved"]));
    server.bare().without_hook("update");
    assert_eq!(push_state(&machine.sync()), "pushed");
    assert!(machine.status()["repo"].as_str().unwrap().contains(whoami()), "no secret");
}
