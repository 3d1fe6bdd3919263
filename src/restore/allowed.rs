//! What a restore may write, whatever a ledger says: the checks of a backup, asked again.

use std::cell::OnceCell;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::item::Item;
use crate::error::{ErrorKind, Failure};
use crate::fs::PRIVATE_FILE;
use crate::repository::Repository;
use crate::repository::layout::{EntryPath, LedgerName};
use crate::repository::ledger::{Content, Entry};
use crate::repository::origin::Origin;
use crate::session::MachineSlug;
use crate::source::code::StoredFile;
use crate::source::settings::MAX_SETTINGS;
use crate::source::{Kind, deny, kind_of, names_script};

/// Settings that may name a status-line script, as they are stored.
const SETTINGS: [&str; 2] = ["config/settings.json", "config/settings.local.json"];
/// Folders of programs that Claude Code installs itself: no script of the user lies there.
const PROGRAM_FOLDERS: [&str; 2] = ["local", "plugins"];

/// The checks for the files of one machine.
pub(super) struct Allowed<'a> {
    pub(super) repository: &'a Repository,
    origin: &'a Origin,
    pub(super) machine: &'a MachineSlug,
    /// The settings that this machine's folder has, read if a script has to be looked up in them.
    settings: OnceCell<Vec<Vec<u8>>>,
}

impl<'a> Allowed<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        origin: &'a Origin,
        machine: &'a MachineSlug,
    ) -> Self {
        Self { repository, origin, machine, settings: OnceCell::new() }
    }

    /// Why this file must not be restored.
    pub(super) fn refusal(&self, item: &Item) -> Option<String> {
        self.refusal_at(&item.place, &item.entry, &item.content)
    }

    /// Why a file must not be restored to this place below the Claude home.
    pub(super) fn refusal_at(
        &self,
        place: &Path,
        entry: &Entry,
        content: &Content,
    ) -> Option<String> {
        let (path, kind) = (&entry.path, entry.kind);
        let name = path.to_source();
        if deny::is_denied(&name) || deny::is_denied(place) {
            return Some("may hold secrets and is never restored".to_owned());
        }
        if !path.fits(kind) {
            return Some("is stored under a name that no backup gives".to_owned());
        }
        match kind_of(&name) {
            Some(expected) if expected == kind => None,
            Some(_) => Some("is of another kind than its place says".to_owned()),
            None if self.is_known_otherwise(entry, content, &name) => None,
            None => Some("lies where no backup saves anything".to_owned()),
        }
    }

    /// A status-line script is known by the settings alone, and older versions took more: what they
    /// took beside sessions is data, the rest counts if this machine committed it itself.
    fn is_known_otherwise(&self, entry: &Entry, content: &Content, name: &Path) -> bool {
        match entry.kind {
            Kind::Sidecar => name.starts_with("projects"),
            Kind::Config => {
                let is_program = PROGRAM_FOLDERS.iter().any(|folder| name.starts_with(folder));
                self.origin.committed_here(self.machine, &entry.path, content)
                    || (!is_program && self.settings().iter().any(|text| names_script(text, name)))
            }
            _ => false,
        }
    }

    fn settings(&self) -> &[Vec<u8>] {
        self.settings.get_or_init(|| {
            let names = SETTINGS.iter().filter_map(|name| EntryPath::parse(*name).ok());
            names.filter_map(|path| self.stored(&path).ok().flatten()).collect()
        })
    }

    fn stored(&self, path: &EntryPath) -> Result<Option<Vec<u8>>> {
        let lines = self.repository.lines(self.machine, &LedgerName::home())?;
        let Some(entry) = lines.entries.get(path) else { return Ok(None) };
        let content = self.repository.open_content(self.machine, path, &entry.content)?;
        let mut bytes = Vec::new();
        content.take(MAX_SETTINGS).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// The permission bits that a restored file gets. Sessions and what belongs to them are their
/// owner's alone, as the agent makes them; of what the user wrote others may never write, and only
/// programs may be executable.
pub(super) fn mode_of(entry: &Entry, content: &Content) -> u32 {
    let relative: PathBuf = entry.path.to_source();
    let file = StoredFile { relative: &relative, kind: entry.kind, mode: content.mode };
    match entry.kind {
        Kind::Transcript | Kind::Subagent | Kind::Sidecar | Kind::ToolResult => PRIVATE_FILE,
        _ if file.may_be_executable() => content.mode & 0o755 | PRIVATE_FILE,
        _ => content.mode & 0o644 | PRIVATE_FILE,
    }
}

/// Refuses a file that no restore gives, not even to a stream.
///
/// # Errors
/// [`ErrorKind::Refused`] with the reason.
pub fn refuse_forbidden(
    repository: &Repository,
    machine: &MachineSlug,
    entry: &Entry,
    content: &Content,
) -> Result<()> {
    let origin = repository.origin();
    let allowed = Allowed::new(repository, &origin, machine);
    match allowed.refusal_at(&entry.path.to_source(), entry, content) {
        None => Ok(()),
        Some(reason) => {
            let message = format!("`{}` of machine {machine} {reason}", entry.path);
            Err(Failure::new(ErrorKind::Refused, message)
                .hint(format!(
                    "see what is stored with `claude-backup restore --list --machine {machine}`"
                ))
                .into())
        }
    }
}
