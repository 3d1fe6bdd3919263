//! Growth, freezing, joining: what lies in git's folder of packs.

use crate::vault::testing::{Sandbox, at, noise};
use crate::vault::{FileMode, Grown, ObjectId, TreeEdits};

const NOON: &str = "2026-11-20T12:00:00Z";

#[test]
fn each_of_120_grown_versions_comes_back_and_chains_stay_short() {
    let sandbox = Sandbox::new();
    let whole = noise(3, 300_000 + 120 * 900);
    sandbox.commit(&[("m/s.gz", &whole[..300_000])], NOON);
    let mut versions = vec![whole[..300_000].to_vec()];
    for round in 1..=120 {
        // As in an archive, the last bytes of the older version are not in the newer one.
        let mut next = whole[..300_000 + round * 900].to_vec();
        next.extend_from_slice(&noise(round as u64, 8));
        sandbox.grow("m/s.gz", &versions[round - 1], &next, NOON);
        versions.push(next);
    }
    for version in &versions {
        assert_eq!(&sandbox.vault.read(ObjectId::of_bytes(version)).unwrap(), version);
    }
    assert_eq!(sandbox.packs(".pack").len(), 1);
    assert_eq!(sandbox.packs(".keep").len(), 1);
    assert!(sandbox.deepest().is_none_or(|depth| depth == 48), "{:?}", sandbox.deepest());
    let pack = sandbox.root().join(".git/objects/pack").join(&sandbox.packs(".pack")[0]);
    let size = fs_err::metadata(pack).unwrap().len();
    assert!(size < 700_000, "{size}");
    for version in [&versions[0], &versions[60], &versions[120]] {
        let id = ObjectId::of_bytes(version).to_string();
        let said = sandbox.git(&["cat-file", "-s", &id]);
        assert!(said.is_none_or(|said| said.trim() == version.len().to_string()));
    }
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.history_of("m/s.gz").unwrap().len(), 121);
}

#[test]
fn a_wrong_claim_of_growth_is_stored_whole() {
    let sandbox = Sandbox::new();
    let old = noise(1, 50_000);
    sandbox.commit(&[("a", &old)], NOON);
    let mut new = old.clone();
    new[10] ^= 1;
    new.extend_from_slice(b"more");
    let mut batch = sandbox.vault.begin().unwrap();
    let (path, id, length) = sandbox.write("a", &new);
    let previous = sandbox.previous(&old);
    batch.add_grown(Grown { path: &path, id, length, previous: &previous, shared: None }).unwrap();
    let longer = [&new[..], b"!"].concat();
    let (path, longer_id, length) = sandbox.write("b", &longer);
    let mut lost = sandbox.previous(&old);
    lost.id = ObjectId::of_bytes(b"lost");
    batch
        .add_grown(Grown { path: &path, id: longer_id, length, previous: &lost, shared: None })
        .unwrap();
    let other_id = ObjectId::of_bytes(b"?");
    let previous = sandbox.previous(&new);
    let grown = Grown { path: &path, id: other_id, length, previous: &previous, shared: None };
    assert!(batch.add_grown(grown).is_err());
    let mut edits = TreeEdits::new();
    edits.put("a", id, FileMode::Plain);
    edits.put("b", longer_id, FileMode::Plain);
    batch.commit(&edits, &at(NOON)).unwrap();
    assert_eq!(sandbox.vault.read(id).unwrap(), new);
    assert_eq!(sandbox.vault.read(longer_id).unwrap(), longer);
    sandbox.vault.refresh_index(&edits);
    sandbox.assert_clean();
}

#[test]
fn a_new_day_begins_a_new_pack_with_the_base_in_it() {
    let mut sandbox = Sandbox::new();
    let whole = noise(5, 200_000);
    sandbox.commit(&[("s", &whole[..150_000])], NOON);
    sandbox.grow("s", &whole[..150_000], &whole[..160_000], "2026-11-20T23:59:59Z");
    sandbox.grow("s", &whole[..160_000], &whole[..170_000], "2026-11-21T00:30:00Z");
    assert_eq!((sandbox.packs(".pack").len(), sandbox.packs(".keep").len()), (2, 1));
    // The evening of the day before, in a zone where it is already the next day.
    sandbox.restart();
    sandbox.grow("s", &whole[..170_000], &whole[..180_000], "2026-11-22T01:00:00+02:00");
    assert_eq!(sandbox.packs(".pack").len(), 2);
    sandbox.assert_clean();
    // A clock that was set back adds to the pack that is there.
    sandbox.grow("s", &whole[..180_000], &whole[..190_000], "2026-11-01T01:00:00Z");
    assert_eq!(sandbox.packs(".pack").len(), 2);
    for length in [150, 160, 170, 180, 190] {
        let bytes = &whole[..length * 1000];
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(bytes)).unwrap(), bytes);
    }
    sandbox.assert_clean();
}

