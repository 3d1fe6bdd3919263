//! A home that lives on from fault to fault: an agent writes, the program saves, and nothing that a
//! finished run had saved may ever be missing.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::read::GzDecoder;

use crate::clock;
use crate::killing::{Seeded, append, contents, lines, process};
use crate::sandbox::Sandbox;
use crate::shim::{Fault, Record, library};

const PROJECT: &str = "-home-dev-alpha";
/// The session that is rewritten now and then.
const REWRITTEN: u64 = 1;
/// Written by a person, and stored as it is.
const SKILL: &str = "skills/x/SKILL.md";

pub struct Home {
    pub sandbox: Sandbox,
    pub random: Seeded,
    /// Days by which this machine's clock is ahead.
    pub days: i64,
    /// What finished runs have saved of each session, oldest first.
    saved: BTreeMap<PathBuf, Vec<Vec<u8>>>,
    round: u64,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// Nothing where it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Home {
    /// A few sessions, small and not so small, a tool result and a skill; no backup yet.
    pub fn new(seed: u64) -> Self {
        let (saved, random) = (BTreeMap::new(), Seeded(seed));
        let mut home = Self { sandbox: Sandbox::new(), random, days: 0, saved, round: 0 };
        for (number, kilobytes) in [3, 12, 1, 90, 30, 5].into_iter().enumerate() {
            home.write_session(number as u64, kilobytes);
        }
        let result = home.session(0).with_extension("").join("tool-results/toolu_1.txt");
        home.sandbox.write(result, lines(&mut home.random, 2));
        home.sandbox.write(home.sandbox.claude(SKILL), "be kind\n");
        home
    }

    /// A session's file, by its number.
    pub fn session(&self, number: u64) -> PathBuf {
        self.sandbox.session(PROJECT, &format!("{number:08x}-1111-4111-8111-111111111111"))
    }

    fn write_session(&mut self, number: u64, kilobytes: u64) {
        let text = lines(&mut self.random, kilobytes);
        self.sandbox.write(self.session(number), text);
    }

    /// What an agent does until the next backup: some sessions grow, one is new, one that was new
    /// before is deleted, one is rewritten at times, and a skill is changed.
    pub fn work(&mut self) {
        self.round += 1;
        for number in [0, 2 + self.random.below(4)] {
            let kilobytes = 1 + self.random.below(4);
            append(&self.session(number), &lines(&mut self.random, kilobytes));
        }
        if self.round % 3 == 1 {
            let kilobytes = 2 + self.random.below(3);
            self.write_session(REWRITTEN, kilobytes);
        }
        let [before, now] = [9 + self.round, 10 + self.round];
        self.write_session(now, 1);
        if let Some(path) = Some(self.session(before)).filter(|path| self.saved.contains_key(path))
        {
            std::fs::remove_file(path).unwrap();
        }
        self.sandbox.write(self.sandbox.claude(SKILL), format!("round {}\n", self.round));
    }

    /// Everything at the source is saved: a run has just said so.
    pub fn remember(&mut self) {
        for (name, bytes) in contents(&self.sandbox.claude("projects")) {
            let path = self.sandbox.claude("projects").join(name);
            if path.extension().is_some_and(|end| end == "jsonl") {
                let versions = self.saved.entry(path).or_default();
                versions.retain(|old| !bytes.starts_with(old));
                versions.push(bytes);
            }
        }
    }

    /// The program in this home, by this machine's clock.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process(&self.sandbox.home(""), arguments);
        if self.days != 0 {
            command.env("LD_PRELOAD", clock::preloaded(library().unwrap()));
            command.env("FAULTS_CLOCK", (self.days * 86_400).to_string());
        }
        command
    }

    /// A run in which something goes wrong.
    pub fn run(&self, arguments: &[&str], fault: Fault, record: &Record) -> Ran {
        let mut command = self.command(arguments);
        record.watch(&mut command, &self.sandbox.home(""), fault);
        Ran::of(&mut command)
    }

    /// A run that must end well.
    pub fn finish(&self, arguments: &[&str]) -> Ran {
        let ran = Ran::of(&mut self.command(arguments));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:#?}");
        ran
    }

    /// A run that saves everything, without any fault.
    pub fn sync(&mut self) {
        self.finish(&["sync"]);
        self.remember();
    }

    /// Neither git nor `verify` finds a fault, and every content that a finished run had saved can be
    /// read with nothing but gunzip.
    pub fn assert_kept(&self) {
        self.finish(&["verify", "--read"]);
        self.sandbox.assert_git_clean();
        let mut stored = Vec::new();
        for (name, bytes) in contents(&self.sandbox.backup("machines")) {
            if name.extension().is_some_and(|end| end == "gz") {
                let mut plain = Vec::new();
                GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
                stored.push((name.to_string_lossy().into_owned(), plain));
            }
        }
        for (path, versions) in &self.saved {
            let id = path.file_stem().unwrap().to_str().unwrap();
            for version in versions {
                let has_it = |(name, bytes): &&(String, Vec<u8>)| {
                    name.contains(id) && bytes.starts_with(version)
                };
                assert!(stored.iter().any(|stored| has_it(&stored)), "{} is lost", path.display());
            }
        }
    }

    /// The same, and a restore of everything gives it back.
    pub fn assert_whole(&self) {
        self.assert_kept();
        let elsewhere = self.sandbox.home("elsewhere");
        let _ = std::fs::remove_dir_all(&elsewhere);
        self.finish(&["restore", "--all", "--claude-dir", elsewhere.to_str().unwrap()]);
        self.assert_given_back(&elsewhere);
        std::fs::remove_dir_all(&elsewhere).unwrap();
    }

    /// True where a finished run had saved these bytes of that file below `~/.claude`.
    pub fn has_saved(&self, name: &Path, bytes: &[u8]) -> bool {
        let versions = self.saved.get(&self.sandbox.claude(name));
        versions.is_some_and(|versions| versions.iter().any(|version| version == bytes))
    }

    /// What a restore of everything wrote is what was saved.
    pub fn assert_given_back(&self, folder: &Path) {
        for (path, versions) in &self.saved {
            let name = path.strip_prefix(self.sandbox.claude("")).unwrap();
            let back = std::fs::read(folder.join(name)).unwrap_or_default();
            assert!(versions.contains(&back), "{} came back otherwise", name.display());
        }
    }
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap().into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
