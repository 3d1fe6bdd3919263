//! A git remote: what others published comes first, then ours goes on top.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Push, folder_remote, incoming, visibility};
use crate::env::Env;
use crate::error::{ErrorKind, Failure, kind};
use crate::progress::Progress;
use crate::push_scan;
use crate::repository::lock::Attempt;
use crate::repository::manifest::{LastPush, stamp};
use crate::repository::trust::OwnFolder;
use crate::repository::{INCOMING, LeftOut, MERGE, Rejection, RemoteLock, Repository, SEEN};
use crate::sync;
use crate::vault::transport::{Address, Choice, References, Sent, Transport, preflight, refused};
use crate::vault::{ObjectId, PacksBefore, Vault};

/// The backup's branch at the remote.
const BRANCH: &str = "refs/heads/main";
/// While others push at the same time, the next try waits so long, in milliseconds.
const PAUSES: [u64; 9] = [0, 200, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
/// How often a run pushes what others saved meanwhile; what is left then is pushed by a later run.
const MOST_ROUNDS: usize = 10;

/// What a remote has for a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The branch that backups are sent to.
    pub branch: String,
    /// Where it is; nothing where nothing was sent yet.
    pub tip: Option<ObjectId>,
}

impl Look {
    /// `main`; where it was renamed, what the remote's `HEAD` names.
    fn at(references: &References) -> Self {
        let main = references.get(BRANCH).map(|tip| (BRANCH.to_owned(), tip));
        let named = || {
            let head = references.head.clone()?;
            references.get(&head).map(|tip| (head, tip))
        };
        match main.or_else(named) {
            Some((branch, tip)) => Self { branch, tip: Some(tip) },
            None => Self { branch: BRANCH.into(), tip: None },
        }
    }
}

/// The remote that is set.
fn address(repository: &Repository) -> Result<Address> {
    let url = repository.vault.remote_url()?;
    let url = url.ok_or_else(|| {
        Failure::new(ErrorKind::Failed, "no remote is set")
            .hint("set one with `claude-backup backend set git --remote URL`")
    })?;
    Address::new(&url)
}

/// Tries a remote with a real push, and gets what it has; the branch stays where it is.
pub(super) fn try_out(
    repository: &mut Repository,
    _lock: &RemoteLock,
    remote: &Address,
    progress: &dyn Progress,
) -> Result<Look> {
    let (vault, env) = (Arc::clone(&repository.vault), repository.env().clone());
    let transport = transport(&vault, &env)?;
    let references = preflight(&vault, &*transport, remote)?;
    let look = Look::at(&references);
    let before = vault.reference(INCOMING)?;
    let is_rejected = |error: &anyhow::Error| kind(error) == ErrorKind::CommitRejected;
    // The remote can be used then, but nothing is joined yet: `publish` says why.
    let nothing_yet = |look: Look| Look { tip: None, ..look };
    match fetch(repository, &*transport, remote, &look, progress) {
        Err(error) if is_rejected(&error) => return Ok(nothing_yet(look)),
        fetched => fetched?,
    }
    let Some(tip) = look.tip else { return Ok(look) };
    if !repository.is_backup(tip)? {
        incoming::put_back(repository, before)?;
        let message = format!("`{remote}` holds something else than a backup");
        return Err(Failure::new(ErrorKind::Refused, message)
            .hint("use an empty repository of its own for the backup")
            .into());
    }
    match incoming::examine(repository, look.tip) {
        Err(error) if is_rejected(&error) => Ok(nothing_yet(look)),
        examined => examined.map(|()| look),
    }
}

