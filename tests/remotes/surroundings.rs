//! What stands around a run: variables, settings of the user's git, programs that are no good.

use crate::bare::Bare;
use crate::home::{Machine, Transport, tells};
use crate::http::HttpServer;
use crate::life::{everyday, live_on, push_state};
use crate::sandbox::set_mode;

with_both_transports!(
    a_run_inside_of_a_git_hook_goes_to_the_same_remote,
    the_users_git_settings_change_nothing,
    a_session_in_another_language_is_understood,
    locks_that_a_killed_run_left_do_not_stop_the_next,
);

scenarios!(
    a_git_that_is_no_good_is_passed_over,
    a_git_that_was_asked_for_and_is_not_there_is_told_of,
);

fn a_run_inside_of_a_git_hook_goes_to_the_same_remote(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    let elsewhere = Bare::new();
    let trace = elsewhere.path("trace");
    everyday(server.bare(), &server.url(), &|| {
        Machine::new(transport)
            .variable("GIT_DIR", elsewhere.url())
            .variable("GIT_WORK_TREE", "/tmp")
            .variable("GIT_INDEX_FILE", elsewhere.path("index"))
            .variable("GIT_OBJECT_DIRECTORY", elsewhere.path("objects"))
            .variable("GIT_NAMESPACE", "other")
            .variable("GIT_CONFIG_PARAMETERS", "'core.bare=true'")
            .variable("GIT_TRACE", &trace)
            .variable("GIT_TRACE_CURL", &trace)
            .variable("GIT_PREFIX", "below/")
            .variable("GIT_EXEC_PATH", "/nonexistent")
    });
    assert_eq!(elsewhere.references(), "");
    assert!(!trace.exists() && !elsewhere.path("index").exists());
}

fn the_users_git_settings_change_nothing(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    everyday(server.bare(), &server.url(), &|| {
        let machine = Machine::new(transport);
        for name in ["pre-push", "reference-transaction", "post-checkout"] {
            machine.write(format!("hooks/{name}"), "#!/bin/sh\nexit 1\n");
            set_mode(&machine.home("hooks").join(name), 0o755);
        }
        let hooks = machine.home("hooks");
        for (key, value) in [
            ("core.hooksPath", hooks.to_str().unwrap()),
            ("core.autocrlf", "true"),
            ("core.fsmonitor", "/nonexistent/monitor"),
            ("push.gpgSign", "true"),
            ("push.default", "nothing"),
            ("push.followTags", "true"),
            ("commit.gpgSign", "true"),
            ("fetch.prune", "true"),
            ("transfer.fsckObjects", "true"),
            ("transfer.unpackLimit", "100000"),
            ("remote.pushDefault", "nowhere"),
            ("remote.origin.push", "refs/heads/*:refs/heads/other/*"),
            ("gc.auto", "1"),
            ("gc.pruneExpire", "now"),
            ("protocol.version", "0"),
            ("core.askPass", "/nonexistent/ask"),
            ("color.ui", "always"),
        ] {
            machine.git_setting(key, value);
        }
        machine
    });
    assert_eq!(server.bare().reference_names(), ["refs/heads/main"]);
}

fn a_session_in_another_language_is_understood(transport: Transport) {
    let Some(server) = HttpServer::open() else { return };
    server.bare().hook("pre-receive", "exit 1");
    let machine = Machine::new(transport)
        .variable("LANG", "de_DE.UTF-8")
        .variable("LC_ALL", "de_DE.UTF-8")
        .variable("LANGUAGE", "de");
    live_on(&machine, "anna");
    machine.init_here();
    let error = machine.error(&["backend", "set", "git", "--remote", &server.url()]);
    assert_eq!(error["code"], "refused", "{error}");
}

fn locks_that_a_killed_run_left_do_not_stop_the_next(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    anna.init(bare.url(), "anna");
    bert.init(bare.url(), "bert");
    let left = [
        "refs/claude-backup/incoming",
        "refs/remotes/origin/main",
        "refs/heads/main",
        "shallow",
        "packed-refs",
        "index",
        "config",
    ];
    for (first, name) in (12..).zip(left) {
        anna.append_session("-home-dev-anna", "anna-session-one", first..first + 1);
        bert.append_session("-home-dev-bert", "bert-session-one", first..first + 1);
        anna.sync();
        bert.write(bert.backup(".git").join(format!("{name}.lock")), "");
        assert_eq!(push_state(&bert.sync()), "pushed", "{name}");
    }
    bare.assert_whole();
}

/// A program of this name that does only this.
fn fake(machine: Machine, name: &str, script: &str) -> Machine {
    let path = machine.home(format!("fake-{name}"));
    machine.write(&path, format!("#!/bin/sh\n{script}\n"));
    set_mode(&path, 0o755);
    machine.program("sh").program_at(name, &path)
}

fn a_git_that_is_no_good_is_passed_over() {
    for script in [
        "test \"$1\" = --version && echo 'git version 2.20.1'",
        "echo 'xcode-select: note: no developer tools were found' >&2; exit 1",
        "echo something else",
    ] {
        let bare = Bare::new();
        let machine = fake(Machine::new(Transport::Libgit2), "git", script);
        live_on(&machine, "anna");
        machine.init(bare.url(), "anna");
        assert_eq!(bare.tip(), machine.git(&["rev-parse", "HEAD"]).trim());
        let status = machine.status();
        assert!(tells(&status["push"]["transport"], &["libgit2"]), "{script}: {status:#}");
    }
}

fn a_git_that_was_asked_for_and_is_not_there_is_told_of() {
    let bare = Bare::new();
    let machine = Machine::new(Transport::Libgit2);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    machine.git(&["config", "claude-backup.transport", "git"]);
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = machine.sync_unsent();
    assert!(tells(&sync["push"]["error"], &["no `git` on PATH"]), "{sync:#}");
    machine.git(&["config", "claude-backup.transport", "libgit2"]);
    assert_eq!(push_state(&machine.sync()), "pushed");
}
