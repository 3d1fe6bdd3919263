//! The agent itself and its SDK, as their registries have them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const AGENT: &str = "@anthropic-ai/claude-code@2.1.197";
const SDK: &str = "claude-agent-sdk==0.2.187";

/// The agent's program.
pub static AGENT_PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = folder().join("agent");
    let program = folder.join("node_modules/.bin/claude");
    if !program.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let prefix = ["--prefix", folder.to_str().unwrap()];
        done(Command::new("npm").arg("install").args(prefix).args([
            "--no-fund",
            "--no-audit",
            AGENT,
        ]));
    }
    program
});

/// The folder of the SDK's modules.
pub static SDK_FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = folder().join("sdk");
    if !folder.join("claude_agent_sdk").exists() {
        let target = ["--quiet", "--target", folder.to_str().unwrap()];
        done(Command::new("python3").args(["-m", "pip", "install"]).args(target).arg(SDK));
    }
    folder
});

/// They are installed once, and stay for the next time.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("agent")
}

fn done(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
