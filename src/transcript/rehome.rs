//! A session's records, as if it had been held in another folder.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer lines pass as they are: no record is that long, and a damaged file must not fill memory.
const LONGEST_LINE: u64 = 64 << 20;

/// Which working folder becomes which.
///
/// Only the `cwd` of a record itself is changed, where it is the old folder or lies below it. What
/// was said, and every byte beside it, stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehome {
    from: String,
    to: String,
}

/// The one field of a record that says where it was made, as it stands in the line.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    cwd: Option<&'a RawValue>,
}

impl Rehome {
    /// From one folder to another, both as absolute paths.
    #[must_use]
    pub fn new(from: &str, to: &str) -> Self {
        let without_end = |path: &str| path.trim_end_matches(['/', '\\']).to_owned();
        Self { from: without_end(from), to: without_end(to) }
    }

    /// The same records with other folders.
    pub fn reader<R: Read>(&self, records: R) -> impl Read + use<R> {
        let from = BufReader::new(records);
        Rehomed { rehome: self.clone(), from, line: Vec::new(), at: 0, goes_on: false }
    }

    fn apply(&self, line: &mut Vec<u8>) {
        if let Some((place, cwd)) = self.edit(line) {
            line.splice(place, cwd.into_bytes());
        }
    }

    /// Where in a line the folder stands, and what it becomes.
    fn edit(&self, line: &[u8]) -> Option<(Range<usize>, String)> {
        if !line.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let cwd = serde_json::from_slice::<Record<'_>>(line).ok()?.cwd?.get();
        let start = cwd.as_ptr().addr() - line.as_ptr().addr();
        let new = self.moved(&serde_json::from_str::<String>(cwd).ok()?)?;
        Some((start..start + cwd.len(), serde_json::Value::from(new).to_string()))
    }

    fn moved(&self, cwd: &str) -> Option<String> {
        let below = cwd.strip_prefix(&self.from)?;
        match below.chars().next() {
            None => Some(self.to.clone()),
            Some('/') => Some(format!("{}{below}", self.to)),
            Some('\\') => Some(format!("{}{}", self.to, below.replace('\\', "/"))),
            Some(_) => None,
        }
    }
}

struct Rehomed<R> {
    rehome: Rehome,
    from: BufReader<R>,
    /// What is to be handed on next, and how far it has been.
    line: Vec<u8>,
    at: usize,
    /// The line before was too long, and this is more of it.
    goes_on: bool,
}

impl<R: Read> Rehomed<R> {
    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.at = 0;
        let length = (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
        let is_cut = length as u64 == LONGEST_LINE && !self.line.ends_with(b"\n");
        if !is_cut && !self.goes_on {
            self.rehome.apply(&mut self.line);
        }
        self.goes_on = is_cut;
        Ok(())
    }
}

impl<R: Read> Read for Rehomed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            self.next_line()?;
        }
        let count = (&self.line[self.at..]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rehomed(records: &[u8]) -> String {
        let rehome = Rehome::new("/old/alpha/", "/new \"place\"");
        let mut out = Vec::new();
        rehome.reader(records).read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn only_the_folder_of_a_record_itself_is_another() {
        let records = concat!(
            r#"{"cwd":"/old/alpha","message":{"content":"cd /old/alpha","cwd":"/old/alpha"}}"#,
            "\n",
            r#"{ "n": 1.0, "cwd" : "/old/alpha/src" , "x":"\u00e9"}"#,
            "\r\n",
            r#"{"cwd":"\/old\/alpha"}"#,
        );
        let expected = concat!(
            r#"{"cwd":"/new \"place\"","message":{"content":"cd /old/alpha","cwd":"/old/alpha"}}"#,
            "\n",
            r#"{ "n": 1.0, "cwd" : "/new \"place\"/src" , "x":"\u00e9"}"#,
            "\r\n",
            r#"{"cwd":"/new \"place\""}"#,
        );
        assert_eq!(rehomed(records.as_bytes()), expected);
    }

    #[test]
    fn every_other_byte_stays() {
        for records in [
            "",
            "\n\n",
            r#"{"cwd":"/old/alphabet"}"#,
            r#"{"cwd":"/elsewhere"}"#,
            r#"{"cwd":7,"x":"/old/alpha"}"#,
            r#"{"cwd":"/old/alpha","torn"#,
            r#"["cwd","/old/alpha"]"#,
            "\0\0{\"cwd\":\"/old/alpha\"}",
        ] {
            assert_eq!(rehomed(records.as_bytes()), records);
        }
    }

    #[test]
    fn folders_of_windows_become_those_of_here() {
        let rehome = Rehome::new("C:\\work\\alpha", "/home/sam/alpha");
        assert_eq!(rehome.moved("C:\\work\\alpha\\a\\b").as_deref(), Some("/home/sam/alpha/a/b"));
    }
}
