//! Commits that nobody else has, rewritten without some content, and that content removed for good.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};

use super::Vault;
use super::entry::Form;
use super::object_id::{ObjectId, ObjectKind};
use super::pack::PackWriter;
use super::pack_file::PackFile;
use super::pack_list::Keep;
use super::replay::moved;
use super::tree::{self, TreeEdits};
use crate::fs;

impl Vault {
    /// Rewrites commits, the oldest first, with edits of their trees; what has an edited one as an
    /// ancestor is rewritten too. Adds the new name of each to `renamed`.
    ///
    /// The new ones are durable and signed; no branch moves. The caller holds the backup's lock.
    ///
    /// # Errors
    /// Where an object is missing or damaged, or the repository cannot be written.
    pub fn rewrite(
        &self,
        commits: &[ObjectId],
        edits: &HashMap<ObjectId, TreeEdits>,
        renamed: &mut HashMap<ObjectId, ObjectId>,
    ) -> Result<()> {
        let mut batch = self.begin()?;
        batch.stand_alone();
        for commit in commits {
            if renamed.contains_key(commit) {
                continue;
            }
            let before = self.commit_info(*commit)?;
            let parent = before.parent.map(|parent| *renamed.get(&parent).unwrap_or(&parent));
            let Some(edits) = edits.get(commit) else {
                if parent != before.parent {
                    renamed
                        .insert(*commit, self.add_moved(&mut batch, *commit, before.tree, parent)?);
                }
                continue;
            };
            let read = &mut |id| self.read_kind(id, ObjectKind::Tree);
            let edited = tree::apply(Some(before.tree), edits, read)?;
            for tree in &edited.trees {
                batch.add_text(ObjectKind::Tree, tree.id, &tree.bytes, None)?;
            }
            renamed.insert(*commit, self.add_moved(&mut batch, *commit, edited.root, parent)?);
        }
        batch.seal()?;
        self.reopen()
    }

    fn add_moved(
        &self,
        batch: &mut super::Batch<'_>,
        commit: ObjectId,
        tree: ObjectId,
        parent: Option<ObjectId>,
    ) -> Result<ObjectId> {
        let bytes = self.read_kind(commit, ObjectKind::Commit)?;
        let bytes = self.signed(moved(&bytes, tree, parent).context("a damaged commit")?)?;
        let id = ObjectId::of_object(ObjectKind::Commit, &bytes);
        batch.add_text(ObjectKind::Commit, id, &bytes, None)?;
        Ok(id)
    }

    /// The references that are this repository's own, with the commits that they name.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn own_references(&self) -> Result<Vec<(String, ObjectId)>> {
        self.git(|repository| {
            let mut found = Vec::new();
            for reference in repository.references()? {
                let reference = reference?;
                let name = reference.name().unwrap_or_default().to_owned();
                let target = reference.target().filter(|_| !name.starts_with("refs/remotes/"));
                let Some(target) = target else { continue };
                // Some of ours keep a folder of another machine: a tree, which has no history.
                if repository.find_object(target, None)?.kind() != Some(git2::ObjectType::Tree) {
                    found.push((name, target.into()));
                }
            }
            Ok(found)
        })
    }

    /// Lets the logs of references name commits as they are called now.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn rename_in_reflogs(&self, renamed: &HashMap<ObjectId, ObjectId>) -> Result<()> {
        for file in walkdir::WalkDir::new(self.git_dir.join("logs")).into_iter().flatten() {
            if !file.file_type().is_file() {
                continue;
            }
            let mut text = fs_err::read(file.path())?;
            for start in line_starts(&text) {
                for at in [start, start + ID_DIGITS + 1] {
                    let Some(digits) = text.get_mut(at..at + ID_DIGITS) else { continue };
                    let id = std::str::from_utf8(digits).ok().and_then(|id| id.parse().ok());
                    if let Some(new) = id.and_then(|id: ObjectId| renamed.get(&id)) {
                        digits.copy_from_slice(new.to_string().as_bytes());
                    }
                }
            }
            fs::write_atomic(file.path(), &text, fs::PRIVATE_FILE)?;
        }
        Ok(())
    }

    /// Removes objects that nothing refers to from all packs, and those in files of their own.
    ///
    /// # Errors
    /// Where a pack cannot be read or written; then it still has them.
    pub fn remove_objects(&self, removed: &HashSet<ObjectId>) -> Result<()> {
        let packs = self.packs()?;
        let active = packs.active()?.map(|active| (active.pack.name, active.since));
        for name in packs.names()? {
            let mut pack = packs.open(&name)?;
            if !pack.entries().any(|(id, _)| removed.contains(&id)) {
                continue;
            }
            let since = active.as_ref().filter(|(active, _)| *active == name);
            let keep = since.map_or(Keep::Publishing, |(_, since)| Keep::Active(*since));
            let writer = self.without(&mut pack, removed, PackWriter::create(packs.path())?)?;
            match writer.size() {
                0 => packs.discard(&name)?,
                _ => self.put_in_place_of(&packs, writer.finish()?, keep, &[name])?,
            }
        }
        removed.iter().try_for_each(|id| fs::remove_if_exists(&self.loose_file(*id)))?;
        // Git writes its graph of commits again when it needs one.
        let info = self.git_dir.join("objects/info");
        fs::remove_if_exists(&info.join("commit-graph"))?;
        if info.join("commit-graphs").exists() {
            fs_err::remove_dir_all(info.join("commit-graphs"))?;
        }
        self.reopen()
    }

    fn without(
        &self,
        pack: &mut PackFile,
        removed: &HashSet<ObjectId>,
        mut writer: PackWriter,
    ) -> Result<PackWriter> {
        for id in pack.ids_by_offset() {
            let form = pack.entry(id).map(|entry| entry.form);
            match form {
                _ if removed.contains(&id) => {}
                Some(Form::Delta(base)) if removed.contains(&base) => {
                    self.add_whole_again(&mut writer, id)?;
                }
                _ => writer.copy(pack, id)?,
            }
        }
        Ok(writer)
    }
}

/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 40;

fn line_starts(text: &[u8]) -> Vec<usize> {
    let behind = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    std::iter::once(0).chain(behind).collect()
}
