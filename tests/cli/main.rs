//! Stories told to a sandbox home, one file per command.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "the sandbox is a small library of its own"
)]

mod adopt;
mod alarm;
mod clock;
mod completion;
mod config;
mod crash;
mod crash_remote;
mod daily_proof;
mod fixture;
mod foreign_code;
mod git_settings;
mod github;
mod help;
mod hostile_trees;
mod init;
mod json;
mod killing;
mod list;
mod lock;
mod mending;
mod modes;
mod mounted;
mod moves;
mod museum;
mod names;
mod namesakes;
mod peek;
mod picking;
mod places;
mod push_scan;
mod regressions;
mod remote;
mod restore;
mod sandbox;
mod scan;
mod schedule;
mod secrets;
mod signing;
#[path = "../remotes/skipped.rs"]
mod skipped;
mod source;
mod status;
mod sync;
mod system;
mod to_project;
mod uninstall;
mod user_git;
mod verbose;
mod verify;
mod versions;
mod witness;
mod wrapping;
