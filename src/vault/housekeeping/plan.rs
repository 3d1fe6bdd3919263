//! Which copy of each object a joined pack takes: one of each, and short chains.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::vault::batch::DEPTH_LIMIT;
use crate::vault::entry::Form;
use crate::vault::object_id::ObjectId;
use crate::vault::pack_file::PackFile;

/// Which copy of each object goes into the joined pack.
pub(super) struct Plan {
    pub(super) chosen: HashMap<ObjectId, Choice>,
    /// What leans directly on an object.
    leaning: HashMap<ObjectId, BTreeSet<ObjectId>>,
}

/// One copy of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// The pack it is taken from; nothing where it is read and stored whole again.
    pub(super) source: Option<usize>,
    base: Option<ObjectId>,
    length: u64,
}

impl Plan {
    /// Starts from whole copies wherever there is one, then takes deltas instead where that closes
    /// no circle and makes no chain too long, the largest savings first.
    pub(super) fn new(sources: &[PackFile]) -> Self {
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

    /// The bytes of all that is chosen; nothing where something has to be stored whole again.
    pub(super) fn size(&self) -> Option<u64> {
        self.chosen.values().map(|choice| choice.source.map(|_| choice.length)).sum()
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
