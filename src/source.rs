//! Which files of a Claude Code home are to be kept, and which never are.
//!
//! [`list`] walks over named places only, applies the deny list once, follows links by where they
//! end, and goes on past what cannot be read. It opens no file but `settings.json`.

mod claude_code;
pub mod code;
pub mod deny;
mod ends;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hard_links;
mod pattern;
mod roots;
pub mod settings;
mod status_line;
#[cfg(test)]
mod tests;
mod walk;

use std::path::{Path, PathBuf};
use std::{fmt, io};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::claude_code::kind_of;
pub use self::roots::Roots;
pub use self::status_line::names_script;
use crate::fs::open_real;
use crate::progress::Progress;

/// What a file is, by its place in the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A session: `projects/<project>/<uuid>.jsonl`.
    Transcript,
    /// A sub-agent's transcript, beside the sessions or below one.
    Subagent,
    /// Anything else below a project: `.meta.json`, workflow runs, journals.
    Sidecar,
    /// Tool output spilled out of a transcript.
    ToolResult,
    /// A project's memory.
    Memory,
    /// `history.jsonl`: each prompt typed.
    History,
    /// The config profile, see [`crate::profile`].
    Config,
    /// The memory of a named agent; it goes with the config.
    AgentMemory,
    /// A to-do list of older versions.
    Todo,
    /// A task list.
    Task,
    /// A plan.
    Plan,
    /// A large paste that the history points to.
    Paste,
    /// An agent team.
    Team,
    /// A file's bytes before an edit, for `/rewind`.
    FileHistory,
}

impl Kind {
    /// True for what [`Scope::ConfigOnly`] keeps.
    #[must_use]
    pub fn is_config(self) -> bool {
        matches!(self, Self::Config | Self::AgentMemory)
    }
}

/// What the file system says of a file, to tell whether it needs reading again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since the epoch of the last change of the bytes.
    pub mtime_ns: i128,
    /// Nanoseconds since the epoch of the last change of anything; 0 where it is not known.
    pub ctime_ns: i128,
    /// The file system's number; 0 where it is not known.
    pub device: u64,
    /// The file's number in its file system; 0 where it is not known.
    pub inode: u64,
    /// The nine permission bits; 0600 where there are none.
    pub mode: u32,
}

impl Stat {
    /// Time of the last change of the bytes; the epoch where no calendar holds it.
    #[must_use]
    pub fn modified(&self) -> DateTime<Utc> {
        let seconds = i64::try_from(self.mtime_ns.div_euclid(1_000_000_000)).ok();
        let rest = u32::try_from(self.mtime_ns.rem_euclid(1_000_000_000)).unwrap_or_default();
        seconds.and_then(|s| DateTime::from_timestamp(s, rest)).unwrap_or_default()
    }

    /// Takes over what an open file or a path answered.
    #[must_use]
    #[cfg(unix)]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            size: metadata.len(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode() & 0o777,
        }
    }

    /// Takes over what an open file or a path answered.
    #[must_use]
    #[cfg(not(unix))]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        let modified = metadata.modified().ok().and_then(since).unwrap_or_default();
        let mtime_ns = i128::try_from(modified.as_nanos()).unwrap_or_default();
        let mode = crate::fs::PRIVATE_FILE;
        Self { size: metadata.len(), mtime_ns, mode, ..Self::default() }
    }
}

/// One file to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name below the Claude home by which it is reached; links in it are not resolved.
    pub relative: PathBuf,
    /// Where to open it: the real path, whose end was judged.
    pub path: PathBuf,
    /// What it is, by its place.
    pub kind: Kind,
    /// Of the file itself, not of a link to it.
    pub stat: Stat,
    /// The number of names (hard links) that the file has.
    pub links: u64,
}

impl SourceFile {
    /// A file that the file system was asked about just now; `path` is its real one.
    #[must_use]
    pub fn new(relative: PathBuf, path: PathBuf, kind: Kind, metadata: &std::fs::Metadata) -> Self {
        let (stat, links) = (Stat::of(metadata), hard_links::link_count(metadata));
        Self { relative, path, kind, stat, links }
    }

    /// Opens it, if it is still the regular file that was listed or another one in its place that
    /// has no other name.
    ///
    /// # Errors
    /// As the file system says, with the path; also if a link, a pipe or another name of a file
    /// that exists elsewhere was put there since.
    pub fn open(&self) -> io::Result<fs_err::File> {
        let file = open_real(&self.path)?;
        let metadata = file.metadata()?;
        let stat = Stat::of(&metadata);
        let is_listed = (stat.device, stat.inode) == (self.stat.device, self.stat.inode);
        if is_listed || hard_links::link_count(&metadata) < 2 {
            return Ok(file);
        }
        let message = format!("`{}` was replaced by a hard link", self.path.display());
        Err(io::Error::other(message))
    }
}

/// A file or folder that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The full path as the user knows it.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// A lowercase fragment, without the path.
    pub error: String,
}

