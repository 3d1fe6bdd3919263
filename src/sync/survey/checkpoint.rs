//! What a survey ended with, so that the next one of a file that grew need not begin anew.
//!
//! A long session is written to all day. Its old bytes are then read for their CRC-32 alone, while
//! the SHA-256 and the counts of its messages go on where they were. A checkpoint is of use only
//! where its SHA-256 is the ledger's, so one that is old, foreign or torn costs time and nothing
//! else. Safe to delete; a full backup does so, and hashes every byte again.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use super::hash;
use crate::fs::{PRIVATE_FILE, is_missing, write_atomic};
use crate::repository::layout::EntryPath;
use crate::repository::ledger::Content;
use crate::transcript::{Scanner, ScannerState};
use crate::vault::ObjectId;

/// Changes whenever the fields below do.
const FORMAT: u32 = 1;
/// A shorter file is read from its beginning in less time than a checkpoint takes.
const WORTH_IT: u64 = 256 << 10;
/// More files than anybody writes to at the same time.
const MOST: usize = 64;

/// The running sums at the end of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::sync) struct Checkpoint {
    format: u32,
    /// Bytes of the file.
    pub(super) length: u64,
    /// Of all of them.
    pub(super) crc: u32,
    sha256: Vec<u8>,
    pub(super) scan: Option<ScannerState>,
}

impl Checkpoint {
    pub(super) fn of(
        length: u64,
        sha256: &Sha256,
        crc: u32,
        scanner: Option<&Scanner>,
    ) -> Option<Self> {
        (length >= WORTH_IT).then(|| Self {
            format: FORMAT,
            length,
            crc,
            sha256: sha256.serialize().to_vec(),
            scan: scanner.map(Scanner::state),
        })
    }

    /// The hash as it was.
    pub(super) fn sha256(&self) -> Option<Sha256> {
        let state = SerializedState::<Sha256>::try_from(self.sha256.as_slice()).ok()?;
        Sha256::deserialize(&state).ok()
    }

    /// True where it was made at the end of these very bytes.
    fn is_of(&self, content: &Content) -> bool {
        let is_same = |sha256| hash(&sha256) == content.sha256;
        self.length == content.length && self.sha256().is_some_and(is_same)
    }
}

/// The folder that keeps them, a file for each.
pub(in crate::sync) struct Checkpoints(PathBuf);

impl Checkpoints {
    /// In the program's own folder.
    pub(in crate::sync) fn new(private_dir: &Path) -> Self {
        Self(private_dir.join("growing"))
    }

    /// That of a stored content, if there is one.
    pub(in crate::sync) fn load(&self, path: &EntryPath, content: &Content) -> Option<Checkpoint> {
        if content.length < WORTH_IT {
            return None;
        }
        let bytes = fs_err::read(self.file(path)).ok()?;
        let (text, sum) = bytes.split_last_chunk::<4>().map(|(text, sum)| (text, *sum))?;
        let is_whole = crc32fast::hash(text) == u32::from_le_bytes(sum);
        let checkpoint: Checkpoint = postcard::from_bytes(text).ok().filter(|_| is_whole)?;
        (checkpoint.format == FORMAT && checkpoint.is_of(content)).then_some(checkpoint)
    }

    /// Keeps one; what cannot be kept is no loss.
    pub(in crate::sync) fn save(&self, path: &EntryPath, checkpoint: &Checkpoint) {
        if let Ok(mut bytes) = postcard::to_stdvec(checkpoint) {
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            let _ = write_atomic(&self.file(path), &bytes, PRIVATE_FILE);
        }
    }

    /// Forgets the oldest where there are many.
    pub(in crate::sync) fn tidy(&self) {
        let entries = fs_err::read_dir(&self.0).into_iter().flatten().flatten();
        let dated = entries.filter_map(|file| Some((modified(&file)?, file.path())));
        let mut files: Vec<(SystemTime, PathBuf)> = dated.collect();
        files.sort_unstable();
        let old = files.len().saturating_sub(MOST);
        for (_, file) in files.iter().take(old) {
            let _ = fs_err::remove_file(file);
        }
    }

