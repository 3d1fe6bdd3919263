//! Files that get another name at the source, and files that only seem to.

use serde_json::json;

use crate::sandbox::{Sandbox, conversation, mode, set_mode};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

fn text(messages: std::ops::Range<usize>) -> Vec<u8> {
    conversation(ID, messages).into_bytes()
}

/// A machine with one saved session and a file beside it.
fn saved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_session("-old", ID, 20).write(side_file(&sandbox, "-old"), "{}\n").init();
    sandbox
}

fn side_file(sandbox: &Sandbox, project: &str) -> std::path::PathBuf {
    sandbox.session(project, ID).with_extension("").join("subagents/agent-a.jsonl")
}

#[test]
fn a_renamed_project_folder_is_stored_once_under_its_new_name() {
    let sandbox = saved();
    sandbox.rename(".claude/projects/-old", ".claude/projects/-new");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["goneAtSource"]), (&json!(2), &json!(0)));
    assert!(!sandbox.tracked().iter().any(|name| name.starts_with("projects/-old")));
    assert_eq!(sandbox.unzipped(format!("projects/-new/{ID}.jsonl.gz")), text(0..20));
    sandbox.append_session("-new", ID, 20..25);
    assert_eq!(sandbox.sync()["grown"], 1);
    sandbox.assert_git_clean().wipe_and_restore();
    assert_eq!(sandbox.read(sandbox.session("-new", ID)), text(0..25));
    assert!(!sandbox.claude("projects/-old").exists());
}

#[test]
fn a_project_folder_that_was_copied_and_deleted_is_stored_once() {
    let sandbox = saved();
    sandbox.write_session("-new", ID, 20).write(side_file(&sandbox, "-new"), "{}\n");
    sandbox.remove(".claude/projects/-old");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["goneAtSource"]), (&json!(2), &json!(0)));
    assert_eq!(sandbox.json(&["restore", "--list"])["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.version(ID, 0), text(0..20));
    sandbox.assert_git_clean();
}

#[test]
fn a_session_that_moved_and_grew_is_a_move_and_growth() {
    let sandbox = saved();
    sandbox.rename(".claude/projects/-old", ".claude/projects/-new");
    sandbox.append_session("-new", ID, 20..30);
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["grown"]), (&json!(2), &json!(1)));
    assert_eq!(sandbox.version(ID, 0), text(0..30));
    sandbox.assert_git_clean();
}

#[test]
fn earlier_versions_go_along_with_a_move() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-old", ID), text(50..60)).sync();
    sandbox.rename(".claude/projects/-old", ".claude/projects/-new").sync();
    assert_eq!(sandbox.version(ID, 0), text(50..60));
    assert_eq!(sandbox.version(ID, 1), text(0..20));
    sandbox.assert_git_clean();
}

#[test]
fn a_stub_left_under_the_old_name_takes_nothing_from_what_moved() {
    let sandbox = saved();
    sandbox.write(sandbox.session("-old", ID), text(50..60)).sync();
    sandbox.rename(".claude/projects/-old", ".claude/projects/-new");
    sandbox.write(sandbox.session("-old", ID), "{\"type\":\"stub\"}\n");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["files"]["added"]), (&json!(2), &json!(1)));
    sandbox.write(sandbox.session("-old", ID), "{\"type\":\"another stub\"}\n").sync();
    let of = |project: &str, number: &str| {
        sandbox.output(&["restore", ID, "--project", project, "--version", number, "--stdout"])
    };
    assert_eq!(of("-new", "0"), text(50..60));
    assert_eq!(of("-new", "1"), text(0..20));
    assert_eq!(of("-old", "0"), b"{\"type\":\"another stub\"}\n");
    assert_eq!(of("-old", "1"), b"{\"type\":\"stub\"}\n");
    sandbox.assert_git_clean();
}

#[test]
fn a_session_copied_to_another_project_is_stored_in_both() {
    let sandbox = saved();
    sandbox.write_session("-new", ID, 20);
    assert_eq!(sandbox.sync()["files"]["moved"], 0);
    let names = sandbox.tracked();
    for project in ["-old", "-new"] {
        assert!(names.contains(&format!("projects/{project}/{ID}.jsonl.gz")));
    }
    sandbox.assert_git_clean();
}

#[test]
fn a_new_session_on_the_inode_of_a_deleted_one_is_no_move() {
    let sandbox = saved();
    // A rename and a rewrite give, for sure, what the file system gives by chance.
    sandbox.rename(sandbox.session("-old", ID), sandbox.session("-old", OTHER));
    sandbox.write(sandbox.session("-old", OTHER), conversation(OTHER, 0..5));
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["goneAtSource"]), (&json!(0), &json!(1)));
    assert_eq!(sandbox.version(ID, 0), text(0..20));
    assert_eq!(sandbox.version(OTHER, 0), conversation(OTHER, 0..5).into_bytes());
    sandbox.assert_git_clean();
}

