//! Where Claude Code keeps what: the places of a session's data, and the kind of a file by its place.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use super::pattern::{name_fits, whole_fits};
use super::{FileHistory, Kind, Options, Scope};
use crate::profile::{self, Place};

/// The folder of transcripts.
pub(super) const PROJECTS: &str = "projects";

/// The places of sessions and of what belongs to them; the profile has its own table.
const SESSION_PLACES: &[Place] = &[
    Place::folder(PROJECTS),
    Place::file("history.jsonl"),
    Place::folder("todos"),
    Place::folder("tasks"),
    Place::folder("plans"),
    Place::folder("paste-cache"),
    Place::folder("teams"),
];

const FILE_HISTORY: Place = Place::folder("file-history");

/// Within those places: a lock that is only alive with its process, an index known to go stale, and
/// what a restore of ours was writing when it was killed.
const LEFT_OUT: &[&[&str]] = &[
    &["tasks", "**", ".lock"],
    &[PROJECTS, "*", "sessions-index.json"],
    &["**", ".claude-backup-*.tmp"],
];

/// The kind of a file by its path below a Claude home; `None` where it is not kept.
///
/// A script that only `settings.json` names is not known here; it is [`Kind::Config`].
#[must_use]
pub fn kind_of(relative: &Path) -> Option<Kind> {
    let options = Options { scope: Scope::All, file_history: FileHistory::Keep };
    Selection::new(&options).kind(relative)
}

/// The places that one run looks at.
#[derive(Debug)]
pub(super) struct Selection {
    places: Vec<Place>,
    scope: Scope,
}

impl Selection {
    pub(super) fn new(options: &Options) -> Self {
        let mut places = Vec::new();
        if options.scope != Scope::SessionsOnly {
            places.extend_from_slice(profile::PLACES);
        }
        if options.scope != Scope::ConfigOnly {
            places.extend_from_slice(SESSION_PLACES);
            if options.file_history == FileHistory::Keep {
                places.push(FILE_HISTORY);
            }
        }
        Self { places, scope: options.scope }
    }

    /// What the run keeps of the files that lie directly in a folder.
    pub(super) fn shelf(&self, folder: &Path) -> Shelf<'_> {
        let is_top = folder.as_os_str().is_empty();
        Shelf {
            names: names(folder).into_iter().map(Cow::into_owned).collect(),
            keeps_all: self.places.iter().any(|place| place.holds_files_in(folder))
                && !is_left_out(folder),
            files: self.places.iter().filter_map(|place| place.file_in(folder)).collect(),
            keeps_status_lines: is_top && self.holds_config(),
        }
    }

    /// The kind of a file at this place, if the run is to keep it.
    fn kind(&self, relative: &Path) -> Option<Kind> {
        let (folder, name) = (relative.parent()?, relative.file_name()?);
        self.shelf(folder).kind(name)
    }

    /// True where something to keep may lie in this folder.
    pub(super) fn enters(&self, relative: &Path) -> bool {
        self.places.iter().any(|place| place.meets_folder(relative)) && !is_left_out(relative)
    }

    pub(super) fn holds_config(&self) -> bool {
        self.scope != Scope::SessionsOnly
    }
}

/// What a run keeps of the files directly in one folder: there may be many, and each is asked for.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    /// Of the folder, from the home on.
    names: Vec<String>,
    keeps_all: bool,
    /// Those that are kept, where not all are.
    files: Vec<&'a str>,
    keeps_status_lines: bool,
}

impl Shelf<'_> {
    /// The kind of the file of this name, if the run is to keep it.
    pub(super) fn kind(&self, name: &OsStr) -> Option<Kind> {
        let is_kept = self.keeps_all
            || self.files.iter().any(|file| name == *file)
            || (self.keeps_status_lines && profile::is_status_line_name(Path::new(name)));
        let name = text(name);
        (is_kept && !self.leaves_out(&name)).then(|| kind_by_place(&self.names, &name))
    }

    fn leaves_out(&self, name: &str) -> bool {
        left_out().any(|pattern| {
            let (last, folders) = pattern.split_last().expect("each pattern has a name");
            name_fits(last, name) && whole_fits(folders, &self.names)
        })
    }
}

/// True for `projects` and the folders in it, which people move to other disks and link back.
pub(super) fn is_storage(relative: &Path) -> bool {
    relative == Path::new(PROJECTS) || relative.parent() == Some(Path::new(PROJECTS))
}

fn is_left_out(relative: &Path) -> bool {
    let names = names(relative);
    let is_left_out = |names: &[_]| left_out().any(|pattern| whole_fits(pattern, names));
    (1..=names.len()).any(|end| is_left_out(&names[..end]))
}

fn left_out() -> impl Iterator<Item = &'static &'static [&'static str]> {
    profile::LEFT_OUT.iter().chain(LEFT_OUT)
}

fn kind_by_place(folders: &[String], name: &str) -> Kind {
    match folders.first().map_or(name, String::as_str) {
        PROJECTS => kind_in_project(folders.get(1..).unwrap_or_default(), name),
        "history.jsonl" => Kind::History,
        "todos" => Kind::Todo,
        "tasks" => Kind::Task,
        "plans" => Kind::Plan,
        "paste-cache" => Kind::Paste,
        "teams" => Kind::Team,
        "file-history" => Kind::FileHistory,
        "agent-memory" => Kind::AgentMemory,
        _ => Kind::Config,
    }
}

