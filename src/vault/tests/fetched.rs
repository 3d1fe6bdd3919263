//! Packs that git and libgit2 write: read, taken over and joined with ours.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use sha1::{Digest, Sha1};

use crate::vault::content::Content;
use crate::vault::delta;
use crate::vault::entry::{self, Form, Packing};
use crate::vault::object_id::{ObjectId, ObjectKind};
use crate::vault::pack_file::PackFile;
use crate::vault::testing::{Sandbox, git, git_fed, noise};

const NOON: &str = "2026-11-20T12:00:00Z";
const LINES: usize = 300;

/// Who fetches.
#[derive(Clone, Copy)]
enum By {
    Git,
    Libgit2,
}

/// Another machine's clone of the sandbox's repository, which commits with the real git.
struct Other<'a> {
    sandbox: &'a Sandbox,
    root: PathBuf,
}

impl<'a> Other<'a> {
    /// Nothing where git is not installed.
    fn clone_of(sandbox: &'a Sandbox) -> Option<Self> {
        let root = sandbox.home.path().join("other");
        sandbox.git(&["clone", "-q", ".", root.to_str().unwrap()])?;
        let other = Self { sandbox, root };
        other.git(&["config", "user.name", "Other"]);
        other.git(&["config", "user.email", "other@example.org"]);
        Some(other)
    }

    fn git(&self, words: &[&str]) -> String {
        git(self.sandbox.home.path(), &self.root, words).unwrap()
    }

    fn commit(&self, path: &str, bytes: &[u8]) {
        let full = self.root.join(path);
        fs_err::create_dir_all(full.parent().unwrap()).unwrap();
        fs_err::write(full, bytes).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", path]);
    }

    /// Brings what the clone has into the sandbox's repository, as one pack that it makes its own.
    fn fetch(&self, by: By) {
        let from = self.root.to_str().unwrap();
        let into = "+refs/heads/main:refs/remotes/other/main";
        let fetch = || {
            match by {
                By::Git => {
                    let quiet = ["-c", "fetch.unpackLimit=1", "-c", "gc.auto=0", "fetch", "-q"];
                    self.sandbox.git(&[&quiet[..], &[from, into]].concat());
                }
                By::Libgit2 => {
                    let repository = git2::Repository::open(self.sandbox.root())?;
                    repository.remote_anonymous(from)?.fetch(&[into], None, None)?;
                }
            }
            Ok(())
        };
        self.sandbox.adopting(fetch).unwrap();
    }
}

/// A text of which few lines change from version to version, as in a ledger.
fn ledger(version: usize) -> Vec<u8> {
    let line = |at: usize| {
        let changes = (version + LINES - at) / LINES;
        format!("{at} {}\n", ObjectId::of_bytes(format!("{at} {changes}").as_bytes()))
    };
    (0..LINES + version / 2).flat_map(|at| line(at % LINES).into_bytes()).collect()
}

/// All objects, as the real git knows them.
fn objects(sandbox: &Sandbox) -> BTreeSet<String> {
    let said = sandbox.git(&["cat-file", "--batch-all-objects", "--batch-check"]).unwrap();
    said.lines().map(str::to_owned).collect()
}

fn open_all(sandbox: &Sandbox) -> Vec<PackFile> {
    let names = sandbox.packs(".pack").into_iter();
    let names = names.map(|name| name.replace("pack-", "").replace(".pack", ""));
    let folder = sandbox.root().join(".git/objects/pack");
    names.map(|name| PackFile::open(&folder, &name).unwrap()).collect()
}

fn list(sandbox: &Sandbox) -> PathBuf {
    sandbox.root().join(".git/claude-backup/packs")
}

fn tag(sandbox: &Sandbox) -> Option<String> {
    let who = ["-c", "user.name=Tom", "-c", "user.email=tom@example.org"];
    sandbox.git(&[&who[..], &["tag", "-f", "-a", "-m", "a tag", "tag"]].concat())
}

