//! What is stored: one JSON line per file, sorted by path, one ledger per project.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout::{EntryPath, Form, part_name};
use crate::source::Kind;
use crate::transcript::Summary;
use crate::vault::{FileMode, ObjectId};

/// Fields that this version does not know; they survive being read and written.
pub type Unknown = serde_json::Map<String, serde_json::Value>;

/// No file has more bytes; sums of such lengths stay numbers.
const LONGEST: u64 = 1 << 44;

/// The SHA-256 of uncompressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

/// One part of what is stored: a whole gzip file, or the plain file itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// Bytes of the file.
    pub length: u64,
    /// Uncompressed bytes in it.
    pub uncompressed: u64,
    /// Its git blob.
    pub blob: ObjectId,
    /// What a newer version of the program wrote here.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Some bytes of a source file, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Uncompressed bytes.
    pub length: u64,
    /// Of the uncompressed bytes.
    pub sha256: Hash,
    /// How the bytes are kept.
    pub form: Form,
    /// The files that hold them, in order.
    pub parts: Vec<StoredPart>,
    /// The parts' common name below the machine's folder, where it is not the entry's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Permission bits at the source.
    #[serde(with = "octal")]
    pub mode: u32,
    /// The source file's time of change.
    pub modified: DateTime<Utc>,
    /// What a list shows of it, for a transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Summary>,
}

/// Why an earlier content was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The newer bytes differ from the first byte on, or somewhere in the middle.
    Rewritten,
    /// The newer bytes are fewer and end differently.
    Truncated,
    /// The newer bytes were restored over it, or put in its place from elsewhere.
    Replaced,
    /// It stood at the source and was displaced by a forced restore.
    Displaced,
}

/// A content that the current one does not contain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Counts from 1 for each file.
    pub number: u32,
    /// Why it is not the current one.
    pub reason: Reason,
    /// When it was put aside.
    pub replaced: DateTime<Utc>,
    /// How many of its messages the current content lacks.
    pub lost_messages: u64,
    /// The bytes.
    #[serde(flatten)]
    pub content: Content,
    /// What a newer version of the program wrote here.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// One line of a ledger: a file, its current content and its earlier ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The file's name below the machine's folder, escaped.
    pub path: EntryPath,
    /// What the file is to its agent.
    pub kind: Kind,
    /// The current bytes.
    #[serde(flatten)]
    pub content: Content,
    /// When it was first found at the source.
    pub first_seen: DateTime<Utc>,
    /// When it was last found there; brought up to date when the line changes.
    pub last_seen: DateTime<Utc>,
    /// Since when it is missing at the source.
    pub gone_since: Option<DateTime<Utc>>,
    /// The source was cut back to so many of the stored bytes; the stored ones are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_to: Option<u64>,
    /// The user has taken note of the messages that the current content lacks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
    /// Contents that the current one does not contain, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// What a newer version of the program wrote here.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl StoredPart {
    /// A part of so many bytes that holds so many uncompressed ones.
    #[must_use]
    pub fn new(length: u64, uncompressed: u64, blob: ObjectId) -> Self {
        Self { length, uncompressed, blob, unknown: Unknown::new() }
    }
}

impl Content {
    /// The files of this content below the machine's folder, in order.
    #[must_use]
    pub fn files<'a>(&'a self, path: &EntryPath) -> Vec<(String, &'a StoredPart)> {
        let base = self.at.as_deref().unwrap_or(path.as_str());
        let named = self.parts.iter().zip(1..);
        named.map(|(part, number)| (part_name(base, self.form, number), part)).collect()
    }

    /// Bytes that it takes in the repository.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        // Anybody may have written a ledger: a sum stops at the largest number.
        self.parts.iter().fold(0, |sum, part| part.length.saturating_add(sum))
    }

    /// The mode of its files in git: a plain copy that may be run stays so.
    #[must_use]
    pub fn file_mode(&self) -> FileMode {
        let is_executable = self.form == Form::Plain && self.mode & 0o100 != 0;
        if is_executable { FileMode::Executable } else { FileMode::Plain }
    }

    /// Messages in it, or bytes where they are not counted.
    fn fullness(&self) -> u64 {
        self.session.as_ref().map_or(self.length, |session| session.messages)
    }

    /// Messages in it, for a transcript.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.session.as_ref().map_or(0, |session| session.messages)
    }
}

