//! This machine's folder, changed elsewhere too: by a twin, or before a disk was put back.
//!
//! Both sides are kept, file by file, by the rule that holds for a source: what only grew goes on,
//! anything else becomes a version. Done twice, it changes nothing the second time.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::Result;

use super::apply::{Run, stored};
use super::totals::Occasion;
use crate::repository::Repository;
use crate::repository::cache::Known;
use crate::repository::layout::{EntryPath, Form};
use crate::repository::ledger::{Content, Entry, Hash, Ledger, Reason, StoredPart, Version};
use crate::repository::revision::{Origin, Staged};
use crate::source::{Kind, Listing, Scope};
use crate::transcript::MessageIds;
use crate::vault::ObjectId;

/// Takes over, into this machine's folder, what `theirs` (another state of it) has and it lacks.
///
/// # Errors
/// Where git cannot be read or written; nothing has changed then.
pub fn reunite(repository: &Repository, theirs: ObjectId) -> Result<()> {
    let lines = lines_of(repository, theirs)?;
    let run = Run::begin(repository, stored(repository)?, Scope::All, &Listing::default())?;
    let mut reunion = Reunion { sides: Sides(repository), run, staged: 0 };
    for (path, entry) in lines {
        if let Err(error) = reunion.take(entry) {
            repository.warn(format!("`{path}` was changed elsewhere and is left: {error:#}"));
        }
    }
    reunion.run.finish(Occasion::Beside).map(drop)
}

/// True where `theirs` (another state of this machine's folder) has all that ours has.
///
/// # Errors
/// Where git cannot be read.
pub fn is_contained_in(repository: &Repository, theirs: ObjectId) -> Result<bool> {
    let lines = lines_of(repository, theirs)?;
    let ledgers = repository.ledgers(&repository.machine)?;
    // What has no line, or one that only a newer version reads, cannot be looked for.
    let is_known = |ledger: &Ledger| ledger.unread.is_empty();
    if ledgers.is_empty() || !ledgers.iter().all(|(_, ledger)| is_known(ledger)) {
        return Ok(false);
    }
    for (_, ledger) in ledgers {
        for (path, ours) in &ledger.entries {
            let is_there = match lines.get(path) {
                Some(there) => Sides(repository).has_all(theirs, there, ours)?,
                None => false,
            };
            if !is_there {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The ledger lines of some state of this machine's folder.
fn lines_of(repository: &Repository, folder: ObjectId) -> Result<BTreeMap<EntryPath, Entry>> {
    let mut lines = BTreeMap::new();
    let Some(ledgers) = repository.vault.folder_in(folder, "ledger")? else { return Ok(lines) };
    for file in repository.vault.files_of(ledgers)? {
        let (ledger, damaged) = Ledger::parse(&repository.vault.read(file.id)?);
        // The history keeps it, whoever wrote it.
        damaged.into_iter().for_each(|line| {
            repository
                .warn(format!("this machine's folder at the remote, {line}; it is left there"));
        });
        lines.extend(ledger.entries);
    }
    Ok(lines)
}

struct Reunion<'a> {
    sides: Sides<'a>,
    run: Run<'a>,
    staged: u64,
}

/// The bytes of both sides, as git has them.
struct Sides<'a>(&'a Repository);

/// How two contents of one file relate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// Ours has all of theirs.
    Contains,
    /// Theirs has all of ours.
    Contained,
    /// Each has something of its own.
    Apart,
}

impl Reunion<'_> {
    fn take(&mut self, theirs: Entry) -> Result<()> {
        let Some(ours) = self.run.revision.entry(&theirs.path)?.cloned() else {
            return self.take_whole(theirs);
        };
        let mut entry = ours.clone();
        match self.sides.relation(&ours.content, &theirs.content)? {
            Relation::Contains => {}
            Relation::Contained => {
                self.put(&theirs, &theirs.content)?;
                entry.content = theirs.content.clone();
                entry.kind = theirs.kind;
            }
            Relation::Apart if ours.content.form == Form::Plain => {}
            Relation::Apart => self.add_version(&mut entry, &theirs.content, Reason::Replaced)?,
        }
        for version in &theirs.versions {
            self.add_version(&mut entry, &version.content, version.reason)?;
        }
        entry.first_seen = ours.first_seen.min(theirs.first_seen);
        entry.last_seen = ours.last_seen.max(theirs.last_seen);
        if entry == ours {
            return Ok(());
        }
        self.know(&entry);
        self.run.revision.set_entry(entry)
    }

    /// A file that only their side has.
    fn take_whole(&mut self, theirs: Entry) -> Result<()> {
        for content in theirs.contents() {
            self.put(&theirs, content)?;
        }
        self.know(&theirs);
        self.run.revision.set_entry(theirs)
    }

    /// Adds a content that the entry has nowhere yet.
    fn add_version(&mut self, entry: &mut Entry, content: &Content, reason: Reason) -> Result<()> {
        let is_known = entry.contents().any(|known| known.sha256 == content.sha256);
        if is_known || self.sides.relation(&entry.content, content)? == Relation::Contains {
            return Ok(());
        }
        self.drop_versions_within(entry, content)?;
        let (number, at) = self.sides.0.place_for_version(entry)?;
        let content = Content { at: Some(at), ..content.clone() };
        self.put(entry, &content)?;
        let lost_messages = self.sides.lost_messages(entry, &content);
        let replaced = self.sides.0.env().now();
        let unknown = crate::repository::ledger::Unknown::new();
        entry.versions.push(Version { number, reason, replaced, lost_messages, content, unknown });
        entry.acknowledged &= lost_messages == 0;
        Ok(())
    }

    /// A version that another one contains says nothing of its own.
    fn drop_versions_within(&mut self, entry: &mut Entry, content: &Content) -> Result<()> {
        let mut kept = Vec::new();
        for version in std::mem::take(&mut entry.versions) {
            if self.sides.relation(content, &version.content)? == Relation::Contains {
                for (name, _) in version.content.files(&entry.path) {
                    self.run.revision.remove(&name);
                }
            } else {
                kept.push(version);
            }
        }
        entry.versions = kept;
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &Content) -> Result<()> {
        let mut staged = Vec::new();
        for (name, part) in content.files(&entry.path) {
            staged.push((name, self.stage(part)?));
        }
        let mode = content.file_mode();
        staged.into_iter().try_for_each(|(name, file)| self.run.revision.put(&name, file, mode))
    }

    fn stage(&mut self, part: &StoredPart) -> Result<Staged> {
        self.staged += 1;
        let path = self.sides.0.stage_dir()?.join(format!("reunited-{}", self.staged));
        fs_err::write(&path, self.sides.0.vault.read(part.blob)?)?;
        Ok(Staged { path, id: part.blob, length: part.length, origin: Origin::New })
    }

    fn know(&mut self, entry: &Entry) {
        self.run.cache.files.insert(entry.path.as_str(), Known::of(entry));
    }
}

