//! The real program against real remotes: folders, http, https and ssh on loopback, GitHub's `gh`.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "the servers are a small library of their own"
)]

mod bare;
mod home;
mod http;
mod life;
mod needs;
mod plain_git;
mod running;
#[path = "../cli/sandbox.rs"]
mod sandbox;
mod server_tests;
mod ssh;
mod tls;
