//! The process is killed before any call that would have changed something.

use crate::home::{Home, Ran};
use crate::shim::{Fault, Lasts, Record};
use crate::stories::{
    ADOPTION, EVERYDAY, FIRST, FORCED, HOUSEKEEPING, Mishap, PUBLISHING, RESTORE, Story, tell,
};

pub const KILL: Fault = Fault { kinds: "", action: "kill", at: 0, lasts: Lasts::Once };

struct Killed;

impl Mishap for Killed {
    fn after(&mut self, _home: &mut Home, record: &Record, ran: &Ran) {
        assert_eq!(ran.code.is_none(), !record.hits().is_empty());
    }
}

fn killed(name: &str, story: &Story) {
    tell(story, KILL, &mut Killed).say(&format!("{name}, killed"));
}

#[test]
fn killed_during_the_first_backup() {
    killed("first backup", &FIRST);
}

#[test]
fn killed_while_it_saves() {
    killed("sync", &EVERYDAY);
}

#[test]
fn killed_while_packs_are_frozen_and_joined() {
    killed("housekeeping", &HOUSEKEEPING);
}

#[test]
fn killed_while_it_publishes() {
    killed("publishing", &PUBLISHING);
}

#[test]
fn killed_while_it_takes_over_an_old_backup() {
    killed("adoption", &ADOPTION);
}

#[test]
fn killed_while_it_gives_back() {
    killed("restore", &RESTORE);
}

#[test]
fn killed_while_it_gives_back_by_force() {
    killed("forced restore", &FORCED);
}
