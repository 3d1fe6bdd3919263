//! One run at a time: the second one is told who holds the backup, and a dead one holds nothing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::sandbox::Sandbox;

const ID: &str = "aaaaaaaa-1111-4111-8111-111111111111";

/// Takes the lock as the program does, says so, and waits for a word.
const HOLDER: &str = "
import fcntl, json, os, sys
f = open(sys.argv[1], 'r+')
fcntl.flock(f, fcntl.LOCK_EX)
f.truncate()
f.write(json.dumps({'pid': os.getpid(), 'since': '2026-11-20T02:59:30Z', 'doing': 'sync'}))
f.flush()
print('held', flush=True)
sys.stdin.readline()
";

fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox
}

/// Another process that holds the backup of this sandbox.
struct Holder(Child);

impl Holder {
    fn of(sandbox: &Sandbox) -> Self {
        Self::of_lock(sandbox, "lock")
    }

    /// One that talks to the remote of this sandbox's backup.
    fn of_the_remote(sandbox: &Sandbox) -> Self {
        Self::of_lock(sandbox, "remote.lock")
    }

    fn of_lock(sandbox: &Sandbox, name: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", HOLDER])
            .arg(sandbox.backup(".git/claude-backup").join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut word).unwrap();
        assert_eq!(word, "held\n");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn ends(mut self) {
        self.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
        self.0.wait().unwrap();
    }

    fn dies(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn the_second_run_is_told_who_holds_the_backup_instead_of_leaving_as_if_it_had_worked() {
    let sandbox = saved();
    let holder = Holder::of(&sandbox);
    let before = sandbox.commits();
    sandbox.append_session("-p", ID, 4..6);
    let ran = sandbox.run(&["sync"]).fails(11);
    assert_eq!(ran.screen(), "");
    let pid = holder.pid();
    let told = format!(
        "error: the backup is in use by `sync` (pid {pid}, since 2026-11-20 02:59:30 UTC)\n\
         hint: wait for it; a crashed run releases the lock by itself\n"
    );
    assert_eq!(ran.talk(), told);
    assert_eq!(sandbox.commits(), before);
    holder.ends();
    assert_eq!(sandbox.sync()["grown"], 1);
}

#[test]
fn a_script_is_told_the_same_instead_of_nothing_at_all() {
    let sandbox = saved();
    let holder = Holder::of(&sandbox);
    let error = sandbox.run(&["sync", "--json"]).fails(11).json_error();
    assert_eq!(error["code"], "locked");
    assert_eq!(error["owner"]["pid"], holder.pid());
    assert_eq!(error["owner"]["since"], "2026-11-20T02:59:30Z");
    assert_eq!(error["owner"]["doing"], "sync");
    holder.ends();
}

#[test]
fn what_only_reads_is_not_held_up() {
    let sandbox = saved();
    let holder = Holder::of(&sandbox);
    for arguments in [&["status"][..], &["restore", "--list"], &["peek", ID], &["versions", ID]] {
        sandbox.run(arguments).success();
    }
    sandbox.run(&["sync", "--dry-run"]).success();
    holder.ends();
}

/// A backup with a remote that is a folder.
fn pushed() -> Sandbox {
    let sandbox = Sandbox::new();
    let remote = sandbox.home("remote.git");
    git2::Repository::init_bare(&remote).unwrap();
    let remote = remote.to_str().unwrap();
    sandbox.write_session("-p", ID, 4);
    sandbox.run(&["init", "--backend", "git", "--remote", remote]).success();
    sandbox
}

#[test]
fn while_another_run_talks_to_the_remote_a_sync_saves_and_leaves_the_push_to_it() {
    let sandbox = pushed();
    let holder = Holder::of_the_remote(&sandbox);
    sandbox.append_session("-p", ID, 4..6);
    let sync = sandbox.sync();
    assert_eq!((&sync["grown"], &sync["pushed"]), (&1.into(), &false.into()));
    assert_eq!(sync["push"]["state"], "in-progress");
    assert_eq!(sync["push"]["owner"]["pid"], holder.pid());
    let screen = sandbox.run(&["sync"]).success().screen();
    let pid = holder.pid();
    let told = format!("another run (`sync`, pid {pid}) is talking to ");
    assert!(screen.contains(&told), "{screen}");
    holder.dies();
    assert_eq!(sandbox.sync()["push"]["state"], "pushed");
}

#[test]
fn a_run_that_takes_more_than_an_hour_is_reported() {
    let sandbox = pushed();
    let holder = Holder::of_the_remote(&sandbox);
    let pid = holder.pid();
    let status = sandbox.json(&["status"]);
    assert_eq!(status["health"], "ok", "it has just begun");
    let since = "2026-11-20T02:59:30Z";
    let run = serde_json::json!({"pid": pid, "since": since, "doing": "sync"});
    assert_eq!(status["running"], serde_json::json!([run]));

    sandbox.pass_minutes(61);
    let status = sandbox.json(&["status"]);
    assert_eq!(status["health"], "long-run");
    let told = format!("`sync` (pid {pid}) has been running for an hour");
    assert!(status["warnings"][0].as_str().unwrap().starts_with(&told), "{status:#}");
    let screen = sandbox.run(&["status"]).success().screen();
    assert!(screen.starts_with('!') && screen.contains(&told), "{screen}");
    assert!(screen.contains(&format!("sync (pid {pid}), since today 02:59")), "{screen}");
    holder.dies();
    let status = sandbox.json(&["status"]);
    assert_eq!((&status["health"], &status["running"]), (&"ok".into(), &serde_json::json!([])));
}

#[test]
fn a_push_that_waits_for_another_run_is_in_the_log() {
    let sandbox = pushed();
    let holder = Holder::of_the_remote(&sandbox);
    sandbox.sync();
    let log = std::fs::read_to_string(sandbox.backup("backup.log")).unwrap();
    assert!(log.trim_end().ends_with("; another run pushes it"), "{log}");
    holder.ends();
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let sandbox = saved();
    Holder::of(&sandbox).dies();
    sandbox.append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["grown"], 1);
}

#[test]
fn the_number_of_a_live_process_in_a_stale_lock_stops_nobody() {
    let sandbox = saved();
    let owner = serde_json::json!({
        "pid": std::process::id(), "since": "2026-11-20T02:59:30Z", "doing": "sync",
    });
    sandbox.write(".claude-backup/.git/claude-backup/lock", owner.to_string());
    sandbox.write(".claude-backup/.sync.lock/pid", std::process::id().to_string());
    sandbox.append_session("-p", ID, 4..6);
    assert_eq!(sandbox.sync()["grown"], 1);
}

#[test]
fn a_lock_whose_owner_is_not_written_yet_is_held_all_the_same() {
    let sandbox = saved();
    let holder = Holder::of(&sandbox);
    sandbox.write(".claude-backup/.git/claude-backup/lock", "");
    let ran = sandbox.run(&["sync"]).fails(11);
    assert!(ran.talk().starts_with("error: the backup is in use by another run\n"), "{ran:?}");
    let error = sandbox.run(&["sync", "--json"]).fails(11).json_error();
    assert_eq!((&error["code"], &error["owner"]), (&"locked".into(), &serde_json::Value::Null));
    holder.ends();
}

#[test]
fn of_many_at_once_each_has_worked_or_says_that_it_has_not() {
    let sandbox = saved();
    sandbox.append_session("-p", ID, 4..40);
    let run = || {
        let ran = sandbox.run(&["sync", "--json"]);
        let text = format!("{ran:?}");
        assert!(text.contains("code: 0,") || text.contains("code: 11,"), "{text}");
        text.contains("code: 0,")
    };
    let worked = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).filter(|worked| *worked).count()
    });
    assert!(worked >= 1);
    sandbox.sync();
    sandbox.assert_git_clean();
}
