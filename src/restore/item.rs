//! One file of a plan: what it is, where it goes, what stands there.

use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Result;

use super::Conflict;
use super::allowed::Allowed;
use super::apply::stat_of;
use super::target::{Target, state_of};
use crate::repository::Repository;
use crate::repository::layout::EntryPath;
use crate::repository::ledger::{Content, Entry, Hash};
use crate::session::MachineSlug;
use crate::source::Stat;
use crate::transcript::Rehome;

/// One file of a plan.
#[derive(Clone, Debug)]
pub struct Item {
    /// Whose folder it is stored in.
    pub machine: MachineSlug,
    /// Its line.
    pub entry: Entry,
    /// The content to give back.
    pub content: Content,
    /// What is changed of it on the way.
    pub rehome: Option<Rehome>,
    /// The bytes that come of it.
    pub bytes: Bytes,
    /// Where it goes.
    pub target: PathBuf,
    /// The stored name of what stands there: in another project not that of its line.
    pub name: EntryPath,
    /// Its place below the Claude home, links on the way resolved.
    pub place: PathBuf,
    /// What stands there now.
    pub state: State,
    /// Why it can execute code, of a file that this machine did not commit itself.
    pub code: Option<String>,
    /// When it was looked at; a displaced file must not change between being kept and replaced.
    pub seen: Option<Stat>,
}

/// How many bytes, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Their number.
    pub length: u64,
    /// Their hash.
    pub sha256: Hash,
}

/// What stands at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Free,
    /// The very bytes.
    Same,
    /// Fewer bytes than the backup has.
    Shorter,
    /// Other bytes.
    Other,
    /// A link, a pipe or a device.
    NoFile,
    /// Other bytes, which are to be displaced.
    Displaced,
    /// A place that must not be written to, and why.
    Forbidden(String),
    /// A file that no restore writes, and why.
    Refused(String),
    /// A file that can execute code and comes from elsewhere, and why it can.
    HeldBack(String),
}

/// Where a stored file goes.
pub(super) struct Placement {
    pub(super) target: Target,
    pub(super) name: EntryPath,
    pub(super) rehome: Option<Rehome>,
}

impl Placement {
    /// A place where it is what it was.
    pub(super) fn unchanged(target: Target, entry: &Entry) -> Self {
        Self { target, name: entry.path.clone(), rehome: None }
    }

    /// Where it really goes, below the Claude home: a folder on the way may be a link. Outside of a
    /// home the user has named the place.
    fn place(&self) -> PathBuf {
        let name = self.name.to_source();
        let real = self.target.real_name().filter(|_| self.target.is_named(&name));
        real.unwrap_or(name)
    }
}

impl Bytes {
    /// Those that are stored.
    #[must_use]
    pub fn of(content: &Content) -> Self {
        Self { length: content.length, sha256: content.sha256 }
    }

    fn of_reader(reader: impl Read) -> io::Result<Self> {
        let (sha256, length) = Hash::of(reader)?;
        Ok(Self { length, sha256 })
    }
}

impl Item {
    /// A file on its way, and what stands there now.
    pub(super) fn new(
        allowed: &Allowed<'_>,
        entry: Entry,
        content: Content,
        placement: Placement,
    ) -> Result<Self> {
        let (repository, machine) = (allowed.repository, allowed.machine);
        let place = placement.place();
        let Placement { target, name, rehome } = placement;
        let (machine, seen) = (machine.clone(), stat_of(&target.path()));
        let (bytes, state) = (Bytes::of(&content), State::Free);
        let code = None;
        let item = Self {
            machine,
            entry,
            content,
            rehome,
            bytes,
            target: target.path(),
            name,
            place,
            state,
            code,
            seen,
        };
        if let Some(reason) = allowed.refusal(&item) {
            return Ok(Self { state: State::Refused(reason), ..item });
        }
        let bytes = item.changed(repository).unwrap_or(bytes);
        Ok(Self { bytes, state: state_of(&target, bytes)?, ..item })
    }

    /// True if the plan is to write it.
    pub(super) fn is_to_be_written(&self) -> bool {
        matches!(self.state, State::Free | State::Displaced)
    }

    /// The same where what stands in the way may be displaced.
    pub(super) fn or_displaced(self, conflict: Conflict) -> Self {
        let is_in_the_way = matches!(self.state, State::Shorter | State::Other | State::NoFile);
        match is_in_the_way && conflict == Conflict::Displace {
            true => Self { state: State::Displaced, ..self },
            false => self,
        }
    }

    /// What comes of the stored bytes; nothing where those are not what they should be, which is told
    /// where they are written.
    fn changed(&self, repository: &Repository) -> Option<Bytes> {
        self.rehome.as_ref()?;
        let stored =
            repository.open_content(&self.machine, &self.entry.path, &self.content).ok()?;
        let is_whole = Bytes::of_reader(stored).ok()? == Bytes::of(&self.content);
        is_whole.then(|| Bytes::of_reader(self.open(repository).ok()?).ok())?
    }

    /// The bytes to be written.
    pub(super) fn open(&self, repository: &Repository) -> Result<Box<dyn Read + Send>> {
        let stored = repository.open_content(&self.machine, &self.entry.path, &self.content)?;
        Ok(match &self.rehome {
            Some(rehome) => Box::new(rehome.reader(stored)),
            None => stored,
        })
    }
}
