//! A machine: a home, the programs on its `PATH`, and the real program run in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

use crate::clock;
use crate::needs;
use crate::sandbox::{conversation, set_mode};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// What speaks to remotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The `git` program, which is on `PATH`.
    Git,
    /// What is built in; there is no program on `PATH` at all.
    Libgit2,
}

/// A home folder in a folder of its own, and everything that the program can see around it.
pub struct Machine {
    folder: TempDir,
    pub transport: Transport,
    variables: BTreeMap<OsString, OsString>,
    secrets: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A file's bytes, which a failing test tells in short.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content(pub Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.0.len().saturating_sub(40);
        write!(f, "{} bytes to `{}`", self.0.len(), String::from_utf8_lossy(&self.0[end..]))
    }
}

impl Machine {
    /// A machine with an empty home and only the programs that its transport needs.
    pub fn new(transport: Transport) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home/.claude/projects", "programs"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let variables = BTreeMap::new();
        let machine = Self { folder, transport, variables, secrets: Vec::new() };
        let machine = machine.variable("USER", whoami());
        match transport {
            Transport::Git => machine.with_git(),
            Transport::Libgit2 => machine,
        }
    }

    /// The same with the `git` program and what it starts on `PATH`, which chooses it.
    pub fn with_git(self) -> Self {
        ["git", "ssh", "sh"].iter().fold(self, |machine, name| machine.program(name))
    }

    /// The same with a program of this machine on `PATH`.
    pub fn program(self, name: &str) -> Self {
        let path = needs::program(name).unwrap_or_else(|| panic!("{name} is not on this machine"));
        self.program_at(name, &path)
    }

    /// The same with any file as a program on `PATH`.
    pub fn program_at(self, name: &str, path: &Path) -> Self {
        let link = self.folder.path().join("programs").join(name);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(path, link).unwrap();
        self
    }

    /// The same with a variable set.
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same, and no run may ever print this.
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// A path below the home.
    pub fn home(&self, below: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("home").join(below)
    }

    /// A path below `~/.claude`.
    pub fn claude(&self, below: impl AsRef<Path>) -> PathBuf {
        self.home(".claude").join(below)
    }

    /// A path below `~/.claude-backup`.
    pub fn backup(&self, below: impl AsRef<Path>) -> PathBuf {
        self.home(".claude-backup").join(below)
    }

    /// A session's file.
    pub fn session(&self, project: &str, id: &str) -> PathBuf {
        self.claude("projects").join(project).join(format!("{id}.jsonl"))
    }

    /// Writes a file below the home, private, with its folders.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.home(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o600);
        self
    }

    /// Appends to a file below the home.
    pub fn append(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let mut all = std::fs::read(self.home(&path)).unwrap();
        all.extend_from_slice(bytes.as_ref());
        self.write(path, all)
    }

    /// Writes a session of so many messages.
    pub fn write_session(&self, project: &str, id: &str, messages: usize) -> &Self {
        self.write(self.session(project, id), conversation(id, 0..messages))
    }

    /// Appends messages to a session.
    pub fn append_session(
        &self,
        project: &str,
        id: &str,
        messages: std::ops::Range<usize>,
    ) -> &Self {
        self.append(self.session(project, id), conversation(id, messages))
    }

    /// Removes `~/.claude`.
    pub fn lose_everything(&self) -> &Self {
        std::fs::remove_dir_all(self.home(".claude")).unwrap();
        self
    }

    /// Every file below `~/.claude` with its bytes.
    pub fn everything(&self) -> BTreeMap<PathBuf, Content> {
        files_below(&self.home(".claude"))
    }

    /// Every file below `~/.claude/projects` with its bytes.
    pub fn sessions(&self) -> BTreeMap<PathBuf, Content> {
        files_below(&self.claude("projects"))
    }

    /// Runs the program.
    #[must_use = "say how it should have ended"]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        let ran = Ran { code, out: text(output.stdout), err: text(output.stderr) };
        for secret in &self.secrets {
            let printed = ran.out.contains(secret) || ran.err.contains(secret);
            assert!(!printed, "{arguments:?} printed `{secret}`: {ran:#?}");
        }
        ran
    }

    /// Runs the program and kills it where it is not done by then.
    pub fn run_killed_after(&self, moment: Duration, arguments: &[&str]) {
        let _ = self.command(arguments).timeout(moment).output();
    }

    /// Starts the program, which goes on beside the test.
    pub fn started(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.plain_command(arguments);
        let silent = || std::process::Stdio::null();
        command.stdin(silent()).stdout(silent()).stderr(silent()).spawn().unwrap()
    }

    /// The folder of its programs.
    pub fn path(&self) -> String {
        self.folder.path().join("programs").display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::from_std(self.plain_command(arguments));
        command.timeout(PATIENCE);
        command
    }

    fn plain_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("claude-backup"));
        command
            .env_clear()
            .envs(clock::variables())
            .env("HOME", self.home(""))
            .env("PATH", self.path())
            .envs(&self.variables)
            .current_dir(self.home(""))
            .args(arguments);
        command
    }

    /// Runs the program with `--json`, expects success, and gives the document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).document(0)
    }

    /// Runs the program with `--json` and gives the error that it must end with.
    pub fn error(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).error()
    }

    /// Starts or joins a backup at a git remote.
    pub fn init(&self, remote: &str, machine: &str) -> Value {
        self.accept(&["init", "--backend", "git", "--remote", remote, "--machine", machine])
    }

    /// The same, and gets back what is there.
    pub fn join(&self, remote: &str, machine: &str) -> Value {
        let restored = ["--machine", machine, "--restore", "all"];
        self.accept(&[&["init", "--backend", "git", "--remote", remote], &restored[..]].concat())
    }

    /// Runs the program with `--json`, and again with the key that it asks for, if it does.
    pub fn accept(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        if ran.code == 0 {
            return ran.document(0);
        }
        let error = ran.error();
        assert_eq!(error["code"], "key-not-accepted", "{error:#}");
        let key = error["key"].as_str().unwrap();
        self.json(&[arguments, &["--accept-key", key]].concat())
    }

    /// A backup that stays here.
    pub fn init_here(&self) -> &Self {
        self.json(&["init", "--backend", "local"]);
        self
    }

    /// `sync`, and everything is sent.
    pub fn sync(&self) -> Value {
        self.json(&["sync"])
    }

    /// `sync` saves, but cannot send: what it says.
    pub fn sync_unsent(&self) -> Value {
        let document = self.run(&["sync", "--json"]).document(3);
        assert_eq!(
            (&document["pushed"], document["push"]["state"].as_str()),
            (&false.into(), Some("failed"))
        );
        document
    }

    /// `status`.
    pub fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// What plain git says in the backup.
    pub fn git(&self, arguments: &[&str]) -> String {
        crate::plain_git::git(&self.backup(""), arguments)
    }

    /// A setting of the user's git.
    pub fn git_setting(&self, key: &str, value: &str) -> &Self {
        let file = self.home(".gitconfig");
        let file = file.to_str().unwrap();
        crate::plain_git::git(&self.home(""), &["config", "--file", file, "--add", key, value]);
        self
    }

    /// What a session of a machine is given back as.
    pub fn stored(&self, owner: &str, id: &str, which: &[&str]) -> Vec<u8> {
        let words = ["restore", id, "--machine", owner, "--stdout"];
        let output = self.command(&[&words[..], which].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Another machine with a copy of this one's whole disk.
    pub fn copied(&self) -> Self {
        let copy = Self { variables: self.variables.clone(), ..Self::new(self.transport) };
        std::fs::remove_dir_all(copy.home("")).unwrap();
        let status = std::process::Command::new("cp")
            .arg("-a")
            .args([self.folder.path().join("home"), copy.folder.path().join("home")])
            .status()
            .unwrap();
        assert!(status.success());
        copy
    }

    /// The sessions that are listed, with their machines.
    pub fn listed(&self) -> Vec<(String, String)> {
        let list = self.json(&["restore", "--list"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let sessions = list["sessions"].as_array().unwrap().iter();
        let mut listed: Vec<_> =
            sessions.map(|session| (text(&session["machine"]), text(&session["uuid"]))).collect();
        listed.sort();
        listed
    }
}

impl Ran {
    /// The one document on standard output, with this exit code and nothing beside it.
    pub fn document(&self, code: i32) -> Value {
        assert_eq!((self.code, self.err.as_str()), (code, ""), "{self:#?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// The one error object on standard error.
    pub fn error(&self) -> Value {
        assert!(self.code != 0 && self.out.is_empty(), "{self:#?}");
        serde_json::from_str(&self.err).unwrap()
    }

    /// Everything that was said.
    pub fn both(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// Every file below a folder with its bytes.
pub fn files_below(folder: &Path) -> BTreeMap<PathBuf, Content> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    let relative = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
    files
        .map(|file| (relative(file.path()), Content(std::fs::read(file.path()).unwrap())))
        .collect()
}

/// Who runs the tests.
pub fn whoami() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let output = std::process::Command::new("id").arg("-un").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    &NAME
}

/// True where any of these words stands in a text, whatever its case.
pub fn tells(text: &Value, words: &[&str]) -> bool {
    let text = text.to_string().to_lowercase();
    words.iter().any(|word| text.contains(&word.to_lowercase()))
}
