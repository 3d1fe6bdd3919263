//! The servers work with plain git, so that what fails elsewhere is ours.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::bare::Bare;
use crate::home::{Machine, Transport};
use crate::http::{HttpServer, Wants};
use crate::life::noise;
use crate::plain_git::{self, git, succeeded};
use crate::ssh::SshServer;

scenarios!(
    git_pushes_and_clones_over_http,
    the_http_server_wants_the_password_and_its_certificate_wants_trust,
    the_http_server_has_its_moods,
    git_pushes_over_ssh_with_the_key_and_with_an_agent,
);

/// A repository with one file that cannot be made smaller.
fn work(bytes: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    std::fs::write(folder.path().join("file"), noise(bytes)).unwrap();
    git(folder.path(), &["add", "file"]);
    git(folder.path(), &["commit", "--quiet", "-m", "one"]);
    folder
}

fn push(folder: &TempDir, url: &str) -> Command {
    let mut command = plain_git::command(folder.path());
    command.args(["push", "--quiet", url, "HEAD:refs/heads/main"]);
    command
}

fn assert_sent(folder: &TempDir, bare: &Bare) {
    assert_eq!(bare.tip(), git(folder.path(), &["rev-parse", "HEAD"]).trim());
    bare.assert_whole();
}

fn git_pushes_and_clones_over_http() {
    let Some(server) = HttpServer::open() else { return };
    // Above git's buffer, so that it comes in chunks.
    let folder = work(3 << 20);
    succeeded(&mut push(&folder, &server.url()));
    assert_sent(&folder, server.bare());
    let clone = tempfile::tempdir().unwrap();
    let place = clone.path().to_str().unwrap();
    git(Path::new("/"), &["clone", "--quiet", &server.url(), place]);
    assert!(clone.path().join("file").exists());
    assert!(server.bytes_sent() > 3 << 20);
}

fn the_http_server_wants_the_password_and_its_certificate_wants_trust() {
    let wants = Wants { login: Some("tom:open sesame"), tls: true };
    let Some(server) = HttpServer::start(&wants) else { return };
    let folder = work(1000);
    let trusting = |command: &mut Command| {
        command.env("GIT_SSL_CAINFO", server.certificate().file()).output().unwrap()
    };
    let known = server.url_with("tom:open%20sesame");
    assert!(!push(&folder, &known).output().unwrap().status.success());
    assert!(!trusting(&mut push(&folder, &server.url_with("tom:guessed"))).status.success());
    assert!(trusting(&mut push(&folder, &known)).status.success());
    assert_sent(&folder, server.bare());
}

fn the_http_server_has_its_moods() {
    let Some(server) = HttpServer::open() else { return };
    let folder = work(2 << 20);
    for (mood, arrives) in [
        (json!({"refuse_push": true}), false),
        (json!({"fail": 500}), false),
        (json!({"cut_after": 100_000}), false),
        (json!({"drop_answer": true}), true),
    ] {
        server.mood(&mood);
        let output = push(&folder, &server.url()).output().unwrap();
        assert!(!output.status.success(), "{mood}: {}", plain_git::said(&output));
        assert_eq!(server.bare().references().is_empty(), !arrives, "{mood}");
    }
    server.well();
    succeeded(&mut push(&folder, &server.url()));
}

fn git_pushes_over_ssh_with_the_key_and_with_an_agent() {
    let Some(server) = SshServer::start() else { return };
    let folder = work(1000);
    let agent = server.agent();
    let with_key = server.machine(Transport::Git);
    let with_agent = agent.machine(&server, Transport::Git);
    let stranger = server.known_by(server.keyed(Machine::new(Transport::Git)));
    stranger.write(".ssh/known_hosts", "");
    for (machine, is_let_in) in [(with_key, true), (with_agent, true), (stranger, false)] {
        let ssh = format!("ssh -F {}", machine.home(".ssh/config").display());
        let mut command = push(&folder, &server.url());
        let output = command
            .env("GIT_SSH_COMMAND", ssh)
            .env("SSH_AUTH_SOCK", agent.socket())
            .output()
            .unwrap();
        assert_eq!(output.status.success(), is_let_in, "{}", plain_git::said(&output));
    }
    assert_sent(&folder, server.bare());
}
