//! What is to be done, from two lists and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::repository::cache::Known;
use crate::repository::layout::EntryPath;
use crate::source::{Kind, Listing, Options, Scope, SourceFile, Stat};
use crate::sync::Reading;

/// Everything that differs between the source and what is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncPlan {
    /// What asks for work.
    pub changes: Vec<Change>,
    /// Files that are as they were.
    pub unchanged: u64,
    /// Which places were looked at.
    pub scope: Scope,
}

/// One file's difference. There is no deletion.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Not stored yet.
    Add(Found),
    /// Longer than what is stored; its bytes will tell whether it only grew.
    Grow(Found),
    /// Touched, or not longer; its bytes will tell.
    Compare(Found),
    /// Stored under another name, where the source has it no more.
    Move {
        /// The stored name.
        from: EntryPath,
        /// The file under its new name.
        to: Found,
    },
    /// Stored, and no longer at the source.
    GoneAtSource(EntryPath),
}

/// A file of the source with its stored name.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name in the repository.
    pub path: EntryPath,
    /// The file.
    pub file: SourceFile,
}

impl SyncPlan {
    /// Compares what was found with what is stored.
    #[must_use]
    pub fn new(
        listing: &Listing,
        stored: &BTreeMap<String, Known>,
        options: Options,
        reading: Reading,
    ) -> Self {
        let found: BTreeMap<EntryPath, &SourceFile> = listing
            .files
            .iter()
            .map(|file| (EntryPath::from_source(&file.relative, file.kind), file))
            .collect();
        let mut plan = Self { scope: options.scope, ..Self::default() };
        let moves = Moves::new(&found, stored);
        for (path, file) in &found {
            plan.consider(path, file, stored, &moves, reading);
        }
        let gone = stored.iter().filter_map(|(name, known)| {
            let was_wanted = !known.gone && options.includes(known.kind);
            if !was_wanted || found.contains_key(name.as_str()) {
                return None;
            }
            let path = EntryPath::parse(name.as_str()).ok()?;
            let is_gone = !moves.away.contains(&path) && !listing.is_hidden(&path.to_source());
            is_gone.then_some(Change::GoneAtSource(path))
        });
        plan.changes.extend(gone);
        plan
    }

    fn consider(
        &mut self,
        path: &EntryPath,
        file: &SourceFile,
        stored: &BTreeMap<String, Known>,
        moves: &Moves,
        reading: Reading,
    ) {
        let found = || Found { path: path.clone(), file: file.clone() };
        if let Some(from) = moves.into.get(path) {
            self.changes.push(Change::Move { from: from.clone(), to: found() });
            return;
        }
        let known = stored.get(path.as_str()).filter(|_| !moves.away.contains(path));
        let change = match known {
            None => Change::Add(found()),
            Some(known) if is_unchanged(known, file) && reading == Reading::Changed => {
                self.unchanged += 1;
                return;
            }
            Some(known) if file.stat.size > known.length => Change::Grow(found()),
            Some(_) => Change::Compare(found()),
        };
        self.changes.push(change);
    }
}

fn is_unchanged(known: &Known, file: &SourceFile) -> bool {
    !known.gone && known.stat == Some(file.stat)
}

/// Files that the agent, or the user, gave another name since the last run.
///
/// A guess by inode or by name; the bytes have the last word when the move is applied.
#[derive(Default)]
struct Moves {
    into: HashMap<EntryPath, EntryPath>,
    away: BTreeSet<EntryPath>,
}

impl Moves {
    fn new(found: &BTreeMap<EntryPath, &SourceFile>, stored: &BTreeMap<String, Known>) -> Self {
        let mut moves = Self::default();
        let is_new = |path: &EntryPath| !stored.contains_key(path.as_str());
        if !found.keys().any(is_new) {
            return moves;
        }
        let candidates = Candidates::new(found, stored);
        for (path, file) in found.iter().filter(|(path, _)| is_new(path)) {
            let from = candidates.of(path, file);
            if let Some(from) = from.filter(|from| !moves.away.contains(*from)) {
                moves.away.insert(from.clone());
                moves.into.insert(path.clone(), from.clone());
            }
        }
        moves
    }
}

/// Stored files that the source has no more, or has another file in the place of.
struct Candidates {
    by_inode: HashMap<(u64, u64), (EntryPath, Kind, Stat)>,
    by_name: HashMap<String, (EntryPath, Kind)>,
}

impl Candidates {
    fn new(found: &BTreeMap<EntryPath, &SourceFile>, stored: &BTreeMap<String, Known>) -> Self {
        let mut candidates = Self { by_inode: HashMap::new(), by_name: HashMap::new() };
        for (name, known) in stored {
            let Ok(path) = EntryPath::parse(name.as_str()) else { continue };
            let at_its_place = found.get(&path).map(|file| inode_of(&file.stat));
            let stat = known.stat.filter(|stat| at_its_place != Some(inode_of(stat)));
            if let Some(stat) = stat {
                let candidate = (path.clone(), known.kind, stat);
                // What was gone before has lost its inode; the one that just left has the claim.
                match known.gone {
                    true => drop(candidates.by_inode.entry(inode_of(&stat)).or_insert(candidate)),
                    false => drop(candidates.by_inode.insert(inode_of(&stat), candidate)),
                }
            }
            if let (None, Some(name)) = (at_its_place, name_in_any_project(&path)) {
                candidates.by_name.insert(name.to_owned(), (path.clone(), known.kind));
            }
        }
        candidates
    }

    fn of(&self, path: &EntryPath, file: &SourceFile) -> Option<&EntryPath> {
        let by_inode = self.by_inode.get(&inode_of(&file.stat));
        let renamed = by_inode.filter(|(from, _, before)| is_rename(from, before, path, file));
        let by_name =
            || self.by_name.get(name_in_any_project(path)?).map(|(from, kind)| (from, kind));
        let (from, kind) = renamed.map(|(from, kind, _)| (from, kind)).or_else(by_name)?;
        (*kind == file.kind).then_some(from)
    }
}

/// File systems give the inode of a deleted file to the next new one, and side files of sessions are
/// often alike. A rename keeps the time of change too; a file written to since must at least be
/// called the same in another project.
fn is_rename(from: &EntryPath, before: &Stat, path: &EntryPath, file: &SourceFile) -> bool {
    let name = name_in_any_project(path);
    before.mtime_ns == file.stat.mtime_ns || (name.is_some() && name == name_in_any_project(from))
}

fn inode_of(stat: &Stat) -> (u64, u64) {
    (stat.device, stat.inode)
}

/// A session's files keep their names below the project's folder when they move to another's.
fn name_in_any_project(path: &EntryPath) -> Option<&str> {
    path.session()?;
    path.as_str().strip_prefix("projects/")?.split_once('/').map(|(_, name)| name)
}
