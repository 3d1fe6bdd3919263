//! Changes a few entries of git's index in its bytes: to take all entries of a large backup apart
//! and to sum them up twice takes longer than the rest of a small run.

use sha1::{Digest, Sha1};

use super::entries::{Entries, HEADER, LONG, SUM, padded};

/// Valid whatever the work tree says; the one flag beside the length that a usual entry may have.
const ASSUMED: u16 = 0x8000;

/// The index with these entries added or in the place of those of the same names; they are sorted
/// by their names.
///
/// Nothing where it is not as simple: entries of conflicts or with more flags, extensions that have
/// to be understood, a file in the place of a folder, or bytes that are no index. The checksum is
/// not looked at. What git only notes to be faster is left out, as it may not be true any more.
pub(super) fn patched(index: &[u8], new: &[git2::IndexEntry]) -> Option<Vec<u8>> {
    index.starts_with(b"DIRC\0\0\0\x02").then_some(())?;
    let old = Entries::of(index)?.collect::<Option<Vec<_>>>()?;
    old.iter().all(|entry| entry.flags & !ASSUMED <= LONG).then_some(())?;
    let end = old.last().map_or(HEADER, |entry| entry.bytes.end);
    are_droppable(index.get(end..index.len() - SUM)?).then_some(())?;
    let mut out = Vec::with_capacity(index.len() + new.len() * 256);
    out.extend_from_slice(&index[..HEADER]);
    let (mut count, mut added) = (old.len(), Vec::new());
    let mut new = new.iter().peekable();
    for entry in &old {
        while let Some(before) = new.next_if(|new| new.path.as_slice() < entry.name) {
            push(&mut out, before);
            added.push(before.path.as_slice());
        }
        match new.next_if(|new| new.path == entry.name) {
            Some(new) => push(&mut out, new),
            None => out.extend_from_slice(&index[entry.bytes.clone()]),
        }
    }
    for entry in new {
        push(&mut out, entry);
        added.push(entry.path.as_slice());
    }
    let in_the_way =
        |name: &[u8]| added.iter().any(|new| is_below(name, new) || is_below(new, name));
    if !added.is_empty() && old.iter().any(|entry| in_the_way(entry.name)) {
        return None;
    }
    count += added.len();
    out[8..HEADER].copy_from_slice(&u32::try_from(count).ok()?.to_be_bytes());
    let sum = Sha1::digest(&out);
    out.extend_from_slice(&sum);
    Some(out)
}

fn is_below(name: &[u8], folder: &[u8]) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// True where a reader may do without any of these extensions, as their names say.
fn are_droppable(mut extensions: &[u8]) -> bool {
    while let Some((name, rest)) = extensions.split_first_chunk::<4>() {
        let Some((length, rest)) = rest.split_first_chunk() else { return false };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some(rest) = rest.get(length..) else { return false };
        if !name[0].is_ascii_uppercase() {
            return false;
        }
        extensions = rest;
    }
    extensions.is_empty()
}

fn push(out: &mut Vec<u8>, entry: &git2::IndexEntry) {
    let begin = out.len();
    let (ctime, mtime) = (entry.ctime, entry.mtime);
    out.extend(ctime.seconds().to_be_bytes());
    out.extend(ctime.nanoseconds().to_be_bytes());
    out.extend(mtime.seconds().to_be_bytes());
    out.extend(mtime.nanoseconds().to_be_bytes());
    let git2::IndexEntry { dev, ino, mode, uid, gid, file_size, .. } = *entry;
    for number in [dev, ino, mode, uid, gid, file_size] {
        out.extend(number.to_be_bytes());
    }
    out.extend_from_slice(entry.id.as_bytes());
    let length = u16::try_from(entry.path.len()).unwrap_or(LONG).min(LONG);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(&entry.path);
    out.resize(begin + padded(out.len() - begin), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs;
    use std::path::Path;

    fn entry(path: &str, number: u32) -> git2::IndexEntry {
        let time = git2::IndexTime::new(-7, number);
        git2::IndexEntry {
            ctime: time,
            mtime: time,
            dev: number,
            ino: 2,
            mode: 0o100_755,
            uid: 3,
            gid: 4,
            file_size: number,
            id: git2::Oid::from_bytes(&[number as u8; 20]).unwrap(),
            flags: 0,
            flags_extended: 0,
            path: path.into(),
        }
    }

    /// An index as libgit2 writes it.
    fn written(folder: &Path, entries: &[git2::IndexEntry]) -> Vec<u8> {
        fs::remove_if_exists(&folder.join("index")).unwrap();
        changed(folder, entries)
    }

    /// The index that is there, with these entries put in by libgit2.
    fn changed(folder: &Path, entries: &[git2::IndexEntry]) -> Vec<u8> {
        let path = folder.join("index");
        let mut index = git2::Index::open(&path).unwrap();
        entries.iter().for_each(|entry| index.add(entry).unwrap());
        index.write().unwrap();
        fs_err::read(&path).unwrap()
    }

    #[test]
    fn a_patched_index_is_what_libgit2_would_write() {
        let home = tempfile::tempdir().unwrap();
        let long = "l/".to_owned() + &"x".repeat(5000);
        let names = ["a", "b/c", "b/d", "m-1", "m/2", long.as_str()];
        let old: Vec<_> = names.iter().map(|name| entry(name, 1)).collect();
        for names in [
            vec!["b/d"],
            vec!["a", "l/z", "m/2"],
            vec!["0", "a", "b/cc", "z"],
            vec![long.as_str()],
            vec![],
        ] {
            let index = written(home.path(), &old);
            let new: Vec<_> = names.iter().map(|name| entry(name, 2)).collect();
            let patched = patched(&index, &new);
            assert_eq!(patched, Some(changed(home.path(), &new)), "{names:?}");
        }
        let index = written(home.path(), &old);
        assert_eq!(patched(&index, &[entry("m", 2)]), None);
        assert_eq!(patched(&index, &[entry("a/below", 2)]), None);
    }

    #[test]
    fn what_only_makes_git_faster_is_left_out_and_what_it_needs_is_not_touched() {
        let home = tempfile::tempdir().unwrap();
        let index = written(home.path(), &[entry("a", 1)]);
        let with = |name: &[u8]| {
            let extension = [name, &[0, 0, 0, 3], b"abc"].concat();
            [&index[..index.len() - SUM], &extension, &[0; SUM]].concat()
        };
        assert_eq!(patched(&with(b"TREE"), &[]), Some(index.clone()));
        assert_eq!(patched(&with(b"link"), &[]), None);
    }

    #[test]
    fn what_is_unusual_or_damaged_is_for_somebody_else() {
        let home = tempfile::tempdir().unwrap();
        let index = written(home.path(), &[entry("a", 1), entry("b", 1)]);
        for length in 0..index.len() {
            assert_eq!(patched(&index[..length], &[]), None, "{length}");
        }
        let mut hidden = entry("c", 1);
        hidden.flags_extended = 1 << 14;
        assert_eq!(patched(&written(home.path(), &[hidden]), &[]), None);
        let mut conflict = entry("c", 1);
        conflict.flags = 1 << 12;
        assert_eq!(patched(&written(home.path(), &[conflict]), &[]), None);
    }
}
