//! Files of archives that are being written, outside the work tree.

use std::io;
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
        StageSink(self)
    }
}

/// Writes each part to its stage file.
pub struct StageSink<'a>(&'a StageFiles);

impl PartSink for StageSink<'_> {
    type Writer = fs_err::File;

    fn begin(&mut self, number: u32) -> io::Result<fs_err::File> {
        fs_err::File::create(self.0.path(number))
    }

    fn finish(&mut self, _number: u32, _file: fs_err::File) -> io::Result<()> {
        Ok(())
    }
}
