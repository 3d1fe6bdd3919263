//! Where things lie below a machine's folder, and how a source's names become names there.
//!
//! A stored name is the source's name, escaped: a name that git refuses or obeys (`.git…`), a
//! control character, a backslash, a colon, a byte that is no UTF-8 and `%` itself become `%XX`, and
//! so does what makes a name a device or another name on Windows. A `%` that
//! is not followed by two hex digits can therefore never come from a source, and marks names that
//! we make ourselves.

pub(super) mod escape;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::escape::{escape, escape_as_before, is_common, path_of, push_escaped, unescape};
use crate::archive::ArchiveReader;
use crate::session::{MachineSlug, ProjectId, SessionId};
use crate::source::Kind;

/// Below this many bytes, a name with any of our suffixes fits into a file system's 255.
const LONGEST_NAME: usize = 240;
/// The folder of the config profile.
const CONFIG: &str = "config/";
/// The ledger of everything that belongs to no project.
const HOME_LEDGER: &str = "%home";

/// The folder of all machines.
pub const MACHINES: &str = "machines";
/// In a machine's folder: the public key that its commits are signed with.
pub const SIGNING_KEY: &str = "signing-key.pub";
/// Files of a machine's folder that are no stored content.
pub const PLUMBING: [&str; 3] = ["manifest.json", ".gitattributes", SIGNING_KEY];

/// A machine's folder, below the repository's root.
#[must_use]
pub fn machine_folder(machine: &MachineSlug) -> String {
    format!("{MACHINES}/{machine}")
}

/// A file's name below its machine's folder: escaped, UTF-8, `/` between its parts.
///
/// By construction no part is empty, `.` or `..`, even after its escapes are undone, so the name
/// can be joined to a folder without leaving it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

impl std::borrow::Borrow<str> for EntryPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl EntryPath {
    /// The stored name of a file of the Claude home.
    #[must_use]
    pub fn from_source(relative: &Path, kind: Kind) -> Self {
        let mut stored = String::with_capacity(relative.as_os_str().len() + CONFIG.len());
        if kind == Kind::Config {
            stored.push_str(CONFIG);
        }
        match relative
            .to_str()
            .filter(|name| name.split('/').all(|part| is_common(part.as_bytes())))
        {
            Some(name) => stored.push_str(name),
            None => push_escaped(&mut stored, relative),
        }
        Self(stored)
    }

