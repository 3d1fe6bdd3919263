//! A source file under the eyes of one job: read up to the size it had when it was opened.

use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use fs_err::File;

use crate::progress::Progress;
use crate::source::{self, Stat};

/// An open source file.
///
/// It may grow while it is read; what is stored is then a prefix of it, and the next run finds the
/// rest by its size.
pub(super) struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// As it was before the first byte was read.
    pub stat: Stat,
    /// Its time of change.
    pub modified: DateTime<Utc>,
    file: File,
}

impl SourceFile {
    /// Opens a file and notes its size and times.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn open(listed: &source::SourceFile) -> Result<Self> {
        let file = listed.open()?;
        let stat = Stat::of(&file.metadata()?);
        Ok(Self { path: listed.path.clone(), stat, modified: stat.modified(), file })
    }

    /// The bytes from `position` to the size it had, told to `progress` as they pass.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn read_from<'a>(
        &'a mut self,
        position: u64,
        progress: &'a dyn Progress,
    ) -> io::Result<Watched<'a>> {
        self.file.seek(SeekFrom::Start(position))?;
        let left = self.stat.size.saturating_sub(position);
        Ok(Watched { source: (&mut self.file).take(left), progress })
    }

    /// The bytes from `start` to `end`.
    ///
    /// # Errors
    /// Where the file is shorter by now.
    pub(super) fn read_range(&mut self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(end - start).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == end - start {
            return Ok(bytes);
        }
        let message = format!("`{}` was cut while it was read", self.path.display());
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
    }
}

/// A reader that can be stopped.
pub(super) struct Watched<'a> {
    source: Take<&'a mut File>,
    progress: &'a dyn Progress,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.interrupted() {
            return Err(io::Error::other("interrupted"));
        }
        self.source.read(buffer)
    }
}
