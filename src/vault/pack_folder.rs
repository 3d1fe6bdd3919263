//! Git's folder of packs: which are ours, naming new ones, removing old ones, mending after a crash.
//!
//! The pack that a sync adds to is marked by a `.keep` file with our words in it, which git's own
//! housekeeping respects. Packs that are finished for good are git's to repack; that they were ours
//! is written in a list in our private folder, where git never looks. A lost list costs nothing but
//! that these packs are no longer joined by us. Packs that we fetched are in that list as well.

mod adoption;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::NaiveDate;

use super::content::Content;
use super::entry;
use super::object_id::{ObjectId, ObjectKind};
use super::pack::{FinishedPack, TEMPORARY_INDEX, TEMPORARY_PACK};
use super::pack_file::PackFile;
use super::pack_list::{self, Keep, List, Listed, is_pack_name, write_durable};
use crate::fs;

pub use self::adoption::PacksBefore;

/// Mode of packs and their indexes, which nobody writes to.
pub(super) const READ_ONLY: u32 = 0o400;
/// Everything git may put beside a pack, in the order in which it is safe to remove.
const BESIDE_INDEX: [&str; 4] = ["idx", "rev", "bitmap", "mtimes"];

/// Git's folder of packs and our list beside it.
pub(super) struct PackFolder {
    folder: PathBuf,
    list: PathBuf,
}

/// The pack that syncs add to.
pub(super) struct Active {
    pub(super) pack: PackFile,
    pub(super) since: NaiveDate,
}

/// What mending found.
#[derive(Default)]
pub(super) struct Mended {
    pub(super) active: Option<Active>,
    pub(super) warnings: Vec<String>,
}

struct Files {
    pack: bool,
    index: bool,
    keep: Option<Keep>,
}