#[test]
fn a_new_empty_session_on_the_inode_of_a_deleted_one_is_no_move() {
    let sandbox = saved();
    sandbox.rename(sandbox.session("-old", ID), sandbox.session("-old", OTHER));
    sandbox.write(sandbox.session("-old", OTHER), "");
    let outcome = sandbox.sync();
    assert_eq!((&outcome["files"]["moved"], &outcome["goneAtSource"]), (&json!(0), &json!(1)));
    assert_eq!(sandbox.version(ID, 0), text(0..20));
    assert_eq!(sandbox.version(OTHER, 0), b"");
    sandbox.assert_git_clean();
}

#[test]
fn two_sessions_that_change_names_stay_themselves() {
    let sandbox = saved();
    sandbox.write_session("-old", OTHER, 5).sync();
    let (one, two) = (sandbox.session("-old", ID), sandbox.session("-old", OTHER));
    sandbox.rename(&one, "x").rename(&two, &one).rename("x", &two).sync();
    let other = conversation(OTHER, 0..5).into_bytes();
    assert_eq!((sandbox.version(ID, 0), sandbox.version(ID, 1)), (other.clone(), text(0..20)));
    assert_eq!((sandbox.version(OTHER, 0), sandbox.version(OTHER, 1)), (text(0..20), other));
    sandbox.assert_git_clean();
}

#[test]
fn a_renamed_agent_leaves_no_second_copy() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/agents/rev.md", "review").init();
    sandbox.rename(".claude/agents/rev.md", ".claude/agents/new.md").sync();
    let agents = sandbox.tracked().into_iter().filter(|name| name.starts_with("config/agents/"));
    assert_eq!(agents.collect::<Vec<_>>(), ["config/agents/new.md"]);
    assert!(!sandbox.stored("config/agents/rev.md").exists());
    sandbox.assert_git_clean();
}

#[test]
fn a_file_that_becomes_a_folder_and_back_is_stored_each_time() {
    let sandbox = Sandbox::new();
    let (file, below) = (sandbox.claude("skills/x"), sandbox.claude("skills/x/SKILL.md"));
    sandbox.write(&file, "file").init();
    sandbox.remove(&file).write(&below, "folder").sync();
    assert_eq!(sandbox.cloned("config/skills/x/SKILL.md"), b"folder");
    sandbox.assert_git_clean();
    sandbox.remove(&file).write(&file, "file again").sync();
    assert_eq!(sandbox.cloned("config/skills/x"), b"file again");
    sandbox.assert_git_clean();
    sandbox.remove(&file).write(&below, "folder again").sync();
    assert_eq!(sandbox.cloned("config/skills/x/SKILL.md"), b"folder again");
    sandbox.assert_git_clean();
}

#[test]
fn what_a_folder_replaced_does_not_keep_the_folder_from_coming_back() {
    let sandbox = Sandbox::new();
    let (file, below) = (sandbox.claude("skills/x"), sandbox.claude("skills/x/SKILL.md"));
    sandbox.write(&file, "file").init();
    sandbox.remove(&file).write(&below, "folder").sync();
    sandbox.remove(".claude").run(&["restore", "--all"]).success();
    assert_eq!(sandbox.read(&below), b"folder");
}

#[test]
fn a_change_of_the_executable_bit_alone_is_saved_and_restored() {
    let sandbox = Sandbox::new();
    let hook = sandbox.claude("hooks/pre.sh");
    sandbox.write(&hook, "#!/bin/sh\n").init();
    for (bits, in_git) in [(0o700, "100755"), (0o600, "100644")] {
        set_mode(&hook, bits);
        assert_eq!(sandbox.sync()["config"]["filesSynced"], 1);
        assert!(
            sandbox
                .git(&["ls-tree", "-r", "HEAD"])
                .lines()
                .any(|line| { line.starts_with(in_git) && line.ends_with("config/hooks/pre.sh") })
        );
        assert_eq!(mode(&sandbox.stored("config/hooks/pre.sh")), bits);
        sandbox.assert_git_clean().wipe_and_restore();
        assert_eq!(mode(&hook), bits);
    }
}

#[test]
fn a_file_that_made_room_for_a_folder_comes_back_to_its_own_name() {
    let sandbox = Sandbox::new();
    let (file, below) = (sandbox.claude("skills/x"), sandbox.claude("skills/x/SKILL.md"));
    sandbox.write(&file, "file").init();
    sandbox.remove(&file).write(&below, "folder").sync();
    sandbox.remove(&file).sync();
    sandbox.write(&file, "file").sync();
    assert_eq!(sandbox.cloned("config/skills/x"), b"file");
    sandbox.assert_git_clean().remove(".claude").run(&["restore", "--all"]).success();
    assert_eq!(sandbox.read(&file), b"file");
}

#[test]
fn side_files_of_a_deleted_session_stay_its_own_when_another_gets_their_inode() {
    let sandbox = saved();
    let below = |id: &str| sandbox.session("-old", id).with_extension("").join("agent.meta.json");
    sandbox.write(below(ID), "{}").sync();
    let time = sandbox.modified(below(ID));
    // The same bytes on the same inode, written later.
    sandbox.rename(below(ID), below(OTHER));
    sandbox.set_modified(below(OTHER), time + std::time::Duration::from_secs(1)).sync();
    for id in [ID, OTHER] {
        assert_eq!(
            sandbox.read(sandbox.stored(format!("projects/-old/{id}/agent.meta.json"))),
            b"{}"
        );
    }
    sandbox.assert_git_clean();
}