impl Sides<'_> {
    /// True where the folder `theirs` has all contents of one of our lines, and their files.
    fn has_all(&self, theirs: ObjectId, there: &Entry, ours: &Entry) -> Result<bool> {
        for content in there.contents() {
            for (name, part) in content.files(&there.path) {
                let file = self.0.vault.file_in(theirs, &name)?;
                if file.is_none_or(|file| file.id != part.blob) {
                    return Ok(false);
                }
            }
        }
        // Of what is rewritten by nature, the history has the rest.
        let contents = ours.contents().filter(|content| content.form != Form::Plain);
        for content in contents {
            let mut is_there = false;
            for other in there.contents() {
                is_there |= self.relation(other, content)? == Relation::Contains;
            }
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn relation(&self, ours: &Content, theirs: &Content) -> Result<Relation> {
        if ours.sha256 == theirs.sha256 {
            return Ok(Relation::Contains);
        }
        // What is rewritten by nature only happens to begin alike.
        if ours.form == Form::Plain || theirs.form == Form::Plain {
            return Ok(Relation::Apart);
        }
        if theirs.length <= ours.length && self.begins_with(ours, theirs)? {
            return Ok(Relation::Contains);
        }
        if ours.length <= theirs.length && self.begins_with(theirs, ours)? {
            return Ok(Relation::Contained);
        }
        Ok(Relation::Apart)
    }

    fn begins_with(&self, longer: &Content, shorter: &Content) -> Result<bool> {
        let beginning = self.open(longer)?.take(shorter.length);
        let (hash, length) = Hash::of(beginning)?;
        Ok(length == shorter.length && hash == shorter.sha256)
    }

    fn lost_messages(&self, entry: &Entry, version: &Content) -> u64 {
        if !matches!(entry.kind, Kind::Transcript | Kind::Subagent) {
            return 0;
        }
        let ids = |content| Ok::<_, anyhow::Error>(MessageIds::read(self.open(content)?)?);
        match (ids(version), ids(&entry.content)) {
            (Ok(ids), Ok(present)) => ids.missing_from(&present),
            _ => version.messages(),
        }
    }

    fn open(&self, content: &Content) -> Result<Box<dyn Read + Send>> {
        let mut parts: Vec<Box<dyn Read + Send>> = Vec::new();
        for part in &content.parts {
            parts.push(Box::new(std::io::Cursor::new(self.0.vault.read(part.blob)?)));
        }
        content.form.open(parts)
    }
}
