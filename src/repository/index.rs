//! `session-index.json`: every machine's sessions in one file, derived from the ledgers.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::lines::Lines;
use super::layout::LedgerName;
use super::ledger::{Entry, Ledger};
use super::manifest::{VERSION, stamp};
use super::trust::Signature;
use super::{Repository, foreign};
use crate::fs::{PRIVATE_FILE, identity, read_if_exists, write_atomic};
use crate::session::MachineSlug;
use crate::source::Kind;

/// Its name below the root.
const INDEX: &str = "session-index.json";

/// All sessions, sorted by machine, project and id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The version of the tool that wrote it.
    pub version: String,
    /// RFC 3339, UTC, whole seconds.
    pub generated_at: String,
    /// The state of each machine's folder that this was made from: any other voids its sessions here.
    #[serde(default)]
    pub trees: BTreeMap<String, String>,
    /// One per session.
    pub sessions: Vec<IndexEntry>,
}

/// A session as lists show it. The first five keys are those of the old tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IndexEntry {
    /// The session's id.
    pub uuid: String,
    /// Its project folder's name.
    pub project_hash: String,
    /// Its machine's folder.
    pub machine: String,
    /// Bytes of its archive.
    pub size_bytes: u64,
    /// When it was last found at the source, as of its last change; RFC 3339, UTC, whole seconds.
    pub backed_up_at: String,
    /// The true path of its working folder, from its records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its first prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_prompt: Option<String>,
    /// Messages, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Bytes of the transcript itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncompressed_bytes: Option<u64>,
    /// Time of its last record, or of the file's last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<DateTime<Utc>>,
    /// Since when the source lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<DateTime<Utc>>,
    /// How many earlier versions are kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub versions: u64,
    /// Messages of earlier versions that the present one lacks.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost_messages: u64,
    /// The user has taken note of that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
    /// Only side files are left of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_transcript: bool,
    /// Who vouches for it, where another machine stored it.
    #[serde(skip_serializing_if = "Signature::is_own")]
    pub signature: Signature,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl IndexEntry {
    /// How much there is of it, earlier versions included: messages, then bytes.
    #[must_use]
    pub fn weight(&self) -> (Option<u64>, Option<u64>) {
        (
            self.messages.map(|messages| messages.saturating_add(self.lost_messages)),
            self.uncompressed_bytes,
        )
    }

    /// True where it left its place, and one of these is the same session of the same machine in
    /// another, with no fewer messages.
    #[must_use]
    pub fn lives_on<'a>(&self, mut among: impl Iterator<Item = &'a Self>) -> bool {
        self.gone_since.is_some()
            && among.any(|other| {
                let is_same = (&other.uuid, &other.machine) == (&self.uuid, &self.machine);
                is_same && other.gone_since.is_none() && other.weight().0 >= self.weight().0
            })
    }
}

impl Index {
    /// Reads the index's text.
    ///
    /// # Errors
    /// Where it is no index.
    pub fn parse(text: &[u8]) -> Result<Self> {
        serde_json::from_slice(text).context("the session index is damaged")
    }
}

impl Repository {
    /// The session index; what it lacks or has of another state is made anew from the ledgers.
    ///
    /// # Errors
    /// Where the ledgers cannot be read.
    pub fn index(&self) -> Result<Index> {
        let sessions = self.sessions_with("")?;
        Ok(Index { sessions, ..Index::default() })
    }

    /// The sessions of the index whose ids contain a text, and perhaps others.
    ///
    /// # Errors
    /// As [`Self::index`].
    pub(super) fn sessions_with(&self, part: &str) -> Result<Vec<IndexEntry>> {
        let sessions = self.index_lines()?.sessions_with(part);
        sessions.or_else(|_| {
            self.warn_of_index();
            self.complete(Lines::default())?.sessions_with(part)
        })
    }

    /// The session index by its lines, to change some of them; as [`Self::index`].
    ///
    /// # Errors
    /// Where the ledgers cannot be read.
    pub fn index_lines(&self) -> Result<Lines> {
        let Some(text) = read_if_exists(&self.root.join(INDEX))? else {
            return self.complete(Lines::default());
        };
        // What is surely the text that was written needs no second look.
        if self.is_noted()? {
            let lines = Lines::read(text).filter(|lines| lines.version() == VERSION);
            return self.complete(lines.unwrap_or_default());
        }
        let lines = match Index::parse(&text) {
            Ok(index) if index.version == VERSION => Lines::of(index)?,
            Ok(_) => Lines::default(),
            Err(_) => {
                self.warn_of_index();
                Lines::default()
            }
        };
        self.complete(lines)
    }

    fn warn_of_index(&self) {
        let path = self.root.join(INDEX);
        self.warn(format!("`{}` was damaged; made anew", path.display()));
    }

    /// Takes out what is of no machine that is here, and takes in what is of another state.
    fn complete(&self, mut lines: Lines) -> Result<Lines> {
        let machines = self.machines()?;
        lines.retain(|slug| machines.iter().any(|machine| machine.as_str() == slug));
        for machine in machines {
            let tree = self.view(&machine)?.identity();
            if lines.head().trees.get(machine.as_str()) != Some(&tree) {
                lines.retain(|slug| slug != machine.as_str());
                lines.set_tree(&machine, tree);
                self.index_machine(&machine, &mut lines)?;
            }
        }
        Ok(lines)
    }

