//! Files of archives that are being written, outside the work tree.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::archive::PartSink;

/// The names of one archive's parts while they wait.
pub struct StageFiles {
    stem: PathBuf,
}

impl StageFiles {
    /// Names that nobody else has in the stage folder.
    #[must_use]
    pub fn new(stage: &Path) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self { stem: stage.join(number.to_string()) }
    }

    /// Where a part waits.
    #[must_use]
    pub fn path(&self, number: u32) -> PathBuf {
        self.stem.with_extension(number.to_string())
    }

    /// Opens each part for writing as it begins.
    #[must_use]
    pub fn sink(&self) -> StageSink<'_> {
        StageSink { files: self, sums: BTreeMap::new() }
    }
}

/// Writes each part to its stage file.
pub struct StageSink<'a> {
    files: &'a StageFiles,
    sums: BTreeMap<u32, u32>,
}

impl StageSink<'_> {
    /// The CRC-32 of a finished part's file as it was meant to be.
    #[must_use]
    pub fn sum(&self, number: u32) -> Option<u32> {
        self.sums.get(&number).copied()
    }
}

impl PartSink for StageSink<'_> {
    type Writer = StageFile;

    fn begin(&mut self, number: u32) -> io::Result<StageFile> {
        let file = fs_err::File::create(self.files.path(number))?;
        Ok(StageFile { file, sum: crc32fast::Hasher::new() })
    }

    fn finish(&mut self, number: u32, file: StageFile) -> io::Result<()> {
        self.sums.insert(number, file.sum.finalize());
        Ok(())
    }
}

/// A file that is summed up as it is written.
pub struct StageFile {
    file: fs_err::File,
    sum: crc32fast::Hasher,
}

impl Write for StageFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
