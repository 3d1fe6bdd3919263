use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::error::kind;

const SECOND: Duration = Duration::from_secs(1);

fn sandbox() -> (tempfile::TempDir, Env) {
    let home = tempfile::tempdir().unwrap();
    let env = Env::sandbox(home.path().into(), "mac", Arc::default());
    (home, env.with_variable("PATH", "/usr/local/bin:/usr/bin:/bin"))
}

fn shell(env: &Env, script: &str) -> Command {
    let mut command = Programs::new(env, None).command(Path::new("/bin/sh"));
    command.args(["-c", script]);
    command
}

fn run_script(env: &Env, script: &str, limit: Duration) -> Result<Output> {
    run_whole(&mut shell(env, script), b"", env, limit, 1 << 20)
}

/// True once a process is gone, for which a killed one may take a moment.
fn is_gone(id: &str) -> bool {
    let path = format!("/proc/{}/stat", id.trim());
    let is_running = || {
        let state = fs_err::read_to_string(&path).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    };
    let started = Instant::now();
    while is_running() && started.elapsed() < 10 * SECOND {
        thread::yield_now();
    }
    !is_running()
}

#[test]
fn input_reaches_a_program_and_its_output_comes_back() {
    let (_home, env) = sandbox();
    let mut command = shell(&env, "cat; echo oops >&2; exit 3");
    let output = run_whole(&mut command, b"a\nb", &env, 10 * SECOND, 100).unwrap();
    assert_eq!(
        (output.success, &output.out[..], &output.err[..]),
        (false, &b"a\nb"[..], &b"oops\n"[..])
    );
}

#[test]
fn a_program_runs_in_the_home_with_the_cleaned_path() {
    let (home, env) = sandbox();
    let env = env.with_variable("PATH", ".::bin:/usr/bin:/bin");
    let output = run_script(&env, "pwd; echo $PATH", 10 * SECOND).unwrap();
    let home = fs_err::canonicalize(home.path()).unwrap();
    let expected = format!("{}\n/usr/bin:/bin\n", home.display());
    assert_eq!(String::from_utf8(output.out).unwrap(), expected);
}

#[test]
fn a_silent_program_is_ended_with_all_that_it_started() {
    let (home, env) = sandbox();
    let script = "trap '' TERM; sleep 600 & echo $! > child; wait";
    let started = Instant::now();
    let error = run_script(&env, script, SECOND).unwrap_err();
    assert_eq!(kind(&error), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "`sh` did not answer within 1 second");
    assert!(
        crate::error::failure(&error)
            .unwrap()
            .hint
            .as_ref()
            .unwrap()
            .contains("claude-backup.timeout")
    );
    assert!(started.elapsed() < 10 * SECOND);
    let child = fs_err::read_to_string(home.path().join("child")).unwrap();
    assert!(!cfg!(target_os = "linux") || is_gone(&child), "{child}");
}

#[test]
fn a_trickle_of_output_does_not_keep_a_program_alive() {
    let (_home, env) = sandbox();
    let mut command = shell(&env, "while :; do printf .; sleep 0.1; done");
    let watch = Watch {
        subject: "the script",
        silence: SECOND,
        total: None,
        stopped: &|| false,
        group: Group::Own,
        memory: None,
    };
    let mut kept = Collector { subject: "", most: 1000, out: Vec::new(), err: Vec::new() };
    let error = run(&mut command, b"", &watch, &mut kept).unwrap_err();
    assert_eq!(error.to_string(), "the script made no progress for 1 second");
}

#[test]
fn a_program_ends_soon_after_the_user_stops() {
    let (_home, env) = sandbox();
    env.interrupt.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let error = run_script(&env, "sleep 600", 600 * SECOND).unwrap_err();
    assert_eq!(kind(&error), ErrorKind::Interrupted);
    assert!(started.elapsed() < 10 * SECOND);
}

#[test]
fn output_without_end_is_an_error() {
    let (_home, env) = sandbox();
    let error = run_script(&env, "cat /dev/zero", 60 * SECOND).unwrap_err();
    assert_eq!(error.to_string(), "`sh` printed more than 1024 KiB");
}

#[test]
fn what_a_program_leaves_in_the_background_is_not_waited_for() {
    let (_home, env) = sandbox();
    let started = Instant::now();
    let output = run_script(&env, "sleep 30 & echo done", 60 * SECOND).unwrap();
    assert_eq!(output.out, b"done\n");
    assert!(started.elapsed() < 20 * SECOND);
}
