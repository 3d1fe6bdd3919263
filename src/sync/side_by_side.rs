//! Many files stored at once, on all cores.

use anyhow::Result;
use rayon::prelude::*;

use super::plan::Found;
use super::store::{Job, Store, Stored};
use crate::archive;
use crate::error::{ErrorKind, Failure};
use crate::progress::{FileProgress, Progress};
use crate::repository::Repository;

/// So many files are stored before what became of them is taken over: all at once, those of a first
/// backup would take a lot of memory.
pub(super) const PORTION: usize = 1024;

/// A larger file keeps all cores busy by itself; see `archive::write`.
const LARGE: u64 = archive::SECTION as u64;

/// Files being stored, from the first to the last of a run.
pub(super) struct SideBySide<'a> {
    store: Store<'a>,
    progress: &'a dyn Progress,
}

impl<'a> SideBySide<'a> {
    /// Makes ready to store these files.
    ///
    /// # Errors
    /// Where there is no place to stage them.
    pub(super) fn begin<'f>(
        repository: &'a Repository,
        files: impl ExactSizeIterator<Item = &'f Found>,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let store = Store::new(repository)?;
        let count = files.len() as u64;
        progress.start("backing up", count, files.map(|found| found.file.stat.size).sum());
        Ok(Self { store, progress })
    }

    /// Compares and compresses on all cores: large files one after the other, each cut into pieces,
    /// then the small ones side by side. More than a few at once would only take memory.
    ///
    /// # Errors
    /// Only where the user asked to stop.
    pub(super) fn store(&self, jobs: &[Job]) -> Result<Vec<Result<Stored>>> {
        let work = |index: &usize| {
            let job = &jobs[*index];
            let file = FileProgress::new(self.progress, job.found.file.stat.size);
            let result = self.store.store(job, &file);
            match &result {
                Ok(stored) => file.step(&format_args!("{} {}", stored.verdict, job.found.path)),
                Err(error) => file.step(&format_args!("not stored {}: {error:#}", job.found.path)),
            }
            (*index, result)
        };
        let is_large = |index: &usize| jobs[*index].found.file.stat.size > LARGE;
        let (large, small): (Vec<usize>, Vec<usize>) = (0..jobs.len()).partition(is_large);
        let mut results: Vec<(usize, Result<Stored>)> = large.iter().map(work).collect();
        results.par_extend(small.par_iter().with_max_len(8).map(work));
        if self.progress.interrupted() {
            return Err(Failure::new(
                ErrorKind::Interrupted,
                "stopped before anything was changed",
            )
            .hint("run it again; it starts from the last backup")
            .into());
        }
        results.sort_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

impl Drop for SideBySide<'_> {
    fn drop(&mut self) {
        self.progress.finish();
        self.store.checkpoints.tidy();
    }
}
