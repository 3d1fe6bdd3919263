//! Machines of one name, machines that come back, machines that were copied.

use std::path::Path;

use serde_json::Value;

use crate::bare::Bare;
use crate::home::{Machine, Transport, tells};
use crate::life::{live_on, push_state};
use crate::sandbox::conversation;

with_both_transports!(
    two_machines_of_one_name_have_two_folders,
    two_that_were_alone_for_long_have_two_folders,
    two_that_begin_at_once_have_two_folders,
    a_machine_that_comes_back_takes_its_folder_back,
    a_machine_whose_folder_was_taken_back_elsewhere_loses_nothing,
    a_machine_that_was_copied_whole_loses_nothing,
    a_machine_whose_disk_image_was_put_back_loses_nothing,
);

/// Joins under the name of this host, as everybody does who says nothing else.
fn begin(machine: &Machine, bare: &Bare) -> Value {
    machine.json(&["init", "--backend", "git", "--remote", bare.url()])
}

fn slug(document: &Value) -> &str {
    document["machineSlug"].as_str().unwrap()
}

fn has_session(bare: &Bare, slug: &str, name: &str) {
    let path = format!("machines/{slug}/projects/-home-dev-{name}/{name}-session-one.jsonl.gz");
    assert!(bare.files().contains_key(&path), "{path}");
}

fn two_machines_of_one_name_have_two_folders(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    live_on(&anna, "anna");
    live_on(&bert, "bert");
    let first = begin(&anna, &bare);
    let second = begin(&bert, &bare);
    let name = slug(&first);
    assert_eq!(slug(&second), format!("{name}-2"));
    let told = [format!("another machine is called `{name}`")];
    assert!(tells(&second["warnings"], &[&told[0]]), "{second:#}");
    assert!(!tells(&bert.sync(), &[&told[0]]), "once is enough");
    has_session(&bare, name, "anna");
    has_session(&bare, &format!("{name}-2"), "bert");
    assert_eq!(push_state(&anna.sync()), "up-to-date");
    assert_eq!(anna.status()["machineSlug"], name);
    assert_eq!(anna.listed().len(), 4);
    bare.assert_whole();
}

fn two_that_were_alone_for_long_have_two_folders(transport: Transport) {
    let bare = Bare::new();
    let (anna, bert) = (Machine::new(transport), Machine::new(transport));
    for (machine, name) in [(&anna, "anna"), (&bert, "bert")] {
        live_on(machine, name);
        machine.init_here();
        let id = format!("{name}-session-one");
        machine.append_session(&format!("-home-dev-{name}"), &id, 12..14);
        machine.sync();
        machine.json(&["backend", "set", "git", "--remote", bare.url()]);
    }
    let status = anna.status();
    let name = slug(&status);
    has_session(&bare, name, "anna");
    has_session(&bare, &format!("{name}-2"), "bert");
    assert_eq!(slug(&bert.status()), format!("{name}-2"));
    anna.sync();
    assert_eq!(anna.listed(), bert.listed());
    bert.lose_everything();
    bert.json(&["restore", "--all", "--machine", &format!("{name}-2")]);
    let back = std::fs::read(bert.session("-home-dev-bert", "bert-session-one")).unwrap();
    assert_eq!(String::from_utf8(back).unwrap(), conversation("bert-session-one", 0..14));
    bert.git(&["fsck", "--full", "--strict"]);
    assert_eq!(bert.git(&["status", "--porcelain"]), "");
}

fn two_that_begin_at_once_have_two_folders(transport: Transport) {
    let bare = Bare::new();
    let machines = [(); 3].map(|()| Machine::new(transport));
    for (machine, name) in machines.iter().zip(["anna", "bert", "carl"]) {
        live_on(machine, name);
    }
    let mut slugs: Vec<String> = std::thread::scope(|scope| {
        let begun = machines.each_ref().map(|machine| scope.spawn(|| begin(machine, &bare)));
        begun.map(|begun| slug(&begun.join().unwrap()).to_owned()).into()
    });
    slugs.sort();
    assert_eq!(slugs[1..], [format!("{}-2", slugs[0]), format!("{}-3", slugs[0])]);
    for machine in &machines {
        machine.sync();
        assert_eq!(machine.listed().len(), 6);
    }
    bare.assert_whole();
}

fn a_machine_that_comes_back_takes_its_folder_back(transport: Transport) {
    let bare = Bare::new();
    let (old, new) = (Machine::new(transport), Machine::new(transport));
    live_on(&old, "anna");
    let begun = begin(&old, &bare);
    let back = new.join(bare.url(), slug(&begun));
    assert_eq!(slug(&back), slug(&begun));
    assert!(!tells(&back["warnings"], &["another machine"]), "{back:#}");
    assert_eq!(new.everything(), old.everything(), "settings too");
    new.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let sync = new.sync();
    assert_eq!((&sync["grown"], push_state(&sync)), (&1.into(), "pushed"));
    assert_eq!(bare.files().keys().filter(|path| path.ends_with("manifest.json")).count(), 1);
}

