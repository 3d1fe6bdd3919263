//! `restore`: every byte comes back, and nothing that stands there is ever destroyed by it.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::fixture::{self, A, ALPHA, BETA, C, D, F, GAMMA};
use crate::sandbox::{Sandbox, conversation, flip_a_bit, mode, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

/// One session of four messages, backed up.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).init();
    sandbox
}

/// Damages git's copy of one stored file, in its pack.
fn flip_in_git(sandbox: &Sandbox, name: &str) {
    let id = sandbox.git(&["rev-parse", &format!("HEAD:machines/test-host/{name}")]);
    for index in sandbox.packs("idx") {
        let listing = sandbox.git(&["verify-pack", "-v", &index.to_string_lossy()]);
        let line = listing.lines().find(|line| line.starts_with(id.trim()));
        let Some(line) = line else { continue };
        let numbers: Vec<usize> =
            line.split_whitespace().skip(2).map(|word| word.parse().unwrap()).collect();
        let pack = index.with_extension("pack");
        set_mode(&pack, 0o600);
        let mut bytes = fs::read(&pack).unwrap();
        bytes[numbers[2] + numbers[1] / 2] ^= 0x55;
        return fs::write(&pack, bytes).unwrap();
    }
    panic!("git has no pack with {name}");
}

fn text_of(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.session("-p", ID)).unwrap()
}

#[test]
fn other_content_is_not_replaced_without_force() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), "something else, and longer than it was\n");
    let error = sandbox.run(&["restore", ID, "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "exists");
    assert_eq!(text_of(&sandbox), "something else, and longer than it was\n");
    insta::assert_snapshot!(sandbox.run(&["restore", ID]).fails(1).both());
}

#[test]
fn what_force_displaces_is_kept_as_a_version() {
    let sandbox = saved();
    let edited = conversation(ID, 0..2) + "edited by hand, never backed up\n";
    sandbox.write(sandbox.session("-p", ID), &edited);
    insta::assert_snapshot!(sandbox.run(&["restore", ID, "--force"]).success().both());
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
    insta::assert_snapshot!(
        "versions_after_force",
        sandbox.run(&["versions", ID]).success().both()
    );
    let versions = sandbox.json(&["versions", ID]);
    assert_eq!(versions["versions"][1]["reason"], "displaced");
    let number = versions["versions"][1]["number"].to_string();
    sandbox.run(&["restore", ID, "--version", &number, "--force"]).success();
    assert_eq!(text_of(&sandbox), edited);
    sandbox.assert_git_clean();
}

#[test]
fn restoring_everything_by_force_loses_no_newer_session() {
    let sandbox = saved();
    let newer = conversation(ID, 0..9);
    sandbox.write(sandbox.session("-p", ID), &newer);
    let all = sandbox.run(&["restore", "--all", "--force"]).success();
    insta::assert_snapshot!(all.both());
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
    let number = sandbox.json(&["versions", ID])["versions"][1]["number"].to_string();
    let kept = sandbox.output_of(&["restore", ID, "--version", &number, "--stdout"]);
    assert_eq!(String::from_utf8(kept).unwrap(), newer);
}

#[test]
fn a_link_in_the_place_of_a_session_is_never_written_through() {
    let sandbox = saved();
    sandbox.remove(sandbox.session("-p", ID)).write("precious.txt", "mine");
    symlink(sandbox.home("precious.txt"), sandbox.session("-p", ID)).unwrap();
    sandbox.run(&["restore", ID]).fails(1);
    sandbox.run(&["restore", "--all"]).success();
    assert!(sandbox.session("-p", ID).is_symlink());
    sandbox.run(&["restore", ID, "--force"]).success();
    assert!(!sandbox.session("-p", ID).is_symlink(), "the link made room");
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
    assert_eq!(fs::read_to_string(sandbox.home("precious.txt")).unwrap(), "mine");
}

#[test]
fn a_project_folder_that_links_elsewhere_is_not_written_into() {
    let sandbox = saved();
    sandbox.remove(".claude/projects/-p");
    fs::create_dir(sandbox.home("elsewhere")).unwrap();
    symlink(sandbox.home("elsewhere"), sandbox.claude("projects/-p")).unwrap();
    for force in [&["restore", ID][..], &["restore", ID, "--force"]] {
        sandbox.run(force).fails(1);
    }
    insta::assert_snapshot!(sandbox.run(&["restore", ID]).fails(1).both());
    let all = sandbox.run(&["restore", "--all", "--json"]).fails(1).json();
    assert_eq!(all["failures"].as_array().unwrap().len(), 1);
    assert_eq!(fs::read_dir(sandbox.home("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_damaged_archive_is_healed_from_git() {
    let sandbox = saved();
    sandbox.sync();
    sandbox.remove(".claude");
    flip_a_bit(&sandbox.stored(format!("projects/-p/{ID}.jsonl.gz")));
    insta::assert_snapshot!(sandbox.run(&["restore", ID]).success().both());
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
}

#[test]
fn an_archive_damaged_everywhere_destroys_nothing() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), "the good local file");
    flip_a_bit(&sandbox.stored(format!("projects/-p/{ID}.jsonl.gz")));
    flip_in_git(&sandbox, &format!("projects/-p/{ID}.jsonl.gz"));
    for arguments in [&["restore", ID, "--force"][..], &["restore", "--all", "--force"]] {
        let ran = sandbox.run(arguments).fails(1);
        assert!(ran.both().contains("is damaged, and git has no copy"), "{}", ran.both());
        assert_eq!(text_of(&sandbox), "the good local file");
    }
    let left = fs::read_dir(sandbox.claude("projects/-p")).unwrap().count();
    assert_eq!(left, 1, "no torso is left behind");
    insta::assert_snapshot!(sandbox.run(&["restore", ID, "--force"]).fails(1).both());
}

#[test]
fn sessions_come_back_private_and_scripts_with_their_bits() {
    let sandbox = fixture::home();
    set_mode(&sandbox.session(ALPHA, A), 0o644);
    sandbox.init().remove(".claude");
    sandbox.run(&["restore", "--all"]).success();
    assert_eq!(mode(&sandbox.session(ALPHA, A)), 0o600);
    assert_eq!(mode(&sandbox.claude("hooks/on-start.sh")), 0o755);
    assert_eq!(mode(&sandbox.claude("statusline.sh")), 0o755);
    assert_eq!(mode(&sandbox.claude("CLAUDE.md")), 0o600);
    assert_eq!(mode(&sandbox.claude("projects")), 0o700);
}

#[test]
fn a_restored_session_is_new_to_the_sweep_unless_its_time_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.write_session("-p", ID, 4).age(sandbox.session("-p", ID), 40).init();
    let modified = || sandbox.modified(sandbox.session("-p", ID));
    let original = modified();
    sandbox.remove(".claude").write("now", "by the clock of the file system");
    sandbox.run(&["restore", ID]).success();
    assert!(modified() >= sandbox.modified("now"));
    sandbox.remove(".claude");
    insta::assert_snapshot!(sandbox.run(&["restore", ID, "--keep-mtime"]).success().both());
    assert_eq!(modified(), original);
}

