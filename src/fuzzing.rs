//! Each reader of bytes from outside, and what must hold of it: for `cargo fuzz`, and for a test
//! that plays the same with fewer bytes. The bodies stand beside what they are about.

use crate::{archive, config_archive, repository, secrets, source, transcript, vault};

/// One reader.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its program in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics where something does not hold of these bytes.
    pub holds: fn(&[u8]),
    /// How many of its executions take as long as one of the slowest reader.
    pub pace: u32,
}

const fn target(name: &'static str, pace: u32, holds: fn(&[u8])) -> Target {
    Target { name, holds, pace }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("archive_reader", 20, archive::fuzzing::archive_reader),
    target("archive_growth", 1, archive::fuzzing::archive_growth),
    target("archive_state", 20, archive::fuzzing::archive_state),
    target("transcript", 100, transcript::fuzzing::transcript),
    target("rehome", 100, transcript::fuzzing::rehome),
    target("scanner_state", 100, transcript::fuzzing::scanner_state),
    target("ledger", 100, repository::fuzzing::ledger),
    target("manifest", 100, repository::fuzzing::manifest),
    target("private_papers", 100, repository::fuzzing::private_papers),
    target("names", 100, repository::fuzzing::names),
    target("denied_paths", 100, source::fuzzing::denied_paths),
    target("status_line", 100, source::fuzzing::status_line),
    target("config_archive", 2, config_archive::fuzzing::config_archive),
    target("secrets", 20, secrets::fuzzing::secrets),
    target("delta", 100, vault::fuzzing::delta),
    target("pack", 20, vault::fuzzing::pack),
    target("objects", 100, vault::fuzzing::objects),
    target("notes", 50, vault::fuzzing::notes),
    target("index_file", 2, vault::fuzzing::index_file),
    target("settings", 2, vault::fuzzing::settings),
    target("addresses", 100, vault::fuzzing::addresses),
    target("remote_words", 100, vault::fuzzing::remote_words),
    target("ssh_addresses", 50, vault::fuzzing::ssh_addresses),
];

/// Tries one reader, by name, on these bytes.
///
/// # Panics
/// Where there is none of that name, or something does not hold.
pub fn hold(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a reader of that name").holds)(bytes);
}

#[cfg(test)]
mod mutation;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::mutation::Mutation;
    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
    }

    /// The files that a reader begins with, by name, so in the same order everywhere.
    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let files = fs_err::read_dir(folder().join("corpus").join(name)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs_err::read(file).unwrap()).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "a test is the outside world")]
    fn number(variable: &str, default: u32) -> u32 {
        std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// Says of which bytes it was that something did not hold.
    struct Tried<'b>(&'static str, &'b [u8]);

    impl Drop for Tried<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{}: b\"{}\"", self.0, self.1.escape_ascii());
            }
        }
    }

    fn try_one(target: Target, bytes: &[u8]) {
        let _tried = Tried(target.name, bytes);
        (target.holds)(bytes);
    }

    /// Each file of the corpora, each beginning of it, and many with damages.
    #[test]
    fn readers_hold_whatever_the_bytes() {
        let rounds = number("CLAUDE_BACKUP_TEST_ROUNDS", 20);
        let seed = number("CLAUDE_BACKUP_TEST_SEED", 1);
        for target in TARGETS {
            let files = corpus(target.name);
            for file in &files {
                let step = (file.len() / (2 * target.pace as usize)).max(1);
                (0..file.len()).step_by(step).for_each(|end| try_one(*target, &file[..end]));
                try_one(*target, file);
            }
            let mut mutation = Mutation::seeded(u64::from(seed));
            for _ in 0..rounds * target.pace {
                try_one(*target, &mutation.of(&files));
            }
        }
    }

    #[test]
    fn every_reader_can_be_fuzzed() {
        let manifest = fs_err::read_to_string(folder().join("Cargo.toml")).unwrap();
        for name in TARGETS.iter().map(|target| target.name) {
            let program = format!("fuzz_targets/{name}.rs");
            assert!(manifest.contains(&program), "{program}");
            let text = fs_err::read_to_string(folder().join(program)).unwrap();
            assert!(text.contains(&format!("hold(\"{name}\", bytes)")), "{name}");
            assert!(!corpus(name).is_empty(), "{name}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
