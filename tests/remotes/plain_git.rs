//! The git program as anybody has it, away from the settings of who runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A call of git in a folder.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"])
        .args(["-c", "gc.auto=0", "-c", "init.defaultBranch=main"])
        .arg("-C")
        .arg(folder)
        .stdin(Stdio::null());
    command
}

/// What git says; it must succeed.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    String::from_utf8(bytes(folder, arguments)).unwrap()
}

/// The same as bytes.
pub fn bytes(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    succeeded(command(folder).args(arguments))
}

/// What a command says that must succeed.
pub fn succeeded(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    output.stdout
}

/// Both streams.
pub fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Where git keeps its own programs.
pub fn exec_path() -> PathBuf {
    git(Path::new("/"), &["--exec-path"]).trim().into()
}
