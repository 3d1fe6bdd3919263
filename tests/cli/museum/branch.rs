//! The branch, what points to it, and its log.

use super::{Exhibit, GONE, commit_by_hand, git_file, put, take};

const MAIN: &str = "refs/heads/main";
const MISSING: &str = "1234567890123456789012345678901234567890\n";

#[test]
fn an_empty_branch_as_a_power_cut_leaves_it() {
    Exhibit::broken(|home| put(&git_file(home, MAIN), ""))
        .status(0, "git's branch is lost; the reflog knows where it was")
        .gives_all()
        .sync(0, "")
        .now_whole_with(4);
}

#[test]
fn a_branch_of_zeros() {
    Exhibit::broken(|home| put(&git_file(home, MAIN), [0; 41]))
        .sync(0, "it is again where it last was")
        .now_whole_with(4);
}

#[test]
fn no_branch() {
    Exhibit::broken(|home| take(&git_file(home, MAIN)))
        .verify(&["history-damaged"])
        .gives_all()
        .sync(0, "")
        .now_whole_with(4);
}

#[test]
fn no_branch_and_another_one_checked_out() {
    Exhibit::broken(|home| {
        home.git(&["checkout", "-q", "-b", "other", "HEAD~1"]);
        take(&git_file(home, MAIN));
    })
    .status(0, "git's branch is lost")
    .sync(0, "it is on `main` again")
    .now_whole_with(4);
}

#[test]
fn packed_references_that_are_garbage() {
    Exhibit::broken(|home| {
        home.git(&["pack-refs", "--all"]);
        put(&git_file(home, "packed-refs"), "\0\0garbage\n");
    })
    .gives_all()
    .verify(&["history-damaged"])
    .read(&["history-damaged"])
    .sync(0, "it is again where it last was")
    .now_whole_with(4);
}

#[test]
fn packed_references_that_are_garbage_beside_a_branch_that_is_whole() {
    let garbage = |home: &crate::sandbox::Sandbox| {
        put(&git_file(home, "packed-refs"), "\0\0garbage\n");
    };
    Exhibit::broken(garbage)
        .gives_all()
        .verify(&[])
        .read(&["history-damaged"])
        .repair(&[])
        .now_whole_with(3);
    Exhibit::broken(garbage).sync(0, "packed-refs.damaged").now_whole_with(4);
}

#[test]
fn no_branch_and_no_log_of_it() {
    Exhibit::broken(|home| {
        take(&git_file(home, MAIN));
        take(&git_file(home, "logs"));
    })
    .status(0, "git knows of no backup any more")
    .verify(&["history-damaged"])
    .says(&["verify"], 1, "claude-backup sync")
    .sync(0, "")
    .now_whole_with(2);
}

#[test]
fn no_branch_no_log_of_it_and_no_folder() {
    Exhibit::broken(|home| {
        take(&git_file(home, MAIN));
        take(&git_file(home, "logs"));
        take(&home.backup("machines"));
    })
    .status(0, "git knows of no backup any more")
    .says(&["status"], 0, "✗")
    .sync(0, "git knows of no backup any more")
    .says(&["verify", "--read"], 0, "read and checked");
}

#[test]
fn no_branch_and_a_log_with_a_torn_end() {
    Exhibit::broken(|home| {
        take(&git_file(home, MAIN));
        let log = git_file(home, "logs").join(MAIN);
        let mut text = std::fs::read(&log).unwrap();
        text.extend([0; 30]);
        put(&log, text);
    })
    .status(0, "git knows of no backup any more")
    .sync(0, "")
    .now_whole();
}

#[test]
fn a_branch_that_names_a_commit_nobody_has() {
    // An earlier one is known, and taking it could forget what only the newest had.
    Exhibit::broken(|home| put(&git_file(home, MAIN), MISSING))
        .status(1, "`claude-backup verify` tells what is left")
        .verify(&["history-damaged"])
        .sync_fails(super::RECORDS);
}

#[test]
fn a_branch_that_was_set_back_by_hand() {
    Exhibit::broken(|home| {
        home.git(&["update-ref", "refs/heads/main", "HEAD~1"]);
    })
    .verify(&["damaged"])
    .sync(0, "")
    .gives_all()
    .read(&[]);
}

#[test]
fn a_detached_head() {
    Exhibit::broken(|home| {
        home.git(&["checkout", "-q", "--detach", "HEAD~1"]);
    })
    .gives_all()
    .sync(0, "it is on `main` again")
    .now_whole_with(4);
}

#[test]
fn a_head_that_says_nothing_or_nonsense() {
    for text in ["", "\0\0\0\0\0", "garbage\n", "ref: refs/heads/../../x\n", MISSING] {
        let exhibit = Exhibit::broken(|home| put(&git_file(home, "HEAD"), text));
        exhibit.gives_all().sync(0, "").now_whole_with(4);
    }
}

#[test]
fn no_head() {
    Exhibit::broken(|home| take(&git_file(home, "HEAD")))
        .status(0, "HEAD` was missing or damaged and was made again")
        .sync(0, "")
        .now_whole_with(4);
}

#[test]
fn no_references_at_all() {
    Exhibit::broken(|home| {
        take(&git_file(home, "refs"));
        take(&git_file(home, "HEAD"));
    })
    .gives_all()
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn commits_of_somebody_else_on_top() {
    Exhibit::broken(|home| {
        put(&home.backup("notes.txt"), "mine");
        commit_by_hand(home);
    })
    .verify(&[])
    .sync(0, "")
    .now_whole_with(5)
    .says(&["restore", GONE.id, "--stdout"], 0, "Question 0");
}

#[test]
fn a_merge() {
    Exhibit::broken(|home| {
        home.git(&["checkout", "-q", "-b", "side"]);
        put(&home.backup("notes.txt"), "mine");
        commit_by_hand(home);
        home.git(&["checkout", "-q", "main"]);
        put(&home.backup("other.txt"), "mine too");
        commit_by_hand(home);
        let who = ["-c", "user.name=x", "-c", "user.email=x@y"];
        home.git(&[&who[..], &["merge", "-q", "--no-edit", "side"]].concat());
    })
    .verify(&[])
    .sync(0, "")
    .now_whole_with(7);
}

#[test]
fn a_history_that_git_was_told_to_see_otherwise() {
    Exhibit::broken(|home| {
        let (newest, first) =
            (home.git(&["rev-parse", "HEAD"]), home.git(&["rev-parse", "HEAD~2"]));
        home.git(&["replace", newest.trim(), first.trim()]);
        put(&git_file(home, "info/grafts"), newest);
    })
    .verify(&[])
    .sync(0, "")
    .gives_all()
    .read(&[]);
}
