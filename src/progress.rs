//! How long work tells how far it is, and learns that it should stop.

use std::fmt::Display;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// Told by an operation, shown by a front end.
pub trait Progress: Sync {
    /// A stage begins: what it does, and how many files and bytes it has before it.
    fn start(&self, stage: &str, files: u64, bytes: u64);
    /// So many more are done.
    fn advance(&self, files: u64, bytes: u64);
    /// The stage is over.
    fn finish(&self);
    /// True once the user asked to stop; the operation then ends at its next safe point.
    fn interrupted(&self) -> bool;
    /// A step was made; `--verbose` prints it.
    fn step(&self, _step: &dyn Display) {}
}

/// The progress of one file: its bytes count as they are read, once, and the file when it is
/// dropped.
pub struct FileProgress<'a> {
    all: &'a dyn Progress,
    /// Bytes of the file that were not counted yet.
    left: AtomicU64,
}

impl<'a> FileProgress<'a> {
    /// Counts a file of this many bytes.
    pub fn new(all: &'a dyn Progress, bytes: u64) -> Self {
        Self { all, left: AtomicU64::new(bytes) }
    }
}

impl Progress for FileProgress<'_> {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}

    fn advance(&self, _files: u64, bytes: u64) {
        // What is read a second time was counted already.
        let take = |left: u64| Some(left.saturating_sub(bytes));
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        self.all.advance(0, bytes.min(left.unwrap_or_default()));
    }

    fn finish(&self) {}

    fn interrupted(&self) -> bool {
        self.all.interrupted()
    }

    fn step(&self, step: &dyn Display) {
        self.all.step(step);
    }
}

impl Drop for FileProgress<'_> {
    fn drop(&mut self) {
        self.all.advance(1, self.left.load(Ordering::Relaxed));
    }
}

/// A reader whose bytes are counted as they pass.
pub struct CountedReader<'a, R> {
    reader: R,
    progress: &'a dyn Progress,
}

impl<'a, R: Read> CountedReader<'a, R> {
    /// Counts what is read of this reader.
    pub fn new(reader: R, progress: &'a dyn Progress) -> Self {
        Self { reader, progress }
    }
}

impl<R: Read> Read for CountedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.interrupted() {
            return Err(io::Error::other("interrupted"));
        }
        let count = self.reader.read(buffer)?;
        self.progress.advance(0, count as u64);
        Ok(count)
    }
}

/// Nobody is looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody is looking, and the user asked to stop before it began.
#[cfg(test)]
pub(crate) struct Stopped;

#[cfg(test)]
impl Progress for Stopped {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Counts(Mutex<Vec<(u64, u64)>>);

    impl Progress for Counts {
        fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
        fn advance(&self, files: u64, bytes: u64) {
            self.0.lock().unwrap().push((files, bytes));
        }
        fn finish(&self) {}
        fn interrupted(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_file_counts_byte_by_byte_and_only_once() {
        let counts = Counts::default();
        let file = FileProgress::new(&counts, 10);
        for _ in 0..2 {
            io::copy(&mut CountedReader::new(&[0; 6][..], &file), &mut io::sink()).unwrap();
        }
        file.advance(0, 0);
        drop(file);
        assert_eq!(*counts.0.lock().unwrap(), [(0, 6), (0, 0), (0, 4), (0, 0), (0, 0), (1, 0)]);
        drop(FileProgress::new(&counts, 7));
        assert_eq!(counts.0.lock().unwrap().last(), Some(&(1, 7)), "a file that was not read");
    }
}
