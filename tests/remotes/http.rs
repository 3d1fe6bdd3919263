//! A git server over http or https, one that can be ill-tempered.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bare::Bare;
use crate::needs::{self, Need};
use crate::running::Running;
use crate::tls::{Certificate, LOOPBACK};

/// So long a machine may take to ask for something.
const PATIENCE: Duration = Duration::from_secs(60);

/// `githttp.py` and the one repository that it serves.
pub struct HttpServer {
    folder: TempDir,
    bare: Bare,
    certificate: Option<Certificate>,
    port: u16,
    running: Running,
}

/// What the server asks for.
#[derive(Default)]
pub struct Wants {
    /// `user:password`.
    pub login: Option<&'static str>,
    /// A certificate of its own.
    pub tls: bool,
}

impl HttpServer {
    /// Starts one; nothing where the machine lacks what it takes.
    pub fn start(wants: &Wants) -> Option<Self> {
        let tls: &[Need] = if wants.tls { &[Need::Openssl] } else { &[] };
        let is_met = needs::met(&[&[Need::Python, Need::HttpBackend], tls].concat());
        is_met.then(|| Self::run(wants, LOOPBACK))
    }

    /// One whose certificate is for another name.
    pub fn with_certificate_for(names: &str) -> Option<Self> {
        let is_met = needs::met(&[Need::Python, Need::HttpBackend, Need::Openssl]);
        is_met.then(|| Self::run(&Wants { login: None, tls: true }, names))
    }

    /// One that lets everybody in.
    pub fn open() -> Option<Self> {
        Self::start(&Wants::default())
    }

    fn run(wants: &Wants, names: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let bare = Bare::below(&root);
        std::fs::write(folder.path().join("moods"), "{}").unwrap();
        let certificate = wants.tls.then(|| Certificate::new(names));
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/remotes/githttp.py"));
        command.args([root, folder.path().join("moods"), folder.path().join("log")]);
        if let Some(login) = wants.login {
            command.args(["--auth", login]);
        }
        if let Some(certificate) = &certificate {
            command.arg("--tls").args([certificate.file(), certificate.key()]);
        }
        let ready = Running::start(&mut command, |line| line.starts_with("port "));
        let (running, line) = ready.expect("the server runs");
        let port = line["port ".len()..].parse().unwrap();
        Self { folder, bare, certificate, port, running }
    }

    /// The repository behind it.
    pub fn bare(&self) -> &Bare {
        &self.bare
    }

    /// The repository's address.
    pub fn url(&self) -> String {
        format!("{}/backup.git", self.place(""))
    }

    /// The same with a login in it.
    pub fn url_with(&self, login: &str) -> String {
        format!("{}/backup.git", self.place(&format!("{login}@")))
    }

    /// The server's own address.
    pub fn place(&self, login: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{login}127.0.0.1:{}", self.port)
    }

    /// What a client must trust.
    pub fn certificate(&self) -> &Certificate {
        self.certificate.as_ref().unwrap()
    }

    /// How it treats requests from now on; `githttp.py` knows the words.
    pub fn mood(&self, mood: &Value) -> &Self {
        let path = self.folder.path().join("moods");
        std::fs::write(path.with_extension("new"), mood.to_string()).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
        self
    }

    /// It is well again.
    pub fn well(&self) -> &Self {
        self.mood(&json!({}))
    }

    /// Holds every request for a path with this word from now on, until it is well again.
    pub fn hold(&self, word: &str) -> &Self {
        self.mood(&json!({"hold": word}))
    }

    /// Waits until a request is held.
    pub fn wait_for_a_held_request(&self) {
        let begun = Instant::now();
        while !self.lines().iter().any(|line| line.get("held").is_some()) {
            assert!(begun.elapsed() < PATIENCE, "nobody asked");
            std::thread::yield_now();
        }
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line.get("held").is_none());
        lines
    }

    /// The whole lines of its log.
    fn lines(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Bytes of packs that were sent to it so far.
    pub fn bytes_sent(&self) -> u64 {
        let requests = self.requests();
        let packs = requests.iter().filter(|request| {
            request["method"] == "POST" && request["path"].to_string().contains("receive-pack")
        });
        packs.map(|request| request["bytes"].as_u64().unwrap()).sum()
    }
}
