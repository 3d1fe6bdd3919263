//! Which committed files have a place in the work tree, and with which permission bits.
//!
//! A commit may come from anywhere. Programs that are started in the backup folder, editors and
//! agents among them, obey files of certain names, so only files in the places of our own layout are
//! ever put there. Everything else stays in git.

use anyhow::Result;

use super::Repository;
use super::heal::lies_behind_a_link;
use super::integrate::SEEN;
use super::layout::{MACHINES, PLUMBING, machine_folder};
use super::revision::{ATTRIBUTES, take_away};
use crate::path_rules::check_name;
use crate::session::MachineSlug;
use crate::vault::{FileMode, ObjectId, TreeFile};

/// The folders of a machine's folder; of each, only what lies in it has a place.
const FOLDERS: [&str; 11] = [
    "agent-memory",
    "config",
    "file-history",
    "ledger",
    "paste-cache",
    "plans",
    "projects",
    "tasks",
    "teams",
    "todos",
    "versions",
];

/// At the root: what has its place, what is derived, and what the shell tool left.
const LEFT_AT_ROOT: [&str; 7] = [
    ".gitignore",
    MACHINES,
    "config",
    "history.jsonl.gz",
    "manifest.json",
    "projects",
    "session-index.json",
];

/// Names, in lower case, that agents, editors and shells obey in the folder that they are started
/// in. Below `config/` they are what was backed up.
const OBEYED: [&str; 17] = [
    ".claude",
    ".clinerules",
    ".cursor",
    ".cursorrules",
    ".devcontainer",
    ".env",
    ".envrc",
    ".github",
    ".idea",
    ".mcp.json",
    ".vscode",
    ".windsurfrules",
    "agents.md",
    "claude.local.md",
    "claude.md",
    "gemini.md",
    "makefile",
];

impl Repository {
    /// True for a committed file, named from the root on, that the work tree has too.
    #[must_use]
    pub fn has_place(&self, file: &TreeFile) -> bool {
        let Some(name) = file.text_path().filter(|_| file.is_plain()) else { return false };
        let is_attributes = name.ends_with("/.gitattributes") && name.matches('/').count() == 2;
        // Git obeys these, so they are written only where they are our own.
        (!is_attributes || file.id == ObjectId::of_bytes(ATTRIBUTES)) && self.name_has_place(name)
    }

    /// True for a name, from the root on, that the work tree may have.
    pub(super) fn name_has_place(&self, name: &str) -> bool {
        match name.strip_prefix(MACHINES).and_then(|rest| rest.strip_prefix('/')) {
            None => name == ".gitignore",
            Some(rest) => rest
                .split_once('/')
                .is_some_and(|(slug, below)| self.machine_has_place(slug, below)),
        }
    }

    /// True for a name below a machine's folder that the work tree has, if the commit has it.
    #[must_use]
    pub fn machine_has_place(&self, slug: &str, name: &str) -> bool {
        let is_own = slug == self.machine.as_str();
        // Some file systems would take it for our own folder.
        let is_taken_for_ours = !is_own && slug.eq_ignore_ascii_case(self.machine.as_str());
        MachineSlug::new(slug).is_ok()
            && !is_taken_for_ours
            && name.split('/').all(|part| check_name(part.as_bytes()).is_ok())
            && is_place(name)
            && (is_own || !is_obeyed(name))
    }

    /// Makes `git status` pass over what git has and the work tree has not.
    pub(super) fn hide_unplaced(&self) -> Result<()> {
        self.vault.hide_all_from_status(&|file| !self.has_place(file))
    }

    /// Removes what an earlier version put at the root of the work tree because a remote had it: files
    /// that git has with the same bytes, here and at the remote. What the shell tool keeps there stays.
    ///
    /// # Errors
    /// Where git cannot be read or a file cannot be removed.
    pub fn remove_unplaced(&self) -> Result<()> {
        let (Some(head), Some(seen)) = (self.vault.head()?, self.vault.reference(SEEN)?) else {
            return Ok(());
        };
        let is_foreign = |name: &&String| !LEFT_AT_ROOT.contains(&name.as_str());
        let entries = self.vault.valid_entries(head.tree)?;
        let names: Vec<&String> = entries.iter().map(|(name, _)| name).filter(is_foreign).collect();
        if names.is_empty() {
            return Ok(());
        }
        let published = self.vault.tree_of(seen)?;
        let mut removed = Vec::new();
        for name in names {
            for file in self.vault.files_at(published, name)? {
                removed.extend(self.remove_same(&file)?);
            }
        }
        if !removed.is_empty() {
            let (count, first) = (removed.len(), &removed[0]);
            self.warn(format!(
                "{count} files that the remote had put at the root of the backup folder were removed, \
                 such as `{first}`; git still has them"
            ));
        }
        Ok(())
    }

