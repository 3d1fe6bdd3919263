//! Trying a remote before anything depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::{Address, References, Sent, Transport, refused};
use crate::error::{ErrorKind, Failure};
use crate::fs;
use crate::progress::Silent;
use crate::vault::object_id::ObjectKind;
use crate::vault::{ObjectId, Vault};

/// A commit of nothing, the same on every machine.
const COMMIT: &str = "author claude-backup <claude-backup@localhost> 0 +0000\n\
                      committer claude-backup <claude-backup@localhost> 0 +0000\n\n\
                      claude-backup: can this be pushed?\n";

/// How the name of the reference begins that is made and removed again.
const SCRATCH: &str = "claude-backup-preflight-";

fn commit_of_nothing() -> (ObjectId, String) {
    let tree = ObjectId::of_object(ObjectKind::Tree, b"");
    let bytes = format!("tree {tree}\n{COMMIT}");
    (ObjectId::of_object(ObjectKind::Commit, bytes.as_bytes()), bytes)
}

/// Looks at a remote and really pushes to it, to a reference that is removed again.
///
/// What the remote had before.
///
/// # Errors
/// Where it cannot be reached, does not let us in or does not take a push; where the reference
/// cannot be removed, with its name.
pub fn preflight(vault: &Vault, transport: &dyn Transport, remote: &Address) -> Result<References> {
    let mut before = transport.references(remote)?;
    clear_leftovers(transport, remote, &mut before);
    let written = Written::new(vault)?;
    let name = scratch_name(&before);
    let sent = transport.push(remote, Some(written.commit), &name, &Silent);
    // The remote may have it even where we heard nothing of that.
    let removed = match &sent {
        Ok(Sent::Done) => transport.push(remote, None, &name, &Silent),
        Ok(_) => Ok(Sent::Done),
        Err(_) => remove_if_there(transport, remote, &name),
    };
    written.remove()?;
    match sent? {
        Sent::Done => {}
        Sent::Behind => return Err(refused(remote, "the new reference was not taken").into()),
        Sent::Refused(words) => return Err(refused(remote, &words).into()),
    }
    match removed {
        Ok(Sent::Done) => Ok(before),
        Ok(Sent::Behind) => Err(stays(remote, &name, "somebody else moved it")),
        Ok(Sent::Refused(words)) => Err(stays(remote, &name, &words)),
        Err(error) => Err(stays(remote, &name, &crate::error::one_line(&error))),
    }
}

/// Removes what earlier tries left that were cut off, here or on another machine; no backup has a
/// commit of nothing. What cannot be removed does no harm.
fn clear_leftovers(transport: &dyn Transport, remote: &Address, found: &mut References) {
    let (commit, _) = commit_of_nothing();
    let is_leftover = |(name, id): &mut (String, ObjectId)| *id == commit && name.contains(SCRATCH);
    for (name, _) in found.list.extract_if(.., is_leftover) {
        let _ = transport.push(remote, None, &name, &Silent);
    }
}

/// Removes what a failed push may have left.
fn remove_if_there(transport: &dyn Transport, remote: &Address, name: &str) -> Result<Sent> {
    match transport.references(remote)?.get(name) {
        Some(_) => transport.push(remote, None, name, &Silent),
        None => Ok(Sent::Done),
    }
}

fn stays(remote: &Address, name: &str, why: &str) -> anyhow::Error {
    let message =
        format!("`{remote}` took the test push to `{name}`, but does not let us remove it");
    let failure = Failure::new(ErrorKind::Refused, message)
        .hint(format!("remove it there by hand: `git push {remote} :{name}`"));
    why.lines().fold(failure, Failure::line).into()
}

/// A branch where there are branches, so that their rules are tried as well. An empty remote would
/// take its first branch for its main one and never let go of it, so there it is a tag.
fn scratch_name(before: &References) -> String {
    let has_branch = before.list.iter().any(|(name, _)| name.starts_with("refs/heads/"));
    let folder = if has_branch { "heads" } else { "tags" };
    let chance = RandomState::new().build_hasher().finish() as u32;
    format!("refs/{folder}/{SCRATCH}{chance:08x}")
}

/// Objects that are in the repository for as long as they are pushed.
struct Written<'v> {
    vault: &'v Vault,
    commit: ObjectId,
    ours: Vec<ObjectId>,
}

impl<'v> Written<'v> {
    fn new(vault: &'v Vault) -> Result<Self> {
        let tree = ObjectId::of_object(ObjectKind::Tree, b"");
        let (commit, bytes) = commit_of_nothing();
        let mut written = Self { vault, commit, ours: Vec::new() };
        written.add(git2::ObjectType::Tree, tree, b"")?;
        // Nothing but a run that was killed here leaves the commit.
        written.add(git2::ObjectType::Commit, commit, bytes.as_bytes())?;
        written.ours.push(commit);
        Ok(written)
    }

    fn add(&mut self, kind: git2::ObjectType, id: ObjectId, bytes: &[u8]) -> Result<()> {
        let is_new = self.vault.git(|repository| {
            let odb = repository.odb()?;
            if odb.exists(id.oid()) {
                return Ok(false);
            }
            odb.write(kind, bytes).map(|_| true)
        })?;
        if is_new {
            self.ours.push(id);
        }
        Ok(())
    }

    fn remove(self) -> Result<()> {
        for id in &self.ours {
            let path = self.path(*id)?;
            fs::remove_if_exists(&path)?;
            // Others may have objects in it; then it stays.
            let _ = path.parent().map(std::fs::remove_dir);
        }
        Ok(())
    }

    fn path(&self, id: ObjectId) -> Result<PathBuf> {
        let name = id.to_string();
        let (folder, file) = name.split_at_checked(2).ok_or_else(|| anyhow!("an id is long"))?;
        Ok(self.vault.git_dir.join("objects").join(folder).join(file))
    }
}
