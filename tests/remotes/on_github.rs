//! A private repository at GitHub, found or made through `gh`.

use serde_json::json;

use crate::gh::Gh;
use crate::home::{Machine, Transport, tells};
use crate::life::{live_on, push_state};

with_both_transports!(
    a_private_repository_is_made_and_the_next_machine_finds_it,
    a_private_repository_that_is_there_is_used,
    a_repository_that_others_can_read_is_refused_unless_wanted,
    who_is_not_logged_in_is_told_how,
    without_gh_or_a_login_a_backup_stays_here,
    a_gh_that_is_too_old_is_told_so,
    a_repository_that_cannot_be_made_is_told_and_leaves_nothing,
    a_backup_that_stayed_here_goes_to_github_later,
    who_uses_ssh_with_github_goes_on_with_it,
    an_address_at_github_is_checked_as_well,
);

const URL: &str = "https://github.com/octo/claude-backup-data.git";

fn a_private_repository_is_made_and_the_next_machine_finds_it(transport: Transport) {
    let gh = Gh::new();
    let (anna, bert) = (gh.machine(transport), gh.machine(transport));
    live_on(&anna, "anna");
    let begun = anna.json(&["init", "--yes", "--no-schedule", "--machine", "anna"]);
    assert_eq!((&begun["mode"], &begun["joined"]), (&json!("github"), &json!(false)));
    assert_eq!(push_state(&begun["sync"]), "pushed");
    let joined =
        bert.json(&["init", "--backend", "github", "--machine", "bert", "--restore", "all"]);
    assert_eq!((&joined["mode"], &joined["joined"]), (&json!("github"), &json!(true)));
    assert_eq!(bert.sessions(), anna.sessions());
    assert_eq!((gh.calls("repo create"), gh.bare().reference_names().len()), (1, 1));
    assert_eq!(anna.status()["repo"], URL);
    anna.append_session("-home-dev-anna", "anna-session-one", 12..13);
    let before = gh.calls("");
    assert_eq!(push_state(&anna.sync()), "pushed");
    assert_eq!(gh.calls(""), before, "status has asked today who can read it");
    gh.bare().assert_whole();
}

fn a_private_repository_that_is_there_is_used(transport: Transport) {
    let gh = Gh::new().with_repository("PRIVATE");
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    machine.json(&["init", "--backend", "github"]);
    assert_eq!(gh.calls("repo create"), 0);
    assert_eq!(gh.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn a_repository_that_others_can_read_is_refused_unless_wanted(transport: Transport) {
    for visibility in ["PUBLIC", "INTERNAL"] {
        let gh = Gh::new().with_repository(visibility);
        let machine = gh.machine(transport);
        live_on(&machine, "anna");
        let error = machine.error(&["init", "--backend", "github"]);
        assert_eq!(error["code"], "public-repository", "{error}");
        let is_told = tells(&error["error"], &[&visibility.to_lowercase()]);
        assert!(is_told && tells(&error["hint"], &["--allow-public"]), "{error}");
        assert!(!machine.backup("").exists());
        assert_eq!(gh.bare().references(), "");
        machine.json(&["init", "--backend", "github", "--allow-public"]);
        assert_eq!(gh.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
    }
}

fn who_is_not_logged_in_is_told_how(transport: Transport) {
    let gh = Gh::new().logged_out();
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    let error = machine.error(&["init", "--backend", "github"]);
    assert_eq!(error["code"], "unauthorized", "{error}");
    assert!(tells(&error["hint"], &["gh auth login"]), "{error}");
    assert!(!machine.backup("").exists());
    machine.init_here();
    let before = machine.git(&["config", "--list", "--local"]);
    assert_eq!(machine.error(&["backend", "set", "github"])["code"], "unauthorized");
    assert_eq!(machine.git(&["config", "--list", "--local"]), before);
}

fn without_gh_or_a_login_a_backup_stays_here(transport: Transport) {
    let logged_out = Gh::new().logged_out();
    for machine in [Machine::new(transport), logged_out.machine(transport)] {
        live_on(&machine, "anna");
        let begun = machine.json(&["init"]);
        assert_eq!(
            (&begun["mode"], push_state(&begun["sync"])),
            (&json!("local"), "not-configured")
        );
    }
    let error = Machine::new(transport).error(&["init", "--backend", "github"]);
    assert!(tells(&error["error"], &["needs the program `gh`"]), "{error}");
}

fn a_gh_that_is_too_old_is_told_so(transport: Transport) {
    let gh = Gh::new();
    gh.note("version", "1.9.2");
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    let error = machine.error(&["init", "--backend", "github"]);
    assert!(tells(&error["error"], &["too old"]) && tells(&error["error"], &["1.9.2"]), "{error}");
    assert_eq!(machine.json(&["init"])["mode"], "local");
}

fn a_repository_that_cannot_be_made_is_told_and_leaves_nothing(transport: Transport) {
    let gh = Gh::new();
    gh.note("quota", "");
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    let error = machine.error(&["init", "--backend", "github"]);
    assert!(tells(&error, &["too many repositories"]), "{error}");
    assert!(!machine.backup("").exists());
}

fn a_backup_that_stayed_here_goes_to_github_later(transport: Transport) {
    let gh = Gh::new();
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    machine.init_here();
    let set = machine.json(&["backend", "set", "github"]);
    assert_eq!((&set["mode"], &set["remote"]), (&json!("github"), &json!(URL)));
    assert_eq!(push_state(&set), "pushed");
    assert_eq!(machine.json(&["backend", "show"])["mode"], "github");
    assert_eq!(gh.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn who_uses_ssh_with_github_goes_on_with_it(transport: Transport) {
    let gh = Gh::new();
    gh.note("protocol", "ssh");
    let machine = gh.machine(transport);
    live_on(&machine, "anna");
    machine.json(&["init", "--backend", "github"]);
    assert_eq!(machine.status()["repo"], "git@github.com:octo/claude-backup-data.git");
    assert_eq!(gh.bare().tip(), machine.git(&["rev-parse", "HEAD"]).trim());
}

fn an_address_at_github_is_checked_as_well(transport: Transport) {
    for address in [URL, "git@github.com:octo/claude-backup-data.git"] {
        let gh = Gh::new().with_repository("PUBLIC");
        let machine = gh.machine(transport);
        live_on(&machine, "anna");
        let words = ["init", "--backend", "git", "--remote", address];
        assert_eq!(machine.error(&words)["code"], "public-repository");
        assert_eq!(gh.bare().references(), "");
        machine.json(&[&words[..], &["--allow-public"]].concat());
        assert_eq!(machine.status()["github"]["allowPublic"], true);
        machine.git(&["config", "--unset", "claude-backup.allowPublic"]);
        machine.append_session("-home-dev-anna", "anna-session-one", 12..13);
        assert_eq!(machine.sync_unsent()["push"]["code"], "public-repository");
        gh.note("visibility", "PRIVATE");
        assert_eq!(push_state(&machine.sync()), "pushed");
    }
}
