//! Everything that can go wrong below the program: a file system that fails, power that goes, a disk
//! that fills, a process that is killed at any call. After each, the next run heals.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "what breaks things is a small library of its own"
)]

#[path = "../cli/clock.rs"]
mod clock;
mod disk;
mod failing;
mod home;
#[path = "../cli/killing.rs"]
mod killing;
mod kills;
#[path = "../cli/mounted.rs"]
mod mounted;
#[path = "../remotes/needs.rs"]
mod needs;
#[path = "../remotes/plain_git.rs"]
mod plain_git;
mod power_cut;
#[path = "../cli/sandbox.rs"]
mod sandbox;
mod shim;
#[path = "../remotes/skipped.rs"]
mod skipped;
mod small_disk;
mod stories;
mod surroundings;
mod together;
