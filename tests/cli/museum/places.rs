//! What stands in the place of a stored file, or of the repository itself.

use std::os::unix::fs::symlink;

use super::{ALL, Exhibit, GONE, KEPT, commit_by_hand, commit_index, git_file, put, take};
use crate::sandbox::{Sandbox, set_mode};

/// Everything comes back, is put into a commit again, and then nothing is wrong any more.
fn is_put_back(breaking: impl Fn(&Sandbox)) {
    let exhibit = Exhibit::broken(&breaking).gives_all();
    assert!(exhibit.problems(&[]).contains(&"not-committed".to_owned()));
    exhibit.repair(&[]).gives_all().sync(0, "").now_whole();
    Exhibit::broken(breaking).sync(0, "").gives_all().repair(&[]).now_whole();
}

#[test]
fn sessions_that_somebody_removed_from_the_commit() {
    for piece in ALL {
        is_put_back(|home| {
            take(&home.backup(piece.archive()));
            commit_by_hand(home);
        });
    }
}

#[test]
fn a_link_in_the_place_of_a_session() {
    is_put_back(|home| {
        home.write("secret.txt", "THE PRIVATE KEY");
        take(&home.backup(GONE.archive()));
        symlink(home.home("secret.txt"), home.backup(GONE.archive())).unwrap();
        commit_by_hand(home);
    });
}

#[test]
fn a_submodule_in_the_place_of_a_session() {
    is_put_back(|home| {
        take(&home.backup(GONE.archive()));
        let commit = home.git(&["rev-parse", "HEAD"]);
        let entry = format!("160000,{},{}", commit.trim(), GONE.archive());
        home.git(&["update-index", "--add", "--cacheinfo", &entry]);
        commit_index(home);
    });
}

#[test]
fn other_bytes_in_the_place_of_a_session() {
    is_put_back(|home| {
        put(&home.backup(GONE.archive()), "not an archive");
        commit_by_hand(home);
    });
}

#[test]
fn names_that_differ_in_case_alone() {
    let exhibit = Exhibit::broken(|home| {
        put(&home.backup(GONE.archive().to_uppercase()), "x");
        put(&home.backup("machines/TEST-HOST/manifest.json"), "{}");
        commit_by_hand(home);
    });
    exhibit.gives_all().sync(0, "").read(&[]).gives_all();
}

#[test]
fn machines_with_names_that_nobody_would_give() {
    let names = ["\u{1b}[2J", "-rf", "a\nb", "\u{202e}x", "CON", "test-host ", "%2e%2e", "..."];
    let exhibit = Exhibit::broken(|home| {
        for name in names {
            let folder = home.backup("machines").join(name);
            put(&folder.join("manifest.json"), "{\"machine\": \"\u{202e}x\"}");
            put(&folder.join(format!("projects/-p/{}.jsonl.gz", KEPT.id)), "not an archive");
        }
        commit_by_hand(home);
    });
    for arguments in [&["status"][..], &["restore", "--list"], &["verify", "--read"], &["sync"]] {
        let screen = exhibit.home.run(arguments).both();
        assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {screen}");
    }
    let ran = exhibit.home.run(&["restore", KEPT.id, "--machine", "test-host", "--stdout"]);
    assert_eq!(ran.success().bytes(), exhibit.text(KEPT).as_bytes());
}

#[test]
fn a_git_file_that_leads_to_the_repository() {
    Exhibit::broken(|home| {
        std::fs::rename(home.backup(".git"), home.home("elsewhere")).unwrap();
        put(&home.backup(".git"), format!("gitdir: {}\n", home.home("elsewhere").display()));
    })
    .verify(&[])
    .sync(0, "")
    .now_whole_with(4);
}

#[test]
fn links_in_the_place_of_the_repository() {
    let links: [&dyn Fn(&Sandbox); 3] = [
        &|home| behind_a_link(home, ".claude-backup/.git"),
        &|home| behind_a_link(home, ".claude-backup"),
        &|home| behind_a_link(home, ".claude-backup/machines"),
    ];
    for link in links {
        Exhibit::broken(link).read(&[]).gives_all().sync(0, "").read(&[]).gives_all();
    }
}

fn behind_a_link(home: &Sandbox, folder: &str) {
    std::fs::rename(home.home(folder), home.home("elsewhere")).unwrap();
    symlink(home.home("elsewhere"), home.home(folder)).unwrap();
}

#[test]
fn a_backup_without_its_repository() {
    // What is left is taken over, versions and all.
    let losses: [&dyn Fn(&Sandbox); 2] = [&|home| take(&home.backup(".git")), &|home| {
        take(&home.backup(".git"));
        std::fs::create_dir(home.backup(".git")).unwrap();
    }];
    for loss in losses {
        let exhibit = Exhibit::broken(loss).status(10, "claude-backup init");
        let exhibit = exhibit.says(&["restore", GONE.id], 10, "has lost its `.git`");
        let exhibit = exhibit.says(&["init", "--backend", "local"], 0, "");
        exhibit.gives_all().sync(0, "").now_whole();
    }
}

#[test]
fn a_git_file_that_leads_nowhere() {
    Exhibit::broken(|home| put(&home.backup(".git"), "gitdir: /nowhere\n"))
        .status(10, "has lost its `.git`")
        .says(&["init", "--backend", "local"], 1, "cannot make a repository");
}

#[test]
fn a_repository_with_ids_of_another_kind() {
    Exhibit::broken(|home| {
        take(&home.backup(".git"));
        home.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
        commit_by_hand(home);
    })
    .status(1, "sha256")
    .sync_fails("sha256");
}

#[test]
fn a_shallow_clone() {
    Exhibit::broken(|home| cloned(home, &["--depth", "1"]))
        .read(&[])
        .gives_all()
        .sync(0, "")
        .read(&[])
        .gives_all();
}

#[test]
fn a_clone_without_contents() {
    // Nobody fetches them on demand: what is missing is named.
    Exhibit::broken(|home| cloned(home, &["--filter=blob:none", "--no-checkout"]))
        .gives_all_but(&ALL)
        .verify(&["history-damaged", "unlisted"])
        .says(&["restore", "--all"], 1, "");
}

/// The backup's folder becomes a clone of what it was.
fn cloned(home: &Sandbox, how: &[&str]) {
    let (full, root) = (home.home("full"), home.home(""));
    let id = home.git(&["config", "claude-backup.machineId"]);
    std::fs::rename(home.backup(""), &full).unwrap();
    home.git_in(&full, &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", full.display());
    home.git_in(&root, &[&["clone", "-q"], how, &[url.as_str(), ".claude-backup"]].concat());
    for (name, value) in [("machine", "test-host"), ("machineId", id.trim()), ("mode", "local")] {
        home.git(&["config", &format!("claude-backup.{name}"), value]);
    }
}

#[test]
fn a_repository_that_may_only_be_read() {
    let exhibit = Exhibit::broken(|home| modes(home, 0o500, 0o400)).gives_all();
    if std::fs::write(git_file(&exhibit.home, "probe"), "").is_ok() {
        eprintln!("this user may write everywhere: left out");
        return;
    }
    let exhibit = exhibit.sync_fails("");
    modes(&exhibit.home, 0o700, 0o600);
    exhibit.sync(0, "").now_whole();
}

fn modes(home: &Sandbox, folders: u32, files: u32) {
    for entry in walkdir::WalkDir::new(home.backup(".git")) {
        let entry = entry.unwrap();
        let mode = if entry.file_type().is_dir() { folders } else { files };
        set_mode(entry.path(), mode);
    }
}
