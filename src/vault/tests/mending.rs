//! What is damaged is found by its name, and put back by it.

use crate::progress::Silent;
use crate::vault::testing::{Sandbox, noise};
use crate::vault::{Object, ObjectId, ObjectKind, Soundness};

const DAYS: [&str; 3] =
    ["2026-11-18T12:00:00+01:00", "2026-11-19T12:00:00+01:00", "2026-11-20T12:00:00+01:00"];

/// Three days of one file that grows, and one that stays.
fn history() -> (Sandbox, Vec<Vec<u8>>) {
    let mut sandbox = Sandbox::new();
    let whole = noise(7, 90_000);
    let versions: Vec<Vec<u8>> = (1..4).map(|day| whole[..day * 30_000].to_vec()).collect();
    sandbox.commit(&[("m/a.gz", &versions[0]), ("m/b", b"stays")], DAYS[0]);
    for day in 1..3 {
        sandbox.grow("m/a.gz", &versions[day - 1], &versions[day], DAYS[day]);
    }
    sandbox.restart();
    (sandbox, versions)
}

fn soundness(sandbox: &Sandbox) -> Soundness {
    sandbox.vault.soundness(&Silent).unwrap()
}

/// Changes a byte of each pack in which these bytes stand.
fn damage(sandbox: &mut Sandbox, bytes: &[u8]) {
    let folder = sandbox.root().join(".git/objects/pack");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "pack") {
            continue;
        }
        let mut pack = fs_err::read(&path).unwrap();
        if let Some(at) = pack.windows(bytes.len()).position(|window| window == bytes) {
            pack[at] ^= 1;
            fs_err::remove_file(&path).unwrap();
            fs_err::write(&path, pack).unwrap();
        }
    }
    sandbox.restart();
}

#[test]
fn a_whole_history_lacks_nothing() {
    let (sandbox, _) = history();
    let found = soundness(&sandbox);
    assert!(found.lacking.is_empty() && found.damaged_packs.is_empty());
}

#[test]
fn the_first_of_a_chain_brings_back_all_that_lean_on_it() {
    let (mut sandbox, versions) = history();
    damage(&mut sandbox, &versions[0][100..140]);
    let found = soundness(&sandbox);
    assert!(!found.lacking.is_empty() && !found.damaged_packs.is_empty());
    assert!(found.lacking.iter().all(|lacking| lacking.path == "m/a.gz"), "{:?}", found.lacking);
    let mut mending = sandbox.vault.begin_mending().unwrap();
    mending.add(&Object::blob(versions[0].clone())).unwrap();
    mending.seal().unwrap();
    sandbox.vault.rewrite_damaged_packs(&soundness(&sandbox)).unwrap();
    sandbox.restart();
    let found = soundness(&sandbox);
    assert!(found.lacking.is_empty() && found.damaged_packs.is_empty(), "{found:?}");
    for version in versions {
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(&version)).unwrap(), version);
    }
    sandbox.assert_clean();
}

#[test]
fn a_damaged_pack_stays_while_anything_is_lacking() {
    let (mut sandbox, versions) = history();
    damage(&mut sandbox, &versions[0][100..140]);
    let before = soundness(&sandbox);
    sandbox.vault.rewrite_damaged_packs(&before).unwrap();
    sandbox.restart();
    assert_eq!(soundness(&sandbox).damaged_packs, before.damaged_packs);
}

#[test]
fn a_pack_that_goes_is_in_no_index_over_several_packs() {
    let (mut sandbox, _) = history();
    let Some(all) = sandbox.git(&["rev-list", "--objects", "--all"]) else { return };
    let ids = all.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap());
    let objects: Vec<Object> = ids.map(|id| sandbox.vault.object(id).unwrap()).collect();
    sandbox.git(&["multi-pack-index", "write"]).unwrap();
    damage(&mut sandbox, b"PACK");
    let mut mending = sandbox.vault.begin_mending().unwrap();
    objects.iter().for_each(|object| mending.add(object).unwrap());
    mending.seal().unwrap();
    sandbox.vault.rewrite_damaged_packs(&soundness(&sandbox)).unwrap();
    sandbox.restart();
    assert!(sandbox.vault.private_dir().unwrap().join("damaged").exists());
    sandbox.assert_clean();
}

#[test]
fn lost_indexes_are_made_again() {
    let (mut sandbox, _) = history();
    let folder = sandbox.root().join(".git/objects/pack");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "idx") {
            fs_err::remove_file(path).unwrap();
        }
    }
    // Without them not even the newest commit is found, so this is seen to when it is opened.
    sandbox.restart();
    assert!(soundness(&sandbox).lacking.is_empty());
    assert!(sandbox.vault.take_warnings()[0].contains(".idx` was missing"));
    sandbox.assert_clean();
}

#[test]
fn index_and_reflog_give_the_newest_commit_and_its_folders_back() {
    let (sandbox, _) = history();
    let head = sandbox.vault.head().unwrap().unwrap();
    let trees = sandbox.vault.trees_of(&sandbox.vault.files_of_index().unwrap());
    let ids: Vec<ObjectId> = trees.iter().map(Object::id).collect();
    assert!(ids.contains(&head.tree));
    let commit = sandbox.vault.commit_of_reflog(head.commit, &ids).unwrap();
    assert_eq!(commit.id(), head.commit);
    assert_eq!(sandbox.vault.read_object(head.commit).unwrap().0, ObjectKind::Commit);
}

#[test]
fn a_lost_branch_is_where_the_reflog_says() {
    let (mut sandbox, _) = history();
    let head = sandbox.vault.head().unwrap().unwrap();
    for damage in [None, Some(""), Some("garbage\n")] {
        let branch = sandbox.root().join(".git/refs/heads/main");
        match damage {
            None => fs_err::remove_file(&branch).unwrap(),
            Some(text) => fs_err::write(&branch, text).unwrap(),
        }
        sandbox.restart();
        assert!(sandbox.vault.branch_is_lost(), "{damage:?}");
        assert_eq!(sandbox.vault.head().unwrap().unwrap(), head, "it is read from there");
        assert!(sandbox.vault.branch_of_reflog().unwrap());
        sandbox.restart();
        assert!(!sandbox.vault.branch_is_lost());
        assert_eq!(sandbox.vault.head().unwrap().unwrap(), head);
    }
}

#[test]
fn a_torn_end_of_the_reflog_tells_no_earlier_commit() {
    let (mut sandbox, _) = history();
    let log = sandbox.root().join(".git/logs/refs/heads/main");
    let text = fs_err::read(&log).unwrap();
    fs_err::write(&log, [&text[..], &text[..60]].concat()).unwrap();
    fs_err::remove_file(sandbox.root().join(".git/refs/heads/main")).unwrap();
    sandbox.restart();
    assert!(sandbox.vault.branch_is_lost());
    assert!(!sandbox.vault.branch_of_reflog().unwrap());
    assert_eq!(sandbox.vault.head().unwrap(), None);
}