#[test]
fn a_session_can_be_put_elsewhere() {
    let sandbox = fixture::home();
    sandbox.init();
    let original = fs::read(sandbox.session(ALPHA, A)).unwrap();
    let done = sandbox.json(&["restore", A, "--to", "out"]);
    let file = sandbox.home("out").join(format!("{A}.jsonl"));
    assert_eq!(done["restored"]["to"], json!(file));
    assert_eq!(
        done["restored"]["from"],
        json!(sandbox.stored(format!("projects/{ALPHA}/{A}.jsonl.gz")))
    );
    assert_eq!(done["restored"]["files"], 6);
    assert_eq!(fs::read(file).unwrap(), original);
    let side = format!("out/{A}/subagents/agent-acd5078be17d044d5.jsonl");
    assert!(sandbox.home(side).is_file());
    let done = sandbox.json(&["restore", A, "--to", "~/alone.jsonl"]);
    assert_eq!(done["restored"]["files"], 1);
    assert_eq!(fs::read(sandbox.home("alone.jsonl")).unwrap(), original);
    insta::assert_snapshot!(sandbox.run(&["restore", A, "--to", "again"]).success().both());
}

#[test]
fn standard_output_gets_the_bytes_even_those_that_are_no_text() {
    let sandbox = fixture::home();
    sandbox.init();
    let original = fs::read(sandbox.session(BETA, C)).unwrap();
    assert!(String::from_utf8(original.clone()).is_err(), "the fixture is no UTF-8");
    assert_eq!(sandbox.output_of(&["restore", C, "--stdout"]), original);
    assert_eq!(sandbox.output_of(&["restore", fixture::EMPTY, "--stdout"]), b"");
}

