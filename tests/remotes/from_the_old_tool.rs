//! Backups that the shell tool began, with the remote it sent them to.

use crate::bare::Bare;
use crate::home::{Machine, Transport};
use crate::life::{live_on, push_state};
use crate::old_tool::OldTool;

with_both_transports!(
    its_backup_is_taken_over_and_sent_on,
    a_machine_of_the_same_name_leaves_its_folder_alone,
);

/// What this machine is called in a backup.
fn name_of_this_host() -> String {
    let machine = Machine::new(Transport::Libgit2);
    machine.init_here();
    machine.status()["machineSlug"].as_str().unwrap().to_owned()
}

fn its_backup_is_taken_over_and_sent_on(transport: Transport) {
    let bare = Bare::new();
    let name = name_of_this_host();
    let mut old = OldTool::begin(&bare, &name);
    (1..8).for_each(|round| old.sync(round));
    let machine = Machine::new(transport);
    old.become_that_of(&machine);
    let sync = machine.sync();
    assert_eq!(push_state(&sync), "pushed", "{sync:#}");
    let status = machine.status();
    assert_eq!((&status["mode"], &status["machineSlug"]), (&"git".into(), &name.as_str().into()));
    assert_eq!(push_state(&machine.sync()), "up-to-date");
    bare.assert_whole();
    let new = Machine::new(transport);
    new.join(bare.url(), "new");
    for (id, bytes) in old.sessions() {
        assert_eq!(machine.stored(&name, &id, &[]), bytes);
        assert_eq!(new.stored(&name, &id, &[]), bytes);
    }
    assert_eq!(new.sessions().len(), old.sessions().len() + 1, "and its sessions-index.json");
}

fn a_machine_of_the_same_name_leaves_its_folder_alone(transport: Transport) {
    let bare = Bare::new();
    let name = name_of_this_host();
    let mut old = OldTool::begin(&bare, &name);
    let machine = Machine::new(transport);
    live_on(&machine, "anna");
    let begun = machine.json(&["init", "--backend", "git", "--remote", bare.url()]);
    assert_eq!(begun["machineSlug"], format!("{name}-2"));
    for round in 1..6 {
        old.assert_undisturbed();
        old.sync(round);
        let first = 12 + round;
        machine.append_session("-home-dev-anna", "anna-session-one", first..first + 1);
        assert_eq!(push_state(&machine.sync()), "pushed");
    }
    old.assert_undisturbed();
    bare.assert_whole();
}
