//! A restore plan carried out, in parallel; one file's failure stops no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;

use super::allowed::mode_of;
use super::{
    Bytes, FileFailure, HeldBack, Item, PlannedFile, RestoreOutcome, RestorePlan, State, Times,
};
use crate::error::{ErrorKind, Failure};
use crate::fs::{new_beside, persist};
use crate::progress::{FileProgress, Progress};
use crate::repository::Repository;
use crate::repository::ledger::Hash;
use crate::source::{SourceFile, Stat};
use crate::sync::{Found, store_displaced};

/// Writes what a plan says.
///
/// # Errors
/// Where displaced bytes could not be kept (nothing is written then), or the user stopped it.
pub fn apply(
    repository: &Repository,
    plan: &RestorePlan,
    progress: &dyn Progress,
) -> Result<RestoreOutcome> {
    keep_displaced(repository, plan, progress)?;
    let bytes = plan.items.iter().map(|item| item.content.length).sum();
    progress.start("restoring", plan.items.len() as u64, bytes);
    let mut order: Vec<&Item> = plan.items.iter().collect();
    order.sort_by_key(|item| std::cmp::Reverse(item.content.length));
    let results: Vec<(&Item, Result<Done>)> = order
        .into_par_iter()
        .with_max_len(1)
        .map(|item| {
            let file = FileProgress::new(progress, item.content.length);
            let result = restore(repository, item, plan.times, &file);
            tell(&file, item, &result);
            (item, result)
        })
        .collect();
    progress.finish();
    if progress.interrupted() {
        let message = "stopped; what was written is whole, the rest is not there yet";
        return Err(Failure::new(ErrorKind::Interrupted, message)
            .hint("run it again; files that stand already are skipped")
            .into());
    }
    Ok(RestoreOutcome { more_complete: plan.more_complete.clone(), ..outcome(results) })
}

fn tell(progress: &dyn Progress, item: &Item, result: &Result<Done>) {
    let target = item.target.display();
    match result {
        Ok(Done::Written) => progress.step(&format_args!("restored {target}")),
        Ok(Done::Skipped) => progress.step(&format_args!("left as it is {target}")),
        Ok(Done::HeldBack) => progress.step(&format_args!("held back {target}")),
        Ok(Done::Refused) => progress.step(&format_args!("refused {target}")),
        Err(error) => progress.step(&format_args!("not restored {target}: {error:#}")),
    }
}

/// What would be done, without doing it.
#[must_use]
pub fn foresee(plan: &RestorePlan) -> RestoreOutcome {
    let mut outcome = outcome(plan.items.iter().map(|item| (item, foreseen(item))).collect());
    let planned = plan.items.iter().filter(|item| item.is_to_be_written());
    outcome.would_write = planned.map(planned_file).collect();
    outcome.would_write.sort();
    outcome.more_complete.clone_from(&plan.more_complete);
    outcome
}

fn planned_file(item: &Item) -> PlannedFile {
    let (path, machine) = (item.target.display().to_string(), item.machine.to_string());
    PlannedFile { path, machine, code: item.code.clone() }
}

enum Done {
    Written,
    Skipped,
    HeldBack,
    Refused,
}

fn foreseen(item: &Item) -> Result<Done> {
    match &item.state {
        State::Free | State::Displaced => Ok(Done::Written),
        State::Same | State::Shorter | State::Other => Ok(Done::Skipped),
        State::NoFile => bail!("something that is no file stands there; replace it with --force"),
        State::Forbidden(reason) => bail!("{reason}"),
        State::HeldBack(_) => Ok(Done::HeldBack),
        State::Refused(_) => Ok(Done::Refused),
    }
}

fn keep_displaced(
    repository: &Repository,
    plan: &RestorePlan,
    progress: &dyn Progress,
) -> Result<()> {
    let mut displaced = Vec::new();
    for item in plan.items.iter().filter(|item| item.state == State::Displaced) {
        // A link is replaced, and its end stays as it is: there is nothing to keep.
        let found = fs_err::symlink_metadata(&item.target)?;
        if !found.is_file() {
            continue;
        }
        let (relative, kind) = (item.name.to_source(), item.entry.kind);
        let file = SourceFile::new(relative, fs_err::canonicalize(&item.target)?, kind, &found);
        displaced.push(Found { path: item.name.clone(), file });
    }
    if displaced.is_empty() {
        return Ok(());
    }
    store_displaced(repository, displaced, progress)
        .context("what stands there now could not be kept, so nothing was replaced")
}

