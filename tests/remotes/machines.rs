//! Several machines on one remote, in turns and at once, against a plain model.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use crate::bare::Bare;
use crate::history::History;
use crate::home::Transport::{Git, Libgit2};
use crate::http::HttpServer;
use crate::life::Random;
use crate::model::Citizen;
use crate::old_tool::OldTool;

scenarios!(
    two_machines_in_turns,
    three_machines_at_once,
    three_machines_at_once_over_http,
    two_machines_that_are_killed_now_and_then,
    two_machines_and_one_with_the_old_tool,
);

/// How often each machine runs.
const ROUNDS: usize = 20;

fn two_machines_in_turns() {
    let bare = Bare::new();
    let mut town = Town::new(&bare, bare.url(), &[Git, Libgit2]);
    for _ in 0..rounds() {
        town.in_turns();
    }
    town.end();
}

fn three_machines_at_once() {
    let bare = Bare::new();
    let mut town = Town::new(&bare, bare.url(), &[Git, Libgit2, Libgit2]);
    for _ in 0..rounds() {
        town.at_once();
    }
    town.end();
}

fn three_machines_at_once_over_http() {
    let Some(server) = HttpServer::open() else { return };
    let mut town = Town::new(server.bare(), &server.url(), &[Git, Libgit2, Git]);
    for _ in 0..rounds() {
        town.at_once();
    }
    town.end();
}

fn two_machines_that_are_killed_now_and_then() {
    let bare = Bare::new();
    let mut town = Town::new(&bare, bare.url(), &[Git, Libgit2]);
    for _ in 0..rounds() {
        town.killed();
    }
    town.end();
}

/// A machine that still runs the shell tool began the remote and goes on with it.
fn two_machines_and_one_with_the_old_tool() {
    let bare = Bare::new();
    let mut old = OldTool::begin(&bare, "oldie");
    let mut town = Town::new(&bare, bare.url(), &[Git, Libgit2]);
    for round in 0..rounds() {
        match town.random.below(2) {
            0 => town.in_turns(),
            _ => town.at_once(),
        }
        old.assert_undisturbed();
        old.sync(round);
    }
    town.end();
    old.assert_undisturbed();
    for citizen in &town.citizens {
        for (id, bytes) in old.sessions() {
            assert_eq!(citizen.machine.stored("oldie", &id, &[]), bytes);
        }
    }
}

/// More rounds, and others, for those who have the time.
fn rounds() -> usize {
    asked("CLAUDE_BACKUP_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize)
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

struct Town<'a> {
    bare: &'a Bare,
    citizens: Vec<Citizen>,
    random: Random,
}

impl<'a> Town<'a> {
    fn new(bare: &'a Bare, url: &str, transports: &[crate::home::Transport]) -> Self {
        let seed = asked("CLAUDE_BACKUP_TEST_SEED").unwrap_or(1);
        let citizens = transports.iter().zip(["anna", "bert", "carl"]).zip(1..);
        let citizens = citizens
            .map(|((transport, slug), number)| Citizen::new(slug, *transport, url, seed + number))
            .collect();
        Self { bare, citizens, random: Random::new(seed) }
    }

    /// One after the other, in any order, and sometimes one is offline.
    fn in_turns(&mut self) {
        let first = self.random.below(self.citizens.len());
        self.citizens.rotate_left(first);
        for citizen in &mut self.citizens {
            citizen.live();
            match self.random.below(5) {
                0 => drop(citizen.machine.json(&["sync", "--no-push"])),
                _ => drop(citizen.machine.sync()),
            }
            citizen.was_saved();
        }
    }

    /// All at the same moment.
    fn at_once(&mut self) {
        thread::scope(|scope| {
            for citizen in &mut self.citizens {
                scope.spawn(|| {
                    citizen.live();
                    citizen.machine.sync();
                    citizen.was_saved();
                });
            }
        });
    }

    /// Each is killed at any moment, and then runs to the end.
    fn killed(&mut self) {
        for citizen in &mut self.citizens {
            citizen.live();
            let moment = Duration::from_millis(self.random.below(250) as u64);
            citizen.machine.run_killed_after(moment, &["sync"]);
            citizen.machine.sync();
            citizen.was_saved();
        }
    }

    /// Everybody has run twice; nothing is lost anywhere.
    fn end(&self) {
        for citizen in self.citizens.iter().chain(&self.citizens) {
            citizen.machine.sync();
        }
        self.bare.assert_whole();
        let history = History::read(self.bare);
        for citizen in &self.citizens {
            self.lists_all(citizen);
            history.has_all_of(citizen);
            let machine = &citizen.machine;
            assert_eq!(machine.git(&["status", "--porcelain"]), "");
            machine.git(&["fsck", "--full", "--strict"]);
            assert_eq!(machine.status()["push"]["owed"], 0);
        }
        self.gives_the_fullest_of_all();
    }

    fn lists_all(&self, citizen: &Citizen) {
        let listed: BTreeSet<_> = citizen.machine.listed().into_iter().collect();
        let all = self.citizens.iter().flat_map(|citizen| {
            citizen.sessions().map(|(id, _)| (citizen.slug.clone(), id.clone()))
        });
        let lacking: Vec<_> = all.filter(|session| !listed.contains(session)).collect();
        assert!(lacking.is_empty(), "{} does not list {lacking:?}", citizen.slug);
    }

    /// Any machine can give back any other's sessions, with the most that they ever had.
    fn gives_the_fullest_of_all(&self) {
        let readers = self.citizens.iter().cycle().skip(1);
        for (owner, reader) in self.citizens.iter().zip(readers) {
            for (id, told) in owner.sessions() {
                let given = reader.machine.stored(&owner.slug, id, &["--fullest"]);
                let most = told.seen.iter().map(|bytes| messages(bytes)).max();
                assert!(told.seen.contains(&given), "{id} is given as it never was");
                assert_eq!(Some(messages(&given)), most, "{id}");
                let present = reader.machine.stored(&owner.slug, id, &["--version", "0"]);
                assert!(present == told.stored, "{id} is not what was stored last");
            }
        }
    }
}

/// Lines that are records.
fn messages(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter(|line| serde_json::from_slice::<serde_json::Value>(line).is_ok()).count()
}
