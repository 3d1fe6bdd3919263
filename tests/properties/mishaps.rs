//! What befalls a backup besides changes at the source: crashes, damage, loss, another computer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::operation::{Derived, Moment};
use crate::sandbox::Sandbox;
use crate::world::World;

/// The files of a folder by their names below it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

impl World {
    /// A run, of which the disk then has what was written up to a moment.
    ///
    /// The order is the program's own: objects, the journal, the branch, the files, git's index.
    pub(super) fn crash(&mut self, moment: Moment) {
        self.sandbox.pass_minutes(1);
        let root = self.sandbox.backup("");
        // A run finishes what the one before left, and only then begins with its own.
        self.heal();
        self.is_to_heal.set(true);
        let before = files_below(&root);
        self.run_sync(&["sync", "--no-push"]);
        let after = files_below(&root);
        let is_early = |name: &Path| match moment {
            Moment::BeforeTheBranch => is_object(name) || is_private(name),
            Moment::AfterTheBranch => name.starts_with(".git") && name != Path::new(".git/index"),
            Moment::AmongTheFiles => {
                let is_lucky = name.as_os_str().len().is_multiple_of(2);
                name.starts_with(".git") && name != Path::new(".git/index") || is_lucky
            }
        };
        for name in before.keys().chain(after.keys()) {
            // Packs that were joined are only removed after all this.
            let file = match is_early(name) {
                true => after.get(name).or(before.get(name).filter(|_| is_object(name))),
                false => before.get(name),
            };
            put(&root.join(name), file);
        }
        if moment != Moment::BeforeTheBranch {
            let present = self.present();
            self.was_saved(present);
        }
    }

    /// A stored file is damaged, or cut; it is named, and mended.
    pub(super) fn mend(&mut self, choice: usize, at: u8) {
        // A run would put the file's next bytes there anyway.
        self.heal();
        let Some(path) = self.a_stored_file(choice).filter(|path| path.is_file()) else { return };
        let mut bytes = std::fs::read(&path).unwrap();
        let place = bytes.len() * usize::from(at) / 256;
        match bytes.len() {
            0 => bytes.push(0),
            _ if at.is_multiple_of(2) => bytes[place] ^= 0x10,
            _ => bytes.truncate(place),
        }
        let undamaged = std::fs::read(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let _ = self.sandbox.run(&["verify", "--read", "--repair", "--json"]);
        assert!(std::fs::read(&path).unwrap() == undamaged, "{} is not mended", path.display());
        assert_eq!(self.sandbox.json(&["verify", "--read"])["problems"], Value::Array(vec![]));
    }

    pub(super) fn restore_elsewhere(&self) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("home");
        std::fs::create_dir(&place).unwrap();
        self.sandbox.run(&["restore", "--all", "--claude-dir", place.to_str().unwrap()]).success();
        self.assert_all_is_in(&place);
    }

    /// What a run would do is told, and nothing of it is done.
    pub(super) fn dry_run(&self) {
        let commits = self.sandbox.commits();
        let home = files_below(&self.sandbox.claude(""));
        let stored = files_below(&self.sandbox.stored(""));
        self.sandbox.run(&["sync", "--dry-run"]).success();
        assert_eq!(self.sandbox.commits(), commits);
        assert!(files_below(&self.sandbox.claude("")) == home);
        assert!(files_below(&self.sandbox.stored("")) == stored);
    }

    pub(super) fn lose_derived(&self, what: Derived) {
        let names: &[&str] = match what {
            Derived::Papers => &["manifest.json", "session-index.json"],
            Derived::GitIndex => &[".git/index"],
            Derived::PrivateFolder => &[".git/claude-backup"],
        };
        for name in names {
            let path = self.sandbox.backup(name);
            let _ = if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            };
        }
    }

    pub(super) fn connect(&mut self) {
        if self.remote.is_some() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join("bare.git");
        self.sandbox.git_in(folder.path(), &["init", "-q", "--bare", "-b", "main", "bare.git"]);
        self.sandbox.run(&["backend", "set", "git", "--remote", bare.to_str().unwrap()]).success();
        self.remote = Some(folder);
    }

    /// Another computer has all that this one has sent.
    pub(super) fn join(&mut self) {
        let Some(remote) = &self.remote else { return };
        self.run_sync(&["sync"]);
        let present = self.present();
        let url = remote.path().join("bare.git");
        let other = Sandbox::new().with_git().named("elsewhere");
        let init = ["init", "--backend", "git", "--remote", url.to_str().unwrap()];
        other.run(&init).success();
        other.run(&["restore", "--all", "--machine", "test-host"]).success();
        self.assert_all_is_in(&other.claude(""));
        self.was_saved(present);
    }
}

fn is_object(name: &Path) -> bool {
    name.starts_with(".git/objects")
}

fn is_private(name: &Path) -> bool {
    name.starts_with(".git/claude-backup") && !name.ends_with("cache")
}

fn put(path: &Path, file: Option<&Vec<u8>>) {
    let Some(bytes) = file else {
        let _ = std::fs::remove_file(path);
        // Folders that were made for it go too; one with other files in it stays.
        let _ = path.ancestors().skip(1).try_for_each(std::fs::remove_dir);
        return;
    };
    if std::fs::read(path).is_ok_and(|present| present == *bytes) {
        return;
    }
    let _ = std::fs::remove_file(path);
    let folder = path.parent().unwrap();
    // A file may stand where a folder was, as it may at the source.
    if folder.is_file() {
        std::fs::remove_file(folder).unwrap();
    }
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    }
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn files_below(folder: &Path) -> Files {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    let named = files.map(|entry| {
        let bytes = std::fs::read(entry.path()).unwrap();
        (entry.path().strip_prefix(folder).unwrap().to_owned(), bytes)
    });
    named.collect()
}
