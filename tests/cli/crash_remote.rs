//! Interruptions while several machines share a remote: nobody loses anything.

use std::path::PathBuf;
use std::time::Duration;

use crate::killing::{Seeded, append, contents, finish, kill_after, lines, number, process, timed};
use crate::sandbox::Sandbox;

/// A machine with a few sessions of its own in a project of its own.
struct Machine {
    sandbox: Sandbox,
    sessions: Vec<PathBuf>,
}

impl Machine {
    fn new(name: &str, remote: &str, random: &mut Seeded) -> Self {
        let sandbox = Sandbox::new();
        let sessions: Vec<PathBuf> = (0..6)
            .map(|at| sandbox.session(&format!("-{name}"), &format!("{name}-session-{at}")))
            .collect();
        for session in &sessions {
            let kilobytes = 20 + random.below(600);
            sandbox.write(session, lines(random, kilobytes));
        }
        let init = ["init", "--backend", "git", "--remote", remote, "--machine", name];
        finish(&sandbox.home(""), &init);
        Self { sandbox, sessions }
    }

    fn home(&self) -> PathBuf {
        self.sandbox.home("")
    }

    fn work(&self, random: &mut Seeded) {
        for _ in 0..3 {
            let at = usize::try_from(random.below(self.sessions.len() as u64)).unwrap();
            let kilobytes = 1 + random.below(40);
            append(&self.sessions[at], &lines(random, kilobytes));
        }
    }
}

/// `KILLS` raises the number, `SEED` chooses other moments.
#[test]
fn killed_while_others_publish_nothing_is_lost() {
    let (kills, seed) = (number("KILLS", 24), number("SEED", 0x2eed));
    let mut random = Seeded(seed);
    let folder = tempfile::tempdir().unwrap();
    let remote = folder.path().join("backup.git");
    git2::Repository::init_bare(&remote).unwrap();
    let url = remote.display().to_string();
    let one = Machine::new("one", &url, &mut random);
    let two = Machine::new("two", &url, &mut random);
    one.work(&mut random);
    let whole = timed(&one.home(), &["sync"]);
    let mut killed = 0;
    for round in 0..kills {
        one.work(&mut random);
        two.work(&mut random);
        let moment = random.below(u64::try_from(whole.as_micros()).unwrap() * 3 / 2);
        let child = process(&one.home(), &["sync"]).spawn().unwrap();
        // The other machine publishes while this one is killed, or between two tries of it.
        let other = process(&two.home(), &["sync"]).spawn().unwrap();
        killed += u64::from(kill_after(child, Duration::from_micros(moment)));
        assert_eq!(other.wait_with_output().unwrap().status.code(), Some(0), "round {round}");
        if round % 6 == 5 {
            finish(&one.home(), &["sync"]);
            one.sandbox.assert_git_clean();
        }
    }
    finish(&one.home(), &["sync"]);
    finish(&two.home(), &["sync"]);
    println!("{killed} of {kills} runs were killed, seed {seed:#x}");
    for machine in [&one, &two] {
        finish(&machine.home(), &["sync"]);
        machine.sandbox.assert_git_clean();
        assert_eq!(machine.sandbox.git(&["status", "-sb"]), "## main...origin/main\n");
    }
    Sandbox::new().git_in(&remote, &["fsck", "--full", "--strict"]);
    let everything = Sandbox::new();
    let init = ["init", "--backend", "git", "--remote", &url, "--machine", "new"];
    finish(&everything.home(""), &[&init[..], &["--restore", "all"]].concat());
    for machine in [&one, &two] {
        for session in &machine.sessions {
            let name = session.strip_prefix(machine.sandbox.claude("")).unwrap();
            let back = std::fs::read(everything.claude(name)).unwrap();
            assert!(back == std::fs::read(session).unwrap(), "{}", name.display());
        }
    }
    assert_eq!(contents(&everything.claude("projects")).len(), 12);
}
