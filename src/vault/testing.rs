//! A vault in a temporary folder, and the real git to look at it from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use chrono::DateTime;

use super::{Author, CommitInfo, FileMode, Grown, ObjectId, Previous, Step, TreeEdits, Vault};

/// A repository with a home beside it that is nobody's.
pub(super) struct Sandbox {
    pub(super) home: tempfile::TempDir,
    pub(super) vault: Vault,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::create(&home.path().join("backup")).unwrap();
        Self { home, vault }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.home.path().join("backup")
    }

    /// Runs a fetch, then takes its packs among ours, as after a fetch from a remote.
    pub(super) fn adopting<T>(&self, fetch: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.vault.packs_before_fetch()?;
        let fetched = fetch();
        self.vault.adopt_packs(&before);
        self.vault.reread()?;
        fetched
    }

    /// Forgets all that is in memory, as a new process would.
    pub(super) fn restart(&mut self) {
        self.vault = Vault::open(&self.root()).unwrap().unwrap();
    }

    /// Stops the next work once it has passed `step` for the first time, or `times` times more.
    pub(super) fn stop_after(&self, step: Step, times: usize) {
        *self.vault.stop_after.lock().unwrap() = Some((step, times));
    }

    /// Writes a file of the work tree; its id and length.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> (PathBuf, ObjectId, u64) {
        let full = self.root().join(path);
        fs_err::create_dir_all(full.parent().unwrap()).unwrap();
        fs_err::write(&full, bytes).unwrap();
        (full, ObjectId::of_bytes(bytes), bytes.len() as u64)
    }

    /// Commits files with these contents at this time and refreshes the index.
    pub(super) fn commit(&self, files: &[(&str, &[u8])], time: &str) -> Option<ObjectId> {
        self.try_commit(files, time).unwrap()
    }

    pub(super) fn try_commit(
        &self,
        files: &[(&str, &[u8])],
        time: &str,
    ) -> anyhow::Result<Option<ObjectId>> {
        let (commit, edits) = self.commit_alone(files, time)?;
        let refresh = self.vault.refresh_index(&edits);
        assert_eq!(refresh.problem, None);
        Ok(commit)
    }

    /// Commits files and leaves the index as it was; with what it would have to be told.
    pub(super) fn commit_alone(
        &self,
        files: &[(&str, &[u8])],
        time: &str,
    ) -> anyhow::Result<(Option<ObjectId>, TreeEdits)> {
        let mut batch = self.vault.begin()?;
        let mut edits = TreeEdits::new();
        for (path, bytes) in files {
            let (full, id, length) = self.write(path, bytes);
            batch.add_file(&full, id, length)?;
            edits.put(*path, id, FileMode::Plain);
        }
        Ok((batch.commit(&edits, &at(time))?, edits))
    }

    /// Commits a file that grew.
    pub(super) fn grow(&self, path: &str, old: &[u8], new: &[u8], time: &str) -> ObjectId {
        self.try_grow(path, old, new, time).unwrap().unwrap()
    }

    pub(super) fn try_grow(
        &self,
        path: &str,
        old: &[u8],
        new: &[u8],
        time: &str,
    ) -> anyhow::Result<Option<ObjectId>> {
        let mut batch = self.vault.begin()?;
        let (full, id, length) = self.write(path, new);
        let previous = self.previous(old);
        batch.add_grown(Grown { path: &full, id, length, previous: &previous, shared: None })?;
        let mut edits = TreeEdits::new();
        edits.put(path, id, FileMode::Plain);
        let commit = batch.commit(&edits, &at(time))?;
        assert_eq!(self.vault.refresh_index(&edits).problem, None);
        Ok(commit)
    }

    /// An older version with a file that still has its bytes.
    pub(super) fn previous(&self, bytes: &[u8]) -> Previous {
        let id = ObjectId::of_bytes(bytes);
        let path = self.home.path().join(id.to_string());
        fs_err::write(&path, bytes).unwrap();
        Previous { id, path }
    }

    /// What real git prints; nothing where git is not installed.
    pub(super) fn git(&self, words: &[&str]) -> Option<String> {
        git(self.home.path(), &self.root(), words)
    }

    /// Real git finds no fault and no difference.
    pub(super) fn assert_clean(&self) {
        for words in [&["fsck", "--full", "--strict"][..], &["status", "--porcelain"]] {
            let said = self.git(words).unwrap_or_default();
            let said: Vec<_> = said.lines().filter(|line| !line.starts_with("dangling")).collect();
            assert!(said.is_empty(), "{words:?}: {said:?}");
        }
    }

    /// The names in git's folder of packs that end so.
    pub(super) fn packs(&self, extension: &str) -> Vec<String> {
        let folder = self.root().join(".git/objects/pack");
        let names = fs_err::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(extension)).collect();
        names.sort();
        names
    }

    /// How many bytes all packs have.
    pub(super) fn packed(&self) -> u64 {
        let folder = self.root().join(".git/objects/pack");
        let packs = self.packs(".pack").into_iter();
        packs.map(|pack| fs_err::metadata(folder.join(pack)).unwrap().len()).sum()
    }

    /// The longest chain that real git sees, over all packs.
    pub(super) fn deepest(&self) -> Option<usize> {
        let packs = self.packs(".idx").into_iter();
        let mut deepest = 0;
        for pack in packs {
            let said = self.git(&["verify-pack", "-v", &format!(".git/objects/pack/{pack}")])?;
            let chains = said.lines().filter_map(|line| line.strip_prefix("chain length = "));
            let depths = chains.filter_map(|rest| rest.split(':').next()?.parse::<usize>().ok());
            deepest = deepest.max(depths.max().unwrap_or(0));
        }
        Some(deepest)
    }
}

/// A commit of the tests' author at this time.
pub(super) fn at(time: &str) -> CommitInfo {
    CommitInfo {
        message: "backup — 1 file".into(),
        author: Author { name: "Tom".into(), email: "tom@example.org".into() },
        time: DateTime::parse_from_rfc3339(time).unwrap(),
    }
}

/// Bytes that do not compress, the same for the same seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    next.take(length).collect()
}

pub(super) fn git(home: &Path, folder: &Path, words: &[&str]) -> Option<String> {
    let out = git_fed(home, folder, words, b"")?;
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// What real git says to this input.
#[expect(clippy::disallowed_methods, reason = "the real git judges what was written")]
pub(super) fn git_fed(home: &Path, folder: &Path, words: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let fed = home.join("input");
    fs_err::write(&fed, input).unwrap();
    let output = Command::new("git")
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C")
        .stdin(std::fs::File::open(fed).unwrap())
        .output()
        .map_err(|error| say_skipped(&error))
        .ok()?;
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "git {words:?}: {said}");
    Some(output.stdout)
}

/// Past the harness, which keeps what a test prints, unless it fails.
fn say_skipped(error: &std::io::Error) {
    use std::io::Write;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: git does not start: {error}");
}