    /// Checks a name that stood in a file.
    ///
    /// # Errors
    /// Where a part is empty, leads elsewhere, or is not escaped as we would.
    pub fn parse(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        for part in name.split('/').filter(|part| !is_common(part.as_bytes())) {
            let plain = unescape(part);
            let leads_elsewhere = plain.is_empty()
                || plain == b"."
                || plain == b".."
                || plain.iter().any(|&b| b == b'/' || b == 0);
            let is_escaped = escape(&plain) == part || escape_as_before(&plain) == part;
            if leads_elsewhere || !is_escaped {
                bail!("`{}` is no name of a stored file", name.escape_default());
            }
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if a file of this kind is stored under such a name: the config profile alone lies in its folder.
    #[must_use]
    pub fn fits(&self, kind: Kind) -> bool {
        self.0.starts_with(CONFIG) == (kind == Kind::Config)
    }

    /// Where the file lives below a Claude home.
    #[must_use]
    pub fn to_source(&self) -> PathBuf {
        let below_home = self.0.strip_prefix(CONFIG).unwrap_or(&self.0);
        below_home.split('/').map(|part| path_of(unescape(part))).collect()
    }

    /// The project it belongs to, by its folder's name.
    #[must_use]
    pub fn project(&self) -> Option<ProjectId> {
        let mut parts = self.0.split('/');
        (parts.next() == Some("projects")).then_some(())?;
        let project = parts.next()?;
        parts.next()?;
        ProjectId::new(project).ok()
    }

    /// The session it belongs to: its own transcript's, or that of the folder it lies in.
    ///
    /// Sub-agents of the older layout lie beside the transcripts and name no session.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        let mut parts = self.0.split('/').skip(1);
        self.project()?;
        let name = parts.nth(1)?;
        if parts.next().is_none() {
            let id = name.strip_suffix(".jsonl").filter(|id| !id.starts_with("agent-"))?;
            return SessionId::new(id).ok();
        }
        (name != "memory").then(|| SessionId::new(name).ok())?
    }

    /// The transcript of the session that it belongs to.
    #[must_use]
    pub fn transcript(&self) -> Option<Self> {
        self.session()?;
        let mut parts = self.0.split('/').skip(1);
        let (project, name) = (parts.next()?, parts.next()?);
        let id = name.strip_suffix(".jsonl").unwrap_or(name);
        Some(Self(format!("projects/{project}/{id}.jsonl")))
    }

    /// True for what belongs to a session and lies outside its project: its tasks, to-do lists and
    /// file history.
    #[must_use]
    pub fn accompanies(&self, session: &str) -> bool {
        let named = |folder: &str| self.0.strip_prefix(folder)?.strip_prefix(session);
        let folders = ["tasks/", "file-history/"].map(named);
        folders.into_iter().flatten().any(|rest| rest.starts_with('/'))
            || named("todos/").is_some_and(|rest| rest.starts_with("-agent-"))
    }

    /// The ledger that its line stands in.
    #[must_use]
    pub fn ledger(&self) -> LedgerName {
        self.project().map_or_else(LedgerName::home, |p| LedgerName::of_project(p.as_str()))
    }

    /// Where this path's earlier versions lie, without number and suffix.
    #[must_use]
    pub fn versions_folder(&self) -> String {
        let name = match self.0.strip_prefix("projects/") {
            // A session's versions lie in a folder of its id; no other name loses its ending.
            Some(below) if self.session().is_some() && below.matches('/').count() == 1 => {
                below.strip_suffix(".jsonl").unwrap_or(below).to_owned()
            }
            Some(below) => below.to_owned(),
            None => format!("{HOME_LEDGER}/{}", self.0),
        };
        format!("versions/{name}")
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EntryPath {
    type Error = anyhow::Error;
    fn try_from(name: String) -> Result<Self> {
        Self::parse(name)
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> String {
        path.0
    }
}

/// The name of a ledger: a project's folder name, cut to what a file system takes, or the one for all the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LedgerName(String);

impl LedgerName {
    /// The ledger of everything that belongs to no project.
    #[must_use]
    pub fn home() -> Self {
        Self(HOME_LEDGER.into())
    }

    /// The ledger of a project's files.
    #[must_use]
    pub fn of_project(project: &str) -> Self {
        Self(fit(project))
    }

    /// The ledger whose file has this name, without its folder.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        name.strip_suffix(".jsonl").filter(|stem| !stem.is_empty()).map(|stem| Self(stem.into()))
    }

    /// Its file below a machine's folder.
    #[must_use]
    pub fn file(&self) -> String {
        format!("ledger/{}.jsonl", self.0)
    }

    /// True for a project's.
    #[must_use]
    pub fn is_projects(&self) -> bool {
        self.0 != HOME_LEDGER
    }
}

/// How a file's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Archive format 1.
    Sectioned,
    /// Any gzip, as another tool made it; becomes sectioned when the file grows.
    Gzip,
    /// The bytes themselves.
    Plain,
}

impl Form {
    /// The uncompressed bytes that these parts hold, in their order.
    ///
    /// # Errors
    /// Where a plain file has no part; what does not inflate is found while reading.
    pub fn open(self, parts: Vec<Box<dyn Read + Send>>) -> Result<Box<dyn Read + Send>> {
        if self == Self::Plain {
            return parts.into_iter().next().context("nothing is stored of it");
        }
        Ok(Box::new(ArchiveReader::from_readers(parts)))
    }
}

/// The form for a new file: what grows is compressed and versioned, what is rewritten is kept as is.
#[must_use]
pub fn form(path: &EntryPath, kind: Kind) -> Form {
    match kind {
        Kind::Transcript | Kind::Subagent | Kind::ToolResult => Form::Sectioned,
        Kind::History | Kind::Paste | Kind::FileHistory => Form::Sectioned,
        Kind::Sidecar if path.as_str().ends_with(".jsonl") => Form::Sectioned,
        _ => Form::Plain,
    }
}

/// The file name, below the machine's folder, of one part of what is kept at `base`.
///
/// ```text
/// projects/p/u.jsonl  →  projects/p/u.jsonl.gz, projects/p/u.jsonl.002.gz, …
/// ```
#[must_use]
pub fn part_name(base: &str, form: Form, number: u32) -> String {
    let base = on_disk(base);
    match (form, number) {
        (Form::Plain, _) => unlike_an_archive(base),
        (_, 1) => format!("{}.gz", unlike_a_part(base)),
        _ => format!("{}.{number:03}.gz", unlike_a_part(base)),
    }
}

/// A plain file whose own name ends like an archive's (`x.gz`) has that dot escaped.
fn unlike_an_archive(base: String) -> String {
    match base.strip_suffix(".gz") {
        Some(stem) => format!("{stem}%2Egz"),
        None => base,
    }
}

/// A compressed file whose own name ends like a part's (`x.002`) has that dot escaped.
fn unlike_a_part(base: String) -> String {
    match base.rsplit_once('.') {
        Some((stem, end)) if end.len() == 3 && end.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{stem}%2E{end}")
        }
        _ => base,
    }
}

fn on_disk(path: &str) -> String {
    if path.len() <= LONGEST_NAME {
        return path.to_owned();
    }
    path.split('/').map(fit).collect::<Vec<_>>().join("/")
}

/// Shortens one name that a file system would refuse, keeping it unique by a piece of its hash.
fn fit(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let hash = Sha256::digest(name.as_bytes());
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut end = LONGEST_NAME - hash.len() - 2;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}%~{hash}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_rules::{is_forbidden_name, is_special_on_windows};
    use proptest::prelude::*;