impl PackFolder {
    pub(super) fn new(folder: PathBuf, list: PathBuf) -> Self {
        Self { folder, list }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// One of the files of a pack: `pack`, `idx`, `keep` or another ending.
    pub(super) fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("pack-{name}.{extension}"))
    }

    pub(super) fn open(&self, name: &str) -> Result<PackFile> {
        PackFile::open(&self.folder, name)
    }

    /// The names of all packs, also of those without an index.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let packs = self.endings()?.into_iter().filter(|(_, endings)| endings.contains("pack"));
        Ok(packs.map(|(name, _)| name).collect())
    }

    /// What a run that died was making or removing: it goes, or is finished, by our list.
    pub(super) fn pending(&self) -> Result<BTreeSet<String>> {
        let listed = pack_list::read(&self.list)?.into_iter();
        let pending = listed.filter(|(_, listed)| *listed == Listed::Pending);
        Ok(pending.map(|(name, _)| name).collect())
    }

    /// Removes what a crash left, and finds the active pack.
    pub(super) fn mend(&self) -> Result<Mended> {
        self.remove_temporaries()?;
        let found = self.scan()?;
        let old_list = pack_list::read(&self.list)?;
        let mut list = old_list.clone();
        let mut actives = Vec::new();
        for (name, files) in &found {
            self.mend_pack(name, files, &mut list)?;
            if let (true, true, Some(Keep::Active(since))) = (files.pack, files.index, files.keep) {
                actives.push((name.clone(), since));
            }
        }
        list.retain(|name, _| found.get(name).is_some_and(|files| files.pack && files.index));
        if list != old_list {
            pack_list::write(&self.list, &list)?;
        }
        self.choose_active(actives)
    }

    /// The pack that syncs add to, as [`Self::mend`] left it.
    pub(super) fn active(&self) -> Result<Option<Active>> {
        for (name, files) in self.scan()? {
            if let (true, true, Some(Keep::Active(since))) = (files.pack, files.index, files.keep) {
                return Ok(Some(Active { pack: self.open(&name)?, since }));
            }
        }
        Ok(None)
    }

    /// Names a finished pack: from now on git sees its objects.
    pub(super) fn publish(
        &self,
        finished: FinishedPack,
        keep: Keep,
        passed: &dyn Fn(super::Step) -> Result<()>,
    ) -> Result<()> {
        let name = &finished.name;
        self.change_list(&[(name, Listed::Pending)])?;
        self.write_keep(name, keep)?;
        passed(super::Step::KeepNamed)?;
        fs::persist(finished.pack, &self.file(name, "pack"), READ_ONLY)?;
        passed(super::Step::PackNamed)?;
        fs::persist(finished.index, &self.file(name, "idx"), READ_ONLY)?;
        Ok(fs::sync_dir(&self.folder)?)
    }

    /// Ends the change that `publish` began: the new pack holds objects, the old ones may go.
    pub(super) fn settle(
        &self,
        new: &str,
        old: &[String],
        passed: &dyn Fn(super::Step) -> Result<()>,
    ) -> Result<()> {
        // The same content gives a pack the same name.
        let old: Vec<&str> = old.iter().map(String::as_str).filter(|name| *name != new).collect();
        let mut changes = vec![(new, Listed::Kept)];
        changes.extend(old.iter().map(|name| (*name, Listed::Pending)));
        self.change_list(&changes)?;
        passed(super::Step::Listed)?;
        for name in old {
            self.remove(name, passed)?;
        }
        Ok(())
    }

    /// Removes a pack of which nothing is needed.
    pub(super) fn discard(&self, name: &str) -> Result<()> {
        self.change_list(&[(name, Listed::Pending)])?;
        self.remove(name, &|_| Ok(()))
    }

    /// Gives a pack free for git's own housekeeping and for ours.
    pub(super) fn drop_keep(&self, name: &str) -> Result<()> {
        Ok(fs::remove_if_exists(&self.file(name, "keep"))?)
    }

    /// Takes a damaged pack out of all housekeeping, git's included.
    pub(super) fn set_aside(&self, name: &str) -> Result<()> {
        self.write_keep(name, Keep::Damaged)?;
        let mut list = pack_list::read(&self.list)?;
        list.remove(name);
        pack_list::write(&self.list, &list)
    }

    /// Moves a pack to another folder, where git does not look: its index first, as [`Self::remove`].
    pub(super) fn move_to(&self, folder: &Path, name: &str) -> Result<()> {
        self.remove_multi_pack_index()?;
        for extension in BESIDE_INDEX.into_iter().chain(["pack", "keep"]) {
            let file = self.file(name, extension);
            if let Some(file_name) = file.file_name().filter(|_| file.exists()) {
                fs_err::rename(&file, folder.join(file_name))?;
            }
        }
        Ok(())
    }

    /// Our packs that nothing is added to any more, with their sizes.
    pub(super) fn frozen(&self) -> Result<Vec<(String, u64)>> {
        let found = self.scan()?;
        let mut frozen = Vec::new();
        for name in pack_list::read(&self.list)?.into_keys() {
            let free = found.get(&name).is_some_and(|f| f.pack && f.index && f.keep.is_none());
            if free && !self.file(&name, "keep").exists() {
                let size = fs_err::metadata(self.file(&name, "pack"))?.len();
                frozen.push((name, size));
            }
        }
        Ok(frozen)
    }

    /// An object from whichever of our packs still has it sound; the slow way.
    pub(super) fn read_any_copy(&self, id: ObjectId) -> Result<Option<(ObjectKind, Vec<u8>)>> {
        for name in self.scan()?.into_keys() {
            let Ok(mut pack) = self.open(&name) else {
                continue;
            };
            let Some(kind) = pack.kind(id) else {
                continue;
            };
            let bytes = Content::read(id, |id| entry::unpack(pack.raw(id)?))
                .map(|content| content.to_vec());
            if let Some(bytes) = bytes.ok().filter(|b| ObjectId::of_object(kind, b) == id) {
                return Ok(Some((kind, bytes)));
            }
        }
        Ok(None)
    }

    fn mend_pack(&self, name: &str, files: &Files, list: &mut List) -> Result<()> {
        let complete = files.pack && files.index;
        if !complete && list.get(name) == Some(&Listed::Pending) {
            return self.remove(name, &|_| Ok(()));
        }
        if !files.pack && files.keep.is_some() {
            return self.drop_keep(name);
        }
        if complete {
            match files.keep {
                Some(Keep::Publishing) => {
                    self.drop_keep(name)?;
                    list.insert(name.into(), Listed::Kept);
                }
                Some(Keep::Active(_)) => drop(list.insert(name.into(), Listed::Kept)),
                Some(Keep::Damaged) => drop(list.remove(name)),
                None => drop(list.get_mut(name).map(|listed| *listed = Listed::Kept)),
            }
        }
        Ok(())
    }

    /// Opens the candidates; of several, the one that has all of another takes its place.
    ///
    /// Where there are several, each byte of them is checked. One alone is checked as it is copied.
    fn choose_active(&self, candidates: Vec<(String, NaiveDate)>) -> Result<Mended> {
        let mut mended = Mended::default();
        let mut readable = Vec::new();
        let is_alone = candidates.len() == 1;
        for (name, since) in candidates {
            let checked =
                |mut pack: PackFile| if is_alone { Ok(pack) } else { pack.verify().map(|()| pack) };
            match self.open(&name).and_then(checked) {
                Ok(pack) => readable.push(Active { pack, since }),
                Err(error) => {
                    self.set_aside(&name)?;
                    mended.warnings.push(format!("set a damaged pack aside: {error:#}"));
                }
            }
        }
        // The last one is the newest and of those the largest.
        readable.sort_by_key(|active| (active.since, active.pack.size));
        while readable.len() > 1 {
            let older = readable.remove(0);
            let superseded = readable.iter().any(|other| other.pack.contains_all_of(&older.pack));
            if superseded {
                self.change_list(&[(&older.pack.name, Listed::Pending)])?;
                self.remove(&older.pack.name, &|_| Ok(()))?;
            } else {
                self.drop_keep(&older.pack.name)?;
            }
        }
        mended.active = readable.pop();
        Ok(mended)
    }

    /// Removes a pack: its index first, so nobody looks for its objects there, its `.keep` last.
    fn remove(&self, name: &str, passed: &dyn Fn(super::Step) -> Result<()>) -> Result<()> {
        self.remove_multi_pack_index()?;
        for extension in BESIDE_INDEX {
            fs::remove_if_exists(&self.file(name, extension))?;
        }
        passed(super::Step::OldIndexRemoved)?;
        fs::remove_if_exists(&self.file(name, "pack"))?;
        passed(super::Step::OldPackRemoved)?;
        self.drop_keep(name)
    }

    /// An index over several packs must not name one that goes; git makes it anew when it wants.
    fn remove_multi_pack_index(&self) -> Result<()> {
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b"multi-pack-index") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs_err::remove_dir_all(entry.path())?;
            } else {
                fs::remove_if_exists(&entry.path())?;
            }
        }
        Ok(())
    }

    fn remove_temporaries(&self) -> Result<()> {
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let ours = [TEMPORARY_PACK, TEMPORARY_INDEX, ".claude-backup-"];
            if ours.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
                fs::remove_if_exists(&entry.path())?;
            }
        }
        Ok(())
    }

    fn scan(&self) -> Result<BTreeMap<String, Files>> {
        let files = |(name, endings): (String, BTreeSet<String>)| {
            let has = |ending| endings.contains(ending);
            let keep = if has("keep") { self.read_keep(&name)? } else { None };
            Ok((name, Files { pack: has("pack"), index: has("idx"), keep }))
        };
        self.endings()?.into_iter().map(files).collect()
    }

    /// Which files each pack has, by their endings.
    fn endings(&self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let file = entry?.file_name();
            let parts = file.to_str().and_then(|file| file.strip_prefix("pack-")?.split_once('.'));
            if let Some((name, ending)) = parts.filter(|(name, _)| is_pack_name(name)) {
                found.entry(name.into()).or_default().insert(ending.into());
            }
        }
        Ok(found)
    }

    fn read_keep(&self, name: &str) -> Result<Option<Keep>> {
        let text = fs::read_if_exists(&self.file(name, "keep"))?.unwrap_or_default();
        Ok(std::str::from_utf8(&text).ok().and_then(Keep::parse))
    }

    fn write_keep(&self, name: &str, keep: Keep) -> Result<()> {
        write_durable(&self.file(name, "keep"), keep.text().as_bytes())
    }

    fn change_list(&self, changes: &[(&str, Listed)]) -> Result<()> {
        let old = pack_list::read(&self.list)?;
        let mut list = old.clone();
        list.extend(changes.iter().map(|(name, listed)| ((*name).to_owned(), *listed)));
        if list == old { Ok(()) } else { pack_list::write(&self.list, &list) }
    }
}