#[test]
fn a_large_batch_is_frozen_at_once_and_a_full_pack_makes_room() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("small", b"x")], NOON);
    let active = sandbox.packs(".keep");
    sandbox.commit(&[("large", &noise(1, 17 << 20))], NOON);
    assert_eq!(sandbox.packs(".keep"), active);
    assert_eq!(sandbox.packs(".pack").len(), 2);
    for seed in 2..6 {
        sandbox.commit(&[("medium", &noise(seed, 15 << 20))], NOON);
        assert_eq!(sandbox.packs(".pack").len(), 2);
    }
    let active = sandbox.packs(".keep");
    sandbox.commit(&[("more", &noise(6, 15 << 20))], NOON);
    assert_ne!(sandbox.packs(".keep"), active);
    assert_eq!((sandbox.packs(".pack").len(), sandbox.packs(".keep").len()), (3, 1));
    sandbox.assert_clean();
}

#[test]
fn when_gc_took_the_active_pack_a_new_one_is_begun() {
    let sandbox = Sandbox::new();
    let whole = noise(5, 100_000);
    sandbox.commit(&[("s", &whole[..50_000])], NOON);
    sandbox.grow("s", &whole[..50_000], &whole[..60_000], NOON);
    let keep = sandbox.root().join(".git/objects/pack").join(&sandbox.packs(".keep")[0]);
    fs_err::remove_file(keep).unwrap();
    if sandbox.git(&["gc", "-q", "--prune=now"]).is_none() {
        return;
    }
    sandbox.grow("s", &whole[..60_000], &whole[..70_000], NOON);
    assert_eq!(sandbox.packs(".keep").len(), 1);
    sandbox.assert_clean();
    sandbox.git(&["gc", "-q", "--prune=now"]).unwrap();
    sandbox.grow("s", &whole[..70_000], &whole[..80_000], NOON);
    sandbox.git(&["multi-pack-index", "write"]).unwrap();
    sandbox.grow("s", &whole[..80_000], &whole[..90_000], NOON);
    sandbox.assert_clean();
    assert_eq!(sandbox.vault.history_of("s").unwrap().len(), 5);
}

#[test]
fn thirty_days_are_joined_into_few_packs_without_losing_a_version() {
    let sandbox = Sandbox::new();
    let whole = noise(9, 400_000);
    let mut versions = vec![whole[..100_000].to_vec()];
    sandbox.commit(&[("s", &versions[0]), ("big", &noise(8, 900_000))], "2026-09-30T12:00:00Z");
    let mut joined = 0;
    for day in 1..=30 {
        for hour in 0..4 {
            let time = format!("2026-10-{day:02}T{hour:02}:00:00Z");
            let next = whole[..100_000 + versions.len() * 1000].to_vec();
            sandbox.grow("s", versions.last().unwrap(), &next, &time);
            versions.push(next);
        }
        joined += usize::from(sandbox.vault.tidy().unwrap().packs > 0);
        if day % 10 == 0 {
            sandbox.assert_clean();
        }
    }
    assert!(joined > 3, "{joined}");
    assert!(sandbox.packs(".pack").len() < 9, "{}", sandbox.packs(".pack").len());
    assert_eq!(sandbox.packs(".keep").len(), 1);
    for version in &versions {
        assert_eq!(&sandbox.vault.read(ObjectId::of_bytes(version)).unwrap(), version);
    }
    assert!(sandbox.deepest().is_none_or(|depth| depth <= 48));
    let size = sandbox.packed();
    // 31 whole copies of the session would be over 5 MB.
    assert!(size < 3_000_000, "{size}");
    assert_eq!(sandbox.vault.take_warnings(), Vec::<String>::new());
}

#[test]
fn large_packs_and_foreign_packs_are_left_alone() {
    let sandbox = Sandbox::new();
    for day in 1..=4 {
        let time = format!("2026-10-{day:02}T00:00:00Z");
        sandbox.commit(&[("f", &noise(day, 10_000))], &time);
    }
    assert_eq!(sandbox.vault.tidy_within(9_000).unwrap().packs, 0);
    fs_err::remove_file(sandbox.root().join(".git/claude-backup/packs")).unwrap();
    assert_eq!(sandbox.vault.tidy().unwrap().packs, 0);
    sandbox.assert_clean();
}

