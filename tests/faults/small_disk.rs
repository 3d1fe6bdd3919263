//! A real disk that is too small: what fits is saved, the rest is told, and room heals.

use std::process::Command;

use crate::clock;
use crate::home::{Home, Ran};
use crate::killing::{append, lines};
use crate::mounted::SmallDisk;

/// Says what could not be written, in one of the ways that the exit codes know.
fn assert_told(ran: &Ran) {
    assert!([Some(0), Some(1), Some(3)].contains(&ran.code), "{ran:#?}");
    if ran.code != Some(0) {
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("claude-backup"), "no path is named: {ran:#?}");
        assert!(said.contains("os error"), "no reason is given: {ran:#?}");
    }
}

/// Sessions grow until nothing fits any more, and on; then the disk gets room.
#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let mut home = Home::new(0xd15c);
    let Some(disk) = SmallDisk::mount(&home.sandbox.backup(""), "900k") else { return };
    home.finish(&["init", "--backend", "local"]);
    home.remember();
    let mut failed = 0;
    for _ in 0..12 {
        home.work();
        append(&home.session(3), &lines(&mut home.random, 60));
        let ran = Ran::of(&mut home.command(&["sync"]));
        assert_told(&ran);
        match ran.code {
            Some(0) => home.remember(),
            _ => failed += 1,
        }
    }
    assert!(failed > 0, "the disk is small enough");
    home.finish(&["status"]);
    disk.remount("size=60m");
    home.sync();
    home.assert_whole();
}

/// The stand-in that any user can have: no file may become larger than this.
#[test]
fn a_limit_on_the_size_of_files_is_told_and_heals() {
    for blocks in [1, 4, 16, 40] {
        let mut home = Home::new(blocks);
        home.finish(&["init", "--backend", "local"]);
        home.remember();
        home.work();
        append(&home.session(3), &lines(&mut home.random, 200));
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let program = home.command(&["sync"]);
        let mut shell = Command::new("sh");
        shell.env_clear().envs(clock::variables());
        shell.env("HOME", home.sandbox.home("")).args(["-c", &script, "sh"]);
        let ran = Ran::of(shell.arg(program.get_program()).args(program.get_args()));
        assert_told(&ran);
        assert_ne!(ran.code, Some(0), "{blocks} blocks are too few");
        home.sync();
        home.assert_whole();
    }
}
