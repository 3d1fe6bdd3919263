//! Remotes over http: who is let in, who is not, and what is never told.

use serde_json::json;

use crate::home::{Machine, Transport, files_below, tells};
use crate::http::{HttpServer, Wants};
use crate::life::{everyday, live_on, push_state};

with_both_transports!(
    a_server_that_lets_everybody_in,
    a_password_in_the_address_is_used_and_never_told,
    a_password_from_a_credential_helper,
    a_wrong_password_is_told_and_nothing_is_lost,
    a_remote_that_refuses_pushes_is_not_switched_to,
    what_a_hook_says_is_told,
    a_push_that_a_hook_refuses_is_owed_until_it_is_taken,
    a_remote_that_lets_nothing_be_removed_is_told_of,
    a_repository_that_moved_is_found,
    what_is_appended_is_sent_without_the_rest,
    a_proxy_is_asked,
);

scenarios!(a_password_is_no_argument_of_git,);

const LOGIN: Wants = Wants { login: Some("tom:open sesame"), tls: false };
/// As it stands in an address.
const IN_ADDRESS: &str = "tom:open%20sesame";

/// A machine that must never print the password.
fn discreet(transport: Transport) -> Machine {
    Machine::new(transport).secret("open sesame").secret("open%20sesame")
}

fn a_server_that_lets_everybody_in(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    everyday(server.bare(), &server.url(), &|| Machine::new(transport));
}

fn a_password_in_the_address_is_used_and_never_told(transport: Transport) {
    let Some(server) = HttpServer::start(&LOGIN) else { return };
    let url = server.url_with(IN_ADDRESS);
    everyday(server.bare(), &url, &|| discreet(transport));

    let machine = discreet(transport);
    machine.join(&url, "carl");
    for words in [&["status"][..], &["backend", "show"], &["sync", "--verbose"]] {
        assert_eq!(machine.run(words).code, 0, "for people");
        assert_eq!(machine.run(&[words, &["--json"]].concat()).code, 0, "for programs");
    }
    assert_eq!(machine.status()["repo"], server.url());
    assert_eq!(machine.json(&["backend", "show"])["remote"], server.url());
    assert_only_git_knows(&machine, "sesame");
    let objects = ["cat-file", "--batch-all-objects", "--batch"];
    for folder in [machine.backup(""), server.bare().path("")] {
        let all = crate::plain_git::bytes(&folder, &objects);
        assert!(!String::from_utf8_lossy(&all).contains("sesame"));
    }
}

/// No file but git's own settings holds a secret, and the private copy that these are made again from.
fn assert_only_git_knows(machine: &Machine, secret: &str) {
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(secret);
    let files = files_below(&machine.backup(""));
    let found: Vec<_> =
        files.iter().filter(|(_, bytes)| holds(&bytes.0)).map(|(path, _)| path).collect();
    let known = [".git/claude-backup/config", ".git/config"].map(std::path::Path::new);
    assert_eq!(found, known);
}

fn a_password_from_a_credential_helper(transport: Transport) {
    let Some(server) = HttpServer::start(&LOGIN) else { return };
    let machine = discreet(transport).with_git();
    let known = format!("{}\n", server.place(&format!("{IN_ADDRESS}@")));
    machine.write("passwords", known);
    let helper = format!("store --file={}", machine.home("passwords").display());
    machine.git_setting("credential.helper", &helper);
    live_on(&machine, "anna");
    machine.init_here();
    machine.git(&["config", "claude-backup.transport", &format!("{transport:?}").to_lowercase()]);
    let set = machine.json(&["backend", "set", "git", "--remote", &server.url()]);
    assert_eq!((push_state(&set), &set["remote"]), ("pushed", &json!(server.url())));
    let used = set["transport"].as_str().unwrap().to_owned();
    assert!(used.starts_with(&format!("{transport:?} ").to_lowercase()), "{used}");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&machine.sync()), "pushed");
}

fn a_wrong_password_is_told_and_nothing_is_lost(transport: Transport) {
    let Some(server) = HttpServer::start(&LOGIN) else { return };
    let machine = discreet(transport).secret("guessed");
    live_on(&machine, "anna");
    machine.init(&server.url_with(IN_ADDRESS), "anna");
    let settings = ["config", "--list", "--local"];
    let before = machine.git(&settings);
    for url in [server.url_with("tom:guessed"), server.url()] {
        let error = machine.error(&["backend", "set", "git", "--remote", &url]);
        assert_eq!(error["code"], "unauthorized", "{error}");
        assert_eq!(machine.git(&settings), before);
    }
    machine.git(&["remote", "set-url", "origin", &server.url_with("tom:guessed")]);
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = machine.sync_unsent();
    assert!(tells(&sync["push"], &["does not let us in"]), "{sync}");
    let status = machine.status();
    assert_eq!((&status["health"], &status["push"]["owed"]), (&json!("not-pushed"), &json!(1)));
    machine.git(&["remote", "set-url", "origin", &server.url_with(IN_ADDRESS)]);
    assert_eq!(push_state(&machine.sync()), "pushed");
}

