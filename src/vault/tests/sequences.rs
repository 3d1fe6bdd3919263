//! Any sequence of commits and joined packs, stopped at any step, against a plain model.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::crashes::STEPS;
use crate::vault::testing::{Sandbox, noise};
use crate::vault::{ObjectId, Step};

/// What is done to the vault, each at some hour after the one before.
#[derive(Clone, Debug)]
enum Doing {
    /// One of two files gets so many bytes more.
    Grow(usize, usize),
    /// One of them gets others.
    Replace(usize, u64),
    /// Packs are joined.
    Tidy,
    /// The process ends, and another one goes on.
    Restart,
}

/// Something done, how many hours later, and the step at which it is stopped.
type Stage = (Doing, i64, Option<Step>);

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let doing = prop_oneof![
        5 => (0..2_usize, 1..9000_usize).prop_map(|(file, more)| Doing::Grow(file, more)),
        2 => (0..2_usize, 0..9_u64).prop_map(|(file, seed)| Doing::Replace(file, seed)),
        2 => Just(Doing::Tidy),
        1 => Just(Doing::Restart),
    ];
    let step = prop::option::weighted(0.4, prop::sample::select(STEPS.to_vec()));
    prop::collection::vec((doing, 0..30_i64, step), 1..20)
}

/// The vault, and what was committed to it.
struct World {
    sandbox: Sandbox,
    present: [Vec<u8>; 2],
    committed: Vec<Vec<u8>>,
    hours: i64,
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let present = [noise(1, 9000), noise(2, 100)];
        let mut world = Self { sandbox, present, committed: Vec::new(), hours: 0 };
        for file in 0..2 {
            let bytes = world.present[file].clone();
            world.commit(file, &bytes).unwrap();
        }
        world
    }

    fn apply(&mut self, (doing, hours, step): &Stage) {
        self.hours += hours;
        if let Some(step) = step {
            self.sandbox.stop_after(*step, 0);
        }
        match doing {
            Doing::Grow(file, more) => self.grow(*file, *more),
            Doing::Replace(file, seed) => {
                let bytes = noise(*seed, 5000);
                let _ = self.commit(*file, &bytes);
            }
            Doing::Tidy => drop(self.sandbox.vault.tidy()),
            Doing::Restart => {}
        }
        if step.is_some() || matches!(doing, Doing::Restart) {
            self.sandbox.restart();
        }
    }

    fn grow(&mut self, file: usize, more: usize) {
        let old = self.present[file].clone();
        let new = [&old[..], &noise(more as u64, more)].concat();
        let (name, time) = (file.to_string(), self.time());
        if let Ok(Some(_)) = self.sandbox.try_grow(&name, &old, &new, &time) {
            self.keep(file, new);
        }
    }

    fn commit(&mut self, file: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let (name, time) = (file.to_string(), self.time());
        self.sandbox.try_commit(&[(&name, bytes)], &time)?;
        self.keep(file, bytes.to_vec());
        Ok(())
    }

    fn keep(&mut self, file: usize, bytes: Vec<u8>) {
        self.present[file].clone_from(&bytes);
        self.committed.push(bytes);
    }

    fn time(&self) -> String {
        let begin = chrono::DateTime::parse_from_rfc3339("2026-11-20T10:00:00Z").unwrap();
        (begin + chrono::TimeDelta::hours(self.hours)).to_rfc3339()
    }

    /// What was committed can be read, and what was committed last is there.
    fn assert_whole(&self) {
        for bytes in &self.committed {
            let id = ObjectId::of_bytes(bytes);
            assert!(self.sandbox.vault.read(id).unwrap() == *bytes, "{id}");
        }
        for (file, bytes) in self.present.iter().enumerate() {
            let found = self.sandbox.vault.find(&file.to_string()).unwrap().unwrap();
            assert_eq!(found.id, ObjectId::of_bytes(bytes));
        }
    }
}

/// Few by default; `PROPTEST_CASES` asks for more.
#[expect(clippy::disallowed_methods, reason = "a test is the outside world")]
fn config() -> Config {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = Config { failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    if asked { default } else { Config { cases: 24, ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn stopped_anywhere_any_number_of_times_nothing_committed_is_lost(stages in stages()) {
        let mut world = World::new();
        for stage in &stages {
            world.apply(stage);
            world.assert_whole();
        }
        for file in 0..2 {
            let before = world.committed.len();
            world.grow(file, 10);
            assert_eq!(world.committed.len(), before + 1, "what was stopped stops nothing later");
            let bytes = world.present[file].clone();
            world.sandbox.write(&file.to_string(), &bytes);
        }
        world.sandbox.vault.tidy().unwrap();
        world.assert_whole();
        world.sandbox.assert_clean();
    }
}
