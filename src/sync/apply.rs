//! A plan carried out: files stored side by side, ledgers brought up to date, one commit.

mod beside;

use anyhow::Result;
use chrono::{DateTime, Utc};

pub use self::beside::{acknowledge, store_again, store_displaced};
use super::plan::{Change, Found, SyncPlan};
use super::side_by_side::{PORTION, SideBySide};
use super::store::{Job, Step, Stored, Verdict};
use super::totals::{Occasion, machine_manifest, totals_of, write_root_manifest};
use super::{NewVersion, Prepared, SessionCount, SyncOutcome};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::cache::{Cache, Known};
use crate::repository::layout::{EntryPath, Form, form};
use crate::repository::ledger::Entry;
use crate::repository::manifest::{parse_stamp, size_words};
use crate::repository::revision::Revision;
use crate::source::{Kind, Listing, Scope, Unreadable};

/// What is stored, as far as a plan needs to know.
///
/// # Errors
/// Where the repository cannot be read.
pub(super) fn stored(repository: &Repository) -> Result<Cache> {
    if let Some(cache) = repository.cache()? {
        return Ok(cache);
    }
    let mut cache = Cache::new(repository.machine_tree(&repository.machine)?);
    for (name, ledger) in repository.ledgers(&repository.machine)? {
        cache.totals.insert(name, totals_of(&ledger));
        for entry in ledger.entries.values() {
            cache.files.insert(entry.path.as_str(), Known::of(entry));
        }
    }
    Ok(cache)
}

/// Carries out a plan and commits what it changed.
///
/// # Errors
/// Where the repository cannot be written; the next run then starts from the last commit. What
/// could not be read at the source is part of the outcome.
pub fn apply(
    repository: &Repository,
    prepared: Prepared,
    progress: &dyn Progress,
) -> Result<SyncOutcome> {
    let Prepared { plan, listing, stored } = prepared;
    let mut run = Run::begin(repository, stored, plan.scope, &listing)?;
    drop(listing);
    run.outcome.files.unchanged = plan.unchanged;
    let Work { moves, files, gone } = Work::of(plan);
    // Moves come first: what stands under an old name now depends on whether it was left.
    let mut unmoved = run.store_moves(moves, progress)?;
    unmoved.retain(|(from, _)| !files.iter().any(|file| file.path == *from));
    run.store_files(files, progress)?;
    for path in gone {
        run.mark_gone(&path, Told::Aloud)?;
    }
    for (from, to) in unmoved {
        let told = if run.lives_on(&from, &to)? { Told::Not } else { Told::Aloud };
        run.mark_gone(&from, told)?;
    }
    run.clear_the_way()?;
    run.finish(Occasion::Backup)
}

/// A plan's changes by what they ask for.
#[derive(Default)]
struct Work {
    moves: Vec<(EntryPath, Found)>,
    files: Vec<Found>,
    gone: Vec<EntryPath>,
}

impl Work {
    fn of(plan: SyncPlan) -> Self {
        let mut work = Self::default();
        for change in plan.changes {
            match change {
                Change::Move { from, to } => work.moves.push((from, to)),
                Change::Add(found) | Change::Grow(found) | Change::Compare(found) => {
                    work.files.push(found);
                }
                Change::GoneAtSource(path) => work.gone.push(path),
            }
        }
        work
    }
}

/// One run's state.
pub(super) struct Run<'a> {
    repository: &'a Repository,
    pub(super) revision: Revision<'a>,
    pub(super) cache: Cache,
    now: DateTime<Utc>,
    last_run: DateTime<Utc>,
    outcome: SyncOutcome,
    learned: Learned,
}

/// Whether a loss at the source is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Aloud,
    Not,
}

