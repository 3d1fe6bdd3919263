//! Somebody with a home who works with the agent and has a backup.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::running::Running;
use crate::tools::{AGENT_PROGRAM, SDK_FOLDER};

/// A home, and the stand-in that the agent speaks with.
pub struct Person {
    folder: TempDir,
    _api: Running,
    api_address: String,
}

impl Person {
    pub fn new() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/messages_api.py");
        let is_port = |line: &str| line.parse::<u16>().is_ok();
        let (api, port) = Running::start(Command::new("python3").arg(script), is_port).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, _api: api, api_address: format!("http://127.0.0.1:{port}") }
    }

    /// A path below the home.
    pub fn home(&self, below: &str) -> PathBuf {
        self.folder.path().join("home").join(below)
    }

    /// A folder to work in.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap()
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("HOME", self.home(""))
            .env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    /// What the agent answers to this, in a folder; nothing where it does not know the session.
    pub fn say(&self, folder: &Path, words: &str, arguments: &[&str]) -> Option<Value> {
        let mut command = self.command(&*AGENT_PROGRAM);
        command.current_dir(folder).args(arguments).args(["-p", words, "--output-format", "json"]);
        command.env("ANTHROPIC_BASE_URL", &self.api_address).env("ANTHROPIC_API_KEY", "dummy");
        command
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1");
        let output = command.output().unwrap();
        if String::from_utf8_lossy(&output.stderr).contains("No conversation found") {
            return None;
        }
        let answer = serde_json::from_slice(&output.stdout);
        Some(answer.unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }

    /// A new session in a folder; its id.
    pub fn begin(&self, folder: &Path, words: &str) -> String {
        self.say(folder, words, &[]).unwrap()["session_id"].as_str().unwrap().to_owned()
    }

    /// What the agent remembers of a session that is continued in a folder.
    pub fn resume(&self, folder: &Path, id: &str) -> Option<String> {
        let answer = self.say(folder, "which words?", &["--resume", id])?;
        assert_eq!(answer["session_id"], id, "{answer}");
        Some(answer["result"].as_str().unwrap().to_owned())
    }

    /// Runs the program.
    pub fn backup(&self, arguments: &[&str]) {
        let output = self.command(env!("CARGO_BIN_EXE_claude-backup")).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// Makes a backup.
    pub fn begin_backup(&self) {
        self.backup(&["init", "--backend", "local", "--no-schedule"]);
    }

    /// What the agent's own SDK lists of a folder.
    pub fn listed(&self, folder: &Path) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agent/list_sessions.py");
        let mut command = self.command("python3");
        let output =
            command.env("PYTHONPATH", &*SDK_FOLDER).arg(script).arg(folder).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    pub fn lose_everything(&self) {
        std::fs::remove_dir_all(self.home(".claude")).unwrap();
    }
}
