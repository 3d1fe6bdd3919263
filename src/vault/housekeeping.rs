//! Joins packs that are finished: few packs, and no object in two of them.
//!
//! Packs are joined by size: after it each is at least twice as large as all smaller ones together,
//! so an object is copied a number of times that grows only with the logarithm of the whole. Only
//! packs of ours are touched, those that we fetched among them, and none goes before the one that
//! has all its objects is durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};

use super::Vault;
use super::batch::DEPTH_LIMIT;
use super::entry::{Form, Packing};
use super::object_id::{ObjectId, ObjectKind};
use super::pack::PackWriter;
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
        self.tidy_within(SIZE_LIMIT)
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
        let finished = writer.finish()?;
        let name = finished.name.clone();
        let passed = |step| self.passed(step);
        packs.publish(finished, Keep::Publishing, &passed)?;
        let old: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        packs.settle(&name, &old, &passed)?;
        packs.drop_keep(&name)?;
        self.reopen()?;
        Ok(size)
    }

    fn add_whole_again(&self, writer: &mut PackWriter, id: ObjectId) -> Result<()> {
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
    let mut pack = PackFile::open(packs.path(), name).with_context(|| format!("pack {name}"))?;
    pack.verify()?;
    Ok(pack)
}

fn in_file_order(sources: &[PackFile]) -> Vec<(usize, ObjectId)> {
    let numbered = sources.iter().enumerate();
    numbered
        .flat_map(|(at, source)| source.ids_by_offset().into_iter().map(move |id| (at, id)))
        .collect()
}

/// Which copy of each object goes into the joined pack.
struct Plan {
    chosen: HashMap<ObjectId, Choice>,
    /// What leans directly on an object.
    leaning: HashMap<ObjectId, BTreeSet<ObjectId>>,
}

/// One copy of an object.
#[derive(Clone, Copy, Debug)]
struct Choice {
    /// The pack it is taken from; nothing where it is read and stored whole again.
    source: Option<usize>,
    base: Option<ObjectId>,
    length: u64,
}

impl Plan {
    /// Starts from whole copies wherever there is one, then takes deltas instead where that closes
    /// no circle and makes no chain too long, the largest savings first.
    fn new(sources: &[PackFile]) -> Self {
        let mut copies: BTreeMap<ObjectId, Vec<Choice>> = BTreeMap::new();
        for (at, source) in sources.iter().enumerate() {
            for (id, entry) in source.entries() {
                let base = match entry.form {
                    Form::Whole(_) => None,
                    Form::Delta(base) => Some(base),
                };
                let choice = Choice { source: Some(at), base, length: entry.length };
                copies.entry(id).or_default().push(choice);
            }
        }
        let mut plan = Self { chosen: HashMap::new(), leaning: HashMap::new() };
        for (id, copies) in &copies {
            // Deltas that are taken all from the first pack that has them cannot form a circle.
            let whole = copies.iter().find(|copy| copy.base.is_none());
            plan.choose(*id, *whole.unwrap_or(&copies[0]));
        }
        plan.cut_long_chains();
        plan.prefer_deltas(&copies);
        plan
    }

    fn choose(&mut self, id: ObjectId, choice: Choice) {
        if let Some(old) = self.chosen.insert(id, choice)
            && let Some(base) = old.base
            && let Some(leaning) = self.leaning.get_mut(&base)
        {
            leaning.remove(&id);
        }
        if let Some(base) = choice.base {
            self.leaning.entry(base).or_default().insert(id);
        }
    }

    /// Chains of git are up to 50 long, and one that spans two packs of ours up to 96.
    fn cut_long_chains(&mut self) {
        let is_long = |depth: Option<usize>| depth.is_none_or(|depth| depth > DEPTH_LIMIT);
        let depths = self.chosen.keys().map(|id| (self.depth(*id), *id));
        let mut long: Vec<_> = depths.filter(|(depth, _)| is_long(*depth)).collect();
        // From a chain's beginning on: a cut shortens it for all that leans on what is cut.
        long.sort_unstable();
        for (_, id) in long {
            if is_long(self.depth(id)) {
                self.choose(id, Choice { source: None, base: None, length: 0 });
            }
        }
    }

    fn prefer_deltas(&mut self, copies: &BTreeMap<ObjectId, Vec<Choice>>) {
        let mut savings: Vec<(u64, ObjectId, Choice)> = Vec::new();
        for (id, copies) in copies.iter().filter(|(_, copies)| copies.len() > 1) {
            let kept = self.chosen[id];
            let deltas = copies.iter().filter(|copy| copy.base.is_some());
            savings
                .extend(deltas.map(|copy| (kept.length.saturating_sub(copy.length), *id, *copy)));
        }
        savings.sort_by_key(|(saved, id, _)| (std::cmp::Reverse(*saved), *id));
        for (saved, id, delta) in savings {
            let Some(base) = delta.base.filter(|_| saved > 0 && self.chosen[&id].base.is_none())
            else {
                continue;
            };
            let depth = self.depth(base).unwrap_or(DEPTH_LIMIT);
            let fits = depth + 1 + self.height(id, DEPTH_LIMIT) <= DEPTH_LIMIT;
            if fits && !self.leans_on(base, id) {
                self.choose(id, delta);
            }
        }
    }

    /// How many deltas are followed to read an object; nothing where that never ends.
    fn depth(&self, id: ObjectId) -> Option<usize> {
        let mut next = id;
        for depth in 0..=self.chosen.len() {
            match self.chosen.get(&next)?.base {
                Some(base) => next = base,
                None => return Some(depth),
            }
        }
        None
    }

    /// The longest chain that leans on an object, looked at no further than `limit`.
    fn height(&self, id: ObjectId, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        let leaning = self.leaning.get(&id).into_iter().flatten();
        leaning.map(|above| 1 + self.height(*above, limit - 1)).max().unwrap_or(0)
    }

    /// True where reading `id` leads over `other`.
    fn leans_on(&self, id: ObjectId, other: ObjectId) -> bool {
        let mut next = Some(id);
        while let Some(at) = next {
            if at == other {
                return true;
            }
            next = self.chosen.get(&at).and_then(|choice| choice.base);
        }
        false
    }
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