/// A fresh copy of what the remote has, in an empty folder, seen as by this machine.
///
/// # Errors
/// Where no remote is set, it cannot be reached, or it has no backup yet.
pub fn clone_into(
    repository: &Repository,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Repository> {
    let remote = address(repository)?;
    let copy = Repository::create(folder, repository.env())?;
    copy.vault.set_setting("machine", repository.machine.as_str())?;
    if let Some(choice) = repository.vault.setting("transport")? {
        copy.vault.set_setting("transport", &choice)?;
    }
    let mut copy = Repository::open(folder, repository.env())?;
    let (vault, env) = (Arc::clone(&copy.vault), copy.env().clone());
    let look = get(&mut copy, &*transport(&vault, &env)?, &remote, progress)?;
    incoming::examine(&copy, look.tip)?;
    let tip = look.tip.ok_or_else(|| {
        Failure::new(ErrorKind::NotFound, format!("`{remote}` has no backup yet"))
            .hint("send it with `claude-backup sync`")
    })?;
    copy.examine_signatures(tip)?;
    copy.follow(tip)?;
    Ok(copy)
}

/// Takes over what a remote had when it was tried.
///
/// # Errors
/// Where the repository cannot be read or written.
pub fn join(repository: &mut Repository, look: &Look) -> Result<()> {
    match look.tip {
        Some(tip) if !repository.contains(tip)? => take_over(repository, tip),
        // A clone that was made by hand has commits whose signatures nobody looked at.
        Some(tip) if !repository.is_examined()? => repository.examine_signatures(tip).map(drop),
        _ => Ok(()),
    }
}

/// What is sent with, as in `git 2.47.3`.
///
/// # Errors
/// Where the setting names nothing that is here.
pub fn transport_name(repository: &Repository) -> Result<String> {
    Ok(transport(&repository.vault, repository.env())?.name())
}

/// Makes the remote equal to the repository, if no other run talks to it: that one pushes what is here.
/// The caller does not hold the backup's lock.
pub(super) fn publish(
    repository: &mut Repository,
    doing: &str,
    progress: &dyn Progress,
) -> Result<Push> {
    match repository.try_lock_remote(doing)? {
        Attempt::Taken(lock) => publish_with(repository, lock, progress),
        Attempt::Held(owner) => Ok(Push::InProgress { owner }),
    }
}

/// Merges what others pushed, pushes what is here, and notes how that went.
///
/// Other runs save meanwhile and leave it to this one to push that too, so it looks for commits of
/// theirs once it has let go of the remote's lock: what comes later finds the lock free.
pub(super) fn publish_with(
    repository: &mut Repository,
    lock: RemoteLock,
    progress: &dyn Progress,
) -> Result<Push> {
    let doing = lock.doing().to_owned();
    let mut lock = lock;
    let mut result = Push::UpToDate;
    for _ in 0..MOST_ROUNDS {
        let pushed = exchange_and_note(repository, &lock, progress)?;
        drop(lock);
        result = result.and(pushed);
        if matches!(result, Push::Failed { .. }) || !has_unpushed(repository)? {
            break;
        }
        match repository.try_lock_remote(&doing)? {
            Attempt::Taken(again) => lock = again,
            Attempt::Held(_) => break,
        }
    }
    Ok(result)
}

fn exchange_and_note(
    repository: &mut Repository,
    lock: &RemoteLock,
    progress: &dyn Progress,
) -> Result<Push> {
    let (vault, env) = (Arc::clone(&repository.vault), repository.env().clone());
    let transport = transport(&vault, &env);
    let name = transport.as_ref().map(|transport| transport.name()).unwrap_or_default();
    let exchanged = transport.and_then(|transport| {
        visibility::check_before_push(repository)?;
        exchange(repository, lock, &*transport, progress)
    });
    let push = match exchanged {
        Ok(push) => push,
        Err(error) if kind(&error) == ErrorKind::Interrupted => return Err(error),
        Err(error) => Push::failed(&error),
    };
    match repository.relock(MERGE) {
        Ok(_lock) => {
            repository.remove_unplaced()?;
            remember(repository, &push, name)?;
        }
        Err(error) if kind(&error) == ErrorKind::Locked => {
            repository.warn(format!("`status` does not know of this push: {error}"));
        }
        Err(error) => return Err(error),
    }
    Ok(push)
}

/// True if the branch has moved on since it was last pushed.
fn has_unpushed(repository: &Repository) -> Result<bool> {
    let head = repository.vault.head()?.map(|head| head.commit);
    Ok(head.is_some() && head != repository.vault.reference(SEEN)?)
}

fn exchange(
    repository: &mut Repository,
    _lock: &RemoteLock,
    transport: &dyn Transport,
    progress: &dyn Progress,
) -> Result<Push> {
    let remote = address(repository)?;
    folder_remote::warn_if_readable(repository, &remote)?;
    for pause in PAUSES {
        let env = repository.env();
        env.pause(Duration::from_millis(jittered(env, pause)));
        if progress.interrupted() {
            return Err(Failure::new(ErrorKind::Interrupted, "stopped before it was sent").into());
        }
        let look = get(repository, transport, &remote, progress)?;
        incoming::examine(repository, look.tip)?;
        merge(repository, &look)?;
        if let Some(push) = send(repository, transport, &remote, &look, progress)? {
            return Ok(push);
        }
    }
    Err(Failure::new(ErrorKind::Failed, "other machines kept sending at the same moment")
        .hint("the next `claude-backup sync` sends what is owed")
        .into())
}

/// Takes over what the remote has, under the backup's lock.
fn merge(repository: &mut Repository, look: &Look) -> Result<()> {
    match look.tip {
        Some(tip) if !repository.contains(tip)? || !repository.is_examined()? => {
            let _lock = repository.relock(MERGE)?;
            join(repository, look)
        }
        _ => Ok(()),
    }
}

/// Looks at the remote and fetches what it has.
fn get(
    repository: &mut Repository,
    transport: &dyn Transport,
    remote: &Address,
    progress: &dyn Progress,
) -> Result<Look> {
    let look = Look::at(&transport.references(remote)?);
    let ours = repository.vault.head()?.map(|head| head.commit);
    if look.tip != ours {
        repository.vault.refuse_torn_objects()?;
    }
    fetch(repository, transport, remote, &look, progress)?;
    Ok(look)
}

fn fetch(
    repository: &mut Repository,
    transport: &dyn Transport,
    remote: &Address,
    look: &Look,
    progress: &dyn Progress,
) -> Result<()> {
    let Some(tip) = look.tip else { return Ok(()) };
    if repository.vault.has_commit(tip)? {
        return Ok(());
    }
    incoming::refuse_oversized(repository, remote, tip)?;
    receive(repository, transport, remote, (look, tip), progress)
}

/// Fetches what is not here.
fn receive(
    repository: &mut Repository,
    transport: &dyn Transport,
    remote: &Address,
    (look, tip): (&Look, ObjectId),
    progress: &dyn Progress,
) -> Result<()> {
    // A run that was killed while it fetched leaves these.
    [INCOMING, "shallow"].iter().try_for_each(|name| repository.vault.unlock(name))?;
    let before = repository.vault.packs_before_fetch()?;
    let pending = repository.vault.reference(INCOMING)?;
    let fetched = transport.fetch(remote, &look.branch, INCOMING, progress);
    // What came before it broke off is joined too.
    let adopted = adopt(repository, &before);
    let received = fetched.and(adopted);
    if let Err(error) = &received
        && kind(error) == ErrorKind::CommitRejected
    {
        // Its objects are gone.
        incoming::put_back(repository, pending)?;
        repository.note_rejection(&Rejection::of_remote(tip, error))?;
    }
    received
}

/// Takes what a fetch brought among the packs that are joined, under the backup's lock.
fn adopt(repository: &mut Repository, before: &PacksBefore) -> Result<()> {
    if !repository.vault.has_new_packs(before)? {
        return Ok(());
    }
    let _lock = repository.relock(MERGE)?;
    repository.vault.refuse_oversized(before)?;
    repository.vault.adopt_packs(before);
    if let Err(error) = repository.vault.tidy() {
        repository.warn(format!("packs could not be joined: {error:#}"));
    }
    Ok(())
}

/// Continues without what these machines committed, and pushes that. The caller does not hold the
/// backup's lock.
///
/// # Errors
/// Where nothing of them is rejected, or more than that is.
pub(super) fn reject(
    repository: &mut Repository,
    remote_lock: RemoteLock,
    names: &[String],
    progress: &dyn Progress,
) -> Result<(Rejection, Push)> {
    receive_rejected(repository, progress)?;
    let lock = repository.relock(remote_lock.doing())?;
    let LeftOut { commit, fetched, rejection } = repository.leave_out(names)?;
    take_over(repository, commit)?;
    // That is where the remote is: it lacks the new commit.
    repository.vault.set_reference(SEEN, fetched)?;
    drop(lock);
    Ok((rejection, publish_with(repository, remote_lock, progress)?))
}

/// Fetches what is rejected, however large it is: it will be among what leads to our commits.
fn receive_rejected(repository: &mut Repository, progress: &dyn Progress) -> Result<()> {
    let remote = address(repository)?;
    let (vault, env) = (Arc::clone(&repository.vault), repository.env().clone());
    let transport = transport(&vault, &env)?;
    let look = Look::at(&transport.references(&remote)?);
    let Some(tip) = look.tip else { return Ok(()) };
    if !vault.has_commit(tip)? {
        receive(repository, &*transport, &remote, (&look, tip), progress)?;
    }
    vault.set_reference(INCOMING, tip)
}

/// Puts our commits on top of the remote's, our folder staying ours.
fn take_over(repository: &mut Repository, theirs: ObjectId) -> Result<()> {
    repository.give_way(theirs)?;
    let signed = repository.examine_signatures(theirs)?;
    let is_joining = repository.vault.head()?.is_none();
    match repository.judge_own_folder(theirs, &signed)? {
        OwnFolder::Signed(folder)
            if !is_joining
                && repository.is_behind(theirs)?
                && sync::is_contained_in(repository, folder)? =>
        {
            repository.follow(theirs)?;
        }
        OwnFolder::Replaced(signed) if is_joining => {
            repository.follow_without_own_folder(theirs, signed)?;
        }
        OwnFolder::Signed(folder) | OwnFolder::Replaced(Some(folder)) if !is_joining => {
            sync::reunite(repository, folder)?;
            repository.integrate(theirs)?;
        }
        _ => repository.integrate(theirs)?,
    }
    repository.vault.set_reference(SEEN, theirs)?;
    incoming::forget(repository);
    // What is only derived is made again at any time.
    if let Err(error) = repository.refresh_derived() {
        repository.warn(format!("not brought up to date: {error:#}"));
    }
    Ok(())
}

/// Sends our branch; nothing where somebody else was faster.
fn send(
    repository: &Repository,
    transport: &dyn Transport,
    remote: &Address,
    look: &Look,
    progress: &dyn Progress,
) -> Result<Option<Push>> {
    let Some(head) = repository.vault.head()? else { return Ok(Some(Push::UpToDate)) };
    if look.tip == Some(head.commit) {
        repository.vault.set_reference(SEEN, head.commit)?;
        return Ok(Some(Push::UpToDate));
    }
    push_scan::refuse(repository, look.tip, head.commit)?;
    match transport.push(remote, Some(head.commit), &look.branch, progress)? {
        Sent::Done => {
            repository.vault.set_reference(SEEN, head.commit)?;
            Ok(Some(Push::Pushed))
        }
        Sent::Behind => Ok(None),
        Sent::Refused(words) => Err(refused(remote, &words).into()),
    }
}

fn transport<'a>(vault: &'a Vault, env: &'a Env) -> Result<Box<dyn Transport + 'a>> {
    let choice = vault.setting("transport")?;
    let choice = choice.as_deref().map_or(Ok(Choice::Auto), Choice::parse)?;
    vault.transport(choice, env)
}

/// Two machines that met once should not meet at every try.
fn jittered(env: &Env, millis: u64) -> u64 {
    let salt = u64::from(env.pid) % 8;
    millis + millis * salt / 8
}

/// Notes how it went, for `status`.
fn remember(repository: &Repository, push: &Push, transport: String) -> Result<()> {
    let now = stamp(repository.env().now());
    let mut root = repository.root_manifest();
    let before = root.last_push.take().unwrap_or_default();
    let (at, error) = match push {
        Push::Failed { error, .. } => (before.at, Some(error.clone())),
        _ => (Some(now.clone()), None),
    };
    if let Some(warning) = repository.sizes.warning(repository.vault.pack_bytes()?) {
        repository.warn(warning);
    }
    root.last_push = Some(LastPush { at, tried: now, error, transport });
    repository.write_root_manifest(&root).context("cannot note how the copy elsewhere went")
}
