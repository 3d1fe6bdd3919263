//! The library that comes between the program and the file system (`shim.c`), and its words.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{clock, needs};

/// What goes wrong at which call.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The kinds of calls that are counted, as `shim.c` names them; empty for all that change something.
    pub kinds: &'static str,
    /// `kill`, `short`, or the name of an error.
    pub action: &'static str,
    /// The number of the call, from 1; at 0 nothing goes wrong.
    pub at: u64,
    /// How long it goes on.
    pub lasts: Lasts,
}

/// How long a fault goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// This one call.
    Once,
    /// All further calls fail too.
    Onwards,
}

/// One line of the log: something that was done.
#[derive(Clone, Debug)]
pub struct Call {
    /// The number of the line.
    pub line: u64,
    /// What was done, as `shim.c` names it.
    pub what: String,
    /// The file's inode, where it was open.
    pub inode: u64,
    pub path: PathBuf,
    /// The new name, where there is one.
    pub other: PathBuf,
}

/// What is noted of runs: their calls, and what they made durable.
pub struct Record {
    folder: TempDir,
}

/// The shim, compiled once; nothing where that is not possible here.
pub fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    if needs::program("cc").is_none() {
        needs::skip("not on this machine: cc");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
    let made = folder.join(format!("faults-{}.so", std::process::id()));
    let library = folder.join("faults.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o"]);
    let status = compiler.arg(&made).arg(source).arg("-ldl").arg("-lpthread").status().unwrap();
    assert!(status.success(), "the shim does not compile");
    // Another run of the tests may be using it.
    std::fs::rename(made, &library).unwrap();
    Some(library)
}

impl Fault {
    /// Nothing goes wrong; calls of these kinds are counted.
    pub fn none(kinds: &'static str) -> Self {
        Self { kinds, action: "kill", at: 0, lasts: Lasts::Once }
    }

    /// The same fault at another call.
    pub fn at(self, at: u64) -> Self {
        Self { at, ..self }
    }
}

impl Record {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("kept")).unwrap();
        Self { folder }
    }

    /// Puts the shim below a command, for everything in this folder.
    pub fn watch(&self, command: &mut Command, below: &Path, fault: Fault) {
        let below = below.to_str().unwrap().trim_end_matches('/');
        command.env("LD_PRELOAD", clock::preloaded(library().unwrap()));
        command.env("FAULTS_BELOW", below);
        command.env("FAULTS_LOG", self.log()).env("FAULTS_KEPT", self.folder.path().join("kept"));
        command.env("FAULTS_DO", fault.action).env("FAULTS_AT", fault.at.to_string());
        if !fault.kinds.is_empty() {
            command.env("FAULTS_KINDS", fault.kinds);
        }
        if fault.lasts == Lasts::Onwards {
            command.env("FAULTS_LASTING", "1");
        }
        // One worker makes the order of calls the same in each run.
        command.env("RAYON_NUM_THREADS", "1");
    }

    /// All that was done so far.
    pub fn calls(&self) -> Vec<Call> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let call = |line: &str| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().unwrap_or_default();
            Call {
                line: next().parse().unwrap(),
                what: next().into(),
                inode: next().parse().unwrap(),
                path: next().into(),
                other: next().into(),
            }
        };
        text.lines().map(call).collect()
    }

    /// How many calls were counted in the last run that came to its end.
    pub fn count(&self) -> u64 {
        self.calls().iter().rfind(|call| call.what == "calls").map_or(0, |call| call.inode)
    }

    /// The calls at which something went wrong.
    pub fn hits(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.what == "hit").collect()
    }

    /// What an fsync made durable: the file's bytes at that line of the log.
    pub fn kept(&self, line: u64) -> Vec<u8> {
        std::fs::read(self.folder.path().join("kept").join(line.to_string())).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}
