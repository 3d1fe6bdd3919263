//! The entries of git's index, as they stand in its bytes.

use std::ops::Range;

/// The bytes of the first line: `DIRC`, the version, the number of entries.
pub(super) const HEADER: usize = 12;
/// The checksum at the end.
pub(super) const SUM: usize = 20;
/// The bytes of an entry before its name.
const FIXED: usize = 62;
/// Where its flags are: the length of its name, and what makes it an unusual one.
const FLAGS: Range<usize> = 60..62;
/// The flag that two more bytes of flags follow.
const EXTENDED: u16 = 0x4000;
/// A name of so many bytes or more, and the part of the flags that is the length.
pub(super) const LONG: u16 = 0xfff;

/// One entry.
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    /// Where it stands in the index.
    pub(super) bytes: Range<usize>,
}

/// The entries of an index one after the other; nothing in the place of one that is damaged.
pub(super) struct Entries<'a> {
    index: &'a [u8],
    at: usize,
    left: u32,
}

/// True for an index each of whose names ends where it says.
///
/// git2 believes that without a look and reads on in memory, and of names that are written as
/// differences (version 4) it cannot be told from here. So such an index counts as none.
pub(super) fn are_whole(index: &[u8]) -> bool {
    Entries::of(index).is_some_and(|mut entries| entries.all(|entry| entry.is_some()))
}

impl<'a> Entries<'a> {
    /// Those of an index of version 2 or 3.
    pub(super) fn of(index: &'a [u8]) -> Option<Self> {
        let (version, rest) = index.strip_prefix(b"DIRC\0\0\0")?.split_first()?;
        let is_whole = matches!(version, 2 | 3) && index.len() >= HEADER + SUM;
        let left = u32::from_be_bytes(*rest.first_chunk()?);
        is_whole.then_some(Self { index, at: HEADER, left })
    }

    fn entry(&self) -> Option<Entry<'a>> {
        let bytes = self.index.get(self.at..self.index.len() - SUM)?;
        let flags = u16::from_be_bytes(*bytes.get(FLAGS)?.first_chunk()?);
        let start = FIXED + if flags & EXTENDED == 0 { 0 } else { 2 };
        let length = bytes.get(start..)?.iter().position(|byte| *byte == 0)?;
        let is_as_it_says = usize::from(flags & LONG) == length.min(LONG.into());
        let end = self.at + padded(start + length);
        let is_whole = is_as_it_says && end <= self.index.len() - SUM;
        let name = &bytes[start..start + length];
        is_whole.then_some(Entry { name, flags, bytes: self.at..end })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Option<Entry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.entry();
        if let Some(entry) = &entry {
            self.at = entry.bytes.end;
        }
        Some(entry)
    }
}

/// One to eight zero bytes end an entry.
pub(super) fn padded(length: usize) -> usize {
    (length + 8) & !7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u8, flags: u16, name: &[u8]) -> Vec<u8> {
        let head = [b"DIRC\0\0\0".as_slice(), &[version], &[0, 0, 0, 1]].concat();
        let extended = if flags & EXTENDED == 0 { [].as_slice() } else { &[0, 0] };
        [&head, &[1; FLAGS.start][..], &flags.to_be_bytes(), extended, name, &[0; 28]].concat()
    }

    #[test]
    fn a_name_that_ends_elsewhere_is_noticed() {
        assert!(are_whole(&index(2, 5, b"a/b/c")));
        assert!(are_whole(&index(3, 5 | EXTENDED, b"a/b/c")));
        assert!(are_whole(&index(2, LONG, &[b'x'; 5000])));
        assert!(!are_whole(&index(2, 6, b"a/b/c")));
        assert!(!are_whole(&index(2, 3, b"a/b/c")));
        assert!(!are_whole(&index(2, 5, b"a/\0/c")));
        assert!(!are_whole(&index(2, LONG, b"a/b/c")));
        assert!(!are_whole(&index(4, 5, b"a/b/c")));
        assert!(!are_whole(b"DIRC\0\0\0\x02\0\0\0\x01"));
        assert!(!are_whole(b""));
    }
}