/// The kind by the folders below `projects/`, the project's first, and the file's name.
fn kind_in_project(folders: &[String], name: &str) -> Kind {
    let is_transcript = name.ends_with(".jsonl");
    let folder = |depth: usize| folders.get(depth).map(String::as_str);
    match (folder(1), folder(2)) {
        (Some("memory"), _) => Kind::Memory,
        (_, Some("tool-results")) => Kind::ToolResult,
        (_, Some("subagents")) if name == "journal.jsonl" => Kind::Sidecar,
        (_, Some("subagents")) if is_transcript => Kind::Subagent,
        (Some(_), _) => Kind::Sidecar,
        (None, _) if folders.is_empty() || !is_transcript => Kind::Sidecar,
        (None, _) if name.starts_with("agent-") => Kind::Subagent,
        (None, _) => Kind::Transcript,
    }
}

fn names(relative: &Path) -> Vec<Cow<'_, str>> {
    relative.iter().map(text).collect()
}

/// As `to_string_lossy`, which takes its time with names that are text too.
fn text(name: &OsStr) -> Cow<'_, str> {
    name.to_str().map_or_else(|| name.to_string_lossy(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "1b9342d9-1e35-4d3e-ab6c-c5e977eb2105";

    #[test]
    fn each_place_has_its_kind() {
        for (path, kind) in [
            ("projects/-p/S.jsonl", Kind::Transcript),
            ("projects/-p/agent-b9.jsonl", Kind::Subagent),
            ("projects/-p/S/subagents/agent-a.jsonl", Kind::Subagent),
            ("projects/-p/S/subagents/workflows/wf_1/agent-a.jsonl", Kind::Subagent),
            ("projects/-p/S/subagents/workflows/wf_1/journal.jsonl", Kind::Sidecar),
            ("projects/-p/S/subagents/agent-a.meta.json", Kind::Sidecar),
            ("projects/-p/S/workflows/wf_1.json", Kind::Sidecar),
            ("projects/-p/S/tool-results/a.txt", Kind::ToolResult),
            ("projects/-p/memory/MEMORY.md", Kind::Memory),
            ("projects/-p/memory/deep/x.jsonl", Kind::Memory),
            ("projects/-p/memory", Kind::Sidecar),
            ("projects/-p/S/sessions-index.json", Kind::Sidecar),
            ("projects/stray.jsonl", Kind::Sidecar),
            ("history.jsonl", Kind::History),
            ("todos/a.json", Kind::Todo),
            ("tasks/S/.highwatermark", Kind::Task),
            ("plans/a.md", Kind::Plan),
            ("paste-cache/a.txt", Kind::Paste),
            ("teams/t/inboxes/a.json", Kind::Team),
            ("file-history/S/a@v1", Kind::FileHistory),
            ("agent-memory/r/MEMORY.md", Kind::AgentMemory),
            ("skills/x/.git/config", Kind::Config),
            ("statusline.sh", Kind::Config),
            ("plugins/data/x/y.json", Kind::Config),
        ] {
            let path = path.replace('S', SESSION);
            let path = path.replace("MEMORY", "memory");
            assert_eq!(kind_of(Path::new(&path)), Some(kind), "{path}");
        }
    }

    #[test]
    fn nothing_outside_the_named_places_is_kept() {
        for path in [
            "",
            ".credentials.json",
            "debug/a.txt",
            "cache/x",
            "stats-cache.json",
            "ide/1.lock",
            "tasks/x/.lock",
            "tasks/.lock",
            "projects/-p/sessions-index.json",
            "plugins/cache/x/y",
            "skills/synced/x/SKILL.md",
            "skills/synced",
            "plugins/marketplaces/m/x",
            "skills",
            "jobs/1/state.json",
            "sessions/1.json",
            "image-cache/a.png",
            "CLAUDE.md/x",
            "other.md",
        ] {
            assert_eq!(kind_of(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn the_scopes_share_the_home_without_overlap() {
        let of = |scope| Selection::new(&Options { scope, file_history: FileHistory::Skip });
        let (config, sessions) = (of(Scope::ConfigOnly), of(Scope::SessionsOnly));
        for path in ["CLAUDE.md", "agent-memory/r/a.md", "statusline.sh", "plugins/data/x"] {
            assert!(config.kind(Path::new(path)).is_some(), "{path}");
            assert!(sessions.kind(Path::new(path)).is_none(), "{path}");
        }
        for path in ["projects/-p/a.jsonl", "history.jsonl", "todos/a.json", "teams/t/a.json"] {
            assert!(config.kind(Path::new(path)).is_none(), "{path}");
            assert!(sessions.kind(Path::new(path)).is_some(), "{path}");
        }
        assert!(of(Scope::All).kind(Path::new("file-history/a/b@v1")).is_none());
        assert!(!config.enters(Path::new("projects")));
        assert!(!sessions.enters(Path::new("plugins")));
    }
}
