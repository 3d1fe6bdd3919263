//! Whether the names in an index are as long as it says.
//!
//! git2 believes that without a look and reads on in memory, and of names that are written as
//! differences (version 4) it cannot be told from here. So such an index counts as none.

/// The bytes of the first line: `DIRC`, the version, the number of entries.
const HEADER: usize = 12;
/// The bytes of an entry before its name, its flags being the last two of them.
const FIXED: usize = 62;
/// Two more bytes of flags follow.
const EXTENDED: u16 = 0x4000;
/// The part of the flags that is the name's length.
const LENGTH: u16 = 0xfff;

/// True for an index of version 2 or 3 each of whose names ends where it says.
pub(super) fn are_whole(index: &[u8]) -> bool {
    let number = |at: usize| Some(u32::from_be_bytes(*index.get(at..)?.first_chunk()?));
    let (Some(2 | 3), Some(count)) = (number(4), number(8)) else { return false };
    let mut at = HEADER;
    (0..count).all(|_| match index.get(at..).and_then(entry_length) {
        Some(length) => {
            at += length;
            true
        }
        None => false,
    })
}

/// The bytes of the first entry; nothing where its name does not end where it says.
fn entry_length(entries: &[u8]) -> Option<usize> {
    let flags = u16::from_be_bytes(*entries.get(FIXED - 2..)?.first_chunk()?);
    let start = FIXED + if flags & EXTENDED == 0 { 0 } else { 2 };
    let found = entries.get(start..)?.iter().position(|byte| *byte == 0)?;
    let said = usize::from(flags & LENGTH);
    let is_whole = found == said || (said == usize::from(LENGTH) && found > said);
    // Entries end with one to eight zero bytes, and begin at multiples of eight.
    is_whole.then_some((start + found + 8) & !7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u8, flags: u16, name: &[u8]) -> Vec<u8> {
        let head = [b"DIRC\0\0\0".as_slice(), &[version], &[0, 0, 0, 1]].concat();
        let extended = if flags & EXTENDED == 0 { [].as_slice() } else { &[0, 0] };
        [&head, &[1; FIXED - 2][..], &flags.to_be_bytes(), extended, name, &[0; 28]].concat()
    }

    #[test]
    fn a_name_that_ends_elsewhere_is_noticed() {
        assert!(are_whole(&index(2, 5, b"a/b/c")));
        assert!(are_whole(&index(3, 5 | EXTENDED, b"a/b/c")));
        assert!(are_whole(&index(2, LENGTH, &[b'x'; 5000])));
        assert!(!are_whole(&index(2, 6, b"a/b/c")));
        assert!(!are_whole(&index(2, 3, b"a/b/c")));
        assert!(!are_whole(&index(2, 5, b"a/\0/c")));
        assert!(!are_whole(&index(2, LENGTH, b"a/b/c")));
        assert!(!are_whole(&index(4, 5, b"a/b/c")));
        assert!(!are_whole(b"DIRC\0\0\0\x02\0\0\0\x01"));
        assert!(!are_whole(b""));
    }
}
