//! Changes to a tree of files, applied to git trees by reading only the folders on the way.

mod read;

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use super::object_id::{ObjectId, ObjectKind};
use crate::path_rules::check_path;

pub(super) use read::{entry_named, parse, parse_unchecked, valid_entries};

/// A file's mode as git knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// 100644.
    Plain,
    /// 100755.
    Executable,
}

/// What happens to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The path becomes a file with this content; a folder of that name goes.
    Put(ObjectId, FileMode),
    /// The path becomes the folder of this tree; what had that name goes.
    PutFolder(ObjectId),
    /// The file goes; a folder of that name stays.
    Remove,
    /// The folder and all below it go, before anything is put below it; a file of that name stays.
    RemoveFolder,
}

/// Changes to a tree; the paths have `/` between names and none at the ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeEdits(BTreeMap<String, Edit>);

impl TreeEdits {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes or replaces a file.
    pub fn put(&mut self, path: impl Into<String>, id: ObjectId, mode: FileMode) {
        self.0.insert(path.into(), Edit::Put(id, mode));
    }

    /// Makes or replaces a folder and all below it; nothing else may be changed below it.
    pub fn put_folder(&mut self, path: impl Into<String>, tree: ObjectId) {
        self.0.insert(path.into(), Edit::PutFolder(tree));
    }

    /// Removes a file.
    pub fn remove(&mut self, path: impl Into<String>) {
        self.0.insert(path.into(), Edit::Remove);
    }

    /// Removes a folder and all below it.
    pub fn remove_folder(&mut self, path: impl Into<String>) {
        self.0.insert(path.into(), Edit::RemoveFolder);
    }

    /// The changes by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Edit)> {
        self.0.iter().map(|(path, edit)| (path.as_str(), *edit))
    }

    /// True where nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FileMode {
    /// The mode as git writes it in an index.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Plain => 0o100_644,
            Self::Executable => 0o100_755,
        }
    }

    fn text(self) -> &'static [u8] {
        match self {
            Self::Plain => b"100644",
            Self::Executable => b"100755",
        }
    }
}

/// How far a walk over trees goes: a few bytes from elsewhere can unfold to any number of folders.
#[derive(Default)]
pub(super) struct Bounds {
    folders: u64,
}

/// Git's own limit is 2048.
const DEEPEST: usize = 1024;
const MOST_FOLDERS: u64 = 4_000_000;

impl Bounds {
    /// Counts a folder that is looked into.
    pub(super) fn enter(&mut self, path: &[u8]) -> Result<()> {
        self.folders += 1;
        let depth = path.iter().filter(|byte| **byte == b'/').count();
        ensure!(depth < DEEPEST, "a tree with folders more than {DEEPEST} deep");
        ensure!(self.folders < MOST_FOLDERS, "a tree with more than {MOST_FOLDERS} folders");
        Ok(())
    }
}

/// One name in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeEntry {
    /// As it is written; odd modes of old trees stay as they are.
    pub(super) mode: Vec<u8>,
    pub(super) id: ObjectId,
}

/// A tree to write.
pub(super) struct NewTree {
    pub(super) id: ObjectId,
    pub(super) bytes: Vec<u8>,
    /// The tree that this one takes the place of.
    pub(super) replaces: Option<ObjectId>,
}

/// The result of edits: the root and the trees that may be new.
pub(super) struct EditedTree {
    pub(super) root: ObjectId,
    pub(super) trees: Vec<NewTree>,
}

pub(super) type Entries = BTreeMap<Vec<u8>, TreeEntry>;

/// A folder's mode.
const FOLDER: &[u8] = b"40000";

/// Applies edits to the tree `old`; `read` gives a tree's bytes.
pub(super) fn apply(
    old: Option<ObjectId>,
    edits: &TreeEdits,
    read: &mut dyn FnMut(ObjectId) -> Result<Vec<u8>>,
) -> Result<EditedTree> {
    let mut root = Node::default();
    for (path, edit) in &edits.0 {
        check_path(path)?;
        root.insert(path, *edit);
    }
    let mut builder = Builder { read, trees: Vec::new() };
    let built = builder.build(old, &root)?;
    let root = built.map_or_else(|| builder.empty_root(old), Ok)?;
    Ok(EditedTree { root, trees: builder.trees })
}

/// The path of a name in a folder, from the top of the tree on.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let between: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    [folder, between, name].concat()
}

/// A tree's bytes; git sorts a folder as if its name ended in `/`.
fn serialize(entries: &Entries) -> Vec<u8> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|one, other| sort_key(one).cmp(sort_key(other)));
    let mut bytes = Vec::new();
    for (name, entry) in sorted {
        bytes.extend_from_slice(&entry.mode);
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}

fn sort_key<'a>((name, entry): &(&'a Vec<u8>, &'a TreeEntry)) -> impl Iterator<Item = &'a u8> {
    name.iter().chain(if entry.is_tree() { &b"/"[..] } else { &b""[..] })
}

