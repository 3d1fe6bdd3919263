//! The real program against real remotes: folders, http, https and ssh on loopback, GitHub's `gh`.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "the servers are a small library of their own"
)]

/// Each story is told twice: with the git program, and with libgit2 and no program at all.
macro_rules! with_both_transports {
    ($($story:ident),* $(,)?) => {
        mod git {
            $(#[test] fn $story() { super::$story($crate::home::Transport::Git); })*
        }
        mod libgit2 {
            $(#[test] fn $story() { super::$story($crate::home::Transport::Libgit2); })*
        }
    };
}

mod bare;
mod by_path;
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
mod ssh;
mod surroundings;
mod tls;
mod twins;
mod two_runs;