fn a_machine_whose_folder_was_taken_back_elsewhere_loses_nothing(transport: Transport) {
    let bare = Bare::new();
    let (old, new) = (Machine::new(transport), Machine::new(transport));
    live_on(&old, "anna");
    let begun = begin(&old, &bare);
    new.join(bare.url(), slug(&begun));
    new.append_session("-home-dev-anna", "anna-session-one", 12..13);
    new.sync();
    old.append_session("-home-dev-anna", "anna-session-one", 20..21);
    assert_eq!(push_state(&old.sync()), "pushed");
    new.sync();
    // The old one does not know the key of the new one, which knows both.
    let key = new.json(&["machines", "list"])["machines"][0]["fingerprint"].clone();
    let key = key.as_str().unwrap();
    old.sync();
    old.json(&["machines", "trust", slug(&begun), "--accept-key", key]);
    for machine in [&old, &new] {
        let bytes = std::fs::read(machine.session("-home-dev-anna", "anna-session-one")).unwrap();
        can_be_given_back(&old, slug(&begun), "anna-session-one", &bytes);
        can_be_given_back(&new, slug(&begun), "anna-session-one", &bytes);
    }
    bare.assert_whole();
}

/// What both of a pair add to the same sessions, each its own.
fn live_apart(machine: &Machine, first: usize) {
    machine
        .append_session("-home-dev-anna", "anna-session-one", first..first + 3)
        .write_session("-home-dev-anna", &format!("a-session-from-{first}"), 2)
        .write(".claude/CLAUDE.md", format!("Since {first}.\n"));
}

/// Every session of every machine, whichever version, is among what can be given back.
fn can_be_given_back(reader: &Machine, owner: &str, id: &str, bytes: &[u8]) {
    let versions = reader.json(&["versions", id, "--machine", owner]);
    let numbers = versions["versions"].as_array().unwrap().iter();
    let mut numbers = numbers.map(|version| version["number"].to_string());
    let found = numbers.any(|number| reader.stored(owner, id, &["--version", &number]) == bytes);
    assert!(found, "{id} of {owner}: {versions:#}");
}

fn a_machine_that_was_copied_whole_loses_nothing(transport: Transport) {
    let bare = Bare::new();
    let anna = Machine::new(transport);
    live_on(&anna, "anna");
    anna.init(bare.url(), "anna");
    let copy = anna.copied();
    let session = Path::new("-home-dev-anna");
    for round in 1..4 {
        live_apart(&anna, 100 * round);
        live_apart(&copy, 100 * round + 50);
        assert_eq!(push_state(&anna.sync()), "pushed");
        assert_eq!(push_state(&copy.sync()), "pushed");
        anna.sync();
        for machine in [&anna, &copy] {
            let id = "anna-session-one";
            let bytes = std::fs::read(machine.session(session.to_str().unwrap(), id)).unwrap();
            can_be_given_back(&anna, "anna", id, &bytes);
        }
        for first in [100 * round, 100 * round + 50] {
            let id = format!("a-session-from-{first}");
            can_be_given_back(&anna, "anna", &id, conversation(&id, 0..2).as_bytes());
        }
    }
    bare.assert_whole();
    anna.git(&["fsck", "--full", "--strict"]);
    assert_eq!(anna.git(&["status", "--porcelain"]), "");
}

fn a_machine_whose_disk_image_was_put_back_loses_nothing(transport: Transport) {
    let bare = Bare::new();
    let anna = Machine::new(transport);
    live_on(&anna, "anna");
    anna.init(bare.url(), "anna");
    let image = anna.copied();
    anna.append_session("-home-dev-anna", "anna-session-one", 12..20);
    anna.write_session("-home-dev-anna", "a-session-since", 4);
    anna.sync();
    let since = std::fs::read(anna.session("-home-dev-anna", "anna-session-one")).unwrap();
    drop(anna);
    assert_eq!(push_state(&image.sync()), "up-to-date", "the image has nothing of its own");
    can_be_given_back(&image, "anna", "anna-session-one", &since);
    image.append_session("-home-dev-anna", "anna-session-one", 30..33);
    assert_eq!(push_state(&image.sync()), "pushed");
    let own = std::fs::read(image.session("-home-dev-anna", "anna-session-one")).unwrap();
    can_be_given_back(&image, "anna", "anna-session-one", &since);
    can_be_given_back(&image, "anna", "anna-session-one", &own);
    let new = conversation("a-session-since", 0..4);
    can_be_given_back(&image, "anna", "a-session-since", new.as_bytes());
    assert!(image.listed().contains(&("anna".into(), "a-session-since".into())));
    bare.assert_whole();
}