/// Something at a kept place that is left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The name below the Claude home.
    #[serde(serialize_with = "shown")]
    pub relative: PathBuf,
    /// The full path as the user knows it.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
    /// The real path that a link leads to, or the other name of a hard link, if that is the reason.
    #[serde(serialize_with = "shown_if_any", skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
}

/// Why something at a kept place is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// A link out of the Claude homes, to a place that the user has not allowed.
    NotFollowed,
    /// A hard link to a file that is never saved.
    HardLink,
    /// A link back to a folder above it, or one link too many on the way.
    Loop,
    /// A project that is a link to another project, which is listed under its own name.
    SameProject,
    /// A socket, a pipe or a device.
    NotAFile,
    /// An earlier Claude home holds another file of this name.
    EarlierHome,
}

impl SkipReason {
    /// True where a file's bytes are in no other place that is kept.
    #[must_use]
    pub fn loses_content(self) -> bool {
        matches!(self, Self::NotFollowed | Self::HardLink | Self::EarlierHome)
    }
}

/// A name that is no UTF-8 is shown as well as it can be; it must not void the whole report.
fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn shown_if_any<S: serde::Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    shown(path.as_deref().unwrap_or(Path::new("")), serializer)
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFollowed => "is a link that leads out of the Claude home",
            Self::HardLink => "is another name of a file that may hold secrets",
            Self::Loop => "is a link back to a folder above it",
            Self::SameProject => "is a link to another project",
            Self::NotAFile => "is no regular file",
            Self::EarlierHome => "is in an earlier Claude home too",
        })
    }
}

/// What was found; every list is sorted by the bytes of its paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files to keep, each name once.
    pub files: Vec<SourceFile>,
    /// What could not be looked at.
    pub unreadable: Vec<Unreadable>,
    /// Relative names below which nothing is known this time, so that nothing there counts as gone.
    pub hidden: Vec<PathBuf>,
    /// Relative names that the deny list kept out of kept places, by name or by a link's end.
    pub denied: Vec<PathBuf>,
    /// What was left out for another reason.
    pub skipped: Vec<Skipped>,
}

impl Listing {
    /// True where a name that is not listed may still be there, out of sight.
    #[must_use]
    pub fn is_hidden(&self, relative: &Path) -> bool {
        self.hidden.iter().any(|hidden| relative.starts_with(hidden))
    }

    fn append(&mut self, mut other: Self) {
        match self.files.is_empty() {
            true => self.files = other.files,
            false => self.files.append(&mut other.files),
        }
        self.unreadable.append(&mut other.unreadable);
        self.hidden.append(&mut other.hidden);
        self.denied.append(&mut other.denied);
        self.skipped.append(&mut other.skipped);
    }

    /// Sorts, and keeps the first of the files that share a name.
    fn settle(&mut self) {
        // The sort is stable, so files of an earlier home stay before those of a later one.
        self.files.sort_by(|a, b| a.relative.as_os_str().cmp(b.relative.as_os_str()));
        let skipped = &mut self.skipped;
        self.files.dedup_by(|later, earlier| {
            let is_same_name = later.relative.as_os_str() == earlier.relative.as_os_str();
            if is_same_name && later.path != earlier.path {
                let (relative, path) = (later.relative.clone(), later.path.clone());
                let reason = SkipReason::EarlierHome;
                skipped.push(Skipped { relative, path, reason, target: None });
            }
            is_same_name
        });
        self.unreadable.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        self.skipped.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        for names in [&mut self.hidden, &mut self.denied] {
            names.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
            names.dedup();
        }
    }
}

/// Which part of the home is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is kept.
    #[default]
    All,
    /// The config profile and the memory of agents.
    ConfigOnly,
    /// Everything else.
    SessionsOnly,
}

/// Whether the bytes of files before edits are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileHistory {
    /// They are large, may hold secrets, and only serve `/rewind`.
    #[default]
    Skip,
    /// Keep them with the sessions.
    Keep,
}

/// What is wanted of the homes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which part.
    pub scope: Scope,
    /// Whether `file-history/` belongs to it.
    pub file_history: FileHistory,
}

impl Options {
    /// True where files of this kind are wanted, and so missed when they are not found.
    #[must_use]
    pub fn includes(&self, kind: Kind) -> bool {
        let in_scope = match self.scope {
            Scope::All => true,
            Scope::ConfigOnly => kind.is_config(),
            Scope::SessionsOnly => !kind.is_config(),
        };
        in_scope && (kind != Kind::FileHistory || self.file_history == FileHistory::Keep)
    }
}

/// Lists what is to be kept; a home that does not exist holds nothing.
///
/// # Errors
/// Only where the user asked to stop. What cannot be read is in the listing.
pub fn list(roots: &Roots, options: &Options, progress: &dyn Progress) -> Result<Listing> {
    let ends = ends::Ends::new(roots);
    let selection = claude_code::Selection::new(options);
    let mut listing = Listing::default();
    for root in roots.all() {
        listing.append(walk::home(root, roots, &selection, &ends, progress)?);
    }
    listing.settle();
    hard_links::refuse(&mut listing, roots);
    Ok(listing)
}
