//! A bare repository, as remotes are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::plain_git;

/// A remote on this machine's disk.
pub struct Bare {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl Bare {
    /// An empty one in a folder of its own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Self::below(folder.path()).path;
        Self { path, folder: Some(folder) }
    }

    /// An empty one in somebody's folder.
    pub fn below(folder: &Path) -> Self {
        let bare = Self { path: folder.join("backup.git"), folder: None };
        bare.make();
        bare
    }

    /// One that is there already.
    pub fn at(path: PathBuf) -> Self {
        Self { path, folder: None }
    }

    /// Its path, as an address.
    pub fn url(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// A path in it.
    pub fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    /// What git says in it.
    pub fn git(&self, arguments: &[&str]) -> String {
        plain_git::git(&self.path, arguments)
    }

    /// Every reference and what it points to.
    pub fn references(&self) -> String {
        self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
    }

    /// The names of its references.
    pub fn reference_names(&self) -> Vec<String> {
        let names = self.git(&["for-each-ref", "--format=%(refname)"]);
        names.lines().map(str::to_owned).collect()
    }

    /// The commit of the backup's branch.
    pub fn tip(&self) -> String {
        self.git(&["rev-parse", "refs/heads/main"]).trim().to_owned()
    }

    /// Every file of the branch with the name of its content.
    pub fn files(&self) -> BTreeMap<String, String> {
        files_of(&self.path, "refs/heads/main")
    }

    /// Everything in it is whole.
    pub fn assert_whole(&self) -> &Self {
        let output = plain_git::command(&self.path)
            .args(["fsck", "--full", "--strict", "--no-dangling", "--no-progress"])
            .output()
            .unwrap();
        let said = plain_git::said(&output);
        assert!(output.status.success(), "{said}");
        // A remote without commits says that it has none.
        let odd: Vec<_> = said.lines().filter(|line| !line.starts_with("notice:")).collect();
        assert_eq!(odd, Vec::<&str>::new());
        self
    }

    /// Lets a hook decide about what is sent.
    pub fn hook(&self, name: &str, script: &str) -> &Self {
        let path = self.path("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        crate::sandbox::set_mode(&path, 0o755);
        self
    }

    /// Takes a hook away.
    pub fn without_hook(&self, name: &str) -> &Self {
        std::fs::remove_file(self.path("hooks").join(name)).unwrap();
        self
    }

    /// Deletes everything and begins anew, as somebody may at a host.
    pub fn make_again(&self) -> &Self {
        std::fs::remove_dir_all(&self.path).unwrap();
        self.make();
        self
    }

    /// What anybody gets who clones it with plain git.
    pub fn cloned(&self) -> TempDir {
        let clone = tempfile::tempdir().unwrap();
        let folder = clone.path().to_str().unwrap();
        plain_git::git(Path::new("/"), &["clone", "--quiet", self.url(), folder]);
        clone
    }

    fn make(&self) {
        let path = self.url();
        plain_git::git(Path::new("/"), &["init", "--quiet", "--bare", "-b", "main", path]);
    }
}

/// Every file of a commit with the name of its content.
pub fn files_of(repository: &Path, commit: &str) -> BTreeMap<String, String> {
    let list = plain_git::git(repository, &["ls-tree", "-r", "-z", commit]);
    let entry = |line: &str| {
        let (about, path) = line.split_once('\t').unwrap();
        (path.to_owned(), about.split(' ').nth(2).unwrap().to_owned())
    };
    list.split_terminator('\0').map(entry).collect()
}