impl TreeEntry {
    pub(super) fn is_tree(&self) -> bool {
        matches!(self.mode.as_slice(), b"40000" | b"040000")
    }

    /// The mode as a number.
    pub(super) fn mode_number(&self) -> u32 {
        std::str::from_utf8(&self.mode)
            .ok()
            .and_then(|m| u32::from_str_radix(m, 8).ok())
            .unwrap_or(0)
    }
}

/// The edits, folder by folder.
#[derive(Default)]
struct Node {
    own: Option<Edit>,
    below: BTreeMap<Vec<u8>, Node>,
}

impl Node {
    fn insert(&mut self, path: &str, edit: Edit) {
        let mut node = self;
        for name in path.split('/') {
            node = node.below.entry(name.into()).or_default();
        }
        node.own = Some(edit);
    }

    /// True where a file is put somewhere below this folder.
    fn puts_below(&self) -> bool {
        self.below.values().any(|node| matches!(node.own, Some(Edit::Put(..))) || node.puts_below())
    }
}

struct Builder<'a> {
    read: &'a mut dyn FnMut(ObjectId) -> Result<Vec<u8>>,
    trees: Vec<NewTree>,
}

impl Builder<'_> {
    /// The folder after the edits; nothing where it is empty.
    fn build(&mut self, old: Option<ObjectId>, node: &Node) -> Result<Option<ObjectId>> {
        let old_bytes = old.map(|id| (self.read)(id)).transpose()?.unwrap_or_default();
        // What no edit speaks of stays as it is, byte for byte.
        let mut entries = parse_unchecked(&old_bytes)?;
        for (name, child) in &node.below {
            self.edit(&mut entries, name, child)?;
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let bytes = serialize(&entries);
        if old.is_some() && bytes == old_bytes {
            return Ok(old);
        }
        Ok(Some(self.add(bytes, old)))
    }

    fn edit(&mut self, entries: &mut Entries, name: &[u8], child: &Node) -> Result<()> {
        let existing = entries.get(name);
        let folder = existing.filter(|entry| entry.is_tree()).map(|entry| entry.id);
        let is_file = existing.is_some() && folder.is_none();
        if let Some(Edit::Put(id, mode)) = child.own {
            if child.puts_below() {
                bail!("`{}` cannot be a file and a folder", String::from_utf8_lossy(name));
            }
            let mode = mode.text().to_vec();
            entries.insert(name.to_vec(), TreeEntry { mode, id });
            return Ok(());
        }
        if let Some(Edit::PutFolder(id)) = child.own {
            let name_shown = String::from_utf8_lossy(name);
            ensure!(
                child.below.is_empty(),
                "`{name_shown}` cannot be replaced and changed at once"
            );
            let mode = FOLDER.to_vec();
            entries.insert(name.to_vec(), TreeEntry { mode, id });
            return Ok(());
        }
        if child.own == Some(Edit::Remove) && is_file {
            entries.remove(name);
        }
        if is_file && !child.puts_below() {
            return Ok(());
        }
        let kept = folder.filter(|_| child.own != Some(Edit::RemoveFolder));
        match self.build_below(kept, child)? {
            Some(id) => entries.insert(name.to_vec(), TreeEntry { mode: FOLDER.to_vec(), id }),
            None => entries.remove(name),
        };
        Ok(())
    }

    fn build_below(&mut self, kept: Option<ObjectId>, child: &Node) -> Result<Option<ObjectId>> {
        if child.below.is_empty() {
            return Ok(kept);
        }
        self.build(kept, child)
    }

    fn empty_root(&mut self, old: Option<ObjectId>) -> Result<ObjectId> {
        Ok(self.add(Vec::new(), old))
    }

    fn add(&mut self, bytes: Vec<u8>, replaces: Option<ObjectId>) -> ObjectId {
        let id = ObjectId::of_object(ObjectKind::Tree, &bytes);
        self.trees.push(NewTree { id, bytes, replaces });
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Folders as a plain map of files; the reference that edits are compared with.
    type Model = BTreeMap<String, (ObjectId, FileMode)>;

    fn put_in_model(model: &mut Model, path: &str, id: ObjectId, mode: FileMode) {
        model.retain(|other, _| {
            !other.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{other}/"))
        });
        model.insert(path.into(), (id, mode));
    }

    fn apply_to_model(model: &mut Model, edits: &TreeEdits) {
        for (path, edit) in edits.iter() {
            match edit {
                Edit::Remove => drop(model.remove(path)),
                Edit::RemoveFolder => model.retain(|o, _| !o.starts_with(&format!("{path}/"))),
                Edit::Put(..) | Edit::PutFolder(_) => {}
            }
        }
        for (path, edit) in edits.iter() {
            if let Edit::Put(id, mode) = edit {
                put_in_model(model, path, id, mode);
            }
        }
    }

    /// The tree that libgit2 makes of a model.
    fn reference_tree(repo: &git2::Repository, model: &Model) -> ObjectId {
        let empty = repo.treebuilder(None).unwrap().write().unwrap();
        let empty = repo.find_tree(empty).unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, (id, mode)) in model {
            let mode = match mode {
                FileMode::Plain => git2::FileMode::Blob,
                FileMode::Executable => git2::FileMode::BlobExecutable,
            };
            update.upsert(path.as_str(), id.oid(), mode);
        }
        update.create_updated(repo, &empty).unwrap().into()
    }

    fn has_conflict(edits: &TreeEdits) -> bool {
        let puts: Vec<_> =
            edits.iter().filter(|(_, e)| matches!(e, Edit::Put(..))).map(|(p, _)| p).collect();
        puts.iter().any(|one| puts.iter().any(|other| other.starts_with(&format!("{one}/"))))
    }

    fn names() -> impl Strategy<Value = String> {
        let name =
            prop_oneof![Just("a"), Just("a-"), Just("a.b"), Just("a0"), Just("é"), Just("b c")];
        proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
    }

    fn edits() -> impl Strategy<Value = TreeEdits> {
        let edit = prop_oneof![
            6 => (0u8..9, any::<bool>()).prop_map(Some),
            3 => Just(None),
        ];
        let all = proptest::collection::vec((names(), edit, any::<bool>()), 0..12);
        all.prop_map(|all| {
            let mut edits = TreeEdits::new();
            for (path, edit, folder) in all {
                match edit {
                    Some((n, true)) => edits.put(path, blob(n), FileMode::Executable),
                    Some((n, false)) => edits.put(path, blob(n), FileMode::Plain),
                    None if folder => edits.remove_folder(path),
                    None => edits.remove(path),
                }
            }
            edits
        })
    }

    fn blob(number: u8) -> ObjectId {
        ObjectId::of_bytes(&[number])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn edits_give_the_trees_that_libgit2_gives(rounds in proptest::collection::vec(edits(), 1..5)) {
            let home = tempfile::tempdir().unwrap();
            let repo = git2::Repository::init_bare(home.path()).unwrap();
            for n in 0..9 {
                repo.blob(&[n]).unwrap();
            }
            let mut store: HashMap<ObjectId, Vec<u8>> = HashMap::new();
            let mut model = Model::new();
            let mut root = None;
            for edits in rounds {
                let result = apply(root, &edits, &mut |id| Ok(store[&id].clone()));
                if has_conflict(&edits) {
                    prop_assert!(result.is_err());
                    continue;
                }
                let built = result.unwrap();
                store.extend(built.trees.into_iter().map(|tree| (tree.id, tree.bytes)));
                root = Some(built.root);
                apply_to_model(&mut model, &edits);
                prop_assert_eq!(built.root, reference_tree(&repo, &model));
            }
        }
    }

    #[test]
    fn folders_beside_the_way_are_not_read() {
        let mut store = HashMap::new();
        let mut edits = TreeEdits::new();
        for path in ["a/x", "b/x", "b/c/x"] {
            edits.put(path, blob(1), FileMode::Plain);
        }
        let first = apply(None, &edits, &mut |_| bail!("nothing to read")).unwrap();
        store.extend(first.trees.into_iter().map(|tree| (tree.id, tree.bytes)));
        let mut edits = TreeEdits::new();
        edits.put("b/x", blob(2), FileMode::Plain);
        let mut read = 0;
        let second = apply(Some(first.root), &edits, &mut |id| {
            read += 1;
            Ok(store[&id].clone())
        });
        assert_eq!((second.unwrap().trees.len(), read), (2, 2));
    }

    #[test]
    fn a_whole_folder_is_put_without_being_read() {
        let mut below = TreeEdits::new();
        below.put("x", blob(1), FileMode::Plain);
        let folder = apply(None, &below, &mut |_| bail!("nothing to read")).unwrap();
        let mut edits = TreeEdits::new();
        edits.put_folder("machines/a", folder.root);
        let grafted = apply(None, &edits, &mut |_| bail!("nothing to read")).unwrap();
        let mut whole = TreeEdits::new();
        whole.put("machines/a/x", blob(1), FileMode::Plain);
        let whole = apply(None, &whole, &mut |_| bail!("nothing to read")).unwrap();
        assert_eq!(grafted.root, whole.root);
        edits.put("machines/a/y", blob(2), FileMode::Plain);
        assert!(apply(None, &edits, &mut |_| bail!("nothing to read")).is_err());
    }

    #[test]
    fn odd_modes_and_foreign_bytes_stay() {
        let mut bytes = b"100664 \xff\xfe\0".to_vec();
        bytes.extend_from_slice(&[1; 20]);
        assert_eq!(serialize(&parse_unchecked(&bytes).unwrap()), bytes);
        assert!(parse_unchecked(&bytes[..20]).is_err());
    }
}
