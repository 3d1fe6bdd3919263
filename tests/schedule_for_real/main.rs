//! The schedule told to a real systemd: a user's own manager, which a test starts for itself.
//!
//! `cargo test --test schedule_for_real -- --ignored`, as root.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is the outside world")]

#[allow(clippy::allow_attributes, unreachable_pub, reason = "it is a small library of its own")]
mod manager;
#[allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "as above")]
#[path = "../remotes/skipped.rs"]
mod skipped;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use chrono::DateTime;
use serde_json::json;

use crate::manager::Manager;
use crate::skipped::say_skipped;

const ONE: &str = "11111111-1111-4111-8111-111111111111";
const TWO: &str = "22222222-2222-4222-8222-222222222222";
const UNITS: &str = ".config/systemd/user";
const STAMP: &str = ".local/share/systemd/timers/stamp-claude-backup.timer";
const LOG: &str = ".claude-backup/backup.log";

/// A manager and a first backup; nothing where none can be started here, which is told.
fn scheduled(frequency: &str) -> Option<Manager> {
    if let Some(why) = manager::obstacle() {
        say_skipped(&why);
        return None;
    }
    let manager = Manager::start();
    manager.write_session(ONE);
    manager.backup(&["init", "--local", "--schedule", frequency], 0);
    Some(manager)
}

/// When systemd itself will start the next run.
fn next_of_systemd(manager: &Manager) -> i64 {
    let words = ["show", "claude-backup.timer", "--timestamp=unix", "--property=TimersCalendar"];
    let shown = manager.systemctl(&words);
    let next = shown.split("next_elapse=@").nth(1).unwrap_or_else(|| panic!("{shown}"));
    next.split([' ', '}']).next().unwrap().parse().unwrap()
}

fn next_of_status(manager: &Manager) -> i64 {
    let status = manager.json(&["status"]);
    let next = status["nextRun"].as_str().unwrap_or_else(|| panic!("{status}"));
    DateTime::parse_from_rfc3339(next).unwrap().timestamp()
}

#[test]
#[ignore = "starts a service manager: cargo test --test schedule_for_real -- --ignored"]
fn systemd_runs_the_backup_and_both_say_when_it_does_so_again() {
    let Some(manager) = scheduled("hourly") else { return };
    for frequency in ["hourly", "6h", "daily"] {
        let shown = manager.json(&["schedule", frequency]);
        assert_eq!((&shown["active"], &shown["scheduler"]), (&json!(true), &json!("systemd")));
        let before = next_of_status(&manager);
        let real = next_of_systemd(&manager);
        assert!(
            [before, next_of_status(&manager)].contains(&real),
            "{frequency}: {real}, {before}"
        );
    }
    assert!(manager.backup(&["schedule", "show"], 0).contains("every day at 03:00"));
    assert_eq!(manager.commits(), "1");
    manager.write_session(TWO);
    assert!(manager.run_service());
    assert_eq!(manager.commits(), "2");
    assert!(
        manager.read(LOG).trim_end().ends_with("saved: files new 1, changed 0; sessions in all 2")
    );
    let status = manager.json(&["status"]);
    assert_eq!(
        (&status["health"], &status["lastRun"]["result"], &status["pending"]),
        (&json!("ok"), &json!("ok"), &json!(0))
    );
}

#[test]
#[ignore = "starts a service manager: cargo test --test schedule_for_real -- --ignored"]
fn a_run_that_fails_is_told_with_its_reason() {
    let Some(manager) = scheduled("daily") else { return };
    let journal = manager.home(".claude-backup/.git/claude-backup/journal");
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    assert!(!manager.run_service());
    let status = manager.json(&["status"]);
    assert_eq!(status["health"], "incomplete");
    assert!(status["warnings"].to_string().contains("Is a directory"), "{status}");
    assert!(manager.read(LOG).contains(" failed: "));
    std::fs::remove_dir(&journal).unwrap();
    assert!(manager.run_service());
    assert_eq!(manager.json(&["status"])["health"], "ok");
}

#[test]
#[ignore = "starts a service manager: cargo test --test schedule_for_real -- --ignored"]
fn a_timer_that_somebody_stopped_is_told_and_started_again_without_a_run() {
    let Some(manager) = scheduled("daily") else { return };
    manager.systemctl(&["stop", "claude-backup.timer"]);
    let status = manager.json(&["status"]);
    assert_eq!((&status["health"], &status["nextRun"]), (&json!("not-scheduled"), &json!(null)));
    assert!(manager.backup(&["schedule"], 1).contains("systemd does not run the timer"));
    make_old(&manager.home(STAMP));
    manager.backup(&["schedule", "daily"], 0);
    let result = manager.systemctl(&["show", "claude-backup.service", "--property=ExecMainPID"]);
    assert_eq!(result, "ExecMainPID=0", "a run now would only meet the lock");
    assert_eq!(manager.json(&["status"])["health"], "ok");
}

#[test]
#[ignore = "starts a service manager: cargo test --test schedule_for_real -- --ignored"]
fn off_and_uninstall_leave_nothing() {
    let Some(manager) = scheduled("daily") else { return };
    for (damage, words) in [(false, "off"), (true, "off"), (false, "uninstall")] {
        manager.backup(&["schedule", "daily"], 0);
        assert!(manager.systemctl(&["list-timers", "--all"]).contains("claude-backup.timer"));
        if damage {
            for unit in ["claude-backup.service", "claude-backup.timer"] {
                std::fs::remove_file(manager.home(UNITS).join(unit)).unwrap();
            }
        }
        let words = if words == "off" { vec!["schedule", "off"] } else { vec![words] };
        manager.backup(&words, 0);
        let timers = manager.systemctl(&["list-timers", "--all"]);
        assert!(timers.contains("0 timers listed"), "{timers}");
        let left = walkdir::WalkDir::new(manager.home(UNITS)).into_iter().flatten();
        let left: Vec<_> = left.filter(|entry| !entry.file_type().is_dir()).collect();
        assert!(left.is_empty() && (damage || !manager.home(STAMP).exists()), "{left:?}");
    }
}

#[test]
#[ignore = "starts a service manager: cargo test --test schedule_for_real -- --ignored"]
fn what_was_missed_while_the_machine_was_off_is_caught_up() {
    let Some(mut manager) = scheduled("daily") else { return };
    manager.write_session(TWO);
    manager.while_off(|manager| make_old(&manager.home(STAMP)));
    // The timer starts the run, so there is nothing to wait for but its line.
    let patience = Instant::now() + Duration::from_secs(60);
    while manager.read(LOG).lines().count() < 2 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        manager.read(LOG).trim_end().ends_with("saved: files new 1, changed 0; sessions in all 2")
    );
    assert_eq!(manager.commits(), "2");
    let status = manager.json(&["status"]);
    assert_eq!((&status["health"], &status["scheduler"]), (&json!("ok"), &json!("active")));
}

/// The last run was three days ago, as systemd remembers it.
fn make_old(stamp: &Path) {
    let file = std::fs::File::options().write(true).open(stamp).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3 * 86_400)).unwrap();
}
