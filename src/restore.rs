//! Give back: which stored files go where, then writing them, all or nothing each.

mod allowed;
mod apply;
mod code;
mod copies;
mod item;
mod owners;
mod project;
mod target;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use self::allowed::Allowed;
pub use self::allowed::refuse_forbidden;
pub use self::apply::{apply, foresee};
pub use self::code::ForeignCode;
pub use self::copies::Copies;
use self::item::Placement;
pub use self::item::{Bytes, Item, State};
pub use self::owners::MoreComplete;
use self::owners::Owners;
pub use self::project::Project;
use self::target::Target;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::layout::LedgerName;
use crate::repository::ledger::{Content, Entry};
use crate::repository::trust::Signature;
use crate::session::MachineSlug;
use crate::source::Kind;

/// Which of a file's contents is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The current one, unless it lost messages: then the fullest.
    #[default]
    Best,
    /// The one with the most messages.
    Fullest,
    /// The one of this number; 0 is the current one.
    Version(u32),
}

/// What to do where a target holds other bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// Leave them.
    #[default]
    Keep,
    /// Store them as a version, then replace them.
    Displace,
}

/// Which time of change the files get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Now, so that the agent's sweep does not take them at once.
    #[default]
    Now,
    /// Those of the source.
    Original,
}

/// Everything that a restore would do.
#[derive(Debug, Default)]
pub struct RestorePlan {
    /// Each file.
    pub items: Vec<Item>,
    /// Which time the files get.
    pub times: Times,
    /// Sessions of which another machine has a more complete copy.
    pub more_complete: Vec<MoreComplete>,
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreOutcome {
    /// Sessions that were given back.
    pub restored: u64,
    /// Sessions that stand where they belong.
    pub skipped: u64,
    /// Sessions of which a file could not be given back.
    pub failed: u64,
    /// Files that were replaced; the bytes that stood there are kept as versions.
    pub displaced: u64,
    /// All files.
    pub files: FileCounts,
    /// What could not be given back.
    pub failures: Vec<FileFailure>,
    /// Files that can execute code, come from elsewhere and were held back.
    pub held_back: Vec<HeldBack>,
    /// Files that no restore writes.
    pub refused: Vec<HeldBack>,
    /// Files that were left alone although the backup has more of them.
    pub longer_in_backup: Vec<String>,
    /// Sessions of which another machine has a more complete copy; this machine's was restored.
    pub more_complete: Vec<MoreComplete>,
    /// Of a dry run: each file that would be written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_write: Vec<PlannedFile>,
}

impl RestoreOutcome {
    /// What the process reports: 1 if a file could not be restored, 3 if one was held back or
    /// refused.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.files {
            FileCounts { failed: 1.., .. } => 1,
            FileCounts { held_back: 1.., .. } | FileCounts { refused: 1.., .. } => 3,
            _ => 0,
        }
    }
}

/// A file that a dry run would write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PlannedFile {
    /// Its target.
    pub path: String,
    /// The machine whose folder it is stored in.
    pub machine: String,
    /// Why it can execute code, if it does and comes from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Counts of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileCounts {
    /// Written.
    pub restored: u64,
    /// Left as they stand.
    pub skipped: u64,
    /// Neither.
    pub failed: u64,
    /// Held back: they can execute code and come from elsewhere.
    pub held_back: u64,
    /// Refused: no restore writes them.
    pub refused: u64,
    /// Of those written: they can execute code and come from elsewhere.
    pub code: u64,
}

/// A file that was held back or refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HeldBack {
    /// The name below the Claude home.
    pub path: String,
    /// The machine whose folder it is stored in; `None` of an archive.
    pub machine: Option<String>,
    /// Why.
    pub reason: String,
}

impl HeldBack {
    fn of(item: &Item, reason: &str) -> Self {
        Self {
            path: item.name.to_source().display().to_string(),
            machine: Some(item.machine.to_string()),
            reason: reason.to_owned(),
        }
    }
}

