//! Commits made anew on top of others: their tree, with our folder in it.
//!
//! Nothing is ever merged by its text. What a commit of ours says of our folder is put into the
//! tree that it now stands on; everything else of that tree stays as it is.

use std::collections::HashMap;

use anyhow::{Context, Result};

use super::Vault;
use super::batch::Batch;
use super::commit::CommitInfo;
use super::object_id::{ObjectId, ObjectKind};
use super::tree::{self, TreeEdits};

impl Vault {
    /// Makes `commits` (the oldest first) anew on top of `onto`, each as the tree below it with our
    /// folder replaced; `beside` is changed along with the first. Authors, times and messages stay.
    ///
    /// `names` are those of our folder, the present one first: a commit may have it under an older.
    ///
    /// Commits that would change nothing are left out. The new ones are durable; no branch moves.
    /// The caller holds the backup's lock.
    ///
    /// # Errors
    /// Where an object is missing or damaged, or the repository cannot be written.
    pub fn replay(
        &self,
        commits: &[ObjectId],
        onto: ObjectId,
        names: &[&str],
        beside: &TreeEdits,
    ) -> Result<ObjectId> {
        let folder = *names.first().context("our folder has a name")?;
        let mut replay = Replay::begin(self, onto)?;
        for (at, commit) in commits.iter().enumerate() {
            let mut edits = if at == 0 { beside.clone() } else { TreeEdits::new() };
            match self.first_folder(self.tree_of(*commit)?, names)? {
                Some(tree) => edits.put_folder(folder, tree),
                None => edits.remove_folder(folder),
            }
            replay.add(*commit, &edits)?;
        }
        replay.finish()
    }

    fn first_folder(&self, tree: ObjectId, names: &[&str]) -> Result<Option<ObjectId>> {
        for name in names {
            if let Some(folder) = self.folder_in(tree, name)? {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    /// A commit on top of `parent`, durable; no branch moves.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub fn commit_on(
        &self,
        parent: ObjectId,
        edits: &TreeEdits,
        info: &CommitInfo,
    ) -> Result<ObjectId> {
        let tree = self.edited_tree(self.tree_of(parent)?, edits)?;
        let bytes = self.signed(info.serialize(tree, Some(parent)))?;
        self.store(ObjectKind::Commit, &bytes)
    }

    /// A commit on top of `parent` with another tree: `tree`, or an empty one, after edits; durable.
    /// No branch moves.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub fn commit_tree_on(
        &self,
        parent: ObjectId,
        tree: Option<ObjectId>,
        edits: &TreeEdits,
        info: &CommitInfo,
    ) -> Result<ObjectId> {
        let tree = match tree {
            Some(tree) => tree,
            None => self.store(ObjectKind::Tree, &[])?,
        };
        let tree = self.edited_tree(tree, edits)?;
        let bytes = self.signed(info.serialize(tree, Some(parent)))?;
        self.store(ObjectKind::Commit, &bytes)
    }

    /// The tree after edits, durable; no commit is made.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub fn edited_tree(&self, tree: ObjectId, edits: &TreeEdits) -> Result<ObjectId> {
        let read = &mut |id| self.read_kind(id, ObjectKind::Tree);
        let edited = tree::apply(Some(tree), edits, read)?;
        let mut batch = self.begin()?;
        batch.stand_alone();
        for tree in &edited.trees {
            batch.add_text(ObjectKind::Tree, tree.id, &tree.bytes, None)?;
        }
        batch.seal()?;
        Ok(edited.root)
    }

    /// Stores a small text, durably.
    ///
    /// # Errors
    /// Where the repository cannot be written.
    pub fn store_text(&self, text: &[u8]) -> Result<ObjectId> {
        self.store(ObjectKind::Blob, text)
    }

    fn store(&self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        let id = ObjectId::of_object(kind, bytes);
        let mut batch = self.begin()?;
        batch.stand_alone();
        batch.add_text(kind, id, bytes, None)?;
        batch.seal()?;
        Ok(id)
    }
}

struct Replay<'v> {
    vault: &'v Vault,
    batch: Batch<'v>,
    tip: ObjectId,
    tree: ObjectId,
    /// Trees of commits that are being made.
    trees: HashMap<ObjectId, Vec<u8>>,
}

impl<'v> Replay<'v> {
    fn begin(vault: &'v Vault, onto: ObjectId) -> Result<Self> {
        let mut batch = vault.begin()?;
        batch.stand_alone();
        let tree = vault.tree_of(onto)?;
        Ok(Self { vault, batch, tip: onto, tree, trees: HashMap::new() })
    }

    fn add(&mut self, commit: ObjectId, edits: &TreeEdits) -> Result<()> {
        let (vault, trees) = (self.vault, &self.trees);
        let known = |id: ObjectId| trees.get(&id).cloned();
        let read = &mut |id| known(id).map_or_else(|| vault.read_kind(id, ObjectKind::Tree), Ok);
        let edited = tree::apply(Some(self.tree), edits, read)?;
        if edited.root == self.tree {
            return Ok(());
        }
        for tree in edited.trees {
            self.batch.add_text(ObjectKind::Tree, tree.id, &tree.bytes, tree.replaces)?;
            self.trees.insert(tree.id, tree.bytes);
        }
        let bytes = vault.read_kind(commit, ObjectKind::Commit)?;
        let bytes = moved(&bytes, edited.root, Some(self.tip)).context("a damaged commit")?;
        let bytes = vault.signed(bytes)?;
        let id = ObjectId::of_object(ObjectKind::Commit, &bytes);
        self.batch.add_text(ObjectKind::Commit, id, &bytes, None)?;
        (self.tip, self.tree) = (id, edited.root);
        Ok(())
    }

    fn finish(self) -> Result<ObjectId> {
        self.batch.seal()?;
        Ok(self.tip)
    }
}

/// A commit's bytes with another tree and parent, without the signature, which no longer fits.
pub(super) fn moved(commit: &[u8], tree: ObjectId, parent: Option<ObjectId>) -> Option<Vec<u8>> {
    let end = commit.windows(2).position(|pair| pair == b"\n\n")?;
    let mut bytes = format!("tree {tree}\n").into_bytes();
    bytes.extend(parent.into_iter().flat_map(|parent| format!("parent {parent}\n").into_bytes()));
    for line in commit[..end].split(|&byte| byte == b'\n') {
        let kept: [&[u8]; 3] = [b"author ", b"committer ", b"encoding "];
        if kept.iter().any(|start| line.starts_with(start)) {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
    }
    bytes.extend_from_slice(&commit[end + 1..]);
    Some(bytes)
}