    fn index_machine(&self, machine: &MachineSlug, lines: &mut Lines) -> Result<()> {
        let view = self.view(machine)?;
        let signed = |mut sessions: Vec<IndexEntry>, signature: Signature| {
            sessions.iter_mut().for_each(|session| session.signature = signature);
            sessions
        };
        // What is kept of a folder that somebody else changed since is as good as it was.
        let accepted = match view.signature {
            Signature::Unverified => Signature::Verified,
            signature => signature,
        };
        if view.is_tip() && !self.has_ledgers(machine)? {
            return lines.add(signed(foreign::sessions(self, machine), accepted));
        }
        let names = match view.is_tip() {
            true => self.ledger_names(machine)?,
            false => self.names_of_view(machine, &view)?,
        };
        let mut unverified = self.unverified_lines(machine)?;
        let names: BTreeSet<LedgerName> =
            names.into_iter().chain(unverified.keys().cloned()).collect();
        for name in names.iter().filter(|name| name.is_projects()) {
            let mut sessions = signed(sessions_of(machine, &self.lines(machine, name)?), accepted);
            let others = sessions_of(machine, &unverified.remove(name).unwrap_or_default());
            sessions.extend(signed(others, Signature::Unverified));
            lines.add(sessions)?;
        }
        Ok(())
    }

    /// Whether the session index is there, as it was written for this state of this machine's folder.
    ///
    /// # Errors
    /// Where the program's own folder cannot be read.
    pub fn has_index(&self, tree: &str) -> Result<bool> {
        let note = self.index_note(tree);
        Ok(note.is_some() && note == read_if_exists(&self.index_note_file()?)?)
    }

    /// True while the session index is the file that was written, for whatever state.
    fn is_noted(&self) -> Result<bool> {
        let note = read_if_exists(&self.index_note_file()?)?.unwrap_or_default();
        let noted = std::str::from_utf8(&note).ok().and_then(|note| note.lines().nth(1));
        Ok(noted.is_some() && noted == self.index_identity().as_deref())
    }

    /// What tells that the session index is still the one that was made of this state.
    fn index_note(&self, tree: &str) -> Option<Vec<u8>> {
        let file = self.index_identity()?;
        let (version, machine) = (VERSION, &self.machine);
        Some(format!("{version} {machine} {tree}\n{file}\n").into_bytes())
    }

    /// Of a file that has a line for each session: others were written before.
    fn index_identity(&self) -> Option<String> {
        Some(format!("lines {}", identity(&self.root.join(INDEX))?))
    }

    fn index_note_file(&self) -> Result<PathBuf> {
        Ok(self.vault.private_dir()?.join("session-index"))
    }

    /// Writes the session index.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn write_index(&self, mut lines: Lines) -> Result<()> {
        let head = lines.head();
        head.version = VERSION.into();
        head.generated_at = stamp(self.env.now());
        let tree = head.trees.get(self.machine.as_str()).cloned();
        self.write_file_in_pieces(&self.root.join(INDEX), &lines.pieces()?, PRIVATE_FILE)?;
        let note = tree.and_then(|tree| self.index_note(&tree)).unwrap_or_default();
        Ok(write_atomic(&self.index_note_file()?, &note, PRIVATE_FILE)?)
    }
}

impl Lines {
    /// Puts the sessions of a project's ledger in the place of what the index had of it.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub fn replace_project(
        &mut self,
        machine: &MachineSlug,
        name: &LedgerName,
        ledger: &Ledger,
    ) -> Result<()> {
        match name.is_projects() {
            true => self.replace(machine, name, sessions_of(machine, ledger)),
            false => Ok(()),
        }
    }
}

/// A project's sessions: one per transcript, and one per session of which only side files are left.
fn sessions_of(machine: &MachineSlug, ledger: &Ledger) -> Vec<IndexEntry> {
    let mut sessions: BTreeMap<String, IndexEntry> = BTreeMap::new();
    for entry in ledger.entries.values() {
        let (Some(project), Some(id)) = (entry.path.project(), entry.path.session()) else {
            continue;
        };
        let is_known = sessions.get(id.as_str()).is_some_and(|known| !known.without_transcript);
        if is_known || (entry.kind != Kind::Transcript && sessions.contains_key(id.as_str())) {
            continue;
        }
        let line = index_entry(machine, project.as_str(), id.as_str(), entry);
        sessions.insert(id.as_str().to_owned(), line);
    }
    sessions.into_values().collect()
}

fn index_entry(machine: &MachineSlug, project: &str, id: &str, entry: &Entry) -> IndexEntry {
    let session = entry.content.session.clone().unwrap_or_default();
    // A session cut down to a stub is still known by what it was.
    let fuller = entry.preferred().and_then(|version| version.content.session.clone());
    let fuller = fuller.unwrap_or_default();
    let is_transcript = entry.kind == Kind::Transcript;
    IndexEntry {
        uuid: id.to_owned(),
        project_hash: project.to_owned(),
        machine: machine.as_str().to_owned(),
        size_bytes: entry.content.stored_bytes(),
        backed_up_at: stamp(entry.last_seen),
        cwd: session.cwd.or(fuller.cwd),
        title: session.title.or(fuller.title),
        first_prompt: session.first_prompt.or(fuller.first_prompt),
        messages: is_transcript.then_some(session.messages),
        uncompressed_bytes: is_transcript.then_some(entry.content.length),
        last_activity: session.last_record.or(Some(entry.content.modified)),
        gone_since: entry.gone_since,
        versions: entry.versions.len() as u64,
        lost_messages: entry.lost_messages(),
        acknowledged: entry.acknowledged,
        without_transcript: !is_transcript,
        signature: Signature::Own,
    }
}
