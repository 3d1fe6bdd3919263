//! What the program is doing while something goes wrong, and how it is told again at each call.

use std::process::Command;

use crate::home::{Home, Ran};
use crate::killing::{Seeded, contents, number};
use crate::shim::{Fault, Record, library};

/// One command in a home that is made ready for it, and what heals what it left.
pub struct Story {
    pub prepare: fn(&mut Home),
    pub run: &'static [&'static str],
    /// Ends with everything saved and remembered.
    pub heal: fn(&mut Home),
    pub check: fn(&Home),
}

/// The first backup of all.
pub const FIRST: Story = Story {
    prepare: |home| drop(std::fs::remove_dir_all(home.sandbox.backup(""))),
    run: INIT,
    heal: |home| {
        home.finish(INIT);
        home.remember();
    },
    check: Home::assert_whole,
};

/// Sessions grew, are new, were rewritten, or are gone.
pub const EVERYDAY: Story = Story {
    prepare: |home| {
        begun(home);
        home.work();
    },
    run: &["sync"],
    heal: Home::sync,
    check: Home::assert_whole,
};

/// The same, each time on another day: packs are frozen and joined.
pub const HOUSEKEEPING: Story = Story {
    prepare: |home| {
        home.days += 1;
        begun(home);
        home.work();
    },
    ..EVERYDAY
};

/// The same, and everything is sent to a remote.
pub const PUBLISHING: Story = Story {
    prepare: |home| {
        if !home.sandbox.backup("").exists() {
            let remote = home.sandbox.home("remote.git");
            git2::Repository::init_bare(&remote).unwrap();
            home.finish(&["init", "--backend", "git", "--remote", remote.to_str().unwrap()]);
            home.remember();
        }
        home.work();
    },
    check: |home| {
        home.assert_whole();
        let remote = home.sandbox.home("remote.git");
        home.sandbox.git_in(&remote, &["fsck", "--full", "--strict"]);
        let tips = [&remote, &home.sandbox.backup("")];
        let tips = tips.map(|folder| home.sandbox.git_in(folder, &["rev-parse", "main"]));
        assert_eq!(tips[0], tips[1], "everything was sent");
    },
    ..EVERYDAY
};

/// What the shell tool left is taken over; it has the only copies.
pub const ADOPTION: Story = Story {
    prepare: |home| {
        let old = home.sandbox.home("old");
        if !old.exists() {
            home.remember();
            let script = "git init -q -b main \"$1\" && cp -R \"$0/projects\" \"$1\" && \
                find \"$1/projects\" -name '*.jsonl' -exec gzip -n {} +";
            let mut shell = Command::new("sh");
            let status = shell.args(["-c", script]).arg(home.sandbox.claude("")).arg(&old).status();
            assert!(status.unwrap().success());
            home.sandbox.remove(".claude");
        }
        let _ = std::fs::remove_dir_all(home.sandbox.backup(""));
        let mut copy = Command::new("cp");
        let status = copy.arg("-R").arg(&old).arg(home.sandbox.backup("")).status();
        assert!(status.unwrap().success());
    },
    heal: |home| drop(home.finish(&["sync"])),
    ..EVERYDAY
};

/// Everything is given back into an empty home.
pub const RESTORE: Story = Story {
    prepare: |home| {
        begun(home);
        let _ = std::fs::remove_dir_all(home.sandbox.claude(""));
    },
    run: &["restore", "--all"],
    heal: |home| {
        assert_no_torso(home);
        home.finish(&["restore", "--all"]);
    },
    check: |home| home.assert_given_back(&home.sandbox.claude("")),
};

/// Everything is given back in the place of something else, which is kept as a version.
pub const FORCED: Story = Story {
    prepare: |home| {
        begun(home);
        home.work();
    },
    run: &["restore", "--all", "--force"],
    heal: |home| {
        home.finish(&["restore", "--all", "--force"]);
        home.finish(&["sync"]);
    },
    check: Home::assert_whole,
};

const INIT: &[&str] = &["init", "--backend", "local"];

fn begun(home: &mut Home) {
    if !home.sandbox.backup("").exists() {
        home.finish(INIT);
        home.remember();
    }
}

