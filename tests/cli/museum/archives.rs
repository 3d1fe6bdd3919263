//! Stored sessions that are torn, have another bit, or are something else.

use super::{
    ALL, CHANGED, EARLIER, Exhibit, GONE, KEPT, Piece, cut_in_half, loose, loosen, put, take,
};
use crate::sandbox::{Sandbox, flip_a_bit};

/// What may happen to a file.
const MISHAPS: [fn(&std::path::Path); 5] = [
    cut_in_half,
    flip_a_bit,
    |path| put(path, ""),
    take,
    |path| {
        take(path);
        std::fs::create_dir(path).unwrap();
    },
];

fn in_the_work_tree(home: &Sandbox, piece: Piece, mishap: fn(&std::path::Path)) {
    mishap(&home.backup(piece.archive()));
}

/// The same to git's copy, in an object of its own.
fn in_git(home: &Sandbox, piece: Piece, mishap: fn(&std::path::Path)) {
    let id = home.git(&["rev-parse", &format!("HEAD:{}", piece.archive())]);
    loosen(home);
    mishap(&loose(home, id.trim()));
}

#[test]
fn any_mishap_in_the_work_tree_costs_nothing() {
    for mishap in MISHAPS {
        for piece in ALL {
            let exhibit = Exhibit::broken(|home| in_the_work_tree(home, piece, mishap)).gives_all();
            assert_ne!(exhibit.problems(&["--read"]), [""; 0]);
            exhibit.repair(&[]).now_whole_with(3);
        }
    }
}

#[test]
fn a_sync_that_nobody_warned_loses_nothing_either() {
    for mishap in MISHAPS {
        let exhibit = Exhibit::broken(|home| in_the_work_tree(home, KEPT, mishap));
        exhibit.sync(0, "").gives_all().repair(&[]).now_whole_with(4);
    }
}

#[test]
fn any_mishap_in_git_costs_nothing_while_the_work_tree_is_whole() {
    for mishap in [cut_in_half, flip_a_bit, take] {
        for piece in [KEPT, GONE, EARLIER] {
            let exhibit = Exhibit::broken(|home| in_git(home, piece, mishap)).gives_all();
            exhibit.verify(&[]).read(&["git-damaged"]).repair(&[]).gives_all();
        }
    }
}

#[test]
fn in_both_the_source_gives_it_back() {
    for mishap in [cut_in_half, flip_a_bit, take] {
        let exhibit = Exhibit::broken(|home| {
            in_git(home, KEPT, mishap);
            in_the_work_tree(home, KEPT, mishap);
        });
        let exhibit = exhibit.gives_all_but(&[KEPT]);
        assert!(exhibit.problems(&["--read"]).contains(&"lost".to_owned()));
        exhibit.repair(&[]).gives_all();
    }
}

#[test]
fn in_both_and_gone_from_the_source_it_is_named() {
    for piece in [GONE, EARLIER] {
        let exhibit = Exhibit::broken(|home| {
            in_git(home, piece, flip_a_bit);
            in_the_work_tree(home, piece, flip_a_bit);
        });
        let exhibit = exhibit.gives_all_but(&[piece]).read(&["lost"]).repair(&["lost"]);
        let exhibit = exhibit.sync(0, "").gives_all_but(&[piece]).read(&["lost"]);
        let list = exhibit.home.run(&["restore", "--list", "--json"]).success().both();
        assert!(list.contains(piece.id), "it is still listed");
    }
}

#[test]
fn a_restore_of_all_names_what_it_lacks_and_gives_the_rest() {
    let exhibit = Exhibit::broken(|home| {
        in_git(home, GONE, flip_a_bit);
        in_the_work_tree(home, GONE, flip_a_bit);
        home.remove(".claude");
    });
    let screen = exhibit.home.run(&["restore", "--all"]).fails(1).both();
    assert!(screen.contains(GONE.id), "{screen}");
    for piece in [KEPT, CHANGED] {
        let back = exhibit.home.read(exhibit.home.session(super::PROJECT, piece.id));
        // The fuller version is the one that a plain restore gives.
        let texts = [exhibit.text(piece), exhibit.text(EARLIER)];
        assert!(texts.iter().any(|text| text.as_bytes() == back), "{piece:?}");
    }
    assert!(!exhibit.home.session(super::PROJECT, GONE.id).exists(), "no torso is left");
}

#[test]
fn two_archives_that_changed_places() {
    let exhibit = Exhibit::broken(|home| {
        let (one, other) = (home.backup(GONE.archive()), home.backup(KEPT.archive()));
        let aside = home.home("aside");
        std::fs::rename(&one, &aside).unwrap();
        std::fs::rename(&other, &one).unwrap();
        std::fs::rename(&aside, &other).unwrap();
    });
    exhibit.gives_all().read(&["damaged"]).sync(0, "").gives_all().repair(&[]).now_whole_with(4);
}

#[test]
fn an_archive_that_is_a_link() {
    let exhibit = Exhibit::broken(|home| {
        home.write("secret.txt", "THE PRIVATE KEY");
        let archive = home.backup(KEPT.archive());
        take(&archive);
        std::os::unix::fs::symlink(home.home("secret.txt"), archive).unwrap();
    });
    let exhibit = exhibit.gives_all().verify(&["missing"]).sync(0, "").gives_all().repair(&[]);
    assert_eq!(exhibit.home.read("secret.txt"), b"THE PRIVATE KEY", "nothing was written there");
    exhibit.now_whole_with(4);
}

#[test]
fn the_last_part_of_a_long_session() {
    for mishap in [cut_in_half, flip_a_bit, take] {
        let exhibit = Exhibit::broken(|home| {
            in_two_parts(home);
            mishap(&home.backup(second_part()));
        });
        assert_ne!(exhibit.problems(&["--read"]), [""; 0]);
        exhibit.gives_all().repair(&[]).gives_all().sync(0, "").repair(&[]).gives_all();
    }
}

#[test]
fn the_last_part_of_a_long_session_and_no_other_copy() {
    let exhibit = Exhibit::broken(|home| {
        in_two_parts(home);
        let id = home.git(&["rev-parse", &format!("HEAD:{}", second_part())]);
        loosen_all(home);
        take(&loose(home, id.trim()));
        flip_a_bit(&home.backup(second_part()));
    });
    exhibit.gives_all_but(&[GONE]).read(&["lost"]).repair(&["lost"]).sync(0, "").read(&["lost"]);
}

fn second_part() -> String {
    GONE.archive().replace(".gz", ".002.gz")
}

fn loosen_all(home: &Sandbox) {
    home.git(&["config", "gc.auto", "0"]);
    loosen(home);
}

/// The session that is gone at the source as a longer one would be: in two files.
fn in_two_parts(home: &Sandbox) {
    let text = crate::sandbox::conversation(GONE.id, 0..12).into_bytes();
    let (first, second) = text.split_at(text.len() / 2);
    let mut parts = Vec::new();
    for (name, bytes) in [(GONE.archive(), first), (second_part(), second)] {
        let packed = crate::adopt::gzipped(bytes);
        put(&home.backup(&name), &packed);
        let blob = home.git(&["hash-object", "-w", &name]);
        parts.push(serde_json::json!({
            "length": packed.len(), "uncompressed": bytes.len(), "blob": blob.trim(),
        }));
    }
    super::edit_lines(home, |line| {
        if line["path"].as_str().unwrap().contains(GONE.id) {
            line["parts"] = parts.clone().into();
        }
    });
    super::commit_by_hand(home);
}
