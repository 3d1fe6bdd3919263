//! `backup.log`: a line for each run, for people who want to know what happened last night.

use std::io::Write;

use anyhow::{Context, Result};

use super::Repository;
use super::manifest::stamp;
use crate::fs::{PRIVATE_FILE, read_if_exists};

/// A longer log is cut to half of this, at a line's beginning.
const LONGEST: u64 = 256 * 1024;

impl Repository {
    /// Adds a line with the time of now; control characters in it become spaces.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn log(&self, text: &str) -> Result<()> {
        let path = self.root().join("backup.log");
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = format!("{} {text}\n", stamp(self.env().now()));
        let length = fs_err::metadata(&path).map_or(0, |log| log.len());
        if length == 0 || length > LONGEST {
            let old = read_if_exists(&path)?.unwrap_or_default();
            return self.write_file(&path, &[newest(&old), line.as_bytes()].concat(), PRIVATE_FILE);
        }
        let mut file = fs_err::OpenOptions::new().append(true).open(&path)?;
        file.write_all(line.as_bytes())
            .with_context(|| format!("failed to write `{}`", path.display()))
    }
}

/// The whole lines of the last half.
fn newest(log: &[u8]) -> &[u8] {
    let half = usize::try_from(LONGEST / 2).unwrap_or(usize::MAX);
    let Some(from) = log.len().checked_sub(half) else { return log };
    let line = log[from..].iter().position(|byte| *byte == b'\n');
    line.map_or(&[], |end| &log[from + end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_newest_whole_lines() {
        assert_eq!(newest(b"one\ntwo\n"), b"one\ntwo\n");
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let long = line.repeat(4000);
        let kept = newest(&long);
        assert!(kept.len() < 132_000 && kept.len() > 130_000, "{}", kept.len());
        assert_eq!(kept.len() % line.len(), 0);
    }
}
