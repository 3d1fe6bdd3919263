//! Growth stored from the older file, and what comes of it where that file is not to be had.

use crate::vault::testing::{Sandbox, at, noise};
use crate::vault::{FileMode, Grown, ObjectId, Previous, TreeEdits};

const NOON: &str = "2026-11-20T12:00:00Z";

/// Where the older version's bytes lie when the newer one is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum OlderFile {
    True,
    Missing,
    Damaged,
    CutShort,
}

const OLDER_FILES: [OlderFile; 4] =
    [OlderFile::True, OlderFile::Missing, OlderFile::Damaged, OlderFile::CutShort];

impl OlderFile {
    fn previous(self, sandbox: &Sandbox, bytes: &[u8]) -> Previous {
        let previous = sandbox.previous(bytes);
        match self {
            Self::True => {}
            Self::Missing => fs_err::remove_file(&previous.path).unwrap(),
            Self::Damaged => fs_err::write(&previous.path, noise(9, bytes.len())).unwrap(),
            Self::CutShort => fs_err::write(&previous.path, &bytes[..bytes.len() / 2]).unwrap(),
        }
        previous
    }
}

fn grow(sandbox: &Sandbox, older: OlderFile, old: &[u8], new: &[u8], time: &str) {
    let previous = older.previous(sandbox, old);
    let mut batch = sandbox.vault.begin().unwrap();
    let (path, id, length) = sandbox.write("s", new);
    batch.add_grown(Grown { path: &path, id, length, previous: &previous, shared: None }).unwrap();
    let mut edits = TreeEdits::new();
    edits.put("s", id, FileMode::Plain);
    batch.commit(&edits, &at(time)).unwrap();
    sandbox.vault.refresh_index(&edits);
}

/// The length of the pack that this day's syncs add to.
fn active_pack(sandbox: &Sandbox) -> u64 {
    let keep = &sandbox.packs(".keep")[0];
    let pack = sandbox.root().join(".git/objects/pack").join(keep.replace("keep", "pack"));
    fs_err::metadata(pack).unwrap().len()
}

#[test]
fn growth_takes_the_same_room_whether_its_base_is_read_from_the_file_or_from_git() {
    let whole = noise(7, 320_000);
    let lengths = [150_000, 160_000, 170_000, 180_000, 190_000];
    let days = [NOON, NOON, "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"];
    let mut sizes = Vec::new();
    for older in OLDER_FILES {
        let sandbox = Sandbox::new();
        sandbox.commit(&[("s", &whole[..lengths[0]])], NOON);
        let mut steps = Vec::new();
        for (step, time) in lengths.windows(2).zip(days) {
            grow(&sandbox, older, &whole[..step[0]], &whole[..step[1]], time);
            steps.push(active_pack(&sandbox));
        }
        for length in lengths {
            let bytes = &whole[..length];
            assert_eq!(sandbox.vault.read(ObjectId::of_bytes(bytes)).unwrap(), bytes, "{older:?}");
        }
        sandbox.assert_clean();
        sizes.push(steps);
    }
    let room = |step: usize| sizes[0][step];
    assert!(room(1) < 175_000 && room(3) < 195_000, "{sizes:?}");
    assert!(sizes.iter().all(|steps| *steps == sizes[0]), "{sizes:?}");
}

#[test]
fn a_base_that_another_pack_holds_is_copied_from_the_older_file() {
    for older in [OlderFile::True, OlderFile::Missing] {
        let sandbox = Sandbox::new();
        let whole = noise(4, 90_000);
        sandbox.commit(&[("s", &whole[..70_000])], NOON);
        sandbox.commit(&[("t", b"the next day")], "2026-11-21T12:00:00Z");
        grow(&sandbox, older, &whole[..70_000], &whole, "2026-11-21T13:00:00Z");
        let size = active_pack(&sandbox);
        assert!((90_000..95_000).contains(&size), "{older:?}: {size}");
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(&whole)).unwrap(), whole);
        sandbox.assert_clean();
    }
}

#[test]
fn past_the_longest_chain_a_version_stands_on_the_first_without_any_older_file() {
    for older in OLDER_FILES {
        let sandbox = Sandbox::new();
        let whole = noise(6, 60_000);
        sandbox.commit(&[("s", &whole[..50_000])], NOON);
        for round in 0..51 {
            let (old, new) = (50_000 + round * 100, 50_100 + round * 100);
            // Only what comes after the longest chain is of interest here.
            let older = if round < 47 { OlderFile::True } else { older };
            grow(&sandbox, older, &whole[..old], &whole[..new], NOON);
        }
        assert!(sandbox.deepest().is_none_or(|depth| depth == 48), "{:?}", sandbox.deepest());
        for round in 0..=51 {
            let bytes = &whole[..50_000 + round * 100];
            assert_eq!(sandbox.vault.read(ObjectId::of_bytes(bytes)).unwrap(), bytes);
        }
        let size = active_pack(&sandbox);
        assert!(size < 90_000, "{older:?}: {size}");
        sandbox.assert_clean();
    }
}
