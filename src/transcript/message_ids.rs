//! Which messages a transcript holds, to tell what a newer one lacks.

use std::collections::HashSet;
use std::io::{self, Read};

use serde::de::IgnoredAny;

use super::lines::Lines;
use super::record;
use super::tally::hash;

/// How many bytes are read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// The distinct uuids of the user and assistant records of a transcript, as 64-bit hashes.
///
/// The hashes are for comparing within one run and are never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageIds(HashSet<u64>);

/// Gathers [`MessageIds`] from bytes cut anywhere.
pub struct MessageIdScanner {
    lines: Lines,
    ids: MessageIds,
}

impl MessageIds {
    /// Reads an uncompressed transcript to its end.
    ///
    /// # Errors
    /// Only those of the reader: damaged lines are passed over.
    pub fn read(reader: impl Read) -> io::Result<Self> {
        let mut scanner = MessageIdScanner::new();
        for_each_chunk(reader, |bytes| scanner.feed(bytes))?;
        Ok(scanner.finish())
    }

    /// How many of these messages the newer transcript lacks.
    #[must_use]
    pub fn missing_from(&self, newer: &Self) -> u64 {
        self.0.difference(&newer.0).count() as u64
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add_line(&mut self, line: &[u8]) {
        let Some(record) = record::parse::<IgnoredAny>(line) else {
            return;
        };
        if let Some(uuid) = record.uuid().filter(|_| record.is_message()) {
            self.0.insert(hash(uuid));
        }
    }
}

impl MessageIdScanner {
    /// A scanner at the beginning of a transcript.
    #[must_use]
    pub fn new() -> Self {
        Self { lines: Lines::new(), ids: MessageIds::default() }
    }

    /// Takes the next bytes of the uncompressed transcript.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes, |line| self.ids.add_line(line));
    }

    /// The ids; a last line without its line feed counts if it is whole JSON.
    #[must_use]
    pub fn finish(mut self) -> MessageIds {
        self.lines.finish(|line| self.ids.add_line(line));
        self.ids
    }
}

impl Default for MessageIdScanner {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads to the end; gives the number of bytes.
pub(super) fn for_each_chunk(
    mut reader: impl Read,
    mut each: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => {
                total += length as u64;
                each(&buffer[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = concat!(
        r#"{"type":"user","uuid":"a"}"#,
        "\n",
        r#"{"type":"assistant","uuid":"b","message":{"id":"m"}}"#,
        "\n",
        r#"{"type":"assistant","uuid":"c","message":{"id":"m"}}"#,
        "\n",
        r#"{"type":"system","uuid":"d"}"#,
        "\nnot json\n",
        r#"{"type":"user"}"#,
    );

    fn ids(text: &str) -> MessageIds {
        MessageIds::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn user_and_assistant_records_are_told_apart_by_uuid() {
        assert_eq!(ids(OLDER).len(), 3);
        assert!(ids("").is_empty());
    }

    #[test]
    fn what_a_newer_transcript_lacks_is_counted_whatever_it_adds() {
        let newer =
            ids("{\"type\":\"user\",\"uuid\":\"z\"}\n{\"uuid\":\"b\",\"type\":\"assistant\"}");
        assert_eq!(ids(OLDER).missing_from(&newer), 2);
        assert_eq!(newer.missing_from(&ids(OLDER)), 1);
        assert_eq!(ids(OLDER).missing_from(&ids(OLDER)), 0);
        assert_eq!(ids(OLDER).missing_from(&MessageIds::default()), 3);
    }

    #[test]
    fn cuts_do_not_matter() {
        let mut scanner = MessageIdScanner::new();
        OLDER.as_bytes().chunks(3).for_each(|bytes| scanner.feed(bytes));
        assert_eq!(scanner.finish(), ids(OLDER));
    }
}
