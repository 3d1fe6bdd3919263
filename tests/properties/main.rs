//! Any sequence of changes at the source, of runs and of mishaps, against a plain model.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "the sandbox is a small library of its own"
)]

mod backup;
mod mishaps;
mod operation;
#[path = "../cli/sandbox.rs"]
mod sandbox;
#[path = "../cli/witness.rs"]
mod witness;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use self::operation::Operation;
use self::world::World;

/// Few by default, and each time the same; `PROPTEST_CASES` asks for more, and for others each time.
fn config() -> Config {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = Config { failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    if asked { default } else { Config { cases: 24, rng_seed: RngSeed::Fixed(24), ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_that_was_ever_saved_is_lost(
        operations in prop::collection::vec(Operation::any(), 1..24),
    ) {
        let mut world = World::new();
        for operation in &operations {
            world.apply(operation);
        }
        world.end();
    }
}
