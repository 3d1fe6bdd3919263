//! Files that are too large for any git host, taken over in parts.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use flate2::{Compression, GzBuilder};
use tempfile::TempDir;

use super::*;
use crate::archive::{Limits, SECTION};
use crate::env::Env;
use crate::repository::layout::{Form, LedgerName};
use crate::repository::ledger::{Hash, Reason, StoredPart, Unknown, Version};
use crate::repository::sizes::Sizes;

const PROJECT: &str = "machines/mac/projects/-home-dev";

/// Limits that small files reach: a part ends with each section.
const SMALL: Sizes = Sizes {
    largest_adopted: 300_000,
    largest_committed: 1_500_000,
    large_for_a_host: 2 << 30,
    part: Limits { compressed: 1, plain: 1 },
};

struct Old {
    home: TempDir,
    repository: Repository,
}

impl Old {
    fn new(sizes: Sizes) -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(1_795_176_000_000));
        let env = Env::sandbox(home.path().to_owned(), "mac.local", clock);
        let mut repository = Repository::create(&home.path().join("backup"), &env).unwrap();
        repository.sizes = sizes;
        Self { home, repository }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.repository.root().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.repository.root().join(name).exists()
    }

    fn adopt(&self) -> Adopted {
        let _lock = self.repository.lock("sync").unwrap();
        adopt(&self.repository).unwrap()
    }

    fn entry(&self, path: &str) -> Entry {
        let path = EntryPath::parse(path).unwrap();
        let ledger = self.repository.ledger(&self.repository.machine, &path.ledger()).unwrap();
        ledger.entries[&path].clone()
    }

    fn read(&self, entry: &Entry, content: &Content) -> Vec<u8> {
        let mut bytes = Vec::new();
        let repository = &self.repository;
        let stored = repository.open_content(&repository.machine, &entry.path, content);
        stored.unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// All bytes are there, in files that are small enough, in the work tree and in git.
    fn assert_in_parts(&self, entry: &Entry, content: &Content, bytes: &[u8]) {
        assert_eq!(content.form, Form::Sectioned);
        assert_eq!(content.parts.len(), bytes.len().div_ceil(SECTION));
        assert!(self.read(entry, content) == bytes);
        for (name, part) in content.files(&entry.path) {
            assert!(part.length < SMALL.largest_committed);
            assert!(self.has(&format!("machines/mac/{name}")), "{name}");
            let committed = self.repository.vault.find(&format!("machines/mac/{name}")).unwrap();
            assert_eq!(committed.unwrap().id, part.blob);
        }
    }

    /// The same folder after its `.git` was lost.
    fn without_git(mut self) -> Self {
        let root = self.repository.root().to_path_buf();
        fs_err::remove_dir_all(root.join(".git")).unwrap();
        let env = self.repository.env().clone();
        self.repository = Repository::create(&root, &env).unwrap();
        self.repository.sizes = SMALL;
        self
    }
}

/// Text that does not compress well.
fn text(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'0' + (state >> 24) as u8 % 64
    });
    next.take(length).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_archive_that_no_host_takes_is_cut_into_parts() {
    let old = Old::new(SMALL);
    let (large, small) = (text(1, 2 * SECTION + 700_000), text(2, 100_000));
    old.put(&format!("{PROJECT}/large.jsonl.gz"), &gzipped(&large));
    old.put(&format!("{PROJECT}/small.jsonl.gz"), &gzipped(&small));
    let blob = ObjectId::of_bytes(&gzipped(&small));
    let adopted = old.adopt();
    assert_eq!((adopted.files, adopted.damaged.len()), (2, 0));
    let entry = old.entry("projects/-home-dev/large.jsonl");
    old.assert_in_parts(&entry, &entry.content, &large);
    assert_eq!(entry.content.at, None);
    let entry = old.entry("projects/-home-dev/small.jsonl");
    assert_eq!((entry.content.form, entry.content.parts[0].blob), (Form::Gzip, blob));
    assert_eq!(old.repository.take_warnings(), Vec::<String>::new());
}

#[test]
fn in_a_flat_layout_the_large_archive_moves_and_goes() {
    let old = Old::new(SMALL);
    let large = text(1, SECTION + 1);
    old.put("projects/-home-dev/large.jsonl.gz", &gzipped(&large));
    old.adopt();
    let entry = old.entry("projects/-home-dev/large.jsonl");
    old.assert_in_parts(&entry, &entry.content, &large);
    assert!(!old.has("projects"));
}

#[test]
fn a_large_plain_file_is_cut_into_parts() {
    let old = Old::new(SMALL);
    let large = text(3, SECTION + 20);
    old.put("config/skills/x/model.bin", &large);
    crate::fs::set_mode(&old.repository.root().join("config/skills/x/model.bin"), 0o755).unwrap();
    old.adopt();
    let entry = old.entry("config/skills/x/model.bin");
    old.assert_in_parts(&entry, &entry.content, &large);
    assert_eq!((entry.content.mode, entry.content.at.is_some()), (0o700, true));
    assert!(old.has("machines/mac/config/skills/x/model.bin%.002.gz"));
    assert!(!old.has("config"));
}

