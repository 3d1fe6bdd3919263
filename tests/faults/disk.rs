//! What a disk holds after the power went: a model of what was synced, and of what may be lost.
//!
//! A file's bytes are durable once the file was synced. A name is durable once the folder that it is
//! in was synced; until then each change of names may have come to the disk or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::killing::Seeded;
use crate::shim::{Call, Record};

/// What a power cut leaves of changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Names are all there, in order, as journals of file systems keep them; bytes that were not
    /// synced are missing: such a file is empty.
    Bytes,
    /// The same, but such a file has its length, filled with zeros.
    Zeros,
    /// The same, but only the first half of such a file is there.
    Half,
    /// Names as they were at the last sync of anything.
    AllSinceTheLastSync,
    /// Each change of names counts only if its folder was synced after it.
    NamesToo,
    /// Any of those that were not synced came to the disk.
    AnyNames,
}

pub const LOSSES: [Loss; 6] = [
    Loss::Bytes,
    Loss::Zeros,
    Loss::Half,
    Loss::AllSinceTheLastSync,
    Loss::NamesToo,
    Loss::AnyNames,
];

/// A file, whatever it is called.
type File = usize;

/// A change of names.
#[derive(Clone, Debug)]
enum Change {
    Made(PathBuf, Node),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf, Node),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(File),
}

/// Runs as they were recorded.
#[derive(Default)]
struct Told {
    /// The names as a process sees them.
    names: BTreeMap<PathBuf, Node>,
    /// In their order, and whether their folder was synced since.
    changes: Vec<(Change, bool)>,
    /// How many came before the last sync of anything.
    at_last_sync: usize,
    /// Files with bytes that are not durable.
    unsynced: BTreeSet<File>,
}

/// A folder that is on the disk as a whole, and what runs change of it.
pub struct Disk {
    folder: PathBuf,
    names: BTreeMap<PathBuf, Node>,
    /// What is durable of each file.
    synced: Vec<Vec<u8>>,
    by_inode: BTreeMap<u64, File>,
}

impl Disk {
    /// Everything in this folder, and that it is there, is durable now.
    pub fn of(folder: &Path) -> Self {
        let folder: PathBuf = folder.components().collect();
        let (names, by_inode) = (BTreeMap::new(), BTreeMap::new());
        let mut disk = Self { folder, names, synced: Vec::new(), by_inode };
        disk.read();
        disk
    }

    fn read(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let around = self.folder.parent().unwrap().to_path_buf();
        self.names.insert(around, Node::Folder);
        for entry in walkdir::WalkDir::new(&self.folder).into_iter().flatten() {
            let metadata = entry.metadata().unwrap();
            let node = match metadata.is_dir() {
                true => Node::Folder,
                false => {
                    let file = self.new_file(metadata.ino());
                    self.synced[file] = std::fs::read(entry.path()).unwrap();
                    Node::File(file)
                }
            };
            self.names.insert(entry.into_path(), node);
        }
    }

    fn new_file(&mut self, inode: u64) -> File {
        self.synced.push(Vec::new());
        self.by_inode.insert(inode, self.synced.len() - 1);
        self.synced.len() - 1
    }

    /// The power goes after what was recorded: the folder is made what the disk still has.
    pub fn lose_power(mut self, record: &Record, loss: Loss, random: &mut Seeded) {
        let mut names = self.names.clone();
        let told = self.replay(record);
        for (path, node) in &told.names {
            if let Node::File(file) = node
                && told.unsynced.contains(file)
            {
                // A restored file gets its name by a call that the library does not see; what it
                // was called before is nowhere.
                if let Ok(bytes) = std::fs::read(path) {
                    self.lose_bytes(*file, &bytes, loss);
                }
            }
        }
        let kept = kept_changes(told.changes, told.at_last_sync, loss, random);
        kept.into_iter().for_each(|change| change.apply(&mut names));
        self.write(&names);
    }

