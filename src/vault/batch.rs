//! New objects gathered into one pack, and the commit that makes them the newest backup.

mod deltas;
mod growth;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};

use super::branch::Move;
use super::commit::CommitInfo;
use super::entry::{Form, Packing};
use super::object_id::{Hashed, ObjectId, ObjectKind};
use super::pack::PackWriter;
use super::pack_folder::Active;
use super::pack_list::Keep;
use super::read::Head;
use super::tree::{self, Edit, EditedTree, TreeEdits};
use super::{Step, Vault};

pub use growth::{Grown, Previous, Shared};

/// The active pack is copied at each sync, so it is frozen when it gets larger than this.
pub(super) const ACTIVE_LIMIT: u64 = 64 * 1024 * 1024;
/// A batch larger than this, such as the first, is frozen at once: each later one would copy it.
const ALONE: u64 = ACTIVE_LIMIT / 4;
/// Reading an object follows all its deltas, and git's own limit is 50.
pub(super) const DEPTH_LIMIT: usize = 48;

/// Objects on their way into the repository; dropped, it leaves nothing behind.
pub struct Batch<'v> {
    vault: &'v Vault,
    writer: PackWriter,
    active: Option<Active>,
    /// Deltas may lean on the active pack: the new pack will hold all of it.
    joins_active: bool,
    /// Where the bytes of older versions lie, which deltas may need whole in the end.
    older_files: HashMap<ObjectId, PathBuf>,
}

/// What becomes of the batch's pack and of the active one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placement {
    /// The active pack's entries are copied behind the new ones; the old pack goes.
    Join,
    /// The active pack is frozen; this one is the new active.
    Start,
    /// This one is frozen at once; the active pack stays as it is.
    Alone,
}

impl Vault {
    /// Starts a batch; what an earlier crash left is mended first.
    ///
    /// The caller holds the backup's lock.
    ///
    /// # Errors
    /// Where the repository cannot be written.
    pub fn begin(&self) -> Result<Batch<'_>> {
        let packs = self.packs()?;
        let mended = packs.mend()?;
        mended.warnings.into_iter().for_each(|warning| self.warn(warning));
        self.reopen()?;
        let writer = PackWriter::create(packs.path())?;
        let active = mended.active;
        Ok(Batch { vault: self, writer, active, joins_active: true, older_files: HashMap::new() })
    }
}