fn restore(
    repository: &Repository,
    item: &Item,
    times: Times,
    progress: &dyn Progress,
) -> Result<Done> {
    match foreseen(item)? {
        Done::Written => {}
        left => return Ok(left),
    }
    let mut file = new_beside(&item.target)?;
    let bytes = item.open(repository)?;
    let (sha256, length) = copy(bytes, file.as_file_mut(), progress)
        .with_context(|| format!("`{}`", item.entry.path))?;
    if item.bytes != (Bytes { length, sha256 }) {
        bail!("the backup's copy of `{}` is damaged", item.entry.path);
    }
    if times == Times::Original {
        file.as_file().set_modified(item.content.modified.into())?;
    }
    if item.state == State::Displaced {
        if stat_of(&item.target) != item.seen {
            bail!("`{}` changed meanwhile and is left as it is", item.target.display());
        }
        persist(file, &item.target, mode_of(&item.entry, &item.content))?;
        return Ok(Done::Written);
    }
    crate::fs::set_mode(file.path(), mode_of(&item.entry, &item.content))?;
    match file.persist_noclobber(&item.target) {
        Ok(_) => Ok(Done::Written),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("something was put at `{}` meanwhile", item.target.display())
        }
        Err(error) => {
            Err(error.error).with_context(|| format!("failed to write `{}`", item.target.display()))
        }
    }
}

/// What stands at a target, to tell whether it is still what was kept.
pub(super) fn stat_of(target: &Path) -> Option<Stat> {
    target.symlink_metadata().ok().map(|found| Stat::of(&found))
}

fn copy(from: impl Read, to: &mut impl Write, progress: &dyn Progress) -> io::Result<(Hash, u64)> {
    Hash::of_each(from, |bytes| match progress.interrupted() {
        true => Err(io::Error::other("interrupted")),
        false => {
            progress.advance(0, bytes.len() as u64);
            to.write_all(bytes)
        }
    })
}

/// What became of a file; of a session, the gravest of what became of its files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Skipped,
    Restored,
    Failed,
}

impl Fate {
    fn of(result: &Result<Done>) -> Self {
        match result {
            Ok(Done::Skipped | Done::HeldBack | Done::Refused) => Self::Skipped,
            Ok(Done::Written) => Self::Restored,
            Err(_) => Self::Failed,
        }
    }
}

fn outcome(results: Vec<(&Item, Result<Done>)>) -> RestoreOutcome {
    let mut outcome = RestoreOutcome::default();
    let mut sessions: BTreeMap<String, Fate> = BTreeMap::new();
    let mut longer = BTreeSet::new();
    for (item, result) in results {
        let fate = Fate::of(&result);
        count(&mut outcome, item, &result);
        outcome.displaced += u64::from(fate == Fate::Restored && item.state == State::Displaced);
        if let Some(id) = item.entry.path.session() {
            let session = sessions.entry(format!("{}/{id}", item.machine)).or_insert(fate);
            *session = fate.max(*session);
            if item.state == State::Shorter {
                longer.insert(String::from(id));
            }
        }
        outcome.failures.extend(result.err().map(|error| failure(&item.target, &error)));
    }
    let sessions_with = |fate| sessions.values().filter(|f| **f == fate).count() as u64;
    outcome.failed = sessions_with(Fate::Failed);
    outcome.restored = sessions_with(Fate::Restored);
    outcome.skipped = sessions_with(Fate::Skipped);
    outcome.longer_in_backup = longer.into_iter().collect();
    outcome.failures.sort_by(|a, b| a.path.cmp(&b.path));
    outcome.held_back.sort();
    outcome.refused.sort();
    outcome
}

fn count(outcome: &mut RestoreOutcome, item: &Item, result: &Result<Done>) {
    let files = &mut outcome.files;
    match result {
        Ok(Done::Written) => {
            files.restored += 1;
            files.code += u64::from(item.code.is_some());
        }
        Ok(Done::Skipped) => files.skipped += 1,
        Ok(Done::HeldBack) => files.held_back += 1,
        Ok(Done::Refused) => files.refused += 1,
        Err(_) => files.failed += 1,
    }
    match &item.state {
        State::HeldBack(reason) => outcome.held_back.push(HeldBack::of(item, reason)),
        State::Refused(reason) => outcome.refused.push(HeldBack::of(item, reason)),
        _ => {}
    }
}

fn failure(target: &Path, error: &anyhow::Error) -> FileFailure {
    FileFailure { path: target.display().to_string(), error: format!("{error:#}") }
}
