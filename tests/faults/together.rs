//! Several runs at once, and runs that are told to stop.

use std::process::{Child, Command, Stdio};

use crate::home::Home;
use crate::shim::{Fault, Record, library};

/// Starts a run whose calls take a moment each, so that runs meet.
fn started(home: &Home, arguments: &[&str], record: &Record) -> Child {
    let mut command = home.command(arguments);
    record.watch(&mut command, &home.sandbox.home(""), Fault::none(""));
    command.env("FAULTS_SLOW", "300").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Of runs in one home, each has worked or says that another one does.
fn meet(runs: usize) {
    if library().is_none() {
        return;
    }
    let mut home = Home::new(runs as u64);
    home.finish(&["init", "--backend", "local"]);
    home.remember();
    for _ in 0..4 {
        home.work();
        let record = Record::new();
        let children: Vec<Child> = (0..runs).map(|_| started(&home, &["sync"], &record)).collect();
        let ended = children.into_iter().map(|child| child.wait_with_output().unwrap());
        let codes: Vec<_> = ended.map(|output| output.status.code()).collect();
        assert!(codes.iter().all(|code| [Some(0), Some(11)].contains(code)), "{codes:?}");
        assert!(codes.contains(&Some(0)), "{codes:?}");
        home.remember();
        home.assert_whole();
    }
}

#[test]
fn two_at_once() {
    meet(2);
}

#[test]
fn five_at_once() {
    meet(5);
}

/// Five machines, one remote, all at the same moment.
#[test]
fn five_machines_publish_at_once() {
    if library().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let remote = folder.path().join("backup.git");
    git2::Repository::init_bare(&remote).unwrap();
    let url = remote.to_str().unwrap();
    let mut homes: Vec<Home> = (0..5).map(|number| Home::new(100 + number)).collect();
    for (number, home) in homes.iter_mut().enumerate() {
        let name = format!("machine-{number}");
        home.finish(&["init", "--backend", "git", "--remote", url, "--machine", &name]);
        home.remember();
    }
    for _ in 0..2 {
        homes.iter_mut().for_each(Home::work);
        let record = Record::new();
        let start = |home: &Home| started(home, &["sync"], &record);
        let children: Vec<Child> = homes.iter().map(start).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            // Five at once may be too many to wait for; what is owed is sent by the next run.
            assert!([Some(0), Some(3)].contains(&output.status.code()), "{output:?}");
        }
        homes.iter_mut().for_each(Home::sync);
    }
    homes.iter_mut().for_each(Home::sync);
    homes[0].sandbox.git_in(&remote, &["fsck", "--full", "--strict"]);
    // Their sessions have the same ids, so a restore would choose among them.
    homes.iter().for_each(Home::assert_kept);
}

/// The signal comes when so many calls were made; the run ends by itself or with 130.
fn told_to_stop(signal: &str) {
    if library().is_none() {
        return;
    }
    let mut home = Home::new(9);
    home.finish(&["init", "--backend", "local"]);
    home.remember();
    let mut stopped = 0;
    for calls in [1, 20, 40, 60, 80, 100, 120, 140] {
        home.work();
        let record = Record::new();
        let mut child = started(&home, &["sync"], &record);
        while record.calls().len() < calls && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        let _ = Command::new("kill").args([signal, &id]).stderr(Stdio::null()).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let code = output.status.code();
        assert!([Some(0), Some(3), Some(130)].contains(&code), "{output:?}");
        stopped += u64::from(code == Some(130));
        home.sync();
        home.assert_whole();
    }
    assert!(stopped > 0, "none of them was stopped");
}

#[test]
fn an_interrupt_at_any_moment_leaves_nothing_half() {
    told_to_stop("-INT");
}

#[test]
fn a_request_to_end_at_any_moment_leaves_nothing_half() {
    told_to_stop("-TERM");
}
