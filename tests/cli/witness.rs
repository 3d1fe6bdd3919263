//! Hands that move files about as people and agents do, and readers that share no code with us.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use serde_json::Value;

use crate::sandbox::Sandbox;

impl Sandbox {
    /// Reads a file below the home.
    pub fn read(&self, path: impl AsRef<Path>) -> Vec<u8> {
        std::fs::read(self.home(path)).unwrap()
    }

    /// Appends bytes to a file below the home.
    pub fn append(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let mut all = self.read(&path);
        all.extend_from_slice(bytes.as_ref());
        self.write(path, all)
    }

    /// Gives a file or a folder another name; its inode stays.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> &Self {
        let to = self.home(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(self.home(from), to).unwrap();
        self
    }

    /// Makes a link at a path below the home.
    #[cfg(unix)]
    pub fn link(&self, link: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        let link = self.home(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
        self
    }

    /// A file's time of change.
    pub fn modified(&self, path: impl AsRef<Path>) -> SystemTime {
        std::fs::metadata(self.home(path)).unwrap().modified().unwrap()
    }

    /// Sets a file's time of change, as `touch -d` does.
    pub fn set_modified(&self, path: impl AsRef<Path>, time: SystemTime) -> &Self {
        let file = std::fs::File::options().append(true).open(self.home(path)).unwrap();
        file.set_modified(time).unwrap();
        self
    }

    /// Runs the program, expects success, and gives its raw output.
    pub fn output(&self, arguments: &[&str]) -> Vec<u8> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let named = arguments.iter().map(OsString::from);
        let code = claude_backup::run(named, &self.env(), &mut out, &mut err);
        let err = String::from_utf8_lossy(&err);
        assert_eq!((code, err.as_ref()), (0, ""), "{arguments:?}");
        out
    }

    /// The bytes of a session's version; 0 is the current one.
    pub fn version(&self, id: &str, number: u32) -> Vec<u8> {
        self.output(&["restore", id, "--version", &number.to_string(), "--stdout"])
    }

    /// The versions of a session, the current one first.
    pub fn versions(&self, id: &str) -> Vec<Value> {
        self.json(&["versions", id])["versions"].as_array().unwrap().clone()
    }

    /// What `gzip -dc` makes of a file of this machine's folder.
    pub fn unzipped(&self, stored: impl AsRef<Path>) -> Vec<u8> {
        let path = self.stored(stored);
        let output = Command::new("gzip").arg("-dc").arg(&path).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", path.display());
        output.stdout
    }

    /// Every file that git holds at the branch's end, below this machine's folder.
    pub fn tracked(&self) -> Vec<String> {
        let names = self.git(&["ls-tree", "-r", "-z", "--name-only", "HEAD"]);
        let names = names.split('\0').filter_map(|name| name.strip_prefix("machines/test-host/"));
        names.map(String::from).collect()
    }

    /// Every object that git holds, one after the other, as bytes.
    pub fn every_object(&self) -> Vec<u8> {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.backup(""))
            .args(["cat-file", "--batch-all-objects", "--batch"])
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    }

    /// Clones the backup with plain git and gives a file of this machine's folder.
    pub fn cloned(&self, stored: impl AsRef<Path>) -> Vec<u8> {
        let clone = tempfile::tempdir().unwrap();
        let folder = clone.path().to_str().unwrap();
        self.git(&["clone", "--quiet", ".", folder]);
        std::fs::read(clone.path().join("machines/test-host").join(stored)).unwrap()
    }

    /// Removes the Claude home, and restores everything.
    pub fn wipe_and_restore(&self) -> Value {
        self.remove(".claude");
        self.json(&["restore", "--all"])
    }

    /// Runs the real process in this home, with what the user's git has been told there.
    pub fn process(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_claude-backup"))
            .env_clear()
            .env("HOME", self.home(""))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

/// True where `needle` stands anywhere in `bytes`.
pub fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}
