//! Whether history is whole: every object that a reference leads to is there, and sound.
//!
//! Blobs are judged by the checksums of the packs that they lie in, so that nothing is unpacked;
//! commits and trees are read, for they lead on.

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek, SeekFrom};

use anyhow::Result;
use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::Vault;
use super::entry::Form;
use super::object_id::{ObjectId, ObjectKind};
use super::pack_file::PackFile;
use super::pack_folder::PackFolder;
use super::tree;
use crate::progress::Progress;

/// An object that history needs, and that no copy here has sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Its name.
    pub id: ObjectId,
    /// What it is.
    pub kind: ObjectKind,
    /// Where it stands, from the root on; empty for a commit and for its top folder.
    pub path: String,
    /// The newest commit that has it there.
    pub commit: ObjectId,
    /// When that was made; nothing where the commit itself is lacking.
    pub time: Option<DateTime<Utc>>,
}

/// What a look at git's objects found.
#[derive(Debug, Default)]
pub struct Soundness {
    /// What is missing or damaged, the newest first.
    pub lacking: Vec<Lacking>,
    /// Packs with bytes that are not those that were written, by name.
    pub damaged_packs: Vec<String>,
    /// What lies whole in some pack.
    pub(super) sound: HashSet<ObjectId>,
}

/// What one pack holds.
struct Looked {
    name: String,
    sound: Vec<ObjectId>,
    is_damaged: bool,
}

impl Vault {
    /// Looks at everything that the branch and other references lead to.
    ///
    /// Stops early where the user asked for it; then the answer is worth nothing.
    ///
    /// # Errors
    /// Where the folder of packs or the references cannot be listed.
    pub fn soundness(&self, progress: &dyn Progress) -> Result<Soundness> {
        let packs = self.packs()?;
        let (mut names, pending) = (packs.names()?, packs.pending()?);
        names.retain(|name| !pending.contains(name) || packs.file(name, "idx").exists());
        let length =
            |name: &String| fs_err::metadata(packs.file(name, "pack")).map_or(0, |m| m.len());
        progress.start("reading history", names.len() as u64, names.iter().map(length).sum());
        let look = |name: &String| {
            if progress.interrupted() {
                return Looked { name: name.clone(), sound: Vec::new(), is_damaged: false };
            }
            let looked = look_at(&packs, name);
            progress.advance(1, length(name));
            looked
        };
        let looked: Vec<Looked> = names.par_iter().with_max_len(1).map(look).collect();
        progress.finish();
        let damaged = looked.iter().filter(|pack| pack.is_damaged);
        let damaged_packs = damaged.map(|pack| pack.name.clone()).collect();
        let sound = looked.into_iter().flat_map(|pack| pack.sound).collect();
        let mut walk = Walk { vault: self, sound, seen: HashSet::new(), lacking: Vec::new() };
        walk.commits(self.tips()?, progress);
        let Walk { lacking, sound, .. } = walk;
        Ok(Soundness { lacking, damaged_packs, sound })
    }

    /// The commits whose parents a shallow clone never had: git notes them, and so nothing is lost.
    fn ends_of_shallow_history(&self) -> HashSet<ObjectId> {
        let text = fs_err::read_to_string(self.git_dir.join("shallow")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Where all references point, the branch first.
    fn tips(&self) -> Result<Vec<ObjectId>> {
        let tip = self.branch().and_then(|branch| branch.tip(self)).ok().flatten();
        // The newest commit may be lost, and its branch as well.
        let mut tips: Vec<ObjectId> = tip.or_else(|| self.newest_named()).into_iter().collect();
        self.git(|repository| {
            let targets = repository.references()?.flatten().filter_map(|found| found.target());
            tips.extend(targets.map(ObjectId::from));
            Ok(())
        })?;
        Ok(tips)
    }
}

/// From commit to commit, and down their trees.
struct Walk<'a> {
    vault: &'a Vault,
    /// What lies whole in some pack.
    sound: HashSet<ObjectId>,
    seen: HashSet<ObjectId>,
    lacking: Vec<Lacking>,
}

/// The commit that is being looked at.
#[derive(Clone, Copy)]
struct At {
    commit: ObjectId,
    time: Option<DateTime<Utc>>,
}

impl Walk<'_> {
    fn commits(&mut self, tips: Vec<ObjectId>, progress: &dyn Progress) {
        let mut waiting = VecDeque::from(tips);
        let ends = self.vault.ends_of_shallow_history();
        while let Some(id) = waiting.pop_front() {
            if progress.interrupted() {
                return;
            }
            if !self.seen.insert(id) {
                continue;
            }
            let read = self.vault.read_object(id).ok();
            // A tag of the user's own says nothing of a backup.
            if read.as_ref().is_some_and(|(kind, _)| *kind != ObjectKind::Commit) {
                continue;
            }
            let Some(commit) = read.and_then(|(_, bytes)| Parsed::of(&bytes)) else {
                self.lack(id, ObjectKind::Commit, b"", At { commit: id, time: None });
                continue;
            };
            self.tree(commit.tree, b"", At { commit: id, time: commit.time });
            if !ends.contains(&id) {
                waiting.extend(commit.parents);
            }
        }
    }

