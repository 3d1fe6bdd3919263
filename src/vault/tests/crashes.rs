//! Stopped at any moment, the next commit heals and real git finds no fault.

use crate::vault::testing::{Sandbox, noise};
use crate::vault::{ObjectId, Step};

pub(super) const STEPS: [Step; 9] = [
    Step::PackWritten,
    Step::KeepNamed,
    Step::PackNamed,
    Step::Published,
    Step::ReflogWritten,
    Step::BranchMoved,
    Step::Listed,
    Step::OldIndexRemoved,
    Step::OldPackRemoved,
];

/// Commits two versions, is stopped while it commits the third, and commits the fourth.
fn stop_at(step: Step, third_day: &str, fourth_day: &str) {
    let whole = noise(7, 100_000);
    let version = |n: usize| &whole[..50_000 + n * 5000];
    let mut sandbox = Sandbox::new();
    sandbox.commit(&[("s", version(1))], "2026-11-20T10:00:00Z");
    let before = sandbox.grow("s", version(1), version(2), "2026-11-20T11:00:00Z");
    sandbox.stop_after(step, 0);
    let stopped = sandbox.try_grow("s", version(2), version(3), third_day);
    let moved = sandbox.vault.head().unwrap().unwrap().commit != before;
    assert_eq!(moved, stopped.is_ok(), "{step:?}: an error means that nothing moved");
    sandbox.restart();
    for n in 1..=2 {
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(version(n))).unwrap(), version(n));
    }
    let fsck = sandbox.git(&["fsck", "--full", "--strict"]).unwrap_or_default();
    assert!(fsck.lines().all(|line| line.starts_with("dangling")), "{step:?}: {fsck}");
    sandbox.try_grow("s", version(2), version(3), fourth_day).unwrap();
    sandbox.grow("s", version(3), version(4), fourth_day);
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.history_of("s").unwrap().len(), 4, "{step:?}");
    assert_eq!(sandbox.packs(".keep").len(), 1, "{step:?}");
    assert_eq!(sandbox.packs(".idx").len(), sandbox.packs(".pack").len(), "{step:?}");
    assert!(sandbox.packs(".pack").len() <= 3, "{step:?}");
    assert_eq!(sandbox.packs("").len(), 2 * sandbox.packs(".pack").len() + 1, "{step:?}");
}

#[test]
fn stopped_within_a_day() {
    for step in STEPS {
        stop_at(step, "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z");
    }
}

#[test]
fn stopped_at_the_change_of_the_day() {
    for step in STEPS {
        stop_at(step, "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z");
        stop_at(step, "2026-11-20T12:00:00Z", "2026-11-21T13:00:00Z");
    }
}

#[test]
fn stopped_while_packs_are_joined() {
    for step in STEPS {
        let mut sandbox = Sandbox::new();
        for day in 1..=4 {
            let time = format!("2026-10-{day:02}T00:00:00Z");
            sandbox.commit(&[("f", &noise(day, 10_000))], &time);
        }
        sandbox.stop_after(step, 0);
        let _ = sandbox.vault.tidy();
        sandbox.restart();
        sandbox.assert_clean();
        sandbox.commit(&[("f", &noise(9, 10_000))], "2026-10-04T01:00:00Z");
        sandbox.vault.tidy().unwrap();
        sandbox.assert_clean();
        assert_eq!(sandbox.vault.history_of("f").unwrap().len(), 5, "{step:?}");
        for day in [1, 2, 3, 4, 9] {
            sandbox.vault.read(ObjectId::of_bytes(&noise(day, 10_000))).unwrap();
        }
        assert!(sandbox.packs(".pack").len() <= 2, "{step:?}: {:?}", sandbox.packs(""));
        assert_eq!(sandbox.packs("").len(), 2 * sandbox.packs(".pack").len() + 1, "{step:?}");
    }
}

