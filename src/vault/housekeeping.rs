//! Joins packs that are finished: few packs, and no object in two of them.
//!
//! Packs are joined by size: after it each is at least twice as large as all smaller ones together,
//! so an object is copied a number of times that grows only with the logarithm of the whole. Only
//! packs of ours are touched, those that we fetched among them, and none goes before the one that
//! has all its objects is durable.

mod doubles;
mod plan;

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};

use self::plan::{Choice, Plan};
use super::Vault;
use super::entry::{Form, Packing};
use super::object_id::{ObjectId, ObjectKind};
use super::pack::{FinishedPack, PackWriter};
use super::pack_file::PackFile;
use super::pack_folder::PackFolder;
use super::pack_list::Keep;

/// A pack larger than this is left as it is for good.
const SIZE_LIMIT: u64 = 512 * 1024 * 1024;
/// Each pack that is joined is an open file, of which a process has few: on macOS 256.
const AT_ONCE: usize = 64;

/// What housekeeping did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// How many packs were joined; 0 where nothing was to do.
    pub packs: usize,
    /// Their bytes before.
    pub bytes_before: u64,
    /// The bytes of the new packs.
    pub bytes_after: u64,
}

impl Vault {
    /// Joins finished packs where there are too many small ones; cheap where there are not.
    ///
    /// The caller holds the backup's lock.
    ///
    /// # Errors
    /// Where a pack cannot be read or written; all objects are still there.
    pub fn tidy(&self) -> Result<Tidied> {
        let tidied = self.tidy_within(SIZE_LIMIT)?;
        if self.has_doubles.swap(false, Ordering::Relaxed) {
            self.move_doubles()?;
        }
        Ok(tidied)
    }

    pub(super) fn tidy_within(&self, limit: u64) -> Result<Tidied> {
        let packs = self.packs()?;
        let mut tidied = Tidied::default();
        loop {
            let frozen = packs.frozen()?.into_iter();
            let mut chosen = packs_to_join(frozen.filter(|(_, size)| *size <= limit).collect());
            let is_last = chosen.len() <= AT_ONCE;
            // The smallest come first, and what they become is chosen again.
            chosen.truncate(AT_ONCE);
            let Some(mut sources) = self.sources(&packs, &chosen)? else {
                return Ok(tidied);
            };
            tidied.packs += sources.len();
            tidied.bytes_before += sources.iter().map(|source| source.size).sum::<u64>();
            tidied.bytes_after += self.join(&packs, &mut sources)?;
            if is_last {
                return Ok(tidied);
            }
        }
    }

    /// Opens packs that shall be joined; nothing where there are none, or one is damaged.
    fn sources(&self, packs: &PackFolder, names: &[String]) -> Result<Option<Vec<PackFile>>> {
        let mut sources = Vec::new();
        for name in names {
            match open_checked(packs, name) {
                Ok(source) => sources.push(source),
                Err(error) => {
                    packs.set_aside(name)?;
                    self.warn(format!("set a damaged pack aside: {error:#}"));
                    return Ok(None);
                }
            }
        }
        Ok(Some(sources).filter(|sources| !sources.is_empty()))
    }

    fn join(&self, packs: &PackFolder, sources: &mut [PackFile]) -> Result<u64> {
        let (finished, size) = self.write_joined(packs, sources)?;
        let old: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        self.put_in_place_of(packs, finished, Keep::Publishing, &old)?;
        Ok(size)
    }

    /// One pack with all that the sources have, each object once, and its size.
    fn write_joined(
        &self,
        packs: &PackFolder,
        sources: &mut [PackFile],
    ) -> Result<(FinishedPack, u64)> {
        let plan = Plan::new(sources);
        let mut writer = PackWriter::create(packs.path())?;
        for (at, id) in in_file_order(sources) {
            match plan.chosen.get(&id) {
                Some(Choice { source: Some(source), .. }) if *source == at => {
                    writer.copy(&mut sources[at], id)?;
                }
                Some(Choice { source: None, .. }) if writer.form(id).is_none() => {
                    self.add_whole_again(&mut writer, id)?;
                }
                _ => {}
            }
        }
        let complete = sources.iter().flat_map(PackFile::entries);
        ensure!(
            complete.into_iter().all(|(id, _)| writer.form(id).is_some()),
            "a pack lacks objects"
        );
        ensure!(writer.bases().all(|base| writer.form(base).is_some()), "a pack lacks a base");
        let size = writer.size();
        Ok((writer.finish()?, size))
    }

    /// Names a pack that has all that some others have, and removes those.
    pub(super) fn put_in_place_of(
        &self,
        packs: &PackFolder,
        finished: FinishedPack,
        keep: Keep,
        old: &[String],
    ) -> Result<()> {
        let name = finished.name.clone();
        let passed = |step| self.passed(step);
        packs.publish(finished, keep, &passed)?;
        packs.settle(&name, old, &passed)?;
        if keep == Keep::Publishing {
            packs.drop_keep(&name)?;
        }
        self.reopen()
    }

    pub(super) fn add_whole_again(&self, writer: &mut PackWriter, id: ObjectId) -> Result<()> {
        let (kind, bytes) = self.read_object(id)?;
        let packing = if kind == ObjectKind::Blob { Packing::Stored } else { Packing::Deflated };
        writer.add_bytes(id, Form::Whole(kind), packing, &bytes)
    }
}

/// Which packs become one: the smallest ones up to the last that is too small for its place.
fn packs_to_join(mut packs: Vec<(String, u64)>) -> Vec<String> {
    packs.sort_by_key(|(_, size)| *size);
    let mut smaller = 0;
    let mut count = 0;
    for (at, (_, size)) in packs.iter().enumerate() {
        if at > 0 && *size < 2 * smaller {
            count = at + 1;
        }
        smaller += size;
    }
    packs.into_iter().take(count).map(|(name, _)| name).collect()
}

fn open_checked(packs: &PackFolder, name: &str) -> Result<PackFile> {
    let mut pack = packs.open(name).with_context(|| format!("pack {name}"))?;
    pack.verify()?;
    Ok(pack)
}

fn in_file_order(sources: &[PackFile]) -> Vec<(usize, ObjectId)> {
    let numbered = sources.iter().enumerate();
    numbered
        .flat_map(|(at, source)| source.ids_by_offset().into_iter().map(move |id| (at, id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(sizes: &[u64]) -> usize {
        let packs = sizes.iter().enumerate().map(|(at, size)| (at.to_string(), *size)).collect();
        packs_to_join(packs).len()
    }

    #[test]
    fn packs_stay_geometric_in_size() {
        assert_eq!(joined(&[]), 0);
        assert_eq!(joined(&[20]), 0);
        assert_eq!(joined(&[20, 200]), 0);
        assert_eq!(joined(&[20, 20, 200]), 2);
        assert_eq!(joined(&[20, 40, 200]), 0);
        assert_eq!(joined(&[200, 20, 20, 40]), 3);
        assert_eq!(joined(&[1, 1, 1000, 1500]), 4);
    }

    #[test]
    fn a_year_of_days_leaves_few_packs_and_little_copying() {
        let (mut packs, mut copied) = (vec![900u64], 0);
        for day in 0..365 {
            packs.push(10 + day % 7);
            packs.sort_unstable();
            let count = joined(&packs);
            let sum: u64 = packs.drain(..count).sum();
            if sum > 0 {
                copied += sum;
                packs.push(sum);
            }
        }
        assert!(packs.len() < 12, "{packs:?}");
        assert!(copied < 12 * 365 * 13, "{copied}");
    }
}
