//! Pushing to a repository that is reached by its path.
//!
//! libgit2's own way moves the reference whatever it has become since it was looked at, so two
//! machines that push to one disk could lose a commit. Here it is moved only from what it was.

use std::io;
use std::path::Path;

use git2::{Error, ErrorClass, ErrorCode, Oid, Repository};

use super::talk::Talk;
use crate::fs;
use crate::vault::ObjectId;
use crate::vault::lock_file::LockFile;
use crate::vault::transport::Sent;

/// Lets a reference of the repository at `path` point to a commit of `own`; `None` removes it.
pub(super) fn push(
    own: &Repository,
    path: &Path,
    commit: Option<ObjectId>,
    reference: &str,
    talk: &Talk<'_>,
) -> Result<Sent, Error> {
    let remote = Repository::open(path)?;
    if !remote.is_bare() {
        return Ok(Sent::Refused("it has files checked out; a bare repository is needed".into()));
    }
    let there = match remote.find_reference(reference) {
        Ok(found) => Some(found),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(error) => return Err(error),
    };
    let Some(commit) = commit else {
        return or_behind(there.map_or(Ok(()), |mut there| there.delete()));
    };
    let old = there.map(|there| there.peel_to_commit().map(|commit| commit.id())).transpose()?;
    if old == Some(commit.oid()) {
        return Ok(Sent::Done);
    }
    if let Some(old) = old
        && !(own.odb()?.exists(old) && own.graph_descendant_of(commit.oid(), old)?)
    {
        return Ok(Sent::Behind);
    }
    send(own, &remote, commit, talk)?;
    match move_reference(&remote, reference, old, commit) {
        Ok(true) => Ok(Sent::Done),
        Ok(false) => Ok(Sent::Behind),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Sent::Behind),
        Err(error) => Err(io_error(&error)),
    }
}

/// Durably, which libgit2's own references are not: an empty one would lock every machine out.
fn move_reference(
    remote: &Repository,
    name: &str,
    from: Option<Oid>,
    to: ObjectId,
) -> io::Result<bool> {
    if !git2::Reference::is_valid_name(name) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of a reference"));
    }
    let mut lock = LockFile::take(&remote.commondir().join(name))?;
    if remote.refname_to_id(name).ok() != from {
        return Ok(false);
    }
    lock.write(format!("{to}\n").as_bytes())?;
    lock.publish().map(|()| true)
}

fn io_error(error: &io::Error) -> Error {
    Error::new(ErrorCode::GenericError, ErrorClass::Filesystem, error.to_string())
}

fn or_behind<T>(moved: Result<T, Error>) -> Result<Sent, Error> {
    match moved {
        Ok(_) => Ok(Sent::Done),
        Err(error) => match error.code() {
            ErrorCode::Modified | ErrorCode::Exists | ErrorCode::Locked => Ok(Sent::Behind),
            _ => Err(error),
        },
    }
}

/// Writes what the other repository lacks as a pack of it, durably.
fn send(
    own: &Repository,
    remote: &Repository,
    commit: ObjectId,
    talk: &Talk<'_>,
) -> Result<(), Error> {
    let mut walk = own.revwalk()?;
    walk.push(commit.oid())?;
    let known = own.odb()?;
    for reference in remote.references()?.flatten() {
        if let Some(id) = reference.target().filter(|id| known.exists(*id)) {
            // What is no commit hides nothing.
            let _ = walk.hide(id);
        }
    }
    let mut pack = own.packbuilder()?;
    pack.set_progress_callback(|_stage, done, all| {
        talk.show("preparing", u64::from(done), u64::from(all));
        talk.goes_on()
    })?;
    pack.insert_walk(&mut walk)?;
    if pack.object_count() == 0 {
        return Ok(());
    }
    let folder = remote.commondir().join("objects/pack");
    pack.write(&folder, 0)?;
    let name = pack.name()?.unwrap_or_default().to_owned();
    make_durable(&folder, &name).map_err(|error| io_error(&error))
}

fn make_durable(folder: &Path, name: &str) -> io::Result<()> {
    for extension in ["pack", "idx"] {
        fs_err::File::open(folder.join(format!("pack-{name}.{extension}")))?.sync_all()?;
    }
    fs::sync_dir(folder)
}