#[test]
fn stopped_while_doubles_are_moved() {
    let whole = noise(7, 2_100_000);
    let version = |n: usize| &whole[..2_000_000 + n * 5000];
    // Two packs are written anew, one after the other.
    for (step, times) in STEPS.into_iter().flat_map(|step| [(step, 0), (step, 1)]) {
        let mut sandbox = Sandbox::new();
        let other = noise(8, 3_000_000);
        sandbox.commit(&[("s", version(0)), ("other", &other)], "2026-11-19T10:00:00Z");
        sandbox.grow("s", version(0), version(1), "2026-11-20T10:00:00Z");
        sandbox.stop_after(step, times);
        let _ = sandbox.vault.tidy();
        sandbox.restart();
        sandbox.assert_clean();
        sandbox.grow("s", version(1), version(2), "2026-11-20T11:00:00Z");
        sandbox.vault.tidy().unwrap();
        sandbox.grow("s", version(2), version(3), "2026-11-21T11:00:00Z");
        sandbox.vault.tidy().unwrap();
        sandbox.assert_clean();
        assert_eq!(sandbox.vault.history_of("s").unwrap().len(), 4, "{step:?}");
        for n in 0..=3 {
            assert_eq!(sandbox.vault.read(ObjectId::of_bytes(version(n))).unwrap(), version(n));
        }
        assert_eq!(sandbox.packs(".keep").len(), 1, "{step:?}");
        assert_eq!(sandbox.packs("").len(), 2 * sandbox.packs(".pack").len() + 1, "{step:?}");
        // A crash in between costs room until the next day.
        assert!(sandbox.packed() < 5_100_000, "{step:?} {times}: {}", sandbox.packed());
    }
}

#[test]
fn temporary_files_of_a_killed_run_go_and_those_of_git_stay() {
    let sandbox = Sandbox::new();
    let folder = sandbox.root().join(".git/objects/pack");
    let ours = ["tmp_pack_claude-backup-x", "tmp_idx_claude-backup-x", ".claude-backup-1.tmp"];
    ours.iter().for_each(|name| fs_err::write(folder.join(name), "half").unwrap());
    fs_err::write(folder.join("tmp_pack_Abc123"), "of a fetch").unwrap();
    sandbox.commit(&[("a", b"1")], "2026-11-20T10:00:00Z");
    let left: Vec<_> = sandbox.packs("").into_iter().filter(|n| !n.starts_with("pack-")).collect();
    assert_eq!(left, ["tmp_pack_Abc123"]);
}

#[test]
fn a_lost_private_folder_costs_nothing_but_time() {
    let mut sandbox = Sandbox::new();
    let whole = noise(7, 100_000);
    sandbox.commit(&[("s", &whole[..50_000])], "2026-11-20T10:00:00Z");
    fs_err::remove_dir_all(sandbox.root().join(".git/claude-backup")).unwrap();
    sandbox.restart();
    sandbox.grow("s", &whole[..50_000], &whole[..60_000], "2026-11-20T11:00:00Z");
    assert_eq!(sandbox.packs(".pack").len(), 1);
    sandbox.assert_clean();
}

#[test]
fn a_torn_reflog_line_is_ended() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("s", b"1")], "2026-11-20T10:00:00Z");
    let log = sandbox.root().join(".git/logs/HEAD");
    let mut text = fs_err::read(&log).unwrap();
    text.extend_from_slice(b"0123456789");
    fs_err::write(&log, text).unwrap();
    sandbox.commit(&[("s", b"2")], "2026-11-20T11:00:00Z");
    sandbox.assert_clean();
    let said = sandbox.git(&["reflog", "--format=%H %gs"]);
    assert!(said.is_none_or(|said| said.lines().count() == 2));
}

#[test]
fn a_branch_moved_by_somebody_else_is_not_overwritten() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("s", b"1")], "2026-11-20T10:00:00Z");
    let first = sandbox.vault.head().unwrap().unwrap().commit;
    let second = sandbox.commit(&[("s", b"2")], "2026-11-20T10:00:00Z").unwrap();
    let stale = crate::vault::branch::Move {
        from: Some(first),
        to: first,
        signature: "T <t> 0 +0000",
        reason: "x",
    };
    assert!(sandbox.vault.move_branch(&stale).is_err());
    assert_eq!(sandbox.vault.head().unwrap().unwrap().commit, second);
    assert!(!sandbox.root().join(".git/refs/heads/main.lock").exists());
}