#[test]
fn a_damaged_pack_is_set_aside_and_the_backup_goes_on() {
    let sandbox = Sandbox::new();
    let whole = noise(5, 100_000);
    sandbox.commit(&[("other", b"x")], "2026-11-19T12:00:00Z");
    sandbox.commit(&[("s", &whole[..50_000]), ("t", &whole[50_000..])], NOON);
    let keep = sandbox.packs(".keep")[0].clone();
    let pack = sandbox.root().join(".git/objects/pack").join(keep.replace("keep", "pack"));
    let mut bytes = fs_err::read(&pack).unwrap();
    bytes[20_000] ^= 4;
    bytes[70_000] ^= 4;
    crate::fs::set_mode(&pack, 0o600).unwrap();
    fs_err::write(&pack, bytes).unwrap();
    sandbox.grow("s", &whole[..50_000], &whole[..60_000], NOON);
    let warnings = sandbox.vault.take_warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("damaged"), "{warnings:?}");
    assert_eq!(sandbox.vault.read(ObjectId::of_bytes(&whole[..60_000])).unwrap(), &whole[..60_000]);
    sandbox.grow("s", &whole[..60_000], &whole[..70_000], NOON);
    assert_eq!(sandbox.vault.take_warnings(), Vec::<String>::new());
    assert_eq!(sandbox.packs(".pack").len(), 3);
    // The file that grew still had the older bytes; for the other one nobody had them.
    let mended = ObjectId::of_bytes(&whole[..50_000]);
    assert_eq!(sandbox.vault.read(mended).unwrap(), &whole[..50_000]);
    let lost = ObjectId::of_bytes(&whole[50_000..]);
    assert!(sandbox.vault.read(lost).is_err());
    let mut batch = sandbox.vault.begin().unwrap();
    let (path, id, length) = sandbox.write("copy", &whole[50_000..]);
    batch.add_file_again(&path, id, length).unwrap();
    let mut edits = TreeEdits::new();
    edits.put("copy", id, FileMode::Plain);
    batch.commit(&edits, &at(NOON)).unwrap();
    assert_eq!(sandbox.vault.read(lost).unwrap(), &whole[50_000..]);
}

#[test]
fn what_grows_day_after_day_is_stored_whole_once() {
    let sandbox = Sandbox::new();
    let whole = noise(9, 1_500_000);
    let version = |n: usize| &whole[..1_200_000 + n * 2000];
    let others = noise(8, 2_400_000);
    sandbox.commit(&[("s", version(0)), ("others", &others)], "2026-09-30T12:00:00Z");
    let mut newest = 0;
    for day in 1..=9 {
        for hour in 0..6 {
            let time = format!("2026-10-{day:02}T{hour:02}:00:00Z");
            sandbox.grow("s", version(newest), version(newest + 1), &time);
            newest += 1;
            sandbox.vault.tidy().unwrap();
            let fully_packed = others.len() + version(newest).len();
            let share = sandbox.packed() as f64 / fully_packed as f64;
            assert!(share < 1.05, "day {day}, {hour} o'clock: {share}");
        }
        sandbox.assert_clean();
    }
    for n in 0..=newest {
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(version(n))).unwrap(), version(n));
    }
    assert!(sandbox.deepest().is_none_or(|depth| depth <= 48));
    assert!(sandbox.packs(".pack").len() < 6, "{:?}", sandbox.packs(".pack"));
    assert_eq!(sandbox.vault.take_warnings(), Vec::<String>::new());
}

#[test]
fn a_day_of_many_syncs_stores_what_was_appended_no_more_than_twice() {
    let sandbox = Sandbox::new();
    let (whole, appended) = (noise(4, 500_000), 1000);
    let version = |n: usize| &whole[..50_000 + n * appended];
    sandbox.commit(&[("s", version(0))], NOON);
    for n in 0..240 {
        sandbox.grow("s", version(n), version(n + 1), NOON);
    }
    assert!(sandbox.deepest().is_none_or(|depth| depth == 48), "{:?}", sandbox.deepest());
    // Beside it, a tree and a commit for each.
    let (growth, beside) = (240 * appended as u64, 240 * 250);
    assert!(sandbox.packed() < 50_000 + 2 * growth + beside, "{}", sandbox.packed());
    for n in 0..=240 {
        assert_eq!(sandbox.vault.read(ObjectId::of_bytes(version(n))).unwrap(), version(n));
    }
    sandbox.assert_clean();
}
