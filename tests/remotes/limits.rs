//! Remotes that never answer, or only seem to: a run gives them up, and ends when it is asked to.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Machine, Transport, tells};
use crate::life::live_on;
use crate::needs;

with_both_transports!(
    a_silent_http_server_is_given_up,
    an_http_server_that_drips_is_given_up,
    a_silent_git_server_is_given_up,
    a_git_server_that_drips_is_given_up,
    a_silent_ssh_server_is_given_up,
    a_credential_helper_that_hangs_is_ended,
    a_run_that_waits_for_a_server_ends_when_it_is_asked_to,
    a_limit_that_is_no_number_is_named,
);

/// What a server does with everybody who connects.
#[derive(Clone, Copy)]
enum Manner {
    Silent,
    /// A byte now and then, behind this.
    Drips(&'static str),
    /// Asks for a password.
    Asks,
}

/// A server that serves nobody.
struct BadServer {
    port: u16,
    connected: Receiver<()>,
}

impl BadServer {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, connected) = channel();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let _ = tell.send(());
                std::thread::spawn(move || serve(connection, manner));
            }
        });
        Self { port, connected }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/backup.git", self.port)
    }
}

/// Until the other side hangs up.
fn serve(mut connection: TcpStream, manner: Manner) {
    let mut buffer = [0; 4096];
    match manner {
        Manner::Silent => while matches!(connection.read(&mut buffer), Ok(1..)) {},
        Manner::Asks => {
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                          Content-Length: 0\r\n\r\n";
            while matches!(connection.read(&mut buffer), Ok(1..))
                && connection.write_all(answer.as_bytes()).is_ok()
            {}
        }
        Manner::Drips(head) => {
            let _ = connection.read(&mut buffer);
            let _ = connection.write_all(head.as_bytes());
            // The pause between two bytes is a read that gets nothing.
            connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            loop {
                match connection.read(&mut buffer) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    _ => return,
                }
                if connection.write_all(b"x").is_err() {
                    return;
                }
            }
        }
    }
    let _ = connection.shutdown(Shutdown::Both);
}

/// A machine with something to send to this address, and a limit of two seconds.
fn machine_for(transport: Transport, url: &str) -> Machine {
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init_here();
    machine.git(&["remote", "add", "origin", url]);
    machine.git(&["config", "claude-backup.mode", "git"]);
    machine.git(&["config", "claude-backup.timeout", "2"]);
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    machine
}

/// The run saves, and says of the push that it took too long.
fn is_given_up(machine: &Machine) -> Value {
    let sync = machine.sync_unsent();
    assert!(sync["commit"].is_string(), "it is saved: {sync:#}");
    assert_eq!(sync["push"]["code"], "timed-out", "{sync:#}");
    assert!(tells(&sync["push"]["hint"], &["claude-backup.timeout"]), "{sync:#}");
    sync
}

fn a_silent_http_server_is_given_up(transport: Transport) {
    let server = BadServer::start(Manner::Silent);
    let sync = is_given_up(&machine_for(transport, &server.url("http")));
    assert!(tells(&sync["push"]["error"], &["did not answer within 1 second"]), "{sync:#}");
}

fn an_http_server_that_drips_is_given_up(transport: Transport) {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\
                Content-Type: application/x-git-upload-pack-advertisement\r\n\r\n\
                001e# service=git-upload-pack\n0000fff0";
    let server = BadServer::start(Manner::Drips(head));
    is_given_up(&machine_for(transport, &server.url("http")));
}

fn a_silent_git_server_is_given_up(transport: Transport) {
    let server = BadServer::start(Manner::Silent);
    is_given_up(&machine_for(transport, &server.url("git")));
}

fn a_git_server_that_drips_is_given_up(transport: Transport) {
    let server = BadServer::start(Manner::Drips("fff0"));
    is_given_up(&machine_for(transport, &server.url("git")));
}

fn a_silent_ssh_server_is_given_up(transport: Transport) {
    if needs::program("ssh").is_none() {
        return needs::skip("not on this machine: ssh");
    }
    let server = BadServer::start(Manner::Silent);
    let machine = machine_for(transport, &server.url("ssh")).program("ssh");
    is_given_up(&machine.variable("GIT_SSH_COMMAND", "ssh -F /dev/null"));
}

fn a_credential_helper_that_hangs_is_ended(transport: Transport) {
    let server = BadServer::start(Manner::Asks);
    let machine = machine_for(transport, &server.url("http")).program("sleep");
    machine.git_setting("credential.helper", "!sleep 600 #");
    is_given_up(&machine);
}

fn a_run_that_waits_for_a_server_ends_when_it_is_asked_to(transport: Transport) {
    for (scheme, signal) in [("http", "TERM"), ("git", "INT")] {
        let server = BadServer::start(Manner::Silent);
        let machine = machine_for(transport, &server.url(scheme));
        machine.git(&["config", "claude-backup.timeout", "600"]);
        let mut run = machine.started(&["sync"]);
        server.connected.recv().unwrap();
        let asked = Instant::now();
        crate::plain_git::succeeded(std::process::Command::new("kill").args([
            "-s",
            signal,
            &run.id().to_string(),
        ]));
        assert_eq!(run.wait().unwrap().code(), Some(130), "{scheme}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{scheme}: {:?}", asked.elapsed());
        machine.git(&["fsck", "--full", "--strict"]);
    }
}

fn a_limit_that_is_no_number_is_named(transport: Transport) {
    let machine = machine_for(transport, "git://127.0.0.1:1/backup.git");
    machine.git(&["config", "claude-backup.timeout", "soon"]);
    let sync = machine.sync_unsent();
    assert_eq!(sync["push"]["code"], "usage", "{sync:#}");
    assert!(tells(&sync["push"]["error"], &["`claude-backup.timeout` is `soon`"]), "{sync:#}");
}