/// Whether the cache is to be written again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learned {
    Nothing,
    Something,
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        repository: &'a Repository,
        cache: Cache,
        scope: Scope,
        listing: &Listing,
    ) -> Result<Self> {
        let now = repository.env().now();
        let last_run = parse_stamp(&repository.root_manifest().last_sync).unwrap_or(now);
        let denied = listing.denied.iter().map(|path| path.display().to_string()).collect();
        let outcome = SyncOutcome {
            sessions: (scope != Scope::ConfigOnly).then(SessionCount::default),
            unreadable: listing.unreadable.clone(),
            skipped: listing.skipped.clone(),
            denied,
            ..SyncOutcome::default()
        };
        let revision = repository.revise();
        Ok(Self { repository, revision, cache, now, last_run, outcome, learned: Learned::Nothing })
    }

    /// Stores files under their new names; gives back the old and new names of those that only seemed
    /// to have moved.
    fn store_moves(
        &mut self,
        moves: Vec<(EntryPath, Found)>,
        progress: &dyn Progress,
    ) -> Result<Vec<(EntryPath, EntryPath)>> {
        if moves.is_empty() {
            return Ok(Vec::new());
        }
        let files = moves.iter().map(|(_, found)| found);
        let at_work = SideBySide::begin(self.repository, files, progress)?;
        // What stands under a name now may be moved there by another of them.
        let mut jobs = Vec::new();
        for (from, found) in &moves {
            jobs.push(self.job(from, found.clone())?);
        }
        let mut unmoved = Vec::new();
        let results = at_work.store(&jobs)?;
        for ((job, result), (from, found)) in jobs.into_iter().zip(results).zip(moves) {
            let is_moved = result.as_ref().is_ok_and(|stored| stored.verdict != Verdict::New);
            if is_moved {
                self.revision.take_entry(&from)?;
                self.cache.files.remove(from.as_str());
                self.outcome.files.moved += 1;
            } else {
                unmoved.push((from, found.path));
            }
            self.take(&job, result)?;
        }
        Ok(unmoved)
    }

    fn store_files(&mut self, files: Vec<Found>, progress: &dyn Progress) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let at_work = SideBySide::begin(self.repository, files.iter(), progress)?;
        let mut files = files.into_iter();
        while files.len() > 0 {
            let jobs = self.jobs(files.by_ref().take(PORTION))?;
            let results = at_work.store(&jobs)?;
            jobs.iter().zip(results).try_for_each(|(job, result)| self.take(job, result))?;
        }
        Ok(())
    }

    fn jobs(&mut self, files: impl Iterator<Item = Found>) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for found in files {
            if self.revision.is_unread(&found.path)? {
                let error = "a newer version of claude-backup wrote its ledger line; update".into();
                self.outcome.unreadable.push(Unreadable { path: found.file.path, error });
                continue;
            }
            jobs.push(self.job(&found.path.clone(), found)?);
        }
        Ok(jobs)
    }

    fn job(&mut self, stored_as: &EntryPath, found: Found) -> Result<Job> {
        // The ledger decides what is stored; the cache only knows what was seen of it.
        let entry = self.revision.entry(stored_as)?.cloned();
        Ok(Job { found, entry, known: self.cache.get(stored_as).cloned() })
    }

    /// Takes over what became of one file.
    fn take(&mut self, job: &Job, result: Result<Stored>) -> Result<()> {
        let stored = match result {
            Ok(stored) => stored,
            Err(error) => {
                let (path, error) = (job.found.file.path.clone(), format!("{error:#}"));
                self.outcome.unreadable.push(Unreadable { path, error });
                return Ok(());
            }
        };
        self.outcome.bytes_read += stored.bytes_read;
        self.count(job, &stored);
        self.cache.files.insert(job.found.path.as_str(), stored.known.clone());
        self.learned = Learned::Something;
        self.place(stored)
    }

    /// What the next run may rely on.
    pub(super) fn remember(&mut self, entry: &Entry, known: Known) {
        self.cache.files.insert(entry.path.as_str().to_owned(), known);
        self.learned = Learned::Something;
    }

    fn place(&mut self, stored: Stored) -> Result<()> {
        for step in stored.steps {
            match step {
                Step::Put { name, staged, mode } => {
                    self.outcome.bytes_stored += staged.growth();
                    self.revision.put(&name, staged, mode)?;
                }
                Step::Rename { from, to, part, mode } => {
                    self.revision.rename_file(&from, &to, &part, mode);
                }
                Step::Remove(name) => self.revision.remove(&name),
            }
        }
        match stored.entry {
            Some(entry) => self.revision.set_entry(entry),
            None => Ok(()),
        }
    }

    fn count(&mut self, job: &Job, stored: &Stored) {
        let kind = job.found.file.kind;
        let is_session = kind == Kind::Transcript;
        let outcome = &mut self.outcome;
        let mut none = SessionCount::default();
        let sessions = outcome.sessions.as_mut().unwrap_or(&mut none);
        match stored.verdict {
            Verdict::Same | Verdict::Seen | Verdict::Cut => outcome.files.unchanged += 1,
            Verdict::New => {
                outcome.files.added += 1;
                sessions.added += u64::from(is_session);
            }
            Verdict::Grown | Verdict::Updated | Verdict::NewVersion { .. } => {
                outcome.files.updated += 1;
                sessions.updated += u64::from(is_session);
            }
        }
        let is_stored = !matches!(stored.verdict, Verdict::Same | Verdict::Seen | Verdict::Cut);
        outcome.config.files_synced += u64::from(kind.is_config() && is_stored);
        outcome.grown += u64::from(is_session && stored.verdict == Verdict::Grown);
        let path = &job.found.path;
        let session = path.session().filter(|_| is_session);
        // Of what was cut back before, the line says so already.
        if stored.verdict == Verdict::Cut && stored.entry.is_some() {
            outcome.cut += 1;
            outcome.cut_sessions.extend(session.as_ref().map(ToString::to_string));
        }
        if let Verdict::NewVersion { lost } = stored.verdict {
            let acknowledged = stored.entry.as_ref().is_some_and(|entry| entry.acknowledged);
            let uuid = session.map_or_else(|| path.to_string(), String::from);
            outcome.new_versions.push(NewVersion {
                uuid,
                lost_messages: lost,
                is_session,
                acknowledged,
            });
        }
    }

    fn acknowledge(&mut self, path: &EntryPath) -> Result<()> {
        let unknown = |entry: &&Entry| entry.lost_messages() > 0 && !entry.acknowledged;
        match self.revision.entry(path)?.filter(unknown).cloned() {
            Some(entry) => self.revision.set_entry(Entry { acknowledged: true, ..entry }),
            None => Ok(()),
        }
    }

    /// True where a session's file is there again in another project, and its conversation is no
    /// shorter there: it was given back to another folder.
    fn lives_on(&mut self, from: &EntryPath, to: &EntryPath) -> Result<bool> {
        let (from, to) = (self.messages_of(from)?, self.messages_of(to)?);
        Ok(from.is_some_and(|from| to.is_some_and(|to| to >= from)))
    }

    /// The messages of the session that a file belongs to.
    fn messages_of(&mut self, path: &EntryPath) -> Result<Option<u64>> {
        let Some(transcript) = path.transcript() else { return Ok(None) };
        let entry = self.revision.entry(&transcript)?;
        Ok(entry.and_then(|entry| Some(entry.content.session.as_ref()?.messages)))
    }

    fn mark_gone(&mut self, path: &EntryPath, told: Told) -> Result<()> {
        let entry = self.revision.entry(path)?.filter(|entry| entry.gone_since.is_none());
        let Some(entry) = entry.cloned() else { return Ok(()) };
        if let Some(known) = self.cache.get(path).cloned() {
            self.cache.files.insert(path.as_str(), Known { gone: true, ..known });
        }
        self.learned = Learned::Something;
        if told == Told::Aloud {
            self.outcome.newly_gone += 1;
            let session = path.session().filter(|_| entry.kind == Kind::Transcript);
            self.outcome.gone_sessions.extend(session.map(String::from));
        }
        let last_seen = entry.last_seen.max(self.last_run);
        self.revision.set_entry(Entry { gone_since: Some(self.now), last_seen, ..entry })
    }

    /// Where a file became a folder, or a folder a file, what is gone makes room for what is there.
    fn clear_the_way(&mut self) -> Result<()> {
        if self.learned == Learned::Nothing {
            return Ok(());
        }
        let gone = |known: &Known| known.gone;
        let is_plain = |path: &EntryPath, known: &Known| form(path, known.kind) == Form::Plain;
        let files = self.cache.files.iter().filter(|(_, known)| gone(known));
        let candidates = files.filter_map(|(name, known)| {
            let path = EntryPath::parse(name).ok()?;
            (is_plain(&path, known) && self.is_in_the_way(&path)).then_some(path)
        });
        for path in candidates.collect::<Vec<_>>() {
            self.move_aside(&path)?;
        }
        Ok(())
    }

    fn is_in_the_way(&self, path: &EntryPath) -> bool {
        let below = format!("{path}/");
        let has_children = self.cache.files.from(&below).next();
        let is_folder_now =
            has_children.is_some_and(|(name, known)| name.starts_with(&below) && !known.gone);
        let mut parents = path.as_str().rmatch_indices('/').map(|(at, _)| &path.as_str()[..at]);
        let lies_below_a_file =
            parents.any(|parent| self.cache.files.get(parent).is_some_and(|known| !known.gone));
        is_folder_now || lies_below_a_file
    }

    fn move_aside(&mut self, path: &EntryPath) -> Result<()> {
        let Some(entry) = self.revision.entry(path)?.cloned() else { return Ok(()) };
        if entry.content.at.is_some() {
            return Ok(());
        }
        let mut new = entry.clone();
        new.content.at = Some(format!("{}/gone", path.versions_folder()));
        self.revision.rename(path, &entry.content, &new.content);
        self.revision.set_entry(new)
    }

    /// Commits, then brings manifests, index and cache up to date.
    pub(super) fn finish(mut self, occasion: Occasion) -> Result<SyncOutcome> {
        let repository = self.repository;
        for (name, ledger) in self.revision.changed_ledgers() {
            self.cache.totals.insert(name.clone(), totals_of(ledger));
        }
        let has_changes = self.revision.changed_ledgers().next().is_some();
        let index = has_changes.then(|| repository.index_lines()).transpose()?;
        let manifest = machine_manifest(repository, &self.cache, self.now)?;
        let commit = self.revision.commit(&manifest, &size_words(manifest.sessions.size_bytes))?;
        if commit.is_some() || self.learned == Learned::Something {
            self.cache.tree = repository.machine_tree(&repository.machine)?;
            self.cache.save(&repository.vault.private_dir()?)?;
        }
        self.outcome.commit = commit.map(|id| id.to_string());
        self.outcome.gone_at_source =
            self.cache.files.iter().filter(|(_, k)| k.gone).count() as u64;
        // The index takes room too, and is made of the ledgers alone.
        drop(std::mem::take(&mut self.cache.files));
        if let Some(mut index) = index {
            for (name, ledger) in self.revision.into_changed_ledgers() {
                index.replace_project(&repository.machine, &name, &ledger)?;
            }
            index.set_tree(&repository.machine, self.cache.tree);
            repository.write_index(index)?;
        } else if !repository.has_index(&self.cache.tree)? {
            repository.write_index(repository.index_lines()?)?;
        }
        self.outcome.total_sessions = manifest.sessions.files;
        write_root_manifest(repository, manifest, &self.outcome, occasion)?;
        Ok(self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::source::Roots;
    use crate::sync::{Reading, plan};

    fn sync(repository: &Repository, roots: &Roots) -> SyncOutcome {
        let prepared = plan(repository, roots, Scope::All, Reading::Changed, &Silent).unwrap();
        apply(repository, prepared, &Silent).unwrap()
    }

    #[test]
    fn a_file_that_no_host_takes_is_named_and_the_rest_is_saved() {
        let (home, env) = crate::testing::sandbox();
        let claude = home.path().join(".claude");
        fs_err::create_dir_all(claude.join("skills/x")).unwrap();
        fs_err::write(claude.join("CLAUDE.md"), "be kind\n").unwrap();
        let large = claude.join("skills/x/model.bin");
        fs_err::write(&large, "x".repeat(4000)).unwrap();
        let mut repository = Repository::create(&home.path().join("backup"), &env).unwrap();
        repository.sizes.largest_committed = 3000;
        let roots = Roots::find(None, &env);
        let first = sync(&repository, &roots);
        let refused: Vec<_> = first.unreadable.iter().map(|file| &file.path).collect();
        assert_eq!((refused, first.files.added), (vec![&large], 1));
        assert!(first.unreadable[0].error.contains("4000 bytes"), "{:?}", first.unreadable);
        assert!(first.commit.is_some());
        let stored = |name: &str| {
            let found = repository.vault.find(&format!("machines/mac/config/{name}")).unwrap();
            found.map(|file| repository.vault.read(file.id).unwrap().len())
        };
        assert_eq!((stored("CLAUDE.md"), stored("skills/x/model.bin")), (Some(8), None));
        // It is tried again, and saved once it fits; a newer state that does not leaves the older.
        assert_eq!(sync(&repository, &roots).unreadable.len(), 1);
        fs_err::write(&large, "x".repeat(2000)).unwrap();
        assert_eq!(sync(&repository, &roots).files.added, 1);
        fs_err::write(&large, "y".repeat(5000)).unwrap();
        let last = sync(&repository, &roots);
        assert_eq!((last.unreadable.len(), last.commit), (1, None));
        assert_eq!(stored("skills/x/model.bin"), Some(2000));
    }
}
