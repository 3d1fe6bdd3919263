//! A file system that fails: once, or from some call on, at any call. The run ends with a clear word
//! that names what failed, nothing is lost, and the next run heals.

use crate::home::{Home, Ran};
use crate::shim::{Fault, Lasts, Record};
use crate::stories::{
    ADOPTION, EVERYDAY, FIRST, FORCED, HOUSEKEEPING, Mishap, PUBLISHING, RESTORE, Story, tell,
};

/// What changes content or names, as a full or a read-only disk refuses it.
const CHANGES: &str = "create write truncate rename link unlink mkdir";
const EVERYWHERE: [(&str, &Story); 7] = [
    ("first backup", &FIRST),
    ("sync", &EVERYDAY),
    ("housekeeping", &HOUSEKEEPING),
    ("publishing", &PUBLISHING),
    ("adoption", &ADOPTION),
    ("restore", &RESTORE),
    ("forced restore", &FORCED),
];

struct Failing(Fault);

impl Mishap for Failing {
    fn after(&mut self, _home: &mut Home, record: &Record, ran: &Ran) {
        assert_told(record, ran, self.0);
    }
}

fn fails(fault: Fault) {
    for (name, story) in EVERYWHERE {
        tell(story, fault, &mut Failing(fault)).say(&format!("{name}, {}", fault.action));
    }
}

/// Exit code and words are those of a run that failed, or that had something to leave out.
fn assert_told(record: &Record, ran: &Ran, fault: Fault) {
    let code = ran.code.unwrap_or_else(|| panic!("it was killed by its own fault: {ran:#?}"));
    let said = format!("{}{}", ran.out, ran.err);
    assert!([0, 1, 3].contains(&code), "{ran:#?}");
    assert!(!said.contains("panicked"), "{ran:#?}");
    if record.hits().is_empty() || code == 0 || fault.action == "short" {
        assert!(fault.action != "short" || code == 0, "a short write is no failure: {ran:#?}");
        return;
    }
    // What is stored is named by its machine and its name there.
    let paths = [".claude", "remote.git", "/projects/", "/config/"];
    let names_a_path = paths.iter().any(|path| said.contains(path));
    assert!(names_a_path, "no path is named: {ran:#?}");
}

#[test]
fn a_call_fails_as_on_a_damaged_disk() {
    fails(Fault { kinds: "", action: "EIO", at: 0, lasts: Lasts::Once });
}

#[test]
fn reading_fails_as_on_a_damaged_disk() {
    fails(Fault { kinds: "open read", action: "EIO", at: 0, lasts: Lasts::Once });
}

#[test]
fn the_disk_is_full_from_some_call_on() {
    fails(Fault { kinds: "create write mkdir", action: "ENOSPC", at: 0, lasts: Lasts::Onwards });
}

#[test]
fn the_disk_turns_read_only_at_some_call() {
    fails(Fault { kinds: CHANGES, action: "EROFS", at: 0, lasts: Lasts::Onwards });
}

#[test]
fn something_may_not_be_touched() {
    fails(Fault { kinds: "", action: "EACCES", at: 0, lasts: Lasts::Once });
}

#[test]
fn only_half_is_written_each_time() {
    fails(Fault { kinds: "write", action: "short", at: 0, lasts: Lasts::Onwards });
}
