//! How commits follow each other, and references beside the branch.

use anyhow::{Context, Result, ensure};

use super::Vault;
use super::branch::Move;
use super::commit::CommitInfo;
use super::lock_file::{LockFile, lock_path, remove_leftover};
use super::object_id::{ObjectId, ObjectKind};
use super::read::Head;
use crate::fs;

impl Vault {
    /// True where the one commit is the other, or one of those that led to it.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn is_ancestor(&self, older: ObjectId, newer: ObjectId) -> Result<bool> {
        Ok(older == newer
            || self.git(|repository| repository.graph_descendant_of(newer.oid(), older.oid()))?)
    }

    /// The newest commit that led to both; nothing where their histories are unrelated.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn common_ancestor(&self, one: ObjectId, other: ObjectId) -> Result<Option<ObjectId>> {
        self.git(|repository| match repository.merge_base(one.oid(), other.oid()) {
            Ok(base) => Ok(Some(base.into())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// The commits that led to `ours` and not to `theirs`, oldest first; of merges the first parents.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub fn commits_between(
        &self,
        theirs: Option<ObjectId>,
        ours: ObjectId,
    ) -> Result<Vec<ObjectId>> {
        self.git(|repository| {
            let mut walk = repository.revwalk()?;
            walk.push(ours.oid())?;
            if let Some(theirs) = theirs {
                walk.hide(theirs.oid())?;
            }
            walk.simplify_first_parent()?;
            walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
            walk.map(|id| Ok(id?.into())).collect()
        })
    }

    /// The commits that led to `tip` and to none of `known`, oldest first, merged ones included.
    ///
    /// # Errors
    /// Where history cannot be read, or has more than `most` of them.
    pub fn commits_beyond(
        &self,
        known: &[ObjectId],
        tip: ObjectId,
        most: usize,
    ) -> Result<Vec<ObjectId>> {
        let commits: Vec<ObjectId> = self.git(|repository| {
            let mut walk = repository.revwalk()?;
            walk.push(tip.oid())?;
            known.iter().try_for_each(|commit| walk.hide(commit.oid()))?;
            walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
            walk.take(most + 1).map(|id| Ok(id?.into())).collect()
        })?;
        ensure!(commits.len() <= most, "{tip} has more than {most} commits that are new here");
        Ok(commits)
    }

    /// The commits that a commit follows.
    ///
    /// # Errors
    /// Where the commit is missing or damaged.
    pub fn parents_of(&self, commit: ObjectId) -> Result<Vec<ObjectId>> {
        self.git(|repository| {
            let commit = repository.find_commit(commit.oid())?;
            Ok(commit.parent_ids().map(ObjectId::from).collect())
        })
    }

    /// A commit's message.
    ///
    /// # Errors
    /// Where the commit is missing or damaged.
    pub fn message_of(&self, commit: ObjectId) -> Result<String> {
        Ok(self.commit_info(commit)?.message)
    }

    /// True where a commit is in the repository.
    ///
    /// # Errors
    /// Where it cannot be looked for.
    pub fn has_commit(&self, commit: ObjectId) -> Result<bool> {
        let header = self.header_of(commit)?;
        Ok(header.is_some_and(|(kind, _)| kind == ObjectKind::Commit))
    }

    /// Returns a commit, with its first parent.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn commit(&self, id: ObjectId) -> Result<Head> {
        self.commit_info(id)
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// Where the commit is missing or damaged.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId> {
        Ok(self.commit_info(commit)?.tree)
    }

    /// What a reference points to, by its full name.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn reference(&self, name: &str) -> Result<Option<ObjectId>> {
        self.git(|repository| match repository.refname_to_id(name) {
            Ok(id) => Ok(Some(id.into())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// The references whose full names begin so, and what they point to.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn references_below(&self, beginning: &str) -> Result<Vec<(String, ObjectId)>> {
        let found = self.list_references(beginning);
        if found.is_err() {
            // Libgit2 says once of a file that it cannot be read; who asks next has to hear it too.
            self.reopen()?;
        }
        found
    }

    fn list_references(&self, beginning: &str) -> Result<Vec<(String, ObjectId)>> {
        self.git(|repository| {
            let found = repository.references_glob(&format!("{beginning}*"))?;
            let named = found.flatten().filter_map(|reference| {
                Some((reference.name().ok()?.to_owned(), reference.target()?.into()))
            });
            let mut named: Vec<_> = named.collect();
            named.sort();
            Ok(named)
        })
    }

    /// Removes a reference; one that is not there is removed already.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_reference(&self, name: &str) -> Result<()> {
        self.git(|repository| match repository.find_reference(name) {
            Ok(mut reference) => reference.delete(),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// Lets a reference point to a commit or a tree, whatever it pointed to, durably: an empty one, as a power
    /// cut leaves those of libgit2, would keep every later run from publishing.
    ///
    /// # Errors
    /// Where the name is none of a reference, or it cannot be written.
    pub fn set_reference(&self, name: &str, commit: ObjectId) -> Result<()> {
        ensure!(git2::Reference::is_valid_name(name), "`{name}` is no name of a reference");
        let mut lock = LockFile::take(&self.git_dir.join(name))?;
        if lock.removed_leftover {
            self.warn(format!("removed a lock on `.git/{name}` that a dead process had left"));
        }
        lock.write(format!("{commit}\n").as_bytes())?;
        Ok(lock.publish()?)
    }

    /// Removes the lock on one of git's files, such as a reference, that a dead process had left.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn unlock(&self, name: &str) -> Result<()> {
        if remove_leftover(&lock_path(&self.git_dir.join(name)))? {
            self.warn(format!("removed a lock on `.git/{name}` that a dead process had left"));
        }
        Ok(())
    }

    /// What all references point to whose full names begin so.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn references(&self, beginning: &str) -> Result<Vec<ObjectId>> {
        self.git(|repository| {
            let found = repository.references_glob(&format!("{beginning}*"))?;
            let targets = found.map(|reference| Ok(reference?.target().map(ObjectId::from)));
            targets.filter_map(Result::transpose).collect()
        })
    }

    /// Removes all references whose full names begin so.
    ///
    /// # Errors
    /// Where one cannot be removed.
    pub fn remove_references(&self, beginning: &str) -> Result<()> {
        self.git(|repository| {
            let found = repository.references_glob(&format!("{beginning}*"))?;
            found.collect::<Result<Vec<_>, _>>()?.iter_mut().try_for_each(git2::Reference::delete)
        })
    }

    /// Moves the branch from one commit to another that is complete already, durably, and only if
    /// nobody moved it before. `info` says who and why, for the reflog.
    ///
    /// # Errors
    /// Where somebody moved it, or it cannot be written.
    pub fn advance(&self, from: Option<ObjectId>, to: ObjectId, info: &CommitInfo) -> Result<()> {
        let signature = info.signature();
        let reason = info.message.lines().next().unwrap_or_default();
        // What the index has beside the files that are about to change is of another commit too.
        fs::remove_if_exists(&self.index_note()?)?;
        self.move_branch(&Move { from, to, signature: &signature, reason })?;
        self.reopen().context("after the branch moved")
    }
}
