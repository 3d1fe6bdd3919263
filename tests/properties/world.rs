//! A home and its backup under operations, and what must hold after each run.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use claude_backup::repository::Repository;
use serde_json::Value;

use crate::backup::{self, Stored, WorkTree};
use crate::operation::Operation;
use crate::sandbox::Sandbox;

const IDS: [&str; 2] =
    ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const PROJECTS: [&str; 2] = ["-alpha", "-beta"];

/// The files that operations choose from: below the home, `{p}` being a session's project.
///
/// One of them lies in a folder that is a file at other times.
pub const FILES: [&str; 8] = [
    "projects/{p}/11111111-1111-4111-8111-111111111111.jsonl",
    "projects/{p}/22222222-2222-4222-8222-222222222222.jsonl",
    "projects/{p}/11111111-1111-4111-8111-111111111111/subagents/agent-a.jsonl",
    "projects/{p}/22222222-2222-4222-8222-222222222222/tool-results/out.txt",
    "projects/-alpha/memory/MEMORY.md",
    "rules/style.md",
    "rules/style.md/inner.md",
    "history.jsonl",
];

/// How many of them are sessions.
pub const SESSIONS: usize = 2;

/// The sandbox, and all that was ever saved from it.
pub struct World {
    pub(super) sandbox: Sandbox,
    /// Where each session lives at present.
    project: [usize; SESSIONS],
    /// Each content that a run has seen, by the file's name in any project.
    saved: BTreeMap<String, BTreeSet<Vec<u8>>>,
    pub(super) work_tree: WorkTree,
    /// How far the clock is from the right time.
    hours_off: i64,
    /// The copy elsewhere, where there is one.
    pub(super) remote: Option<tempfile::TempDir>,
    /// The run before ended in a crash.
    pub(super) is_to_heal: Cell<bool>,
}

