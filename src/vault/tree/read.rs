//! The bytes of a tree, taken apart. Whoever lists files gets names that were checked here.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};

use super::{Entries, FOLDER, TreeEntry};
use crate::path_rules::{NameFault, check_name, shown};
use crate::vault::object_id::ObjectId;

/// What is wrong with a tree that git could not have made of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::vault) enum TreeFault {
    /// A name that is none, as it can be shown.
    Name(String, NameFault),
    /// A name that is there twice, as a file and a folder or as both alike.
    Twice(String),
    /// A name that stands before the one that it has to follow.
    Unsorted(String),
    /// A name with a mode that git does not have.
    Mode(String),
    /// Bytes that are not a tree.
    Damaged,
}

impl fmt::Display for TreeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, fault) => write!(f, "the name `{name}` {}", fault.reason()),
            Self::Twice(name) => write!(f, "the name `{name}` is there twice"),
            Self::Unsorted(name) => write!(f, "the name `{name}` is not in its place"),
            Self::Mode(name) => write!(f, "`{name}` has a mode that git does not have"),
            Self::Damaged => f.write_str("a damaged tree"),
        }
    }
}

impl std::error::Error for TreeFault {}

/// A tree's names with their entries, each name checked.
///
/// # Errors
/// The first [`TreeFault`].
pub(in crate::vault) fn parse(bytes: &[u8]) -> Result<Entries, TreeFault> {
    let mut entries = Entries::new();
    let mut last: Option<RawEntry<'_>> = None;
    for raw in RawEntries(bytes) {
        let raw = raw.map_err(|_| TreeFault::Damaged)?;
        let name = || shown(raw.name);
        check_name(raw.name).map_err(|fault| TreeFault::Name(name(), fault))?;
        if !raw.has_known_mode() {
            return Err(TreeFault::Mode(name()));
        }
        if entries.insert(raw.name.to_vec(), raw.entry()).is_some() {
            return Err(TreeFault::Twice(name()));
        }
        if last.is_some_and(|last| !last.stands_before(&raw)) {
            return Err(TreeFault::Unsorted(name()));
        }
        last = Some(raw);
    }
    Ok(entries)
}

/// A tree's names with their entries, whatever the names are: for changes that leave them as they
/// are, and for looking whether all objects are there.
///
/// # Errors
/// Where the bytes are no tree.
pub(in crate::vault) fn parse_unchecked(bytes: &[u8]) -> Result<Entries> {
    RawEntries(bytes)
        .map(|raw| {
            let raw = raw?;
            Ok((raw.name.to_vec(), raw.entry()))
        })
        .collect()
}

/// The entries whose names and modes are in order and that are there once, and the first fault of
/// another one.
///
/// # Errors
/// Where the bytes are no tree.
pub(in crate::vault) fn valid_entries(
    bytes: &[u8],
) -> Result<(BTreeMap<String, TreeEntry>, Option<TreeFault>)> {
    if let Ok(entries) = parse(bytes) {
        let named = entries.into_iter().filter_map(|(n, e)| Some((String::from_utf8(n).ok()?, e)));
        return Ok((named.collect(), None));
    }
    let mut named: BTreeMap<&str, Vec<RawEntry<'_>>> = BTreeMap::new();
    let mut fault = None;
    for raw in RawEntries(bytes) {
        let raw = raw?;
        match check_name(raw.name) {
            Ok(name) if raw.has_known_mode() => named.entry(name).or_default().push(raw),
            Ok(name) => fault = fault.or_else(|| Some(TreeFault::Mode(shown(name.as_bytes())))),
            Err(found) => {
                fault = fault.or_else(|| Some(TreeFault::Name(shown(raw.name), found)));
            }
        }
    }
    let mut entries = BTreeMap::new();
    for (name, found) in named {
        match found[..] {
            [raw] => drop(entries.insert(name.to_owned(), raw.entry())),
            _ => fault = fault.or_else(|| Some(TreeFault::Twice(shown(name.as_bytes())))),
        }
    }
    Ok((entries, fault))
}

/// The entry of one name, which the caller knows; what the others are called does not matter.
///
/// # Errors
/// Where the bytes are no tree.
pub(in crate::vault) fn entry_named(bytes: &[u8], name: &[u8]) -> Result<Option<TreeEntry>> {
    for raw in RawEntries(bytes) {
        let raw = raw?;
        if raw.name == name {
            return Ok(Some(raw.entry()));
        }
    }
    Ok(None)
}

/// One entry as it stands in the bytes.
#[derive(Clone, Copy)]
struct RawEntry<'a> {
    mode: &'a [u8],
    name: &'a [u8],
    id: ObjectId,
}