fn a_remote_that_refuses_pushes_is_not_switched_to(transport: Transport) {
    let (Some(good), Some(bad)) = (HttpServer::open(), HttpServer::open()) else { return };
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(&good.url(), "anna");
    let settings = ["config", "--list", "--local"];
    let (before, references) = (machine.git(&settings), machine.git(&["for-each-ref"]));
    bad.mood(&json!({"refuse_push": true}));
    let error = machine.error(&["backend", "set", "git", "--remote", &bad.url()]);
    assert!(["unauthorized", "refused"].contains(&error["code"].as_str().unwrap()), "{error}");
    assert_eq!(machine.git(&settings), before);
    assert_eq!(machine.git(&["for-each-ref"]), references);
    assert_eq!(bad.bare().references(), "");
    assert_eq!(push_state(&machine.sync()), "up-to-date");
}

fn what_a_hook_says_is_told(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    server.bare().hook("pre-receive", "echo 'no backups on Sundays' >&2; exit 1");
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init_here();
    let before = machine.git(&["config", "--list", "--local"]);
    let error = machine.error(&["backend", "set", "git", "--remote", &server.url()]);
    assert_eq!(error["code"], "refused", "{error}");
    assert!(tells(&error, &["no backups on Sundays"]), "{error}");
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
    assert_eq!(server.bare().references(), "");
}

fn a_push_that_a_hook_refuses_is_owed_until_it_is_taken(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(&server.url(), "anna");
    server.bare().hook("pre-receive", "echo 'no backups on Sundays' >&2; exit 1");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = machine.sync_unsent();
    assert!(tells(&sync["push"], &["no backups on Sundays"]), "{sync}");
    assert!(tells(&machine.status()["push"]["error"], &["does not take it"]));
    server.bare().without_hook("pre-receive");
    assert_eq!(push_state(&machine.sync()), "pushed");
    server.bare().assert_whole();
}

fn a_remote_that_lets_nothing_be_removed_is_told_of(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    Machine::new(transport).init(&server.url(), "bert");
    server.bare().git(&["config", "receive.denyDeletes", "true"]);
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init_here();
    let before = machine.git(&["config", "--list", "--local"]);
    let error = machine.error(&["backend", "set", "git", "--remote", &server.url()]);
    assert_eq!(error["code"], "refused", "{error}");
    let left = server.bare().reference_names();
    let left: Vec<_> = left.iter().filter(|name| *name != "refs/heads/main").collect();
    assert!(left.len() == 1 && tells(&error, &[left[0]]), "{left:?}: {error}");
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
}

fn a_repository_that_moved_is_found(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    server.mood(&json!({"moved": ["/old-name.git", "/backup.git"]}));
    let url = server.url().replace("backup.git", "old-name.git");
    everyday(server.bare(), &url, &|| Machine::new(transport));
}

/// Other users of a machine may see its list of processes.
fn a_password_is_no_argument_of_git() {
    let Some(server) = HttpServer::start(&LOGIN) else { return };
    let machine = discreet(Transport::Git);
    let (log, real) = (machine.home("calls"), crate::needs::program("git").unwrap());
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\nexec '{}' \"$@\"\n",
        log.display(),
        real.display()
    );
    machine.write("git", script);
    crate::sandbox::set_mode(&machine.home("git"), 0o755);
    let wrapper = machine.home("git");
    let machine = machine.program_at("git", &wrapper);
    live_on(&machine, "anna");
    machine.init(&server.url_with(IN_ADDRESS), "anna");
    let calls = std::fs::read_to_string(log).unwrap();
    assert!(calls.contains("push") && !calls.contains("sesame"), "{calls}");
}

fn a_proxy_is_asked(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = Machine::new(transport).variable("http_proxy", server.place(""));
    live_on(&machine, "anna");
    machine.init("http://backups.invalid/backup.git", "anna");
    assert!(server.requests().iter().all(|request| request["proxied"] == true));
    assert_eq!(server.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn what_is_appended_is_sent_without_the_rest(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let machine = Machine::new(transport);
    let noise: String = crate::life::noise(600_000).iter().map(|b| format!("{b:02x}")).collect();
    machine.write(machine.session("-home-dev-anna", "a-large-session"), format!("{noise}\n"));
    machine.init(&server.url(), "anna");
    let first = server.bytes_sent();
    machine.append_session("-home-dev-anna", "a-large-session", 0..4);
    machine.sync();
    let second = server.bytes_sent() - first;
    // libgit2 sends whole files; git sends what is new.
    let most = if transport == Transport::Git { 20_000 } else { 2 * first };
    assert!(first > 600_000 && second < most, "{first} and {second} bytes");
}