    fn tree(&mut self, id: ObjectId, path: &[u8], at: At) {
        if !self.seen.insert(id) {
            return;
        }
        let bytes = self.vault.read_kind(id, ObjectKind::Tree);
        let Ok(entries) = bytes.and_then(|bytes| tree::parse_unchecked(&bytes)) else {
            return self.lack(id, ObjectKind::Tree, path, at);
        };
        for (name, entry) in entries {
            let below = tree::join(path, &name);
            // Trees that lead this deep are no backup's, and following them has no end.
            match entry.mode_number() & 0o170_000 {
                0o040_000 if below.len() < DEEPEST => self.tree(entry.id, &below, at),
                0o100_000 | 0o120_000 => self.blob(entry.id, &below, at),
                _ => {}
            }
        }
    }

    fn blob(&mut self, id: ObjectId, path: &[u8], at: At) {
        if !self.seen.insert(id) || self.sound.contains(&id) {
            return;
        }
        // It may lie by itself, or only the checksum of its entry may be damaged.
        if self.vault.read_object(id).is_err() {
            self.lack(id, ObjectKind::Blob, path, at);
        }
    }

    fn lack(&mut self, id: ObjectId, kind: ObjectKind, path: &[u8], at: At) {
        let path = String::from_utf8_lossy(path).into_owned();
        self.lacking.push(Lacking { id, kind, path, commit: at.commit, time: at.time });
    }
}

/// The longest path that is followed, in bytes.
const DEEPEST: usize = 4096;

/// Where a commit leads.
struct Parsed {
    tree: ObjectId,
    parents: Vec<ObjectId>,
    time: Option<DateTime<Utc>>,
}

impl Parsed {
    fn of(commit: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(commit);
        let lines = || text.lines().take_while(|line| !line.is_empty());
        let named = |name: &'static str| lines().filter_map(move |line| line.strip_prefix(name));
        let seconds = named("committer ").next().and_then(|who| who.rsplit(' ').nth(1));
        let seconds = seconds.and_then(|seconds| seconds.parse().ok());
        Some(Self {
            tree: named("tree ").next()?.parse().ok()?,
            parents: named("parent ").filter_map(|id| id.parse().ok()).collect(),
            time: seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        })
    }
}

/// Which objects of a pack, with all that they lean on, have the bytes that were written.
fn look_at(packs: &PackFolder, name: &str) -> Looked {
    let name = name.to_owned();
    let opened = packs.open(&name).ok().filter(|_| belongs_to_index(packs, &name));
    let Some(mut pack) = opened else {
        return Looked { name, sound: Vec::new(), is_damaged: true };
    };
    let ids = pack.ids_by_offset();
    let bad: HashSet<ObjectId> = ids
        .iter()
        .filter(|id| pack.copy_entry(**id, &mut std::io::sink()).is_err())
        .copied()
        .collect();
    let sound = ids.into_iter().filter(|id| bad.is_empty() || stands(&pack, *id, &bad)).collect();
    Looked { name, sound, is_damaged: !bad.is_empty() }
}

/// True where pack and index name the same sum, without which git opens neither.
fn belongs_to_index(packs: &PackFolder, name: &str) -> bool {
    let end = |extension, from_end: i64| -> std::io::Result<[u8; 20]> {
        let mut sum = [0; 20];
        let mut file = fs_err::File::open(packs.file(name, extension))?;
        file.seek(SeekFrom::End(-from_end))?;
        file.read_exact(&mut sum)?;
        Ok(sum)
    };
    let sums = (end("pack", 20), end("idx", 40));
    matches!(sums, (Ok(of_pack), Ok(in_index)) if of_pack == in_index)
}

/// True where neither the entry nor one that it leans on is bad.
fn stands(pack: &PackFile, id: ObjectId, bad: &HashSet<ObjectId>) -> bool {
    let mut next = id;
    let mut steps = 0;
    while !bad.contains(&next) && steps <= bad.len() + MOST_DELTAS {
        match pack.entry(next).map(|entry| entry.form) {
            Some(Form::Whole(_)) => return true,
            Some(Form::Delta(base)) => next = base,
            None => return false,
        }
        steps += 1;
    }
    false
}

/// More than any chain has.
const MOST_DELTAS: usize = 4096;