impl RawEntry<'_> {
    fn entry(&self) -> TreeEntry {
        TreeEntry { mode: self.mode.to_vec(), id: self.id }
    }

    /// True for the modes of files, folders, links and submodules; old versions of git wrote other
    /// permission bits of files.
    fn has_known_mode(&self) -> bool {
        let mode = std::str::from_utf8(self.mode).ok();
        let mode = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok());
        mode.is_some_and(|mode| match mode & 0o170_000 {
            0o100_000 => mode & 0o7000 == 0,
            0o040_000 | 0o120_000 | 0o160_000 => mode & 0o7777 == 0,
            _ => false,
        })
    }

    /// Git sorts a folder as if its name ended in `/`.
    fn stands_before(&self, other: &Self) -> bool {
        let key = |entry: &Self| {
            let end: &[u8] = if entry.is_folder() { b"/" } else { b"" };
            [entry.name, end].concat()
        };
        key(self) < key(other)
    }

    fn is_folder(&self) -> bool {
        self.mode == FOLDER || self.mode == b"040000"
    }
}

/// The entries of a tree one after the other, unchecked; ends with the first that is cut off.
struct RawEntries<'a>(&'a [u8]);

impl<'a> RawEntries<'a> {
    fn take(&mut self) -> Result<RawEntry<'a>> {
        let bytes = self.0;
        let space = memchr::memchr(b' ', bytes).context("a damaged tree")?;
        let nul = memchr::memchr(0, bytes).context("a damaged tree")?;
        ensure!(space < nul && bytes.len() >= nul + 21, "a damaged tree");
        let id = ObjectId::from_slice(&bytes[nul + 1..nul + 21])?;
        self.0 = &bytes[nul + 21..];
        Ok(RawEntry { mode: &bytes[..space], name: &bytes[space + 1..nul], id })
    }
}

impl<'a> Iterator for RawEntries<'a> {
    type Item = Result<RawEntry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.0 = &[];
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let entry =
            |(mode, name): &(&str, &[u8])| [mode.as_bytes(), b" ", name, b"\0", &[7; 20]].concat();
        entries.iter().flat_map(entry).collect()
    }

    fn fault(entries: &[(&str, &[u8])]) -> Option<TreeFault> {
        parse(&tree(entries)).err()
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_a_fault() {
        for name in [&b".."[..], b".", b"", b"a/b", b"a\\b", b".GIT", b"git~1", b"\xff", b"a\x1b"] {
            let fault = fault(&[("100644", name)]);
            assert!(matches!(fault, Some(TreeFault::Name(..))), "{name:?}: {fault:?}");
        }
        assert_eq!(fault(&[("100644", b"a:b.md"), ("40000", b"con")]), None);
    }

    #[test]
    fn a_name_that_is_there_twice_is_a_fault() {
        for mode in ["100644", "40000"] {
            let entries = [("100644", &b"a"[..]), (mode, b"a")];
            assert!(matches!(fault(&entries), Some(TreeFault::Twice(_))));
        }
        // Between a file and a folder of its name others may stand.
        let entries = [("100644", &b"a"[..]), ("100644", b"a-"), ("40000", b"a")];
        assert!(matches!(fault(&entries), Some(TreeFault::Twice(_))));
    }

    #[test]
    fn names_that_are_not_sorted_are_a_fault() {
        assert!(matches!(
            fault(&[("100644", b"b"), ("100644", b"a")]),
            Some(TreeFault::Unsorted(_))
        ));
        assert!(matches!(
            fault(&[("40000", b"a"), ("100644", b"a.")]),
            Some(TreeFault::Unsorted(_))
        ));
        assert_eq!(fault(&[("100644", b"a."), ("40000", b"a"), ("100644", b"a0")]), None);
    }

    #[test]
    fn modes_of_no_kind_of_file_are_a_fault() {
        for mode in ["104755", "010644", "140000", "0", "x", "40755"] {
            assert!(matches!(fault(&[(mode, b"a")]), Some(TreeFault::Mode(_))), "{mode}");
        }
        for mode in ["100664", "100600", "100755", "120000", "160000", "40000", "040000"] {
            assert_eq!(fault(&[(mode, b"a")]), None, "{mode}");
        }
    }

    #[test]
    fn what_is_in_order_is_told_from_what_is_not() {
        let entries = [("100644", &b".."[..]), ("100644", b"a"), ("100644", b"b"), ("40000", b"b")];
        let (valid, fault) = valid_entries(&tree(&entries)).unwrap();
        assert_eq!(valid.into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(fault, Some(TreeFault::Name("..".into(), NameFault::LeadsElsewhere)));
        assert_eq!(valid_entries(&tree(&entries[1..3])).unwrap().1, None);
    }

    #[test]
    fn one_name_is_found_whatever_stands_beside_it() {
        let bytes = tree(&[("100644", b".."), ("100644", b"a")]);
        assert!(entry_named(&bytes, b"a").unwrap().is_some());
        assert!(entry_named(&bytes, b"b").unwrap().is_none());
        assert!(entry_named(&bytes[..40], b"b").is_err());
    }
}