    fn entry(source: &str, kind: Kind) -> EntryPath {
        EntryPath::from_source(Path::new(source), kind)
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        let path = entry("projects/-home-dev/1b93-u.jsonl", Kind::Transcript);
        assert_eq!(path.as_str(), "projects/-home-dev/1b93-u.jsonl");
        assert_eq!(part_name(path.as_str(), Form::Sectioned, 1), format!("{path}.gz"));
        assert_eq!(part_name(path.as_str(), Form::Sectioned, 2), format!("{path}.002.gz"));
        assert_eq!(path.ledger().file(), "ledger/-home-dev.jsonl");
        assert_eq!(path.versions_folder(), "versions/-home-dev/1b93-u");
        assert_eq!(path.session().unwrap().as_str(), "1b93-u");
    }

    #[test]
    fn what_git_would_refuse_or_obey_is_escaped_and_comes_back() {
        for name in [
            ".git",
            ".GIT",
            ".gitignore",
            ".gitattributes",
            "git~1",
            "GIT~1. ",
            ".g\u{200c}it",
            "\u{feff}.git",
            "a\nb",
            "100%.md",
            "a\\b",
        ] {
            let path = entry(&format!("skills/x/{name}"), Kind::Config);
            assert!(!path.as_str().contains("/.git"), "{path}");
            assert!(!path.as_str().split('/').any(is_forbidden_name), "{path}");
            assert_eq!(EntryPath::parse(path.as_str()).unwrap(), path);
            assert_eq!(path.to_source(), Path::new("skills/x").join(name));
        }
    }

    #[test]
    fn what_windows_takes_for_something_else_is_escaped_and_comes_back() {
        for (name, stored) in [
            ("a:b.md", "a%3Ab.md"),
            ("con.md", "%63on.md"),
            ("AUX", "%41UX"),
            ("CONIN$", "%43ONIN$"),
            ("com\u{b9}.txt", "%63om\u{b9}.txt"),
            ("note.", "note%2E"),
            ("note ", "note%20"),
            ("a. .", "a. %2E"),
            ("nul:", "nul%3A"),
            ("con .", "%63on %2E"),
            ("...", "..%2E"),
            ("console", "console"),
        ] {
            let path = entry(&format!("skills/x/{name}"), Kind::Config);
            assert_eq!(path.as_str(), format!("config/skills/x/{stored}"));
            assert!(!path.as_str().split('/').any(is_special_on_windows), "{path}");
            assert_eq!(EntryPath::parse(path.as_str()).unwrap(), path);
            assert_eq!(path.to_source(), Path::new("skills/x").join(name));
        }
    }

    #[test]
    fn a_name_that_an_earlier_version_wrote_is_still_read() {
        for name in ["config/skills/x/a:b.md", "config/skills/aux/con.md", "plans/a.", "plans/a "] {
            let path = EntryPath::parse(name).unwrap();
            let kind = if name.starts_with("config") { Kind::Config } else { Kind::Plan };
            assert_eq!(path.to_source(), Path::new(name.trim_start_matches("config/")));
            assert_ne!(EntryPath::from_source(&path.to_source(), kind), path);
        }
    }

    #[test]
    fn sidecars_belong_to_the_session_of_their_folder() {
        let path = entry("projects/p/s-1/subagents/agent-2.jsonl", Kind::Subagent);
        assert_eq!(path.session().unwrap().as_str(), "s-1");
        assert_eq!(entry("projects/p/memory/MEMORY.md", Kind::Memory).session(), None);
        assert_eq!(entry("history.jsonl", Kind::History).ledger().file(), "ledger/%home.jsonl");
    }

    #[test]
    fn a_name_that_would_leave_the_folder_is_refused() {
        for name in ["", "a//b", "/a", "../a", "projects/../x", "a/%2E%2E", "a/%2Fb", "a/%00", "%"]
        {
            assert!(EntryPath::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_session_named_like_a_part_is_not_taken_for_one() {
        assert_eq!(part_name("p/u.jsonl.002", Form::Sectioned, 1), "p/u.jsonl%2E002.gz");
    }

    #[test]
    fn a_name_of_255_bytes_fits_with_its_suffix() {
        let long = "x".repeat(255);
        let name = part_name(&format!("projects/{long}/{long}"), Form::Sectioned, 999);
        assert!(name.split('/').all(|part| part.len() <= 255), "{name}");
        assert!(LedgerName::of_project(&long).file().len() <= 255);
    }

    proptest! {
        #[test]
        fn any_name_survives_the_round_trip(name in proptest::collection::vec(any::<u8>(), 1..60)) {
            let name: Vec<u8> = name.into_iter().filter(|b| *b != b'/' && *b != 0).collect();
            prop_assume!(!name.is_empty() && name != b"." && name != b"..");
            let relative = Path::new("projects/p").join(path_of(name));
            let path = EntryPath::from_source(&relative, Kind::Sidecar);
            prop_assert_eq!(path.to_source(), relative);
            prop_assert_eq!(EntryPath::parse(path.as_str()).unwrap(), path);
        }
    }
}
