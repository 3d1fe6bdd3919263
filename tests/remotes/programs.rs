//! Programs that a run starts: never those of a folder that somebody else may have filled.

use std::path::Path;

use crate::bare::Bare;
use crate::home::{Machine, Transport, tells};
use crate::http::{HttpServer, Wants};
use crate::life::{live_on, push_state};
use crate::sandbox::set_mode;

with_both_transports!(
    programs_of_the_working_directory_and_of_the_backup_are_not_started,
    hooks_of_a_folder_are_not_run,
    a_hook_of_a_folder_that_would_decide_holds_up_the_push,
);

/// Puts programs of the usual names into a folder; each would leave a file.
fn plant(machine: &Machine, folder: &Path) {
    for name in ["git", "ssh", "sh", "git-receive-pack", "env"] {
        let ran = machine.home("ran");
        machine.write(folder.join(name), format!("#!/bin/sh\ntouch '{}'\n", ran.display()));
        set_mode(&folder.join(name), 0o755);
    }
}

fn programs_of_the_working_directory_and_of_the_backup_are_not_started(transport: Transport) {
    let Some(server) = HttpServer::start(&Wants { login: Some("tom:sesame"), tls: false }) else {
        return;
    };
    let machine = Machine::new(transport);
    let helper = "!f() { echo username=tom; echo password=sesame; }; f";
    machine.git_setting("credential.helper", helper);
    live_on(&machine, "anna");
    machine.init(&server.url(), "anna");
    // The tests' home is the working directory.
    plant(&machine, &machine.home(""));
    plant(&machine, &machine.backup("tools"));
    let usual = machine.path();
    let tools = machine.backup("tools").display().to_string();
    let machine = machine.variable("PATH", format!(".::tools:{tools}:{usual}"));
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&machine.sync()), "pushed");
    machine.git(&["remote", "set-url", "origin", "ssh://127.0.0.1:1/x"]);
    machine.append_session("-home-dev-anna", "anna-session-one", 13..14);
    machine.sync_unsent();
    assert!(!machine.home("ran").exists());
}

fn hooks_of_a_folder_are_not_run(transport: Transport) {
    let bare = Bare::new();
    let ran = bare.path("ran");
    let touch = format!("echo ran > '{}'", ran.display());
    ["post-receive", "post-update", "reference-transaction"].iter().for_each(|name| {
        bare.hook(name, &touch);
    });
    bare.git(&["config", "core.alternateRefsCommand", &format!("{touch};")]);
    let other = Bare::new();
    let alternates = format!("{}\n", other.path("objects").display());
    std::fs::write(bare.path("objects/info/alternates"), alternates).unwrap();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    assert_eq!(push_state(&machine.sync()), "pushed");
    assert!(!ran.exists());
    bare.assert_whole();
}

fn a_hook_of_a_folder_that_would_decide_holds_up_the_push(transport: Transport) {
    let bare = Bare::new();
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    machine.init(bare.url(), "anna");
    bare.hook("pre-receive", "exit 0");
    machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = machine.sync_unsent();
    assert_eq!(sync["push"]["code"], "refused", "{sync:#}");
    assert!(tells(&sync["push"]["error"], &["hooks/pre-receive"]), "{sync:#}");
    assert!(tells(&sync["push"]["hint"], &["claude-backup.runRemoteHooks true"]), "{sync:#}");
    machine.git(&["config", "claude-backup.runRemoteHooks", "true"]);
    match transport {
        Transport::Git => assert_eq!(push_state(&machine.sync()), "pushed"),
        Transport::Libgit2 => {
            assert!(tells(&machine.sync_unsent()["push"]["error"], &["can only be run by git"]));
        }
    }
}