/// A restore that ended early has written whole files only.
fn assert_no_torso(home: &Home) {
    if !home.sandbox.claude("").exists() {
        return;
    }
    for (name, bytes) in contents(&home.sandbox.claude("")) {
        let is_temporary = name.to_string_lossy().contains("/.claude-backup-");
        let is_session = name.extension().is_some_and(|end| end == "jsonl");
        assert!(is_temporary || !is_session || home.has_saved(&name, &bytes), "{}", name.display());
    }
}

/// How many faults a story is told with, unless `FAULTS` says another number or `all`.
const POINTS: u64 = 6;
/// A home serves so many faults; its history would make each check longer.
const HOME_LASTS: u64 = 40;

/// Tells a story again and again, with the fault at another call each time, until it was at every
/// call, or at as many as are asked for, spread over all of them. Gives how often something went
/// wrong, and at how many calls it could. `FAULT_SEED` chooses other calls.
pub fn tell(story: &Story, fault: Fault, mishap: &mut dyn Mishap) -> Told {
    if library().is_none() {
        return Told::default();
    }
    let seed = number("FAULT_SEED", 0x5eed);
    let mut random = Seeded(seed);
    let mut home = Home::new(seed);
    let total = count(&mut home, story, fault);
    let (mut hits, mut failures) = (0, Vec::new());
    for (round, at) in (0..).zip(points(total, &mut random)) {
        if round % HOME_LASTS == HOME_LASTS - 1 {
            home = Home::new(seed + round);
        }
        (story.prepare)(&mut home);
        let record = Record::new();
        mishap.before(&mut home, story, &record);
        let fault = fault.at(at);
        let ran = home.run(story.run, fault, &record);
        hits += record.hits().len() as u64;
        let place = Place { seed, fault, last: record.hits().pop().map(|hit| hit.path) };
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            mishap.after(&mut home, &record, &ran);
            (story.heal)(&mut home);
            (story.check)(&home);
        }));
        if told.is_err() {
            failures.push(format!(
                "{place:?}: {ran:?} {}",
                kept(std::mem::replace(&mut home, Home::new(seed + round)))
            ));
            assert!(failures.len() < 10, "{failures:#?}");
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    Told { hits, total }
}

/// How often a story was told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    pub hits: u64,
    /// The calls at which something could have gone wrong.
    pub total: u64,
}

impl Told {
    /// Says it to whoever runs the tests with `--nocapture`.
    #[expect(clippy::print_stdout, reason = "how much was survived is worth knowing")]
    pub fn say(self, what: &str) {
        println!("{what}: {} times, each at one of {} calls", self.hits, self.total);
    }
}

/// What surrounds a run in which something goes wrong.
pub trait Mishap {
    /// Everything is ready for the run.
    fn before(&mut self, _home: &mut Home, _story: &Story, _record: &Record) {}

    /// The run has ended; nothing was healed yet.
    fn after(&mut self, home: &mut Home, record: &Record, ran: &Ran);
}

/// Where something went wrong, for whoever looks for the reason.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Place {
    seed: u64,
    fault: Fault,
    last: Option<std::path::PathBuf>,
}

/// A home that shows a defect stays to be looked at.
fn kept(home: Home) -> String {
    let path = home.sandbox.home("").display().to_string();
    std::mem::forget(home);
    format!("left in {path}")
}

/// How many calls the story takes when nothing goes wrong.
fn count(home: &mut Home, story: &Story, fault: Fault) -> u64 {
    (story.prepare)(home);
    let record = Record::new();
    let ran = home.run(story.run, Fault::none(fault.kinds), &record);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    (story.heal)(home);
    (story.check)(home);
    record.count()
}

/// Calls spread evenly, each somewhere in its share.
fn points(total: u64, random: &mut Seeded) -> Vec<u64> {
    let wanted = match std::env::var("FAULTS") {
        Ok(text) if text == "all" => total,
        _ => number("FAULTS", POINTS).min(total),
    };
    let share = |at: u64| (at * total / wanted, (at + 1) * total / wanted);
    (0..wanted).map(share).map(|(from, to)| from + 1 + random.below(to - from)).collect()
}
