//! Chains that lie in two packs: what grows today begins, as a delta's base must, in today's pack.
//!
//! Its older versions lie in a frozen pack, with a whole copy of their own. Where such copies make
//! more than a small share of all packs, the chains that the two have in common are moved to
//! today's pack, which then has one whole copy for all versions. That pack gets hardly larger by it,
//! as an older version and its growth are the newer version.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Plan, SIZE_LIMIT, open_checked};
use crate::vault::Vault;
use crate::vault::batch::ACTIVE_LIMIT;
use crate::vault::object_id::ObjectId;
use crate::vault::pack_file::PackFile;
use crate::vault::pack_folder::{Active, PackFolder};
use crate::vault::pack_list::Keep;

/// Less is never worth writing packs anew.
const LEAST: u64 = 1 << 20;
/// Nor is less than this share of all packs, as a pack that is written anew may be most of them.
const SHARE: u64 = 50;
/// Room for the rest of the day: a pack that is full at once would be begun anew with doubles.
const LARGEST: u64 = ACTIVE_LIMIT / 4 * 3;

impl Vault {
    /// Moves what the active pack and a frozen one have twice to the active one.
    pub(super) fn move_doubles(&self) -> Result<()> {
        let packs = self.packs()?;
        let frozen = packs.frozen()?;
        let Some(mut active) = packs.active()? else { return Ok(()) };
        let total = active.pack.size + frozen.iter().map(|(_, size)| size).sum::<u64>();
        let least = (total / SHARE).max(LEAST);
        for (name, _) in frozen.iter().filter(|(_, size)| *size <= SIZE_LIMIT) {
            if active.pack.size >= least && self.move_from(&packs, name, &active, least)? {
                let Some(moved) = packs.active()? else { return Ok(()) };
                active = moved;
            }
        }
        Ok(())
    }

    /// False where moving would not save enough, and nothing was done.
    fn move_from(
        &self,
        packs: &PackFolder,
        name: &str,
        active: &Active,
        least: u64,
    ) -> Result<bool> {
        let open = || packs.open(name);
        let Ok(mut rest) = open() else { return Ok(false) };
        let shared = shared_chains(&rest, &active.pack);
        let mut moved = open()?;
        moved.retain(|id| shared.contains(&id));
        rest.retain(|id| !shared.contains(&id));
        let mut sources = [open_checked(packs, &active.pack.name)?, moved];
        let before: u64 = sources.iter().map(PackFile::packed_size).sum();
        let after = Plan::new(&sources).size().filter(|after| *after <= LARGEST);
        if after.is_none_or(|after| after + least > before) {
            return Ok(false);
        }
        // The larger one is durable before the smaller one takes the place of what had all.
        rest.verify()?;
        let (larger, _) = self.write_joined(packs, &mut sources)?;
        let mut old = vec![active.pack.name.clone()];
        let is_all = rest.entries().next().is_none();
        old.extend(is_all.then(|| name.to_owned()));
        self.put_in_place_of(packs, larger, Keep::Active(active.since), &old)?;
        if is_all {
            return Ok(true);
        }
        let (smaller, _) = self.write_joined(packs, &mut [rest])?;
        self.put_in_place_of(packs, smaller, Keep::Publishing, &[name.to_owned()])?;
        Ok(true)
    }
}

/// All objects of the chains of `pack` that `other` has an object of.
fn shared_chains(pack: &PackFile, other: &PackFile) -> BTreeSet<ObjectId> {
    let common = pack.entries().filter(|(id, _)| other.entry(*id).is_some());
    let roots: BTreeSet<_> = common.filter_map(|(id, _)| pack.root(id)).collect();
    let ids = pack.entries().map(|(id, _)| id);
    ids.filter(|id| pack.root(*id).is_some_and(|root| roots.contains(&root))).collect()
}