    /// Removes a file of the work tree that has exactly these bytes, and gives its name.
    fn remove_same(&self, file: &TreeFile) -> Result<Option<String>> {
        let Some(name) = file.text_path().filter(|_| file.is_plain()) else { return Ok(None) };
        let path = self.root().join(name);
        let is_same = ObjectId::of_file(&path).is_ok_and(|(id, _)| id == file.id);
        if !is_same || lies_behind_a_link(self.root(), name) {
            return Ok(None);
        }
        take_away(&path)?;
        Ok(Some(name.to_owned()))
    }

    /// The permission bits of a committed file: of others, only what belongs to a profile can be run.
    #[must_use]
    pub(super) fn work_mode(&self, file: &TreeFile) -> FileMode {
        let name = file.text_path().unwrap_or_default();
        let own = machine_folder(&self.machine);
        let below = |folder: &str| {
            name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).is_some()
        };
        let may_run =
            below(&own) || name.split('/').nth(2).is_some_and(|folder| folder == "config");
        match file.mode == FileMode::Executable.number() && may_run {
            true => FileMode::Executable,
            false => FileMode::Plain,
        }
    }
}

/// True for a name in one of the places of our layout.
fn is_place(name: &str) -> bool {
    match name.split_once('/') {
        Some((folder, _)) => FOLDERS.contains(&folder),
        None => PLUMBING.contains(&name) || is_history(name),
    }
}

/// The prompt history, its parts, and a torn one of the shell tool.
fn is_history(name: &str) -> bool {
    name.strip_prefix("history.jsonl")
        .is_some_and(|rest| rest.ends_with(".gz") || rest.ends_with(".gz%damaged"))
}

/// True where a part of a name outside of the profile is one that other programs obey.
fn is_obeyed(name: &str) -> bool {
    let is_obeyed = |part: &str| OBEYED.contains(&part.to_ascii_lowercase().as_str());
    !name.starts_with("config/") && name.split('/').any(is_obeyed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, Repository) {
        let (home, env) = crate::testing::sandbox();
        let repository = Repository::create(&home.path().join("backup"), &env).unwrap();
        (home, repository)
    }

    fn file(path: &str, mode: u32) -> TreeFile {
        TreeFile { path: path.into(), id: ObjectId::of_bytes(b"x"), mode }
    }

    #[test]
    fn only_the_places_of_the_layout_are_in_the_work_tree() {
        let (_home, repository) = repository();
        let own = repository.machine.as_str();
        let has = |path: &str| repository.has_place(&file(path, 0o100_644));
        for path in [
            ".gitignore",
            "machines/other/manifest.json",
            "machines/other/projects/-p/u.jsonl.gz",
            "machines/other/projects/-p/memory/a:b.md",
            "machines/other/history.jsonl.gz",
            "machines/other/history.jsonl.002.gz",
            "machines/other/config/CLAUDE.md",
            "machines/other/config/skills/x/.envrc",
            "machines/other/ledger/%home.jsonl",
            "machines/other/tasks/t/.highwatermark",
        ] {
            assert!(has(path), "{path}");
        }
        for path in [
            "CLAUDE.md",
            ".gitattributes",
            "manifest.json",
            "config/CLAUDE.md",
            "projects/-p/u.jsonl.gz",
            "machines/README",
            "machines/other/CLAUDE.md",
            "machines/other/.envrc",
            "machines/other/.gitattributes",
            "machines/other/.vscode/tasks.json",
            "machines/other/local/claude",
            "machines/other/projects/CLAUDE.md",
            "machines/other/projects/-p/.claude/settings.json",
            "machines/other/plans/Agents.md",
            "machines/other/config",
            "machines/other/config/../../x",
            "machines/../x/config/y",
        ] {
            assert!(!has(path), "{path}");
        }
        assert!(!has(&format!("machines/{}/config/x", own.to_uppercase())));
        assert!(has(&format!("machines/{own}/projects/-p/memory/CLAUDE.md")));
    }

    #[test]
    fn links_have_no_place_and_only_a_profile_can_be_run() {
        let (_home, repository) = repository();
        assert!(!repository.has_place(&file("machines/other/config/x", 0o120_000)));
        let own = format!("machines/{}/plans/x", repository.machine);
        let mode = |path: &str| repository.work_mode(&file(path, 0o100_755));
        assert_eq!(mode("machines/other/config/hooks/x.sh"), FileMode::Executable);
        assert_eq!(mode("machines/other/plans/x"), FileMode::Plain);
        assert_eq!(mode(&own), FileMode::Executable);
    }
}