impl Batch<'_> {
    /// Adds the first `length` bytes of a file as a whole object.
    ///
    /// # Errors
    /// Where the bytes do not hash to `id`, or the file cannot be read. The batch stays usable.
    pub fn add_file(&mut self, path: &Path, id: ObjectId, length: u64) -> Result<()> {
        if self.has(id)? {
            return Ok(());
        }
        self.add_file_again(path, id, length)
    }

    /// The same, also where the repository has the object: for one that was found damaged.
    ///
    /// # Errors
    /// As [`Batch::add_file`].
    pub fn add_file_again(&mut self, path: &Path, id: ObjectId, length: u64) -> Result<()> {
        if self.writer.form(id).is_some() {
            return Ok(());
        }
        let file = fs_err::File::open(path)?;
        let content = Hashed::blob(file.take(length), length);
        let form = Form::Whole(ObjectKind::Blob);
        self.writer
            .add(id, form, Packing::Stored, length, content, |content| content.check(id))
            .with_context(|| format!("cannot store `{}`", path.display()))
    }

    /// Adds a small text; as a delta on `previous` where that is in the pack and saves half.
    ///
    /// # Errors
    /// Where the pack cannot be written.
    pub fn add_bytes(&mut self, bytes: &[u8], previous: Option<ObjectId>) -> Result<ObjectId> {
        let id = ObjectId::of_bytes(bytes);
        self.add_text(ObjectKind::Blob, id, bytes, previous)?;
        Ok(id)
    }

    /// Applies the edits to the newest commit and moves the branch to the result.
    ///
    /// Nothing is written, and nothing returned, where the tree would be the same. When this
    /// returns a commit, it and all its objects are durable. If it fails, the branch is where it
    /// was, unless the error says otherwise.
    ///
    /// # Errors
    /// Where an edit names an object that is not there or a path git forbids, where the branch was
    /// moved by somebody else, or where the repository cannot be written.
    pub fn commit(mut self, edits: &TreeEdits, info: &CommitInfo) -> Result<Option<ObjectId>> {
        let head = self.vault.head()?;
        let old_tree = head.as_ref().map(|head| head.tree);
        let mut read = |id| self.vault.read_kind(id, ObjectKind::Tree);
        let edited = tree::apply(old_tree, edits, &mut read)?;
        let empty = ObjectId::of_object(ObjectKind::Tree, b"");
        if old_tree.unwrap_or(empty) == edited.root {
            return Ok(None);
        }
        self.check_blobs(edits)?;
        let mut placement = self.placement(info);
        self.joins_active = placement == Placement::Join;
        let commit = self.add_commit(&edited, head.as_ref(), info)?;
        if placement == Placement::Join && !self.copy_active()? {
            placement = Placement::Start;
        }
        if placement != Placement::Join {
            self.add_missing_bases()?;
        }
        let from = head.map(|head| head.commit);
        self.finish(placement, from, commit, info)?;
        Ok(Some(commit))
    }

    /// Makes the objects durable in a pack of their own; no branch moves.
    pub(super) fn seal(self) -> Result<()> {
        if self.writer.size() == 0 {
            return Ok(());
        }
        let packs = self.vault.packs()?;
        let finished = self.writer.finish()?;
        let name = finished.name.clone();
        packs.publish(finished, Keep::Publishing, &|step| self.vault.passed(step))?;
        settle(self.vault, Placement::Alone, &name, None)
    }

    /// Nothing that is added from now on may lean on the active pack.
    pub(super) fn stand_alone(&mut self) {
        self.joins_active = false;
    }

    /// Publishes the pack, moves the branch, tidies up.
    fn finish(
        self,
        placement: Placement,
        from: Option<ObjectId>,
        to: ObjectId,
        info: &CommitInfo,
    ) -> Result<()> {
        let Self { vault, writer, active, .. } = self;
        let packs = vault.packs()?;
        let day = info.time.to_utc().date_naive();
        let since = active.as_ref().filter(|_| placement == Placement::Join).map(|a| a.since);
        let keep = match placement {
            Placement::Alone => Keep::Publishing,
            Placement::Join | Placement::Start => Keep::Active(since.unwrap_or(day)),
        };
        let finished = writer.finish()?;
        let name = finished.name.clone();
        let passed = |step| vault.passed(step);
        passed(Step::PackWritten)?;
        packs.publish(finished, keep, &passed)?;
        passed(Step::Published)?;
        let signature = info.signature();
        let reason = format!("commit: {}", info.message.lines().next().unwrap_or_default());
        vault.move_branch(&Move { from, to, signature: &signature, reason: &reason })?;
        let old = active.map(|active| active.pack.name);
        // The backup exists from here on, so nothing below is a reason to fail.
        if let Err(error) = settle(vault, placement, &name, old) {
            vault.warn(format!("could not tidy up after the commit: {error:#}"));
        }
        Ok(())
    }

    fn add_commit(
        &mut self,
        edited: &EditedTree,
        head: Option<&Head>,
        info: &CommitInfo,
    ) -> Result<ObjectId> {
        for tree in &edited.trees {
            self.add_text(ObjectKind::Tree, tree.id, &tree.bytes, tree.replaces)?;
        }
        let bytes = info.serialize(edited.root, head.map(|head| head.commit));
        let bytes = self.vault.signed(bytes)?;
        let id = ObjectId::of_object(ObjectKind::Commit, &bytes);
        self.add_text(ObjectKind::Commit, id, &bytes, None)?;
        Ok(id)
    }

    /// A commit must not name what is not there.
    fn check_blobs(&self, edits: &TreeEdits) -> Result<()> {
        for (path, edit) in edits.iter() {
            if let Edit::Put(id, _) = edit {
                ensure!(self.has(id)?, "object {id} of `{}` was never added", path.escape_debug());
            }
        }
        Ok(())
    }

    fn placement(&self, info: &CommitInfo) -> Placement {
        let new = self.writer.size();
        if new > ALONE {
            return Placement::Alone;
        }
        let day = info.time.to_utc().date_naive();
        // A clock that was set back is no reason for a new pack.
        let fits = |active: &Active| active.since >= day && active.pack.size + new <= ACTIVE_LIMIT;
        if self.active.as_ref().is_some_and(fits) { Placement::Join } else { Placement::Start }
    }

    /// Copies what the active pack has behind the new objects, and checks it on the way. False where
    /// that pack is damaged: it is set aside, and this one does without.
    fn copy_active(&mut self) -> Result<bool> {
        let Some(active) = &mut self.active else {
            return Ok(true);
        };
        let mut ids = active.pack.ids_by_offset();
        ids.retain(|id| self.writer.form(*id).is_none());
        self.writer.expect_only(ids.len())?;
        let begins_at = self.writer.size();
        let mut copies = ids.into_iter().map(|id| self.writer.copy(&mut active.pack, id));
        let Err(error) = copies.try_for_each(|copied| copied) else { return Ok(true) };
        // It may as well be the new pack that could not be written.
        if active.pack.verify().is_ok() {
            return Err(error);
        }
        self.writer.cut_back(begins_at)?;
        self.vault.packs()?.set_aside(&active.pack.name)?;
        self.vault.warn(format!("set a damaged pack aside: {error:#}"));
        self.active = None;
        Ok(false)
    }

    /// Adds the whole base of each delta whose base stayed in another pack.
    fn add_missing_bases(&mut self) -> Result<()> {
        let bases: Vec<_> = self.writer.bases().collect();
        for base in bases {
            if self.writer.form(base).is_none() {
                self.add_missing_base(base)?;
            }
        }
        Ok(())
    }

    fn add_missing_base(&mut self, id: ObjectId) -> Result<()> {
        self.vault.has_doubles.store(true, Ordering::Relaxed);
        if let Some(active) = &mut self.active
            && let Some(Form::Whole(_)) = active.pack.entry(id).map(|entry| entry.form)
        {
            return self.writer.copy(&mut active.pack, id);
        }
        let path = self.older_files.remove(&id).unwrap_or_default();
        self.add_base(id, &path)
    }

    fn has(&self, id: ObjectId) -> Result<bool> {
        Ok(self.writer.form(id).is_some() || self.vault.exists(id)?)
    }
}

/// After the branch moved: the new pack is marked as needed, the old active one goes or is frozen.
fn settle(vault: &Vault, placement: Placement, new: &str, old: Option<String>) -> Result<()> {
    let packs = vault.packs()?;
    let passed = |step| vault.passed(step);
    passed(Step::BranchMoved)?;
    let retired = if placement == Placement::Join { old.as_slice() } else { &[] };
    packs.settle(new, retired, &passed)?;
    match placement {
        Placement::Join => {}
        Placement::Start => old.iter().try_for_each(|name| packs.drop_keep(name))?,
        Placement::Alone => packs.drop_keep(new)?,
    }
    vault.reopen()
}
