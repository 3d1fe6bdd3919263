//! Help, version, completions, manual and wrong words: nothing runs, and the answer helps.

use serde_json::json;

use crate::fixture;

const COMMANDS: [&str; 15] = [
    "init",
    "sync",
    "status",
    "restore",
    "versions",
    "peek",
    "backend",
    "machines",
    "verify",
    "schedule",
    "uninstall",
    "export-config",
    "import-config",
    "completions",
    "man",
];

#[test]
fn without_a_command_there_is_help_until_there_is_a_backup() {
    let sandbox = fixture::home();
    for width in [80, 40, 20] {
        let ran = sandbox.run_on_terminal(width, &[]).success();
        insta::assert_snapshot!(format!("help_{width}"), ran.both());
    }
    assert!(!sandbox.backup("").exists());
    assert!(sandbox.json(&[])["help"].is_string());
    for flags in [&["help", "--json"][..], &["--json", "help"], &["help", "sync", "--json"]] {
        assert!(sandbox.run(flags).success().json()["help"].is_string(), "{flags:?}");
    }
    sandbox.init();
    assert_eq!(sandbox.run(&[]).success().screen(), sandbox.run(&["status"]).success().screen());
    assert_eq!(sandbox.json(&[]), sandbox.json(&["status"]));
}

#[test]
fn the_help_of_a_command_runs_nothing() {
    let sandbox = fixture::home();
    for command in COMMANDS {
        let ran = sandbox.run(&[command, "--help"]).success();
        insta::assert_snapshot!(format!("help_of_{command}"), ran.both());
        assert!(sandbox.json(&[command, "--help"])["help"].is_string(), "{command}");
        sandbox.run(&["help", command]).success();
    }
    assert!(!sandbox.backup("").exists());
}

#[test]
fn the_version_is_one_that_readers_know() {
    let sandbox = fixture::home();
    let version = env!("CARGO_PKG_VERSION");
    for flag in ["--version", "-V"] {
        assert_eq!(sandbox.run(&[flag]).success().screen(), format!("claude-backup {version}\n"));
    }
    assert_eq!(sandbox.json(&["--version"]), json!({"ok": true, "version": version}));
    let major: u32 = version.split('.').next().unwrap().parse().unwrap();
    assert!(major >= 4);
}

#[test]
fn wrong_words_are_told_with_a_way_on() {
    let sandbox = fixture::home();
    let mut told = String::new();
    for arguments in [
        &["snyc"][..],
        &["sync", "--dry"],
        &["restore", "--to"],
        &["restore", "x", "--all"],
        &["restore", "x", "--version", "one"],
        &["restore", "x", "--stdout", "--to", "y"],
        &["restore", "--fullest"],
        &["peek"],
        &["versions"],
        &["completions", "tcl"],
        &["--quiet", "--verbose", "status"],
        &["schedule", "weekly"],
        &["verify", "--percent", "0"],
        &["backend"],
        &["backend", "set", "s3"],
        &["--color", "x", "sync"],
        &["backup"],
        &["list"],
        &["search", "parser"],
        &["forget", "--keep-last", "3"],
        &["cat", "1f0c"],
        &["config"],
        &["push"],
    ] {
        let ran = sandbox.run(arguments).fails(2);
        told.push_str(&format!("$ claude-backup {}\n{}", arguments.join(" "), ran.talk()));
        let error = sandbox.run(&[arguments, &["--json"]].concat()).fails(2).json_error();
        assert_eq!(error["code"], "usage");
        assert!(error["hint"].is_string(), "{error}");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let sandbox = fixture::home();
    sandbox.init();
    std::fs::write(sandbox.backup("session-index.json"), "{").unwrap();
    let ran = sandbox.run(&["restore", "--list", "--quiet"]).success();
    assert!(ran.talk().contains("warning:"), "{}", ran.talk());
}
