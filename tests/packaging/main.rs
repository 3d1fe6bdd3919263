//! How people get the program: the real scripts make a release, a server on loopback hands it out,
//! and machines with little on them install it.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "what makes a release is a small library of its own"
)]

mod archives;
mod check;
mod install;
mod launcher;
mod machine;
#[path = "../remotes/needs.rs"]
mod needs;
mod npx;
#[path = "../remotes/plain_git.rs"]
mod plain_git;
mod release;
#[path = "../remotes/running.rs"]
mod running;
#[path = "../remotes/skipped.rs"]
mod skipped;
