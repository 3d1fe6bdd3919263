//! What is to be done, from two lists and nothing else.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::repository::cache::{Files, Known};
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
    pub fn new(listing: &Listing, stored: &Files, options: Options, reading: Reading) -> Self {
        let places = Places::new(listing, stored);
        let mut plan = Self { scope: options.scope, ..Self::default() };
        let moves = Moves::new(&places);
        let mut gone = Vec::new();
        for place in places.iter() {
            let is_left = moves.away.contains(place.name);
            match (place.found, place.known) {
                (Some((path, file)), known) => {
                    plan.consider(path, file, known.filter(|_| !is_left), &moves, reading);
                }
                (None, Some(known)) if !known.gone && options.includes(known.kind) && !is_left => {
                    gone.extend(EntryPath::parse(place.name).ok());
                }
                _ => {}
            }
        }
        gone.retain(|path| !listing.is_hidden(&path.to_source()));
        plan.changes.extend(gone.into_iter().map(Change::GoneAtSource));
        plan
    }

    fn consider(
        &mut self,
        path: &EntryPath,
        file: &SourceFile,
        known: Option<&Known>,
        moves: &Moves,
        reading: Reading,
    ) {
        let found = || Found { path: path.clone(), file: file.clone() };
        if let Some(from) = moves.into.get(path) {
            self.changes.push(Change::Move { from: from.clone(), to: found() });
            return;
        }
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

/// What was found beside what is stored, both sorted by stored names, so that one walk compares them.
struct Places<'a> {
    found: Vec<(EntryPath, &'a SourceFile)>,
    stored: &'a Files,
}

/// One stored name: what the source has there, and what is stored there; not both are missing.
struct Place<'a> {
    name: &'a str,
    found: Option<(&'a EntryPath, &'a SourceFile)>,
    known: Option<&'a Known>,
}

impl Place<'_> {
    fn is_new(&self) -> bool {
        self.known.is_none()
    }
}

impl<'a> Places<'a> {
    fn new(listing: &'a Listing, stored: &'a Files) -> Self {
        let stored_name = |file: &SourceFile| EntryPath::from_source(&file.relative, file.kind);
        let mut found: Vec<_> =
            listing.files.iter().map(|file| (stored_name(file), file)).collect();
        // Nearly sorted already: only the folder of the config, and escapes, change the order.
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { found, stored }
    }

    fn iter(&self) -> impl Iterator<Item = Place<'_>> {
        let mut found = self.found.iter().peekable();
        let mut stored = self.stored.iter().peekable();
        std::iter::from_fn(move || {
            let order = match (found.peek(), stored.peek()) {
                (Some((path, _)), Some((name, _))) => path.as_str().cmp(name),
                (_, None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            let here = if order.is_le() { found.next() } else { None };
            let known = if order.is_ge() { stored.next() } else { None };
            let name = here.map(|(path, _)| path.as_str()).or(known.map(|(name, _)| name))?;
            let found = here.map(|(path, file)| (path, *file));
            Some(Place { name, found, known: known.map(|(_, known)| known) })
        })
    }
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
    fn new(places: &Places<'_>) -> Self {
        let mut moves = Self::default();
        let new: Vec<_> =
            places.iter().filter(Place::is_new).filter_map(|place| place.found).collect();
        if new.is_empty() {
            return moves;
        }
        let candidates = Candidates::new(places, &new);
        for (path, file) in new {
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
    /// Only those that one of the new files could be.
    fn new(places: &Places<'_>, new: &[(&EntryPath, &SourceFile)]) -> Self {
        let inodes: HashSet<_> = new.iter().map(|(_, file)| inode_of(&file.stat)).collect();
        let names: HashSet<_> =
            new.iter().filter_map(|(path, _)| name_in_any_project(path)).collect();
        let mut candidates = Self { by_inode: HashMap::new(), by_name: HashMap::new() };
        for Place { name, found, known } in places.iter() {
            let Some(known) = known else { continue };
            let at_its_place = found.map(|(_, file)| inode_of(&file.stat));
            let stat = known.stat.filter(|stat| at_its_place != Some(inode_of(stat)));
            let stat = stat.filter(|stat| inodes.contains(&inode_of(stat)));
            let below = below_project(name).filter(|_| at_its_place.is_none());
            let is_called_so = below.is_some_and(|name| names.contains(name));
            if stat.is_none() && !is_called_so {
                continue;
            }
            let Ok(path) = EntryPath::parse(name) else { continue };
            if let Some(name) = name_in_any_project(&path).filter(|_| is_called_so) {
                candidates.by_name.insert(name.to_owned(), (path.clone(), known.kind));
            }
            if let Some(stat) = stat {
                let candidate = (path, known.kind, stat);
                // What was gone before has lost its inode; the one that just left has the claim.
                match known.gone {
                    true => drop(candidates.by_inode.entry(inode_of(&stat)).or_insert(candidate)),
                    false => drop(candidates.by_inode.insert(inode_of(&stat), candidate)),
                }
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
    below_project(path.as_str())
}

fn below_project(name: &str) -> Option<&str> {
    name.strip_prefix("projects/")?.split_once('/').map(|(_, name)| name)
}
