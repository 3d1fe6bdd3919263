//! A source file under the eyes of one job: read up to the size it had when it was opened.

use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use fs_err::File;

use crate::progress::{CountedReader, Progress};
use crate::source::{self, Stat};

/// An open source file.
///
/// It may grow while it is read; what is stored is then a prefix of it, and the next run finds the
/// rest by its size.
pub(super) struct SourceFile<'a> {
    /// Where it is.
    pub path: PathBuf,
    /// As it was before the first byte was read.
    pub stat: Stat,
    /// Its time of change.
    pub modified: DateTime<Utc>,
    file: File,
    progress: &'a dyn Progress,
}

impl<'a> SourceFile<'a> {
    /// Opens a file and notes its size and times; what is read of it is told to `progress`.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn open(listed: &source::SourceFile, progress: &'a dyn Progress) -> Result<Self> {
        let file = listed.open()?;
        let stat = Stat::of(&file.metadata()?);
        let (path, modified) = (listed.path.clone(), stat.modified());
        Ok(Self { path, stat, modified, file, progress })
    }

    /// The bytes from `position` to the size it had.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub(super) fn read_from(
        &mut self,
        position: u64,
    ) -> io::Result<CountedReader<'a, Take<&mut File>>> {
        self.file.seek(SeekFrom::Start(position))?;
        let left = self.stat.size.saturating_sub(position);
        Ok(CountedReader::new((&mut self.file).take(left), self.progress))
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
