//! The power goes: what was not synced is lost, at once and altogether. What an earlier run had saved
//! is there, and the next run heals.

use crate::disk::{Disk, LOSSES, Loss};
use crate::home::{Home, Ran};
use crate::killing::Seeded;
use crate::kills::KILL;
use crate::shim::{Fault, Record, library};
use crate::stories::{
    ADOPTION, EVERYDAY, FIRST, FORCED, HOUSEKEEPING, Mishap, PUBLISHING, Story, tell,
};

/// The power goes while a run is at work, or when it has just ended.
struct PowerCut {
    disks: Vec<Disk>,
    random: Seeded,
    round: usize,
    /// Every other time a whole run comes first, and nothing was synced but by itself.
    follows: Follows,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    Nothing,
    AnotherRun,
}

impl Mishap for PowerCut {
    fn before(&mut self, home: &mut Home, story: &Story, record: &Record) {
        self.disks = disks(home);
        self.round += 1;
        if self.follows == Follows::AnotherRun && self.round.is_multiple_of(2) {
            let ran = home.run(story.run, Fault::none(""), record);
            assert_eq!(ran.code, Some(0), "{ran:#?}");
            home.remember();
            home.work();
        }
    }

    fn after(&mut self, _home: &mut Home, record: &Record, _ran: &Ran) {
        let loss = LOSSES[self.round % LOSSES.len()];
        for disk in self.disks.drain(..) {
            disk.lose_power(record, loss, &mut self.random);
        }
    }
}

/// The backup and its remote: both lose the power.
fn disks(home: &Home) -> Vec<Disk> {
    let folders = [home.sandbox.backup(""), home.sandbox.home("remote.git")];
    folders.iter().map(|folder| Disk::of(folder)).collect()
}

fn power_goes(name: &str, story: &Story, follows: Follows) {
    let mut cut = PowerCut { disks: Vec::new(), random: Seeded(0xd15c), round: 0, follows };
    tell(story, KILL, &mut cut).say(&format!("{name}, power cut"));
}

#[test]
fn during_the_first_backup() {
    power_goes("first backup", &FIRST, Follows::Nothing);
}

#[test]
fn while_it_saves() {
    power_goes("sync", &EVERYDAY, Follows::AnotherRun);
}

#[test]
fn while_packs_are_frozen_and_joined() {
    power_goes("housekeeping", &HOUSEKEEPING, Follows::AnotherRun);
}

#[test]
fn while_it_publishes() {
    power_goes("publishing", &PUBLISHING, Follows::AnotherRun);
}

#[test]
fn while_it_takes_over_an_old_backup() {
    power_goes("adoption", &ADOPTION, Follows::Nothing);
}

#[test]
fn while_it_gives_back_by_force() {
    power_goes("forced restore", &FORCED, Follows::Nothing);
}

/// The source is lost as well: the backup alone must have everything, before anything heals it.
#[test]
fn what_a_finished_run_has_saved_outlives_the_power() {
    if library().is_none() {
        return;
    }
    for story in [&FIRST, &EVERYDAY, &HOUSEKEEPING, &PUBLISHING] {
        let mut home = Home::new(0x5eed);
        for loss in LOSSES {
            outlives(&mut home, story, loss);
        }
    }
}

fn outlives(home: &mut Home, story: &Story, loss: Loss) {
    (story.prepare)(home);
    let (disks, record) = (disks(home), Record::new());
    let ran = home.run(story.run, Fault::none(""), &record);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    home.remember();
    for disk in disks {
        disk.lose_power(&record, loss, &mut Seeded(7));
    }
    let (claude, before) = (home.sandbox.claude(""), home.sandbox.home("before"));
    std::fs::rename(&claude, &before).unwrap();
    home.finish(&["restore", "--all"]);
    home.assert_given_back(&claude);
    std::fs::remove_dir_all(&claude).unwrap();
    std::fs::rename(&before, &claude).unwrap();
    (story.heal)(home);
    (story.check)(home);
}