#[test]
fn each_version_can_be_chosen() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 2..4)).sync();
    let stub = conversation(ID, 3..4);
    sandbox.write(sandbox.session("-p", ID), &stub).sync();
    let print = |which: &[&str]| {
        let arguments = [&["restore", ID, "--stdout"], which].concat();
        String::from_utf8(sandbox.output_of(&arguments)).unwrap()
    };
    assert_eq!(print(&[]), conversation(ID, 0..4), "by default the one that lost nothing");
    assert_eq!(print(&["--fullest"]), conversation(ID, 0..4));
    assert_eq!(print(&["--version", "0"]), stub);
    assert_eq!(print(&["--version", "1"]), conversation(ID, 0..4));
    assert_eq!(print(&["--version", "2"]), conversation(ID, 2..4));
    let error = sandbox.run(&["restore", ID, "--version", "7", "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "not-found");
    insta::assert_snapshot!(sandbox.run(&["versions", ID]).success().both());
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = fixture::home();
    sandbox.init().remove(".claude");
    let one = sandbox.run(&["restore", A, "--dry-run"]).success();
    insta::assert_snapshot!("dry_run_of_one", one.both());
    let all = sandbox.run(&["restore", "--all", "--dry-run"]).success();
    insta::assert_snapshot!("dry_run_of_all", all.both());
    assert_eq!(sandbox.json(&["restore", A, "--dry-run"])["dryRun"], true);
    assert_eq!(sandbox.json(&["restore", "--all", "--dry-run"])["dryRun"], true);
    assert!(!sandbox.claude("").exists());
}

#[test]
fn what_stands_there_is_skipped_and_what_the_backup_has_more_of_is_named() {
    let sandbox = saved();
    sandbox.write_session("-p", OTHER, 3).sync();
    sandbox.write(sandbox.session("-p", ID), conversation(ID, 0..2));
    let ran = sandbox.run(&["restore", "--all"]).success();
    insta::assert_snapshot!(ran.both());
    let all = sandbox.json(&["restore", "--all"]);
    assert_eq!(
        (&all["restored"], &all["skipped"], &all["failed"]),
        (&json!(0), &json!(2), &json!(0))
    );
    assert_eq!(all["longerInBackup"], json!([ID]));
    assert_eq!(text_of(&sandbox), conversation(ID, 0..2));
}

#[test]
fn everything_can_be_narrowed_to_a_project_a_machine_or_what_is_gone() {
    let sandbox = fixture::home();
    sandbox.init();
    sandbox.remove(sandbox.session(BETA, C)).sync();
    let foreseen = |narrowed: &[&str]| {
        let arguments = [&["restore", "--all", "--dry-run"], narrowed].concat();
        let all = sandbox.json(&arguments);
        (all["restored"].clone(), all["skipped"].clone(), all["files"].clone())
    };
    let (restored, skipped, files) = foreseen(&["--gone"]);
    assert_eq!((restored, skipped), (json!(1), json!(0)));
    assert_eq!(files["restored"], 1);
    let by_true_path = foreseen(&["--project", "WORK/beta_v1.0"]);
    assert_eq!((by_true_path.0, by_true_path.1), (json!(1), json!(0)));
    assert_eq!(by_true_path.2["skipped"], 1, "the sub-agent beside it");
    assert_eq!(foreseen(&["--project", "nowhere"]).2["skipped"], 0);
    sandbox.run(&["restore", "--all", "--machine", "nobody"]).fails(1);
}

#[test]
fn a_session_of_side_files_alone_comes_back() {
    let sandbox = fixture::home();
    sandbox.init().remove(".claude");
    let done = sandbox.json(&["restore", F]);
    assert_eq!(done["restored"]["files"], 1);
    let side = format!("projects/{GAMMA}/{F}/subagents/agent-a88f6811ab5d8fc6d.jsonl");
    assert!(sandbox.claude(side).is_file());
    assert!(sandbox.run(&["restore", F, "--stdout"]).fails(1).talk().contains("no transcript"));
    assert_eq!(sandbox.run(&["peek", F, "--json"]).fails(1).json_error()["code"], "not-found");
}

#[test]
fn the_same_id_in_two_projects_asks_which() {
    let sandbox = saved();
    sandbox.write_session("-q", ID, 2).sync();
    let error = sandbox.run(&["restore", ID, "--json"]).fails(1).json_error();
    assert_eq!(error["code"], "ambiguous");
    assert_eq!(error["candidates"].as_array().unwrap().len(), 2);
    insta::assert_snapshot!(sandbox.run(&["restore", ID]).fails(1).both());
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID, "--project", "-q"]).success();
    assert!(sandbox.session("-q", ID).is_file() && !sandbox.session("-p", ID).exists());
}