    /// What was done, and what of it is durable.
    fn replay(&mut self, record: &Record) -> Told {
        let mut told = Told { names: self.names.clone(), ..Told::default() };
        for call in record.calls() {
            let file = self.by_inode.get(&call.inode).copied();
            match (call.what.as_str(), file) {
                ("sync", Some(file)) => {
                    self.synced[file] = record.kept(call.line);
                    told.unsynced.remove(&file);
                    told.at_last_sync = told.changes.len();
                }
                ("syncfolder", _) => {
                    let folder: PathBuf = call.path.components().collect();
                    for (change, is_durable) in &mut told.changes {
                        *is_durable |= change.is_in(&folder);
                    }
                    told.at_last_sync = told.changes.len();
                }
                ("write" | "truncate", Some(file)) => drop(told.unsynced.insert(file)),
                _ => {
                    if let Some(change) = self.change(&call, &told.names) {
                        change.apply(&mut told.names);
                        told.changes.push((change, false));
                    }
                }
            }
        }
        told
    }

    fn lose_bytes(&mut self, file: File, written: &[u8], loss: Loss) {
        let synced = &mut self.synced[file];
        match loss {
            Loss::Zeros => synced.resize(written.len(), 0),
            // What was appended to can only lose what was appended.
            Loss::Half if written.len() / 2 > synced.len() => {
                *synced = written[..written.len() / 2].to_vec();
            }
            _ => {}
        }
    }

    fn change(&mut self, call: &Call, now: &BTreeMap<PathBuf, Node>) -> Option<Change> {
        let path: PathBuf = call.path.components().collect();
        let other: PathBuf = call.other.components().collect();
        let node = now.get(&path).copied();
        let change = match call.what.as_str() {
            "create" => Change::Made(path, Node::File(self.new_file(call.inode))),
            "mkdir" => Change::Made(path, Node::Folder),
            "link" => Change::Made(other, node?),
            "unlink" | "rmdir" => Change::Gone(path),
            "rename" => {
                let node = node?;
                assert!(matches!(node, Node::File(_)), "no folder is renamed: {call:?}");
                Change::Moved(path, other, node)
            }
            _ => return None,
        };
        change.is_below(&self.folder).then_some(change)
    }

    /// Makes the folder what these names say.
    fn write(&self, names: &BTreeMap<PathBuf, Node>) {
        let _ = std::fs::remove_dir_all(&self.folder);
        for (path, node) in names.iter().filter(|(path, _)| path.starts_with(&self.folder)) {
            match node {
                Node::Folder => std::fs::create_dir_all(path).unwrap(),
                Node::File(file) => std::fs::write(path, &self.synced[*file]).unwrap(),
            }
        }
    }
}

fn kept_changes(
    changes: Vec<(Change, bool)>,
    at_last_sync: usize,
    loss: Loss,
    random: &mut Seeded,
) -> Vec<Change> {
    let numbered = changes.into_iter().enumerate();
    let is_kept = |(at, (_, is_durable)): &(usize, (Change, bool))| match loss {
        Loss::Bytes | Loss::Zeros | Loss::Half => true,
        Loss::AllSinceTheLastSync => *at < at_last_sync,
        Loss::NamesToo => *is_durable,
        Loss::AnyNames => *is_durable || random.below(2) == 0,
    };
    numbered.filter(is_kept).map(|(_, (change, _))| change).collect()
}

impl Change {
    /// True where syncing this folder makes the change durable.
    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Made(path, _) | Self::Gone(path) => path.parent() == Some(folder),
            Self::Moved(from, to, _) => [from, to].iter().any(|path| path.parent() == Some(folder)),
        }
    }

    fn is_below(&self, folder: &Path) -> bool {
        match self {
            Self::Made(path, _) | Self::Gone(path) | Self::Moved(_, path, _) => {
                path.starts_with(folder)
            }
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Made(path, node) => put(names, path, *node),
            Self::Gone(path) => {
                names.retain(|name, _| !name.starts_with(path));
            }
            Self::Moved(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                put(names, to, *node);
            }
        }
    }
}

/// A name in a folder that never came to the disk is lost with it.
fn put(names: &mut BTreeMap<PathBuf, Node>, path: &Path, node: Node) {
    let has_folder = path.parent().is_some_and(|folder| names.get(folder) == Some(&Node::Folder));
    if has_folder {
        names.insert(path.to_path_buf(), node);
    }
}