    /// Forgets them all.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(in crate::sync) fn clear(&self) -> Result<()> {
        match fs_err::remove_dir_all(&self.0) {
            Err(error) if !is_missing(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn file(&self, path: &EntryPath) -> PathBuf {
        self.0.join(ObjectId::of_bytes(path.as_str().as_bytes()).to_string())
    }
}

fn modified(file: &fs_err::DirEntry) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::repository::Repository;
    use crate::source::{Roots, Scope};
    use crate::sync::{Reading, SyncOutcome, apply, plan};
    use crate::testing::sandbox;

    const NAME: &str = "projects/-p/1b9342d9-1e35-4d3e-ab6c-c5e977eb2105.jsonl";

    /// A home with one long session.
    struct Home {
        _folder: tempfile::TempDir,
        repository: Repository,
        roots: Roots,
        file: PathBuf,
        text: String,
    }

    impl Home {
        fn new() -> Self {
            let (folder, env) = sandbox();
            let file = folder.path().join(".claude").join(NAME);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            let repository = Repository::create(&folder.path().join("backup"), &env).unwrap();
            let roots = Roots::find(None, &env);
            Self { _folder: folder, repository, roots, file, text: String::new() }
        }

        /// Half a record at the end, and the other half at the beginning of the next stretch.
        fn write_on(&mut self, records: usize) {
            let at = self.text.len();
            let record = |number| {
                format!(
                    "me\"}},\"uuid\":\"{at}-{number}\"}}\n{{\"type\":\"user\",\"cwd\":\"/w\",\"message\":{{\"content\":\"ti"
                )
            };
            (0..records).for_each(|number| self.text.push_str(&record(number)));
        }

        fn sync(&self) -> SyncOutcome {
            fs_err::write(&self.file, &self.text).unwrap();
            let (repository, roots) = (&self.repository, &self.roots);
            let prepared = plan(repository, roots, Scope::All, Reading::Changed, &Silent).unwrap();
            apply(repository, prepared, &Silent).unwrap()
        }

        fn stored(&self) -> Content {
            let path = EntryPath::parse(NAME).unwrap();
            let machine = &self.repository.machine;
            let ledger = self.repository.ledger(machine, &path.ledger()).unwrap();
            ledger.entries[&path].content.clone()
        }

        fn checkpoint(&self) -> Option<Checkpoint> {
            let path = EntryPath::parse(NAME).unwrap();
            let checkpoints = Checkpoints::new(&self.repository.vault.private_dir().unwrap());
            checkpoints.load(&path, &self.stored())
        }

        fn assert_is_as_if_read_at_once(&self) {
            let mut fresh = Self::new();
            fresh.text.clone_from(&self.text);
            fresh.sync();
            let (stored, expected) = (self.stored(), fresh.stored());
            assert_eq!((stored.sha256, stored.length), (expected.sha256, expected.length));
            assert_eq!(stored.session, expected.session);
            assert!(stored.session.unwrap().messages > 1000);
        }
    }

    #[test]
    fn a_survey_that_goes_on_finds_what_one_pass_finds() {
        let mut home = Home::new();
        home.write_on(4500);
        home.sync();
        for records in [1, 700, 20] {
            home.write_on(records);
            assert_eq!(home.sync().grown, 1);
            home.assert_is_as_if_read_at_once();
            assert!(home.checkpoint().is_some());
        }
    }

    #[test]
    fn old_bytes_that_changed_are_found() {
        let mut home = Home::new();
        home.write_on(4500);
        home.sync();
        home.write_on(10);
        home.sync();
        assert!(home.checkpoint().is_some());
        home.text.replace_range(1000..1001, "#");
        home.write_on(10);
        assert_eq!(home.sync().new_versions.len(), 1);
        assert!(home.checkpoint().is_none());
    }

    #[test]
    fn a_damaged_or_foreign_checkpoint_costs_time_alone() {
        let mut home = Home::new();
        home.write_on(4500);
        home.sync();
        home.write_on(10);
        home.sync();
        let folder = home.repository.vault.private_dir().unwrap().join("growing");
        let file = fs_err::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let of_before = fs_err::read(&file).unwrap();
        let mut torn = of_before.clone();
        torn[60] ^= 1;
        for bytes in [&torn[..], &of_before[..of_before.len() / 2], b"", &of_before] {
            home.write_on(5);
            home.sync();
            fs_err::write(&file, bytes).unwrap();
            assert!(home.checkpoint().is_none());
            home.write_on(5);
            assert_eq!(home.sync().grown, 1);
            home.assert_is_as_if_read_at_once();
        }
    }

    #[test]
    fn only_the_latest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        let path = |number| EntryPath::parse(format!("projects/-p/{number}.jsonl")).unwrap();
        let checkpoint = Checkpoint::of(WORTH_IT, &Sha256::default(), 0, None).unwrap();
        for number in 0..MOST + 5 {
            checkpoints.save(&path(number), &checkpoint);
        }
        checkpoints.tidy();
        assert_eq!(fs_err::read_dir(&checkpoints.0).unwrap().count(), MOST);
        checkpoints.clear().unwrap();
        checkpoints.clear().unwrap();
    }
}
