//! The tests as a list, for a harness in which one that is skipped counts as ignored, with its reason.
//! Rust's own would count it as passed.

use libtest_mimic::{Completion, Trial};

use crate::home::Transport;
use crate::skipped::why_skipped;

/// A scenario that is run once.
pub fn once(module: &str, name: &str, scenario: fn()) -> Trial {
    trial(module, name, scenario)
}

/// A scenario that is run with the git program, and with libgit2 and no program at all.
pub fn with_both_transports(module: &str, name: &str, scenario: fn(Transport)) -> [Trial; 2] {
    [("git", Transport::Git), ("libgit2", Transport::Libgit2)].map(|(word, transport)| {
        trial(module, &format!("{word}::{name}"), move || scenario(transport))
    })
}

/// Named as Rust's own harness names tests: by the path below the crate.
fn trial(module: &str, name: &str, scenario: impl FnOnce() + Send + 'static) -> Trial {
    let below = module.split_once("::").map_or(module, |(_, below)| below);
    Trial::ignorable_test(format!("{below}::{name}"), move || {
        scenario();
        Ok(why_skipped().map_or(Completion::Completed, Completion::ignored_with))
    })
}
