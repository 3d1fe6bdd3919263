//! The real program against real remotes: folders, http, https and ssh on loopback, GitHub's `gh`.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "the servers are a small library of their own"
)]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Lists a module's scenarios, each of which is run twice: with the git program, and with libgit2 and
/// no program at all.
macro_rules! with_both_transports {
    ($($scenario:ident),* $(,)?) => {
        pub fn with_both_transports() -> Vec<libtest_mimic::Trial> {
            let trial = $crate::trials::with_both_transports;
            [$(trial(module_path!(), stringify!($scenario), $scenario)),*].into_iter().flatten().collect()
        }
    };
}

/// Lists a module's scenarios, each of which is run once.
macro_rules! scenarios {
    ($($scenario:ident),* $(,)?) => {
        pub fn scenarios() -> Vec<libtest_mimic::Trial> {
            let trial = $crate::trials::once;
            vec![$(trial(module_path!(), stringify!($scenario), $scenario)),*]
        }
    };
}

mod bare;
mod by_path;
#[path = "../cli/clock.rs"]
mod clock;
mod cut_off;
mod from_the_old_tool;
mod gh;
mod history;
mod home;
mod hostile;
mod http;
mod life;
mod limits;
mod logins;
mod machines;
mod model;
mod needs;
mod old_tool;
mod on_github;
mod over_http;
mod over_https;
mod over_ssh;
mod plain_git;
mod programs;
mod rewritten;
mod running;
#[path = "../cli/sandbox.rs"]
mod sandbox;
mod server_tests;
mod skipped;
mod ssh;
mod surroundings;
mod tls;
mod trials;
mod trust;
mod twins;
mod two_runs;

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let lists = [
        by_path::with_both_transports(),
        cut_off::with_both_transports(),
        from_the_old_tool::with_both_transports(),
        hostile::with_both_transports(),
        limits::with_both_transports(),
        logins::with_both_transports(),
        machines::scenarios(),
        on_github::with_both_transports(),
        over_http::with_both_transports(),
        over_http::scenarios(),
        over_https::with_both_transports(),
        over_ssh::with_both_transports(),
        programs::with_both_transports(),
        rewritten::with_both_transports(),
        server_tests::scenarios(),
        surroundings::with_both_transports(),
        trust::with_both_transports(),
        surroundings::scenarios(),
        trust::with_both_transports(),
        twins::with_both_transports(),
        two_runs::with_both_transports(),
    ];
    lists.into_iter().flatten().collect()
}
