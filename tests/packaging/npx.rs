//! `npx claude-backup` with an empty cache, from a registry on loopback.

#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::{Value, json};

use crate::machine::{Machine, talk};
use crate::needs;
use crate::release::{Release, Server, VERSION, succeeds};

/// A user's table that is a file at home.
const CRONTAB: &str = r#"
case $1 in
-l) test -e "$HOME/table" || { echo 'no crontab for dev' >&2; exit 1; }; cat "$HOME/table" ;;
-) cat > "$HOME/table" ;;
esac"#;

/// Packs the packages and lays them out as a registry does: a page for each name, which leads to its tarball.
fn registry(release: &Release, machine: &Machine) -> Server {
    let folder = release.path("npm");
    let names: Vec<String> = std::fs::read_dir(&folder).unwrap().map(name_of).collect();
    let mut pack = machine.command(machine.tool("npm"));
    pack.args(["pack", "--json"]).args(names.iter().map(|name| format!("./{name}")));
    let packed: Value = serde_json::from_str(&succeeds(pack.current_dir(&folder))).unwrap();
    let pages = release.path("registry");
    std::fs::create_dir(&pages).unwrap();
    let server = Server::of(&pages);
    for tarball in packed.as_array().unwrap() {
        let (name, file) =
            (tarball["name"].as_str().unwrap(), tarball["filename"].as_str().unwrap());
        std::fs::rename(folder.join(file), pages.join(file)).unwrap();
        let package = std::fs::read(folder.join(name).join("package.json")).unwrap();
        let mut package: Value = serde_json::from_slice(&package).unwrap();
        let address = format!("{}/{file}", server.url);
        package["dist"] = json!({ "tarball": address, "integrity": tarball["integrity"] });
        let page = json!({
            "name": name, "dist-tags": { "latest": VERSION }, "versions": { VERSION: package },
        });
        std::fs::write(pages.join(name), page.to_string()).unwrap();
    }
    server
}

fn name_of(entry: std::io::Result<std::fs::DirEntry>) -> String {
    entry.unwrap().file_name().into_string().unwrap()
}

/// Puts the real program into the package of this machine, for it is the one that knows its own path;
/// without what only a debugger reads, as in a release.
fn with_real_program(release: &Release) {
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let path = release.path(&format!("npm/claude-backup-linux-{processor}/bin/claude-backup"));
    let real = env!("CARGO_BIN_EXE_claude-backup");
    let stripped = Command::new("strip").arg("-o").arg(&path).arg(real).status();
    if !stripped.is_ok_and(|status| status.success()) {
        std::fs::copy(real, path).unwrap();
    }
}

#[test]
fn npx_runs_it_and_a_schedule_from_there_says_that_it_may_go_away() {
    if needs::program("npx").is_none() {
        return needs::say_skipped("npm is not on this machine");
    }
    let Some(release) = Release::new() else { return };
    let machine = Machine::with(&["cat", "node", "npm", "npx", "sh"]).adding("crontab", CRONTAB);
    with_real_program(&release);
    let server = registry(&release, &machine);
    let npx = |words: &[&str]| {
        let mut command = machine.command(machine.tool("npx"));
        command.env("NPM_CONFIG_REGISTRY", &server.url).env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
        command.args(["--yes", "claude-backup"]).args(words).output().unwrap()
    };
    let said = npx(&["--version"]);
    assert_eq!((talk(&said), said.status.code()), (format!("claude-backup {VERSION}\n"), Some(0)));
    assert_eq!(npx(&["sync"]).status.code(), Some(10));
    assert!(npx(&["init", "--backend", "local", "--no-schedule"]).status.success());
    let said = npx(&["schedule", "daily"]);
    assert!(said.status.success(), "{}", talk(&said));
    assert!(talk(&said).contains("which may go away"), "{}", talk(&said));
    let table = std::fs::read_to_string(machine.home("table")).unwrap();
    assert!(table.contains("/_npx/"), "the story is about npx's cache: {table}");
}
