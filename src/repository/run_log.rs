//! `backup.log`: a line for each run, for people who want to know what happened last night.

use std::io::{Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result};
use fs_err::OpenOptions;

use super::Repository;
use super::manifest::stamp;
use crate::fs::{PRIVATE_FILE, open_plain};

/// A longer log is cut to half of this, at a line's beginning.
const LONGEST: u64 = 256 * 1024;
const HALF: i64 = 128 * 1024;

impl Repository {
    /// Adds a line with the time of now; control characters in it become spaces.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn log(&self, text: &str) -> Result<()> {
        let path = self.root().join("backup.log");
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = format!("{} {text}\n", stamp(self.env().now()));
        let opened = open_plain(&path, OpenOptions::new().read(true).append(true));
        let Some(mut file) = opened? else {
            return self.write_file(&path, line.as_bytes(), PRIVATE_FILE);
        };
        let failed = || format!("failed to write `{}`", path.display());
        if file.metadata().with_context(failed)?.len() <= LONGEST {
            return file.write_all(line.as_bytes()).with_context(failed);
        }
        let mut old = Vec::new();
        file.seek(SeekFrom::End(-HALF))
            .and_then(|_| file.read_to_end(&mut old))
            .with_context(failed)?;
        self.write_file(&path, &[newest(&old), line.as_bytes()].concat(), PRIVATE_FILE)
    }
}

/// The whole lines of a log's end.
fn newest(log: &[u8]) -> &[u8] {
    let line = log.iter().position(|byte| *byte == b'\n');
    line.map_or(&[], |end| &log[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_newest_whole_lines() {
        assert_eq!(newest(b"ne\ntwo\n"), b"two\n");
        assert_eq!(newest(b"no end"), b"");
        let (_home, env) = crate::testing::sandbox();
        let repository = Repository::create(&env.home.join("b"), &env).unwrap();
        let path = repository.root().join("backup.log");
        let line = [&[b'x'; 99][..], b"\n"].concat();
        fs_err::write(&path, line.repeat(4000)).unwrap();
        repository.log("new").unwrap();
        let kept = fs_err::read(&path).unwrap();
        assert!(kept.len() < 132_000 && kept.len() > 130_000, "{}", kept.len());
        assert!(kept.starts_with(&line) && kept.ends_with(b" new\n"));
    }
}
