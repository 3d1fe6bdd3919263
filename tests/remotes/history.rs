//! A remote as anybody reads it who has git and gunzip and nothing of ours.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::bare::Bare;
use crate::model::{CONFIG, Citizen};
use crate::plain_git;

/// A plain clone, and every content that its commits ever had.
pub struct History {
    clone: TempDir,
    contents: Vec<Vec<u8>>,
    hashes: HashSet<[u8; 32]>,
}

impl History {
    /// Clones the remote and reads everything.
    pub fn read(bare: &Bare) -> Self {
        let clone = bare.cloned();
        let all = ["cat-file", "--batch-all-objects", "--unordered", "--batch"];
        let contents = blobs(&plain_git::bytes(clone.path(), &all));
        let contents: Vec<_> = contents.into_iter().map(unzipped).collect();
        let hashes = contents.iter().map(|content| Sha256::digest(content).into()).collect();
        Self { clone, contents, hashes }
    }

    /// The clone's work tree is what the backup must hold, and git has all that ever was.
    pub fn has_all_of(&self, citizen: &Citizen) {
        for (id, told) in citizen.files.iter().filter(|(_, told)| !told.seen.is_empty()) {
            let path = match id.as_str() {
                CONFIG => format!("config/{CONFIG}"),
                _ => format!("projects/{}/{id}.jsonl.gz", told.project),
            };
            assert!(self.present(&citizen.slug, &path) == told.stored, "{id} is not as stored");
            for seen in &told.seen {
                assert!(self.has(seen), "{} bytes of {id} are lost", seen.len());
            }
        }
    }

    /// What is stored of a machine's file now.
    fn present(&self, slug: &str, path: &str) -> Vec<u8> {
        let path = Path::new("machines").join(slug).join(path);
        let path = self.clone.path().join(path);
        unzipped(std::fs::read(&path).unwrap_or_else(|_| panic!("{} is there", path.display())))
    }

    /// True where this stands in the history, by itself or as the beginning of more.
    fn has(&self, seen: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(seen).into();
        self.hashes.contains(&hash) || self.contents.iter().any(|content| content.starts_with(seen))
    }
}

/// The blobs of what `git cat-file --batch` prints.
fn blobs(mut printed: &[u8]) -> Vec<Vec<u8>> {
    let mut blobs = Vec::new();
    while let Some(end) = printed.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&printed[..end]).unwrap();
        let words: Vec<_> = head.split(' ').collect();
        let length: usize = words[2].parse().unwrap();
        let (content, rest) = printed[end + 1..].split_at(length);
        if words[1] == "blob" {
            blobs.push(content.to_vec());
        }
        printed = &rest[1..];
    }
    blobs
}

fn unzipped(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut plain = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).expect("an archive is whole");
    plain
}