/// Leaves the repository's objects in one pack made by git, with chains up to `depth`.
fn repack(sandbox: &Sandbox, depth: usize) -> Option<()> {
    for keep in sandbox.packs(".keep") {
        fs_err::remove_file(sandbox.root().join(".git/objects/pack").join(keep)).unwrap();
    }
    let depth = format!("--depth={depth}");
    sandbox.git(&["repack", "-adfq", &depth, "--window=400"]).map(drop)
}

#[test]
fn every_object_of_a_pack_of_git_is_read() {
    let sandbox = Sandbox::new();
    for version in 0..120 {
        sandbox.commit(&[("m/ledger", &ledger(version)), ("s", &noise(1, 400))], NOON);
    }
    for (depth, reached) in [(50, 49), (4095, 55)] {
        if tag(&sandbox).is_none() {
            return;
        }
        repack(&sandbox, depth).unwrap();
        let mut packs = open_all(&sandbox);
        let [pack] = &mut packs[..] else { panic!("{:?}", sandbox.packs("")) };
        pack.verify().unwrap();
        assert!(sandbox.deepest() >= Some(reached), "{:?}", sandbox.deepest());
        let mut found = BTreeSet::new();
        for id in pack.ids_by_offset() {
            let kind = pack.kind(id).unwrap();
            let bytes = Content::read(id, |id| entry::unpack(pack.raw(id)?)).unwrap().to_vec();
            assert_eq!(ObjectId::of_object(kind, &bytes), id);
            found.insert(format!("{id} {} {}", kind.name(), bytes.len()));
            let copy = sandbox.vault.packs().unwrap().read_any_copy(id).unwrap();
            assert_eq!(copy, Some((kind, bytes)));
        }
        assert_eq!(found, objects(&sandbox));
        // Git says of its deltas where the base lies; ours name it, which is longer.
        let ids = pack.ids_by_offset();
        let copies = ids.iter().map(|id| pack.copy_entry(*id, &mut std::io::sink()).unwrap().0);
        let lengths: Vec<u64> = copies.collect();
        let longer = ids.iter().zip(lengths).filter(|(id, length)| {
            let entry = pack.entry(**id).unwrap();
            *length > entry.length
        });
        assert!(longer.count() > 100);
    }
}

#[test]
fn a_damaged_entry_of_git_is_noticed() {
    let sandbox = Sandbox::new();
    for version in 0..10 {
        sandbox.commit(&[("m/ledger", &ledger(version))], NOON);
    }
    if repack(&sandbox, 50).is_none() {
        return;
    }
    let path = sandbox.root().join(".git/objects/pack").join(&sandbox.packs(".pack")[0]);
    crate::fs::set_mode(&path, 0o600).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    for at in 12..bytes.len() - 20 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs_err::write(&path, damaged).unwrap();
        let folder = path.parent().unwrap();
        let name = sandbox.packs(".pack")[0].replace("pack-", "").replace(".pack", "");
        let verified = PackFile::open(folder, &name).and_then(|mut pack| pack.verify());
        assert!(verified.is_err(), "{at}");
    }
}

#[test]
fn long_chains_of_git_are_cut_where_its_packs_are_joined() {
    for depth in [50, 4095] {
        let sandbox = Sandbox::new();
        for version in 0..150 {
            sandbox.commit(&[("m/ledger", &ledger(version))], NOON);
        }
        if tag(&sandbox).is_none() {
            return;
        }
        // As if the pack had come by a fetch.
        sandbox.adopting(|| Ok(repack(&sandbox, depth))).unwrap();
        assert!(sandbox.deepest() > Some(48));
        let before = objects(&sandbox);
        let adopted = sandbox.packs(".pack")[0].replace("pack-", "kept ").replace(".pack", "\n");
        assert!(fs_err::read_to_string(list(&sandbox)).unwrap().contains(&adopted));
        for day in 1..=3 {
            let time = format!("2026-12-{day:02}T12:00:00Z");
            sandbox.commit(&[("big", &noise(day, 150_000))], &time);
        }
        assert!(sandbox.vault.tidy().unwrap().packs >= 3);
        assert_eq!(sandbox.deepest(), Some(48), "{depth}");
        assert!(objects(&sandbox).is_superset(&before));
        // Few objects were made whole: as they are, they have 3 MB.
        let packs = open_all(&sandbox);
        assert!(packs.iter().map(|pack| pack.size).sum::<u64>() < 700_000);
        sandbox.assert_clean();
        assert_eq!(sandbox.vault.take_warnings(), Vec::<String>::new());
    }
}