#[test]
fn lines_of_a_backup_whose_git_was_lost_are_cut_too() {
    let whole = Sizes { part: SMALL.part, ..Sizes::default() };
    let old = Old::new(whole);
    let (large, older) = (text(4, SECTION + 5), text(5, SECTION + 6));
    let plain = text(6, SECTION + 7);
    old.put(&format!("{PROJECT}/large.jsonl.gz"), &gzipped(&large));
    old.put("config/agents/large.md", &plain);
    old.adopt();
    // An earlier content of it, as large.
    let mut entry = old.entry("projects/-home-dev/large.jsonl");
    let number = 1;
    let (archive, hash) = (gzipped(&older), Hash::of(&older[..]).unwrap());
    let part = StoredPart::new(archive.len() as u64, hash.1, ObjectId::of_bytes(&archive));
    let content = Content {
        length: hash.1,
        sha256: hash.0,
        parts: vec![part],
        at: Some(format!("{}/{number}", entry.path.versions_folder())),
        ..entry.content.clone()
    };
    old.put(&format!("machines/mac/{}", content.files(&entry.path)[0].0), &archive);
    let (reason, replaced) = (Reason::Rewritten, entry.last_seen);
    let unknown = Unknown::new();
    entry.versions.push(Version { number, reason, replaced, lost_messages: 7, content, unknown });
    let mut ledger = Ledger::default();
    ledger.entries.insert(entry.path.clone(), entry);
    let name = LedgerName::of_project("-home-dev").file();
    old.put(&format!("machines/mac/{name}"), &ledger.to_text().unwrap());

    let old = old.without_git();
    let adopted = old.adopt();
    assert_eq!((adopted.files, adopted.damaged), (2, Vec::new()));
    let entry = old.entry("projects/-home-dev/large.jsonl");
    old.assert_in_parts(&entry, &entry.content, &large);
    assert_eq!(entry.versions[0].lost_messages, 7);
    old.assert_in_parts(&entry, &entry.versions[0].content, &older);
    assert!(old.has("machines/mac/versions/-home-dev/large/1.002.gz"));
    let entry = old.entry("config/agents/large.md");
    old.assert_in_parts(&entry, &entry.content, &plain);
    assert!(!old.has("machines/mac/config/agents/large.md"));
}

#[test]
fn a_torn_archive_that_is_too_large_for_a_commit_stays_beside_the_whole_one() {
    let old = Old::new(SMALL);
    let whole = text(7, 200_000);
    let name = format!("{PROJECT}/s.jsonl.gz");
    let (archive, mut torn) = (gzipped(&whole), gzipped(&text(8, 4 * SECTION)));
    torn.pop();
    old.put(&name, &archive);
    let mut batch = old.repository.vault.begin().unwrap();
    let mut edits = crate::vault::TreeEdits::new();
    let (id, length) = (ObjectId::of_bytes(&archive), archive.len() as u64);
    batch.add_file(&old.repository.root().join(&name), id, length).unwrap();
    edits.put(&*name, id, FileMode::Plain);
    let info = crate::vault::CommitInfo {
        message: "backup".into(),
        author: crate::vault::Author::find(old.home.path(), None, "mac"),
        time: old.repository.env().local(old.repository.env().now()),
    };
    batch.commit(&edits, &info).unwrap();
    old.put(&name, &torn);
    assert_eq!(old.adopt().files, 1);
    let entry = old.entry("projects/-home-dev/s.jsonl");
    assert!(old.read(&entry, &entry.content) == whole);
    let beside = format!("{name}%damaged");
    assert!(fs_err::read(old.repository.root().join(&beside)).unwrap() == torn);
    assert!(old.repository.vault.find(&beside).unwrap().is_none());
    let warnings = old.repository.take_warnings();
    assert!(warnings.iter().any(|said| said.contains("too large to be committed")), "{warnings:?}");
}

#[test]
fn bytes_that_are_not_what_they_were_are_not_taken_for_it() {
    let old = Old::new(SMALL);
    let file = old.home.path().join("f.gz");
    fs_err::write(&file, gzipped(&text(1, 5000))).unwrap();
    let candidate = Candidate::new("f.jsonl.gz".into(), Path::new("history.jsonl.gz"));
    let content = candidate.inspect(&file).unwrap();
    let stage = old.repository.stage_dir().unwrap();
    let cut = |bytes: &[u8]| {
        fs_err::write(&file, gzipped(bytes)).unwrap();
        InParts::write(&stage, &candidate.path(), &content, vec![file.clone()], SMALL.part)
    };
    assert!(cut(&text(1, 5000)).is_ok());
    for other in [text(1, 4999), text(1, 5001), text(2, 5000)] {
        assert!(cut(&other).is_err());
    }
}
