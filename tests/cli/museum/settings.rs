//! `.git/config`, damaged or hostile.

use super::{Exhibit, git_file, put, take};
use crate::sandbox::Sandbox;

fn setting(home: &Sandbox, name: &str) -> String {
    home.git(&["config", "--get", name]).trim().to_owned()
}

/// What this machine decided is known again, although git's file lost it.
fn comes_back(breaking: impl FnOnce(&std::path::Path)) -> Exhibit {
    let exhibit = Exhibit::broken(|home| {
        home.git(&["config", "remote.origin.url", "https://git.example/x.git"]);
        home.git(&["config", "claude-backup.mode", "git"]);
        home.run(&["sync", "--no-push"]).success();
    });
    let id = setting(&exhibit.home, "claude-backup.machineId");
    breaking(&git_file(&exhibit.home, "config"));
    let exhibit =
        exhibit.status(0, "config` was missing or damaged and was made again").gives_all();
    assert_eq!(setting(&exhibit.home, "claude-backup.machineId"), id);
    assert_eq!(setting(&exhibit.home, "remote.origin.url"), "https://git.example/x.git");
    assert_eq!(exhibit.home.json(&["status"])["mode"], "git");
    exhibit.now_whole_with(3)
}

#[test]
fn empty_settings() {
    comes_back(|config| put(config, ""));
}

#[test]
fn settings_of_zeros() {
    comes_back(|config| put(config, [0; 300]));
}

#[test]
fn no_settings() {
    comes_back(take);
}

#[test]
fn settings_that_cannot_be_read_are_kept_aside() {
    let exhibit = comes_back(|config| put(config, "[core\n\0garbage"));
    let kept = std::fs::read(git_file(&exhibit.home, "config.damaged")).unwrap();
    assert_eq!(kept, b"[core\n\0garbage");
}

#[test]
fn empty_settings_that_nobody_has_a_copy_of() {
    // As before the first copy was made: the machine goes by its host again.
    Exhibit::broken(|home| {
        put(&git_file(home, "config"), "");
        take(&git_file(home, "claude-backup"));
    })
    .gives_all()
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn a_backup_that_says_it_is_bare() {
    Exhibit::broken(|home| {
        home.git(&["config", "core.bare", "true"]);
    })
    .status(0, "a backup has a work tree")
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn a_work_tree_elsewhere() {
    let exhibit = Exhibit::broken(|home| {
        home.write("elsewhere/precious.txt", "mine");
        let folder = home.home("elsewhere");
        home.git(&["config", "core.worktree", folder.to_str().unwrap()]);
    });
    let exhibit = exhibit.sync(0, "").gives_all().read(&[]);
    let there = std::fs::read_dir(exhibit.home.home("elsewhere")).unwrap();
    assert_eq!(there.count(), 1, "nothing came to it");
}

#[test]
fn a_format_that_git_learned_later() {
    for (name, value) in [("extensions.holographic", "true"), ("extensions.objectFormat", "sha256")]
    {
        Exhibit::broken(|home| {
            home.git(&["config", "core.repositoryFormatVersion", "1"]);
            home.git(&["config", name, value]);
        })
        .status(1, "cannot open the repository")
        .sync_fails("cannot open the repository");
    }
}

/// Everything in a git configuration that names a program.
const PROGRAMS: [&str; 14] = [
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "credential.helper",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "diff.external",
    "gpg.program",
    "uploadpack.packObjectsHook",
];

/// A folder that came by copying, `.git` and all: every setting and hook wants to run something.
fn loaded(home: &Sandbox) {
    let mark = home.home("mark");
    let command = format!("touch {}", mark.display());
    for name in PROGRAMS {
        home.git(&["config", name, &command]);
    }
    home.git(&["config", "commit.gpgSign", "true"]);
    home.git(&["config", "core.hooksPath", home.home("hooks").to_str().unwrap()]);
    for folder in [home.home("hooks"), git_file(home, "hooks")] {
        for hook in [
            "pre-commit",
            "post-commit",
            "reference-transaction",
            "post-checkout",
            "pre-push",
            "post-index-change",
            "pre-auto-gc",
        ] {
            put(&folder.join(hook), format!("#!/bin/sh\n{command}\n"));
            crate::sandbox::set_mode(&folder.join(hook), 0o755);
        }
    }
    put(&git_file(home, "info/attributes"), "* filter=evil diff=evil\n");
    put(&home.backup(".gitattributes"), "* filter=evil\n");
}

#[test]
fn programs_in_settings_and_hooks_are_never_started() {
    let exhibit = Exhibit::broken(loaded).status(0, "").read(&[]).gives_all().sync(0, "").read(&[]);
    let exhibit = exhibit.gives_all().says(&["verify", "--proof"], 0, "proven restorable");
    exhibit.home.run(&["sync", "--full"]).success();
    assert!(!exhibit.home.home("mark").exists(), "something was started");
}

#[test]
fn a_copy_elsewhere_starts_no_hook_either() {
    let exhibit = Exhibit::broken(|home| {
        let remote = home.home("remote.git");
        git2::Repository::init_bare(&remote).unwrap();
        home.run(&["backend", "set", "git", "--remote", remote.to_str().unwrap()]).success();
        loaded(home);
        put(&git_file(home, "objects/info/alternates"), "../../../remote.git/objects\n");
    });
    let exhibit = exhibit.sync(0, "");
    exhibit.home.run(&["verify", "--from-remote"]).success();
    assert!(!exhibit.home.home("mark").exists(), "something was started");
}