impl World {
    pub fn new() -> Self {
        let sandbox = Sandbox::new().with_git();
        sandbox.write_session("-alpha", "always-there", 1).init();
        let project = [0; SESSIONS];
        let (saved, work_tree) = (BTreeMap::new(), WorkTree::Whole);
        Self {
            sandbox,
            project,
            saved,
            work_tree,
            hours_off: 0,
            remote: None,
            is_to_heal: Cell::new(false),
        }
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append(file, bytes) => self.change(*file, |old| [old, bytes.get()].concat()),
            Operation::Cut(file, at) => self.change(*file, |mut old| {
                old.truncate(old.len() * usize::from(*at) / 256);
                old
            }),
            Operation::Rewrite(file, bytes) => self.change(*file, |_| bytes.get()),
            Operation::Replace(file, bytes) => {
                self.delete(*file);
                self.change(*file, |_| bytes.get());
            }
            Operation::Flip(file, at) => self.change(*file, |mut old| {
                let at = old.len() * usize::from(*at) / 256;
                old.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
                old
            }),
            Operation::Delete(file) => self.delete(*file),
            Operation::Reuse(from, to, bytes) => self.reuse(*from, *to, &bytes.get()),
            Operation::Move(session) => self.move_session(*session, rename),
            Operation::Carry(session) => self.move_session(*session, carry),
            Operation::RestoreVersion(session, choice) => self.restore_version(*session, *choice),
            Operation::Sync => self.sync(&["sync"]),
            Operation::SyncFull => self.sync(&["sync", "--full"]),
            Operation::LoseCache => {
                let _ = std::fs::remove_file(self.sandbox.backup(".git/claude-backup/cache"));
            }
            Operation::LoseArchive(choice) => self.lose_archive(*choice),
            Operation::WipeAndRestore => self.wipe_and_restore(),
            Operation::RestoreElsewhere => self.restore_elsewhere(),
            Operation::Crash(moment) => self.crash(*moment),
            Operation::Mend(choice, at) => self.mend(*choice, *at),
            Operation::DryRun => self.dry_run(),
            Operation::JumpTo(hours) => {
                self.sandbox.pass_minutes((hours - self.hours_off) * 60);
                self.hours_off = *hours;
            }
            Operation::LoseDerived(what) => self.lose_derived(*what),
            Operation::Connect => self.connect(),
            Operation::Join => self.join(),
        }
    }

    /// A last run, then everything is lost at the source, and comes back.
    pub fn end(&mut self) {
        self.sync(&["sync"]);
        self.assert_versions_can_be_restored();
        self.join();
        let _ = std::fs::remove_dir_all(self.sandbox.claude(""));
        let ran = self.sandbox.run(&["restore", "--all"]).success();
        let is_warned = ran.talk().contains("taken from git");
        assert!(self.work_tree == WorkTree::Robbed || !is_warned, "{ran:?}");
        self.assert_all_is_back();
        if self.work_tree == WorkTree::Robbed {
            self.sandbox.git(&["checkout", "--", "."]);
        }
        self.sandbox.assert_git_clean();
    }

    /// What is stored, as anybody can read it once a run has finished what one before it left.
    fn stored(&self) -> BTreeMap<String, Stored> {
        self.heal();
        backup::read(&self.sandbox, self.work_tree)
    }

    /// What every run that writes begins with.
    pub(super) fn heal(&self) {
        if self.is_to_heal.take() {
            let repository = Repository::open(&self.sandbox.backup(""), &self.sandbox.env());
            drop(repository.unwrap().lock("heal").unwrap());
        }
    }

    fn path(&self, file: usize) -> PathBuf {
        let session = usize::from(FILES[file].contains(IDS[1]));
        self.path_in(file, self.project[session])
    }

    fn path_in(&self, file: usize, project: usize) -> PathBuf {
        self.sandbox.claude(FILES[file].replace("{p}", PROJECTS[project]))
    }

    fn change(&self, file: usize, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let path = self.path(file);
        let old = std::fs::read(&path).unwrap_or_default();
        make_way(&path);
        self.sandbox.write(path, change(old));
    }

    fn reuse(&self, from: usize, to: usize, bytes: &[u8]) {
        let (from, to) = (self.path(from), self.path(to));
        let is_free = !to.exists() && !to.starts_with(&from);
        if from.is_file() && is_free && !to.parent().is_some_and(Path::is_file) {
            self.sandbox.rename(from, &to).write(to, bytes);
        }
    }

    fn delete(&self, file: usize) {
        let _ = std::fs::remove_file(self.path(file));
    }

    fn move_session(&mut self, session: usize, how: fn(&Path, &Path)) {
        let target = 1 - self.project[session];
        let of_session = |file: &usize| FILES[*file].contains(IDS[session]);
        let files: Vec<usize> = (0..FILES.len()).filter(of_session).collect();
        if files.iter().any(|file| self.path_in(*file, target).exists()) {
            return;
        }
        for file in files {
            let (from, to) = (self.path(file), self.path_in(file, target));
            if from.exists() {
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                how(&from, &to);
            }
        }
        self.project[session] = target;
    }

    fn restore_version(&mut self, session: usize, choice: usize) {
        let project = PROJECTS[self.project[session]];
        let all = self.stored();
        let Some(stored) = all.get(&format!("projects/{project}/{}.jsonl", IDS[session])) else {
            return;
        };
        let numbers: Vec<u32> = [0].into_iter().chain(stored.versions.keys().copied()).collect();
        let number = numbers[choice % numbers.len()].to_string();
        let arguments = ["--project", project, "--version", &number, "--force"];
        let arguments = [&["restore", IDS[session]], &arguments[..]].concat();
        let present = self.present();
        self.sandbox.run(&arguments).success();
        // What stood in the way was saved by this, whether or not a run had seen it.
        let stood_in_the_way =
            |path: &String| path.contains(IDS[session]) && path.contains(project);
        for (path, bytes) in present {
            if stood_in_the_way(&path) && all.contains_key(&path) {
                self.saved.entry(in_any_project(&path)).or_default().insert(bytes);
            }
        }
    }

    fn sync(&mut self, arguments: &[&str]) {
        self.sandbox.pass_minutes(1);
        self.run_sync(arguments);
        self.is_to_heal.set(false);
        let present = self.present();
        let stored = self.stored();
        for (path, bytes) in &present {
            let entry = stored.get(path).unwrap_or_else(|| panic!("{path} is not stored"));
            assert!(entry.current.starts_with(bytes), "{path} is stored with other bytes");
            assert!(!is_plain(path) || entry.current == *bytes, "{path} is not stored as it is");
        }
        self.was_saved(present);
        self.assert_nothing_is_lost(&stored);
        self.sandbox.pass_minutes(1);
        assert_eq!(self.run_sync(&["sync"])["commit"], Value::Null, "nothing is new");
    }

    /// A run, whose trial of the day may meet what was taken from the work tree, and then says so.
    pub(super) fn run_sync(&self, arguments: &[&str]) -> Value {
        let ran = self.sandbox.run(&[arguments, &["--json"]].concat());
        let done = ran.json();
        let problems = done["proof"]["problems"].as_array().map_or(0, Vec::len);
        assert!(problems == 0 || self.work_tree == WorkTree::Robbed, "{done}");
        drop(if problems == 0 { ran.success() } else { ran.fails(3) });
        done
    }

    /// From now on these must not be lost.
    pub(super) fn was_saved(&mut self, present: BTreeMap<String, Vec<u8>>) {
        for (path, bytes) in present {
            self.saved.entry(in_any_project(&path)).or_default().insert(bytes);
        }
    }

    fn assert_nothing_is_lost(&self, stored: &BTreeMap<String, Stored>) {
        let objects = backup::object_ids(&self.sandbox);
        for (name, contents) in &self.saved {
            let named = stored.iter().filter(|(path, _)| in_any_project(path) == *name);
            let entries: Vec<&Stored> = named.map(|(_, stored)| stored).collect();
            for content in contents {
                let is_kept = match is_plain(name) {
                    true => objects.contains(&backup::blob_id(content)),
                    false => entries.iter().any(|entry| entry.holds(content)),
                };
                assert!(is_kept, "{name}: {} bytes are lost", content.len());
            }
        }
    }

    fn assert_versions_can_be_restored(&self) {
        for (path, stored) in self.stored() {
            let Some(id) = IDS.iter().find(|id| path.ends_with(&format!("/{id}.jsonl"))) else {
                continue;
            };
            let project = PROJECTS.iter().find(|project| path.contains(**project)).unwrap();
            let current = (0, stored.current);
            for (number, bytes) in [current].into_iter().chain(stored.versions) {
                let number = number.to_string();
                let arguments = ["--project", project, "--version", &number, "--stdout"];
                let arguments = [&["restore", id], &arguments[..]].concat();
                assert!(self.raw_output(&arguments) == bytes, "{path} version {number}");
            }
        }
    }

    /// Warnings are fine: git may have to stand in for the work tree.
    fn raw_output(&self, arguments: &[&str]) -> Vec<u8> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = arguments.iter().map(std::ffi::OsString::from);
        let code = claude_backup::run(arguments, &self.sandbox.env(), &mut out, &mut err);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&err));
        out
    }

    fn lose_archive(&mut self, choice: usize) {
        if let Some(path) = self.a_stored_file(choice) {
            let _ = std::fs::remove_file(path);
            self.work_tree = WorkTree::Robbed;
        }
    }

    /// One of the files that hold content, as git knows them.
    pub(super) fn a_stored_file(&self, choice: usize) -> Option<PathBuf> {
        let mut names = self.sandbox.tracked();
        names.retain(|name| !name.starts_with("ledger/") && name.contains('/'));
        let name = names.get(choice % names.len().max(1))?;
        Some(self.sandbox.stored(name))
    }

    fn wipe_and_restore(&mut self) {
        let _ = std::fs::remove_dir_all(self.sandbox.claude(""));
        self.sandbox.run(&["restore", "--all"]).success();
        self.assert_all_is_back();
    }

    fn assert_all_is_back(&self) {
        self.assert_all_is_in(&self.sandbox.claude(""));
    }

    /// A home has what a plain restore gives.
    pub(super) fn assert_all_is_in(&self, home: &Path) {
        for (path, stored) in self.stored() {
            // Only one of them fits: what was there last.
            if path.starts_with("config/rules/style.md") && stored.is_gone {
                continue;
            }
            let source = home.join(path.strip_prefix("config/").unwrap_or(&path));
            assert!(std::fs::read(source).unwrap() == stored.preferred, "{path}");
        }
    }

    /// Every file that operations can change, by its stored name.
    pub(super) fn present(&self) -> BTreeMap<String, Vec<u8>> {
        let mut present = BTreeMap::new();
        for file in FILES {
            for project in PROJECTS {
                let name = file.replace("{p}", project);
                if let Ok(bytes) = std::fs::read(self.sandbox.claude(&name)) {
                    let is_config = name.starts_with("rules/");
                    present.insert(if is_config { format!("config/{name}") } else { name }, bytes);
                }
            }
        }
        present
    }
}

/// Removes a file that stands where a folder must be, or a folder that stands where a file must be.
fn make_way(path: &Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    }
    if let Some(folder) = path.parent().filter(|folder| folder.is_file()) {
        std::fs::remove_file(folder).unwrap();
    }
}

fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}

fn carry(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    std::fs::remove_file(from).unwrap();
}

fn is_plain(path: &str) -> bool {
    path.contains("memory/") || path.starts_with("config/")
}

/// A session's file keeps this name wherever it goes.
fn in_any_project(path: &str) -> String {
    match path.strip_prefix("projects/").and_then(|below| below.split_once('/')) {
        Some((_, name)) => name.to_owned(),
        None => path.to_owned(),
    }
}
