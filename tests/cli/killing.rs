//! The real process, killed at moments that a seed chooses.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

use crate::clock;

/// The program in this home, with nothing else around it.
pub fn process(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("claude-backup"));
    command.env_clear().envs(clock::variables()).env("HOME", home);
    command.current_dir(home).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs it to its end, which must be a good one.
pub fn finish(home: &Path, arguments: &[&str]) {
    let output = process(home, arguments).stderr(Stdio::piped()).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {talk}");
}

/// Ends by itself or is ended after this time; true where it was ended.
pub fn kill_after(mut child: Child, time: Duration) -> bool {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// A small generator, so that a failing run can be repeated.
pub struct Seeded(pub u64);

impl Seeded {
    /// A number below this one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// A number that a variable may set.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Records that compress like text.
pub fn lines(random: &mut Seeded, kilobytes: u64) -> Vec<u8> {
    let mut text = Vec::new();
    while (text.len() as u64) < kilobytes * 1024 {
        let words: Vec<String> = (0..40).map(|_| format!("w{:x}", random.below(5000))).collect();
        let uuid = random.below(u64::MAX);
        let line = format!(
            r#"{{"type":"user","uuid":"{uuid:x}","message":{{"role":"user","content":"{}"}}}}"#,
            words.join(" ")
        );
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}

/// Appends to a file as an agent does.
pub fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// How long a run takes.
pub fn timed(home: &Path, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    finish(home, arguments);
    start.elapsed()
}

/// Every file below a folder with its bytes, sorted by name.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_path_buf();
                    files.push((name, std::fs::read(path).unwrap()));
                }
            }
        }
    }
    files.sort();
    files
}