#[test]
fn hourly_fetches_leave_few_packs_and_every_object() {
    for seed in 0..2 {
        let sandbox = Sandbox::new();
        let session = noise(seed, 400_000);
        let mut grown = 100_000;
        sandbox.commit(&[("m/ledger", &ledger(0)), ("s", &session[..grown])], NOON);
        let Some(other) = Other::clone_of(&sandbox) else { return };
        let mut all = BTreeSet::new();
        for (step, chance) in noise(seed + 9, 60).into_iter().enumerate() {
            let time = format!("2026-12-{:02}T12:00:00Z", 1 + step / 3);
            match chance % 4 {
                0 => {
                    let old = &session[..grown];
                    grown += 3000;
                    sandbox.grow("s", old, &session[..grown], &time);
                }
                1 => drop(sandbox.commit(&[("m/ledger", &ledger(2 * step))], &time)),
                _ => {
                    other.commit("m/ledger", &ledger(2 * step + 1));
                    other.commit("o/ledger", &ledger(2 * step));
                    other.fetch(if chance % 8 < 4 { By::Git } else { By::Libgit2 });
                }
            }
            all.extend(objects(&sandbox));
            if chance % 3 == 0 {
                sandbox.vault.tidy().unwrap();
            }
            if step % 20 == 0 {
                sandbox.assert_clean();
            }
        }
        sandbox.vault.tidy().unwrap();
        assert_eq!(objects(&sandbox), all);
        assert!(sandbox.packs(".pack").len() < 9, "{:?}", sandbox.packs(".pack"));
        assert!(sandbox.deepest() <= Some(48), "{:?}", sandbox.deepest());
        sandbox.assert_clean();
        for line in all {
            let (id, kind) = line.split_once(' ').unwrap();
            let (found, _) = sandbox.vault.read_object(id.parse().unwrap()).unwrap();
            assert!(kind.starts_with(found.name()));
        }
        assert_eq!(sandbox.vault.take_warnings(), Vec::<String>::new());
    }
}

#[test]
fn a_thin_pack_that_was_completed_joins_ours() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("m/ledger", &ledger(0))], NOON);
    let Some(other) = Other::clone_of(&sandbox) else { return };
    for version in 1..5 {
        other.commit("m/ledger", &ledger(version));
    }
    let wanted = b"main\n^origin/main\n";
    let words = ["pack-objects", "--thin", "--stdout", "--revs", "-q", "--delta-base-offset"];
    let home = sandbox.home.path();
    let thin = git_fed(home, &other.root, &words, wanted).unwrap();
    let complete =
        || Ok(git_fed(home, &sandbox.root(), &["index-pack", "--stdin", "--fix-thin"], &thin));
    sandbox.adopting(complete).unwrap();
    let packs = open_all(&sandbox);
    let base = ObjectId::of_bytes(&ledger(0));
    assert_eq!(packs.iter().filter(|pack| pack.entry(base).is_some()).count(), 2);
    let before = objects(&sandbox);
    sandbox.commit(&[("x", &noise(1, 9000))], "2026-12-01T12:00:00Z");
    assert_eq!(sandbox.vault.tidy().unwrap().packs, 2);
    assert!(objects(&sandbox).is_superset(&before));
    assert_eq!(sandbox.vault.read(ObjectId::of_bytes(&ledger(3))).unwrap(), ledger(3));
    sandbox.assert_clean();
}

