//! A machine that runs the shell tool, 3.2.5, as it shares a remote with others.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::{Compression, GzBuilder};
use serde_json::json;
use tempfile::TempDir;

use crate::bare::Bare;
use crate::home::Machine;
use crate::plain_git::git;
use crate::sandbox::conversation;

/// Its backup folder and what it has stored.
pub struct OldTool<'a> {
    bare: &'a Bare,
    folder: TempDir,
    slug: String,
    sessions: BTreeMap<String, usize>,
    written: BTreeMap<String, String>,
}

const PROJECT: &str = "-home-dev-old";
const IGNORED: &str = "backup.log\nlaunchd-stdout.log\nlaunchd-stderr.log\n*.lock\n*.tmp\n.sync.lock/\ncli.sh\nsession-index.json\n";

impl<'a> OldTool<'a> {
    /// It begins the remote.
    pub fn begin(bare: &'a Bare, slug: &str) -> Self {
        let folder = bare.cloned();
        let slug = slug.to_owned();
        let (sessions, written) = (BTreeMap::new(), BTreeMap::new());
        let mut old = Self { bare, folder, slug, sessions, written };
        old.write(".gitignore", IGNORED.as_bytes());
        old.store(0);
        old.commit();
        git(old.folder.path(), &["push", "--quiet", "-u", "origin", "HEAD:refs/heads/main"]);
        old
    }

    /// A machine that ran it until now: its backup folder and its sessions are there.
    pub fn become_that_of(&self, machine: &Machine) {
        let copied = Command::new("cp")
            .arg("-a")
            .args([self.folder.path(), &machine.backup("")])
            .status()
            .unwrap();
        assert!(copied.success());
        for (id, bytes) in self.sessions() {
            machine.write(machine.session(PROJECT, &id), bytes);
        }
        let index = Path::new(".claude/projects").join(PROJECT).join("sessions-index.json");
        machine.write(index, "{\"version\":1}\n");
        machine.write(".claude/CLAUDE.md", "Be brief.\n");
    }

    /// A `sync`: everything stored, committed, rebased and pushed.
    pub fn sync(&mut self, round: usize) {
        self.store(round);
        self.commit();
        git(self.folder.path(), &["pull", "--quiet", "--rebase", "origin", "main"]);
        git(self.folder.path(), &["push", "--quiet", "-u", "origin", "HEAD:refs/heads/main"]);
    }

    /// What it wrote stands at the remote as it wrote it.
    pub fn assert_undisturbed(&self) {
        let now = self.bare.files();
        for (path, blob) in &self.written {
            assert_eq!(now.get(path), Some(blob), "{path}");
        }
        let ignored = self.bare.git(&["show", "main:.gitignore"]);
        assert!(ignored.starts_with(IGNORED), "{ignored}");
        let theirs =
            now.keys().filter(|path| path.starts_with(&format!("machines/{}/", self.slug)));
        let odd: Vec<_> = theirs.filter(|path| !self.written.contains_key(*path)).collect();
        assert_eq!(odd, Vec::<&String>::new(), "nobody else writes there");
    }

    /// Its sessions as they are at their source.
    pub fn sessions(&self) -> Vec<(String, Vec<u8>)> {
        let text =
            |(id, messages): (&String, &usize)| (id.clone(), conversation(id, 0..*messages).into());
        self.sessions.iter().map(text).collect()
    }

    fn store(&mut self, round: usize) {
        if round.is_multiple_of(3) {
            self.sessions.insert(format!("{}-session-{round:03}", self.slug), 2);
        }
        let grows = round % self.sessions.len();
        *self.sessions.values_mut().nth(grows).unwrap() += 3;
        for (id, bytes) in self.sessions() {
            let path = format!("machines/{}/projects/{PROJECT}/{id}.jsonl.gz", self.slug);
            self.write(&path, &gzip(&bytes));
        }
        let index = format!("machines/{}/projects/{PROJECT}/sessions-index.json", self.slug);
        self.write(&index, b"{\"version\":1}\n");
        self.write("config/CLAUDE.md", format!("Old rule {round}.\n").as_bytes());
        self.write("history.jsonl.gz", &gzip(format!("{{\"round\":{round}}}\n").as_bytes()));
        self.write_manifests(round);
    }

    fn write_manifests(&self, round: usize) {
        let manifest = json!({
            "version": "3.2.5", "mode": "git", "schedule": "daily", "machine": "Oldie.local",
            "machineSlug": self.slug, "user": "unknown",
            "lastSync": format!("2026-11-20T18:{round:02}:00Z"),
            "config": {"files": 1, "sizeBytes": 12},
            "sessions": {"files": self.sessions.len(), "projects": 1, "sizeBytes": 700, "uncompressedBytes": 4000},
        });
        let own = format!("machines/{}/manifest.json", self.slug);
        let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
        self.write(&own, text.as_bytes());
        self.write("manifest.json", text.replace("\n}", ",\n  \"machines\": []\n}").as_bytes());
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn commit(&mut self) {
        git(self.folder.path(), &["add", "--all"]);
        let message = "backup 2026-11-20 19:19 — 5 files, 28K total";
        git(self.folder.path(), &["commit", "--quiet", "--allow-empty", "-m", message]);
        let own = format!("machines/{}/", self.slug);
        let is_own = |path: &str| {
            path.starts_with(&own)
                || path.starts_with("config/")
                || matches!(path, "manifest.json" | "history.jsonl.gz")
        };
        let all = crate::bare::files_of(self.folder.path(), "HEAD");
        self.written = all.into_iter().filter(|(path, _)| is_own(path)).collect();
    }
}

/// As `gzip -n` writes it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().operating_system(3).write(Vec::new(), Compression::new(6));
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
