//! The backup as anybody can read it: ledgers as JSON lines, archives with a plain gzip reader.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::sandbox::Sandbox;

/// What is stored of one file.
#[derive(Debug)]
pub struct Stored {
    /// The present bytes.
    pub current: Vec<u8>,
    /// The bytes that a plain restore gives.
    pub preferred: Vec<u8>,
    /// The source had it no more at the last run.
    pub is_gone: bool,
    /// Earlier contents by number.
    pub versions: BTreeMap<u32, Vec<u8>>,
}

impl Stored {
    /// True where these bytes are, or begin, one of the contents.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        std::iter::once(&self.current).chain(self.versions.values()).any(|c| c.starts_with(bytes))
    }
}

/// Whether files of the work tree were taken away, so that git has to stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkTree {
    Whole,
    Robbed,
}

/// All that the ledgers of this machine say, each content decoded and checked.
pub fn read(sandbox: &Sandbox, work_tree: WorkTree) -> BTreeMap<String, Stored> {
    let Ok(ledgers) = std::fs::read_dir(sandbox.stored("ledger")) else { return BTreeMap::new() };
    let mut stored = BTreeMap::new();
    for ledger in ledgers {
        let text = std::fs::read_to_string(ledger.unwrap().path()).unwrap();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let path = line["path"].as_str().unwrap().to_owned();
            stored.insert(path.clone(), read_line(sandbox, work_tree, &path, &line));
        }
    }
    stored
}

fn read_line(sandbox: &Sandbox, work_tree: WorkTree, path: &str, line: &Value) -> Stored {
    let current = decode(sandbox, work_tree, path, line);
    let mut versions = BTreeMap::new();
    for version in line["versions"].as_array().into_iter().flatten() {
        let number = u32::try_from(version["number"].as_u64().unwrap()).unwrap();
        versions.insert(number, decode(sandbox, work_tree, path, version));
    }
    let preferred = match preferred(line) {
        Some(number) => versions[&number].clone(),
        None => current.clone(),
    };
    Stored { current, preferred, is_gone: !line["goneSince"].is_null(), versions }
}

/// The fullest version that has messages which the present content lacks, if it has no fewer in all.
fn preferred(line: &Value) -> Option<u32> {
    let messages = |c: &Value| c["session"]["messages"].as_u64();
    let fullness = |c: &Value| messages(c).or(c["length"].as_u64()).unwrap();
    let number = |c: &Value| u32::try_from(c["number"].as_u64().unwrap()).unwrap();
    let versions = line["versions"].as_array()?.iter();
    let lacked =
        versions.filter(|v| v["reason"] != "displaced" && v["lostMessages"].as_u64().unwrap() > 0);
    let fullest = lacked.max_by_key(|version| (fullness(version), number(version)))?;
    let least = fullness(line) + u64::from(messages(line).is_none());
    (fullness(fullest) >= least).then(|| number(fullest))
}

fn decode(sandbox: &Sandbox, work_tree: WorkTree, path: &str, content: &Value) -> Vec<u8> {
    let base = content["at"].as_str().unwrap_or(path);
    let parts = content["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 1, "these are small");
    let is_plain = content["form"] == "plain";
    let name = if is_plain { base.to_owned() } else { format!("{base}.gz") };
    let blob = parts[0]["blob"].as_str().unwrap();
    let file = match std::fs::read(sandbox.stored(&name)) {
        Ok(file) => file,
        Err(error) => {
            assert_eq!(work_tree, WorkTree::Robbed, "{name}: {error}");
            blob_of(sandbox, blob)
        }
    };
    assert_eq!(blob_id(&file), blob, "{name}");
    let bytes = if is_plain { file } else { gunzip(&file) };
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(content["length"].as_u64().unwrap(), bytes.len() as u64, "{name}");
    assert_eq!(content["sha256"], *hash, "{name}");
    bytes
}

fn gunzip(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

fn blob_of(sandbox: &Sandbox, id: &str) -> Vec<u8> {
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(sandbox.backup(""))
        .args(["cat-file", "blob", id])
        .output()
        .unwrap();
    assert!(output.status.success(), "{id}");
    output.stdout
}

/// The name that git gives to these bytes.
pub fn blob_id(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ids of everything that git holds.
pub fn object_ids(sandbox: &Sandbox) -> BTreeSet<String> {
    let all = sandbox.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    all.lines().map(String::from).collect()
}
