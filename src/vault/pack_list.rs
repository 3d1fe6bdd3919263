//! What is noted beside packs: our `.keep` files and the list of packs that are ours.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use chrono::NaiveDate;

use crate::fs;

const KEEP_WORDS: &str = "claude-backup";

/// What our `.keep` file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Syncs add to this pack, which was begun on this day.
    Active(NaiveDate),
    /// A pack that is not needed yet: the branch moves next.
    Publishing,
    /// A pack that could not be read; it is left for a person to look at.
    Damaged,
}

/// What the list says of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// Being made or being removed; what is incomplete of it can go.
    Pending,
    /// Holds objects.
    Kept,
}

/// Our packs by name.
pub(super) type List = BTreeMap<String, Listed>;

/// Reads the list; lines that make no sense do not count.
pub(super) fn read(path: &Path) -> Result<List> {
    let text = fs::read_if_exists(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    Ok(lines
        .filter(|(_, name)| is_pack_name(name))
        .filter_map(|(word, name)| Some((name.to_owned(), Listed::parse(word)?)))
        .collect())
}

/// Replaces the list.
pub(super) fn write(path: &Path, list: &List) -> Result<()> {
    let lines = list.iter().map(|(name, listed)| format!("{} {name}\n", listed.word()));
    write_durable(path, lines.collect::<String>().as_bytes())
}

impl Keep {
    pub(super) fn text(self) -> String {
        match self {
            Self::Active(since) => format!("{KEEP_WORDS} active {since}\n"),
            Self::Publishing => format!("{KEEP_WORDS} publishing\n"),
            Self::Damaged => format!("{KEEP_WORDS} damaged\n"),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        if words.next() != Some(KEEP_WORDS) {
            return None;
        }
        match (words.next()?, words.next()) {
            ("active", Some(since)) => since.parse().ok().map(Self::Active),
            ("publishing", None) => Some(Self::Publishing),
            ("damaged", None) => Some(Self::Damaged),
            _ => None,
        }
    }
}

impl Listed {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Kept => "kept",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Kept].into_iter().find(|listed| listed.word() == word)
    }
}

/// True for the hexadecimal name that git gives packs.
pub(super) fn is_pack_name(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|c| c.is_ascii_hexdigit())
}

/// Replaces a small file so that after a power cut it is the old or the new one, never empty.
pub(super) fn write_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs::write_durable(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_files_of_others_are_not_ours() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        for keep in [Keep::Active(day), Keep::Publishing, Keep::Damaged] {
            assert_eq!(Keep::parse(&keep.text()), Some(keep));
        }
        for text in ["", "fetch-pack 12 on host", "claude-backup", "claude-backup active soon"] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_torn_list_gives_the_lines_that_are_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("packs");
        let names = ["a", "b"].map(|digit| digit.repeat(40));
        let list =
            List::from([(names[0].clone(), Listed::Kept), (names[1].clone(), Listed::Pending)]);
        write(&path, &list).unwrap();
        assert_eq!(read(&path).unwrap(), list);
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
    }
}