#[test]
fn an_object_that_a_pack_has_twice_is_no_circle() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("x", &noise(1, 900))], NOON);
    let (one, other) = (b"a short text", b"a short text, and more");
    let ids = [ObjectId::of_bytes(one), ObjectId::of_bytes(other)];
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x03".to_vec();
    let whole = entry::header(Form::Whole(ObjectKind::Blob), one.len() as u64);
    let mut length = entry::write_entry(&mut pack, &whole, Packing::Deflated, &mut &one[..]);
    for delta in [delta::encode(one, other), delta::encode(other, one)] {
        assert!(delta.len() < 16);
        let header = [0x60 | delta.len() as u8, length.unwrap().0 as u8];
        length = entry::write_entry(&mut pack, &header, Packing::Deflated, &mut &delta[..]);
    }
    let sum = Sha1::digest(&pack);
    pack.extend_from_slice(&sum);
    let (home, root) = (sandbox.home.path(), sandbox.root());
    let index = || Ok(git_fed(home, &root, &["index-pack", "--stdin"], &pack));
    if sandbox.adopting(index).unwrap().is_none() {
        return;
    }
    let name = sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let pack = PackFile::open(&root.join(".git/objects/pack"), &name).unwrap();
    assert_eq!(ids.map(|id| pack.kind(id)), [Some(ObjectKind::Blob); 2]);
    assert_eq!(pack.entry(ids[0]).unwrap().form, Form::Whole(ObjectKind::Blob));
    for day in 1..=2 {
        let time = format!("2026-12-{day:02}T12:00:00Z");
        sandbox.commit(&[("x", &noise(1 + day, 900))], &time);
    }
    assert_eq!(sandbox.vault.tidy().unwrap().packs, 3);
    assert_eq!(sandbox.vault.read(ids[0]).unwrap(), one);
    assert_eq!(sandbox.vault.read(ids[1]).unwrap(), other);
    sandbox.assert_clean();
}

#[test]
fn only_what_a_fetch_brings_is_taken() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[("m/ledger", &ledger(0))], NOON);
    let Some(other) = Other::clone_of(&sandbox) else { return };
    let bring = |version: usize, keep: &[&str]| -> anyhow::Result<()> {
        other.commit("m/ledger", &ledger(version));
        let wanted = format!("main\n^main~{version}\n");
        let words = ["pack-objects", "--stdout", "--revs", "-q"];
        let pack = git_fed(sandbox.home.path(), &other.root, &words, wanted.as_bytes()).unwrap();
        let words = [&["index-pack", "--stdin"], keep].concat();
        git_fed(sandbox.home.path(), &sandbox.root(), &words, &pack).unwrap();
        Ok(())
    };
    let listed = || fs_err::read_to_string(list(&sandbox)).unwrap().lines().count();
    let count = listed();
    bring(1, &[]).unwrap();
    sandbox.adopting(|| Ok(())).unwrap();
    assert_eq!(listed(), count);
    sandbox.adopting(|| bring(2, &["--keep"])).unwrap();
    assert_eq!(listed(), count);
    // What a fetch brought before it failed is no less worth joining, and can be read at once.
    let failed = sandbox.adopting(|| {
        bring(3, &[])?;
        if listed() == count {
            bail!("the connection broke");
        }
        Ok(())
    });
    assert_eq!(failed.unwrap_err().to_string(), "the connection broke");
    assert_eq!(listed(), count + 1);
    assert!(sandbox.vault.exists(ObjectId::of_bytes(&ledger(3))).unwrap());
    // Our own commits may go on meanwhile.
    let commit = || Ok(sandbox.commit(&[("x", b"1")], "2026-12-01T12:00:00Z"));
    sandbox.adopting(commit).unwrap();
    assert_eq!(listed(), count + 2);
    assert_eq!(sandbox.packs(".keep").len(), 2);
    sandbox.assert_clean();
}

#[test]
fn more_packs_than_a_process_may_open_are_joined_in_turns() {
    let sandbox = Sandbox::new();
    for day in 0..140 {
        let time = format!("2026-{:02}-{:02}T12:00:00Z", 1 + day / 28, 1 + day % 28);
        sandbox.commit(&[("f", &noise(day, 500))], &time);
    }
    assert_eq!(sandbox.packs(".pack").len(), 140);
    let tidied = sandbox.vault.tidy().unwrap();
    assert!(tidied.packs >= 139, "{tidied:?}");
    assert!(sandbox.packs(".pack").len() < 5, "{:?}", sandbox.packs(".pack"));
    assert_eq!(sandbox.vault.history_of("f").unwrap().len(), 140);
    sandbox.assert_clean();
}
