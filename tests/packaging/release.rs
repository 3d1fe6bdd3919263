//! A release as CI makes it, of a small program in the place of the real one, and served on loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::machine::write_program;
use crate::needs::{self, Need};
use crate::running::Running;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a release says that it comes from.
pub const REPOSITORY: &str = "https://example.org/somebody/claude-backup";

/// All that a release has archives for.
pub const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-unknown-linux-musl",
];

/// The folder of a release.
pub struct Release {
    folder: TempDir,
}

impl Release {
    /// Archives and all that is made from them; nothing where python is missing.
    pub fn new() -> Option<Self> {
        let release = Self::of_archives(&TARGETS)?;
        release.finish();
        Some(release)
    }

    /// The archives of these targets alone.
    pub fn of_archives(targets: &[&str]) -> Option<Self> {
        if !needs::met(&[Need::Python]) {
            return None;
        }
        let release = Self { folder: tempfile::tempdir().unwrap() };
        let real = env!("CARGO_BIN_EXE_claude-backup");
        write_program(&release.program(), &format!("exec '{real}' \"$@\""));
        release.archive(targets);
        Some(release)
    }

    /// `packaging/archive` for these targets.
    pub fn archive(&self, targets: &[&str]) {
        let licences = Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE");
        let mut archive = script("archive");
        archive.arg(self.path("")).arg(self.program()).arg(licences).args(targets);
        succeeds(&mut archive);
    }

    /// `packaging/release`, which must succeed.
    pub fn finish(&self) {
        succeeds(&mut self.finishing());
    }

    /// `packaging/release`.
    pub fn finishing(&self) -> Command {
        let mut command = script("release");
        command.arg(REPOSITORY).arg(self.path(""));
        command
    }

    /// A small program that stands for the real one.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// A file of the release.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("served/v{VERSION}")).join(name)
    }

    /// What a file of the release says.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The archive's path.
    pub fn archive_for(&self, target: &str) -> PathBuf {
        self.path(&format!("claude-backup-{VERSION}-{target}.tar.gz"))
    }

    /// Hands it out until the server is let go; its address is that of all releases.
    pub fn serve(&self) -> Server {
        Server::of(&self.folder.path().join("served"))
    }
}

/// Files on loopback.
pub struct Server {
    pub url: String,
    _running: Running,
}

impl Server {
    /// Serves what is below the folder, read at each request.
    pub fn of(folder: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        command.arg(folder);
        Self::start(command)
    }

    /// Sends everybody to the same file of another server.
    pub fn redirecting_to(url: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", REDIRECT, url]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        command.stderr(std::process::Stdio::null());
        let ready = Running::start(&mut command, |line| line.starts_with("Serving"));
        let (running, line) = ready.expect("the server runs");
        let port = line.split(" port ").nth(1).unwrap().split(' ').next().unwrap();
        Self { url: format!("http://127.0.0.1:{port}"), _running: running }
    }
}

/// A server that says where it is like python's own.
const REDIRECT: &str = r#"
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", sys.argv[1] + self.path)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("Serving HTTP on 127.0.0.1 port", server.server_port, "now")
server.serve_forever()
"#;

/// One of the scripts in `packaging/`.
pub fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name));
    command
}

/// What it said; it must succeed.
pub fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (said, complained) =
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {said}{complained}");
    said
}