impl Entry {
    /// The current content and all earlier ones.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content).chain(self.versions.iter().map(|v| &v.content))
    }

    /// The number that the next version gets.
    #[must_use]
    pub fn next_version(&self) -> u32 {
        self.versions.iter().map(|v| v.number).max().unwrap_or(0).saturating_add(1)
    }

    /// How many messages of an earlier version the current content lacks; a forced restore is no loss.
    #[must_use]
    pub fn lost_messages(&self) -> u64 {
        let by_source = self.versions.iter().filter(|v| v.reason != Reason::Displaced);
        by_source.map(|v| v.lost_messages).max().unwrap_or(0)
    }

    /// The version that a plain restore gives: `None` is the current content.
    ///
    /// That is the current one unless it lacks messages of an earlier one that has no fewer; then
    /// the fullest of those, the newest of equals.
    #[must_use]
    pub fn preferred(&self) -> Option<&Version> {
        let by_source = self.versions.iter().filter(|v| v.reason != Reason::Displaced);
        let lacked = by_source.filter(|version| version.lost_messages > 0);
        let fullest = lacked.max_by_key(|version| (version.content.fullness(), version.number));
        let is_no_less = |version: &&Version| match self.content.session {
            Some(_) => version.content.fullness() >= self.content.fullness(),
            // Bytes are a poor measure: only what has more of them comes first.
            None => version.content.fullness() > self.content.fullness(),
        };
        fullest.filter(is_no_less)
    }

    /// The version that has the most messages that the current content lacks.
    #[must_use]
    pub fn most_missed(&self) -> Option<&Version> {
        let missed = self.versions.iter().filter(|version| version.lost_messages > 0);
        missed.max_by_key(|version| (version.lost_messages, version.number))
    }

    /// The version with the most messages, then bytes: `None` is the current content.
    #[must_use]
    pub fn fullest(&self) -> Option<&Version> {
        let weight = |content: &Content| (content.messages(), content.length);
        let fullest = self.versions.iter().max_by_key(|version| weight(&version.content));
        fullest.filter(|version| weight(&version.content) > weight(&self.content))
    }
}

/// The lines of one ledger, by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Each file's line.
    pub entries: BTreeMap<EntryPath, Entry>,
    /// Lines that this version cannot read, a newer one's, by path; they are written back as they are.
    pub unread: BTreeMap<String, Vec<u8>>,
}

impl Ledger {
    /// Reads a ledger's text; each line that cannot be read is named, and kept as it is.
    #[must_use]
    pub fn parse(text: &[u8]) -> (Self, Vec<String>) {
        let mut ledger = Self::default();
        let mut damaged = Vec::new();
        for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
            if line.is_empty() {
                continue;
            }
            match parse_line(line) {
                Ok(entry) => drop(ledger.entries.insert(entry.path.clone(), entry)),
                Err(error) => {
                    damaged.push(format!("line {number}: {error:#}"));
                    ledger.unread.insert(path_of(line), line.to_vec());
                }
            }
        }
        (ledger, damaged)
    }

    /// The ledger's text: sorted, one line each.
    ///
    /// # Errors
    /// Never in practice: every field can be written as JSON.
    pub fn to_text(&self) -> Result<Vec<u8>> {
        let mut text = Vec::with_capacity(self.entries.len() * 512);
        for entry in self.entries.values() {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        for line in self.unread.values() {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        Ok(text)
    }
}

/// The path that a line is about, or the line itself where it names none.
fn path_of(line: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    let whole = || String::from_utf8_lossy(line).into_owned();
    value["path"].as_str().map_or_else(whole, str::to_owned)
}

fn parse_line(line: &[u8]) -> Result<Entry> {
    let entry: Entry = serde_json::from_slice(line)?;
    if entry.contents().any(claims_the_impossible) {
        bail!("no file is that long");
    }
    let oversized = oversized(&entry.path);
    for name in entry.contents().filter_map(|content| content.at.as_deref()) {
        let stays_inside = (name.starts_with("versions/") || name == oversized)
            && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && !name.contains('\\')
            && !name.chars().any(char::is_control);
        if !stays_inside {
            bail!("`{}` is no place for a version", name.escape_default());
        }
    }
    Ok(entry)
}

fn claims_the_impossible(content: &Content) -> bool {
    let parts = content.parts.iter().flat_map(|part| [part.length, part.uncompressed]);
    parts.chain([content.length]).any(|bytes| bytes > LONGEST)
}

/// Where a plain file goes that is too large for one: `%` and no hex digits mark it as our name.
#[must_use]
pub fn oversized(path: &EntryPath) -> String {
    format!("{path}%")
}

impl Hash {
    /// The hash, and the number, of a reader's bytes.
    ///
    /// # Errors
    /// As reading does.
    pub fn of(reader: impl Read) -> io::Result<(Self, u64)> {
        Self::of_each(reader, |_| Ok(()))
    }

    /// The same, while `each` sees the bytes as they pass.
    ///
    /// # Errors
    /// As reading and `each` do.
    pub fn of_each(
        mut reader: impl Read,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut length = 0;
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                return Ok((Self::from(hasher), length));
            }
            hasher.update(&buffer[..count]);
            each(&buffer[..count])?;
            length += count as u64;
        }
    }
}

impl From<Sha256> for Hash {
    fn from(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Hash {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            bail!("a SHA-256 has 64 hex digits");
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .context("a SHA-256 has 64 hex digits")?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Hash {
    type Error = anyhow::Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

/// Permission bits as people write them: `"600"`.
mod octal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{mode:o}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 8).map_err(D::Error::custom)
    }
}