/// A file that could not be given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFailure {
    /// Its target.
    pub path: String,
    /// Why.
    pub error: String,
}

/// Where restored files go.
#[derive(Clone, Debug)]
pub enum Place {
    /// Back to their names below this Claude home.
    Home(PathBuf),
    /// Below this folder, by their names below the project's folder.
    Folder(PathBuf),
    /// The transcript alone, as this file.
    File(PathBuf),
    /// Among the sessions of another working folder.
    Project(Project),
}

impl Place {
    fn placement(&self, session: &IndexEntry, entry: &Entry) -> Result<Placement> {
        let target = match self {
            Self::Home(home) => Target::below(home, &entry.path.to_source()),
            Self::Folder(folder) => Target::below(folder, &below_project(entry)),
            Self::File(file) => Target::exact(file),
            Self::Project(project) => return project.placement(session, entry),
        };
        Ok(Placement::unchanged(target, entry))
    }
}

fn below_project(entry: &Entry) -> PathBuf {
    entry.path.to_source().components().skip(2).collect()
}

/// Plans one session: its transcript, sub-agents, tool results and other side files.
///
/// # Errors
/// Where its ledger cannot be read or the version does not exist.
pub fn plan_session(
    repository: &Repository,
    session: &IndexEntry,
    wanted: Wanted,
    place: &Place,
    conflict: Conflict,
) -> Result<RestorePlan> {
    let machine = MachineSlug::new(session.machine.as_str())?;
    let mut plan = RestorePlan::default();
    let mut entries = entries_of(repository, &machine, session)?;
    if matches!(place, Place::Home(_) | Place::Project(_)) {
        let home = repository.lines(&machine, &LedgerName::home())?.entries.into_values();
        entries.extend(home.filter(|entry| entry.path.accompanies(&session.uuid)));
    }
    if matches!(place, Place::File(_)) {
        entries.retain(|entry| entry.kind == Kind::Transcript);
    }
    let origin = repository.origin();
    let allowed = Allowed::new(repository, &origin, &machine);
    for entry in entries {
        let content = choose(&entry, wanted)?.clone();
        let placement = place.placement(session, &entry)?;
        plan.items.push(Item::new(&allowed, entry, content, placement)?.or_displaced(conflict));
    }
    if plan.items.is_empty() {
        let message =
            format!("nothing that can be given back is stored of session {}", session.uuid);
        return Err(Failure::new(ErrorKind::NotFound, message).into());
    }
    Ok(plan)
}

/// Plans everything: each session once, from this machine if it has it, else from the one with the
/// most complete copy; and what belongs to no project from this machine or the one named.
///
/// # Errors
/// Where a ledger cannot be read.
pub fn plan_all(
    repository: &Repository,
    only: Option<&MachineSlug>,
    home: &Path,
    conflict: Conflict,
) -> Result<RestorePlan> {
    let machines = match only {
        Some(machine) => vec![machine.clone()],
        None => repository.machines_by_trust()?,
    };
    let owners = Owners::find(repository, &machines)?;
    let home_machine = only.unwrap_or(&repository.machine);
    let mut plan = RestorePlan { more_complete: owners.more_complete, ..RestorePlan::default() };
    let mut taken = BTreeSet::new();
    let origin = repository.origin();
    for machine in &machines {
        let allowed = Allowed::new(repository, &origin, machine);
        for (_, ledger) in repository.all_lines(machine)? {
            for (path, entry) in ledger.entries {
                let owner = match path.session() {
                    Some(id) => owners.machines.get(id.as_str()).unwrap_or(machine),
                    None if path.project().is_some() => machine,
                    None => home_machine,
                };
                let is_wanted = owner == machine && taken.insert(path.clone());
                if is_wanted {
                    let target = Target::below(home, &path.to_source());
                    let content = choose(&entry, Wanted::Best)?.clone();
                    let placement = Placement::unchanged(target, &entry);
                    let item = Item::new(&allowed, entry, content, placement)?;
                    plan.items.push(item.or_displaced(conflict));
                }
            }
        }
    }
    give_way(&mut plan.items);
    Ok(plan)
}