#[test]
fn the_same_id_on_two_machines_is_the_fullest_and_each_can_be_chosen() {
    let sandbox = saved();
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-p", ID, 7).sync();
    });
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    assert_eq!(text_of(&sandbox), conversation(ID, 0..7));
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID, "--machine", "test-host"]).success();
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
    sandbox.remove(".claude");
    let all = sandbox.json(&["restore", "--all"]);
    assert_eq!(all["restored"], 1);
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4), "this machine's own comes first");
    let more = json!([{"uuid": ID, "machine": "zeta", "messages": 7, "ownMessages": 4}]);
    assert_eq!(all["moreComplete"], more);
    let said = sandbox.run(&["restore", "--all"]).success().both();
    let command = said.split("claude-backup ").nth(1).unwrap();
    sandbox.run(&command.split_whitespace().collect::<Vec<_>>()).success();
    assert_eq!(text_of(&sandbox), conversation(ID, 0..7), "{command}");
    insta::assert_snapshot!(sandbox.run(&["restore", "--list"]).success().both());
    let error = sandbox.run(&["versions", ID, "--acknowledge", "--json"]).fails(1).json_error();
    assert!(error["error"].as_str().unwrap().contains("`zeta`"), "{error}");
}

/// Changes the ledger line of the session in the folder of machine `zeta`.
fn edit_line_of_zeta(sandbox: &Sandbox, edit: impl Fn(&mut serde_json::Value)) {
    let ledger = sandbox.backup("machines/zeta/ledger/-p.jsonl");
    let mut line = serde_json::from_slice(&fs::read(&ledger).unwrap()).unwrap();
    edit(&mut line);
    sandbox.write(ledger, format!("{line}\n"));
    let words = ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-am", "by hand"];
    sandbox.git(&words);
    sandbox.trust("zeta");
}

#[test]
fn a_number_in_a_ledger_makes_no_copy_more_complete() {
    let sandbox = saved();
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-p", ID, 2).sync();
    });
    edit_line_of_zeta(&sandbox, |line| line["session"]["messages"] = 99.into());
    sandbox.remove(".claude");
    assert_eq!(sandbox.json(&["restore", "--all"])["moreComplete"], json!([]));
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
}

#[test]
fn an_archive_that_is_not_what_its_ledger_says_counts_as_nothing() {
    let sandbox = saved();
    sandbox.as_machine("zeta", |zeta| {
        zeta.write_session("-p", ID, 9).sync();
    });
    edit_line_of_zeta(&sandbox, |line| line["sha256"] = "0".repeat(64).into());
    sandbox.remove(".claude");
    // The second run takes the count from where the first one wrote it.
    for _ in 0..2 {
        assert_eq!(sandbox.json(&["restore", "--all"])["moreComplete"], json!([]));
        assert!(sandbox.backup(".git/claude-backup/message-counts").is_file());
    }
    sandbox.remove(".claude");
    sandbox.run(&["restore", ID]).success();
    assert_eq!(text_of(&sandbox), conversation(ID, 0..4));
}

#[test]
fn a_whole_id_beats_a_part_and_a_beginning_beats_a_middle() {
    let sandbox = Sandbox::new();
    for id in ["abc", "abc-2", "x-abc", "2-begins", "ünï cöde"] {
        sandbox.write_session("-p", id, 1);
    }
    sandbox.init().remove(".claude");
    for (argument, meant) in [
        ("abc", "abc"),
        ("abc-", "abc-2"),
        ("x-", "x-abc"),
        ("2", "2-begins"),
        ("cöde", "ünï cöde"),
    ] {
        assert_eq!(sandbox.json(&["restore", argument])["restored"]["uuid"], meant, "{argument}");
    }
    assert_eq!(
        sandbox.run(&["restore", "ab", "--json"]).fails(1).json_error()["code"],
        "ambiguous"
    );
    assert_eq!(sandbox.run(&["restore", "", "--json"]).fails(1).json_error()["code"], "not-found");
}

#[test]
fn a_session_that_stands_there_whole_is_said_to() {
    let sandbox = fixture::home();
    sandbox.init();
    insta::assert_snapshot!(sandbox.run(&["restore", D]).success().both());
    sandbox.run(&["restore"]).fails(2);
}

#[test]
fn what_is_for_one_session_is_refused_for_all() {
    let sandbox = fixture::home();
    sandbox.init();
    for flags in [&["--to", "/x"][..], &["--stdout"], &["--fullest"], &["--version", "1"]] {
        for many in ["--all", "--list"] {
            sandbox.run(&[&["restore", many], flags].concat()).fails(2);
        }
    }
}
