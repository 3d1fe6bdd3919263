//! What npm's `claude-backup` does: starts the binary and ends as it does.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{Machine, talk};
use crate::needs;
use crate::release::{Release, VERSION, succeeds};

/// A binary that tells of the signals it gets; only SIGTERM ends it.
const LISTENER: &str = r#"exec node -e '
const told = (signal) => {
    console.log(signal);
    if (signal === "SIGTERM") process.exit(7);
};
for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"]) process.on(signal, told);
console.log("ready");
setInterval(() => {}, 1000);
'"#;

/// A machine whose `node_modules` has the packages; nothing where there is no node.
fn machine() -> Option<(Release, Machine)> {
    if needs::program("node").is_none() {
        needs::say_skipped("node is not on this machine");
        return None;
    }
    let release = Release::new()?;
    let machine = Machine::with(&["node"]);
    std::fs::rename(release.path("npm"), machine.home("node_modules")).unwrap();
    Some((release, machine))
}

fn launcher(machine: &Machine) -> Command {
    machine.command(machine.home("node_modules/claude-backup/launcher.js"))
}

/// The binary's place in the package of the machine that runs the tests.
fn binary(machine: &Machine) -> std::path::PathBuf {
    let mut node = machine.command(machine.tool("node"));
    let name = succeeds(node.args(["-p", "`${process.platform}-${process.arch}`"]));
    machine.home(&format!("node_modules/claude-backup-{}/bin/claude-backup", name.trim_end()))
}

#[test]
fn words_and_exit_codes_go_through() {
    let Some((_release, machine)) = machine() else { return };
    let said = launcher(&machine).arg("--version").output().unwrap();
    assert_eq!((talk(&said), said.status.code()), (format!("claude-backup {VERSION}\n"), Some(0)));
    assert_eq!(launcher(&machine).arg("sync").output().unwrap().status.code(), Some(10));
    assert_eq!(launcher(&machine).arg("--nonsense").output().unwrap().status.code(), Some(2));
}

#[test]
fn signals_go_through_and_ctrl_c_only_once() {
    let Some((_release, machine)) = machine() else { return };
    crate::machine::write_program(&binary(&machine), LISTENER);
    let mut command = launcher(&machine);
    // A group of its own, as a terminal has one for what it runs.
    let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().as_deref(), Some("ready"));
    kill("INT", &format!("-{id}"));
    assert_eq!(said.next().as_deref(), Some("SIGINT"));
    kill("HUP", &id);
    assert_eq!(said.next().as_deref(), Some("SIGHUP"));
    kill("TERM", &id);
    assert_eq!(said.collect::<Vec<_>>(), ["SIGTERM"]);
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_binary_that_a_signal_ended_is_told_as_such() {
    let Some((_release, machine)) = machine() else { return };
    for (name, number) in [("KILL", 9), ("TERM", 15)] {
        crate::machine::write_program(&binary(&machine), &format!("kill -{name} $$"));
        assert_eq!(launcher(&machine).status().unwrap().signal(), Some(number));
    }
}

#[test]
fn a_package_that_was_left_out_is_named_with_the_way_out() {
    let Some((_release, machine)) = machine() else { return };
    let folder = binary(&machine).ancestors().nth(2).map(Path::to_owned).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let output = launcher(&machine).arg("sync").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let name = folder.file_name().unwrap().to_str().unwrap();
    for words in ["is not installed", "--omit=optional", &format!("{name}@{VERSION}")] {
        assert!(talk(&output).contains(words), "{}", talk(&output));
    }
}

#[test]
fn a_system_without_a_binary_is_told_what_works() {
    let Some((_release, machine)) = machine() else { return };
    let path = machine.home("node_modules/claude-backup/launcher.js");
    let script = format!(
        "Object.defineProperty(process, 'platform', {{ value: 'sunos' }}); require('{}')",
        path.display()
    );
    let output = machine.command(machine.tool("node")).args(["-e", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(talk(&output).contains("no binary for sunos"), "{}", talk(&output));
    assert!(talk(&output).contains("cargo install claude-backup"), "{}", talk(&output));
}

fn kill(signal: &str, whom: &str) {
    succeeds(Command::new("kill").args(["-s", signal, "--", whom]));
}