/// Where a file became a folder at the source, or a folder a file, only the later one fits: what
/// the source still has, else what it had last.
fn give_way(items: &mut Vec<Item>) {
    items.sort_by_key(|item| {
        let gone = item.entry.gone_since;
        (gone.is_some(), std::cmp::Reverse(gone))
    });
    // Paths compare part by part, so what lies in a folder comes right after it.
    let mut files = BTreeSet::new();
    items.retain(|item| {
        // What is not written needs no room.
        if matches!(item.state, State::Refused(_)) {
            return true;
        }
        let target = &item.target;
        let is_folder = files
            .range(target.clone()..)
            .next()
            .is_some_and(|file: &PathBuf| file != target && file.starts_with(target));
        let lies_in_file = target.ancestors().skip(1).any(|folder| files.contains(folder));
        !is_folder && !lies_in_file && files.insert(target.clone())
    });
}

/// A session's lines, its transcript's apart.
pub struct SessionLines {
    /// Whose folder it is stored in.
    pub machine: MachineSlug,
    /// The transcript.
    pub transcript: Entry,
    /// Everything else that lies in its folder.
    pub others: Vec<Entry>,
}

/// The lines of a session that has a transcript.
///
/// # Errors
/// [`ErrorKind::NotFound`] where only side files are left of it.
pub fn lines_of(repository: &Repository, session: &IndexEntry) -> Result<SessionLines> {
    let machine = repository.known_machine(&session.machine)?;
    let mut others = entries_of(repository, &machine, session)?;
    let Some(at) = others.iter().position(|entry| entry.kind == Kind::Transcript) else {
        let id = &session.uuid;
        return Err(Failure::new(ErrorKind::NotFound, format!("session {id} has no transcript"))
            .hint(format!("its side files come back with `claude-backup restore {id}`"))
            .into());
    };
    let transcript = others.remove(at);
    Ok(SessionLines { machine, transcript, others })
}

/// All lines of one session.
///
/// # Errors
/// Where its ledger cannot be read.
pub fn entries_of(
    repository: &Repository,
    machine: &MachineSlug,
    session: &IndexEntry,
) -> Result<Vec<Entry>> {
    let name = LedgerName::of_project(&session.project_hash);
    let ledger = match session.signature {
        Signature::Unverified => {
            repository.unverified_lines(machine)?.remove(&name).unwrap_or_default()
        }
        _ => repository.lines(machine, &name)?,
    };
    let is_of_session = |entry: &Entry| {
        entry.path.session().is_some_and(|id| id.as_str() == session.uuid)
            && entry.path.project().is_some_and(|p| p.as_str() == session.project_hash)
    };
    Ok(ledger.entries.into_values().filter(is_of_session).collect())
}

/// The content that is meant; side files have no numbered versions of their own to choose from.
///
/// # Errors
/// [`ErrorKind::NotFound`] where the transcript has no such version.
pub fn choose(entry: &Entry, wanted: Wanted) -> Result<&Content> {
    let version = match wanted {
        Wanted::Version(0) => None,
        Wanted::Version(number) if entry.kind == Kind::Transcript => {
            let version = entry.versions.iter().find(|version| version.number == number);
            Some(version.ok_or_else(|| {
                let id = entry.path.session().map_or_else(String::new, String::from);
                Failure::new(ErrorKind::NotFound, format!("session {id} has no version {number}"))
                    .hint(format!("list them with `claude-backup versions {id}`"))
            })?)
        }
        Wanted::Fullest => entry.fullest(),
        Wanted::Best | Wanted::Version(_) => entry.preferred(),
    };
    Ok(version.map_or(&entry.content, |version| &version.content))
}
