//! A share of the sessions proven each day, without anybody asking: what was not looked at for the
//! longest time comes first, so that all have their turn in about a hundred days.

use anyhow::Result;
use serde::Serialize;

use super::receipts::{self, Receipts};
use super::{Line, Problem, Subject, contents, problem, proof};
use crate::error::{ErrorKind, kind};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::manifest::parse_stamp;
use crate::repository::settings;
use crate::repository::trust::Signature;
use crate::restore;
use crate::session::MachineSlug;
use crate::source::Roots;

/// Of all sessions, and of all their bytes, one in so many.
const DAYS: u64 = 100;
/// So many bytes are no trouble, whatever share of the whole they are.
const ALWAYS: u64 = 16 << 20;

/// What of today's share came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Today {
    /// Sessions that came back, byte for byte.
    pub proven: u64,
    /// Sessions that were tried.
    pub tried: u64,
    /// What is wrong with the others, or with one of their copies.
    pub problems: Vec<Problem>,
}

/// Proves today's share, unless that was done or the user does not want it; the caller holds the lock.
///
/// The backup is made by then: what keeps the trial itself from ending is a warning.
#[must_use]
pub fn prove_daily(
    repository: &Repository,
    roots: &Roots,
    progress: &dyn Progress,
) -> Option<Today> {
    let subject = Subject { stored: repository, own: repository, roots };
    match try_share(&subject, progress) {
        Ok(today) => today,
        Err(error) if kind(&error) == ErrorKind::Interrupted => None,
        Err(error) => {
            repository.warn(format!("today's share of the backup could not be tried: {error:#}"));
            None
        }
    }
}

fn try_share(subject: &Subject<'_>, progress: &dyn Progress) -> Result<Option<Today>> {
    let repository = subject.own;
    let receipts = Receipts::load(repository);
    let now = repository.env().now();
    let last = receipts.last_share.as_deref().and_then(parse_stamp);
    let is_done = last.is_some_and(|last| last.date_naive() == now.date_naive());
    if is_done || !settings::proves_daily(&repository.vault)? {
        return Ok(None);
    }
    let mut sessions = repository.index()?.sessions;
    // What somebody else put into a machine's folder says nothing of the backup.
    sessions.retain(|session| session.signature != Signature::Unverified);
    let sessions = share(sessions, &receipts);
    if sessions.is_empty() {
        return Ok(None);
    }
    let mut lines = Vec::new();
    for session in &sessions {
        let machine = MachineSlug::new(session.machine.as_str())?;
        let entries = restore::entries_of(repository, &machine, session)?;
        lines.extend(entries.into_iter().map(|entry| Line { machine: machine.clone(), entry }));
    }
    let mut problems = Vec::new();
    contents::read(repository, &lines, &mut problems, progress)?;
    let tried = proof::try_out(subject, &lines, &problems, progress)?;
    problems.extend(tried.problems);
    problem::say_once(&mut problems);
    let names = sessions.iter().map(receipts::name_of);
    let unproven = names.filter(|name| !tried.proven.contains(name)).collect();
    let (proven, tried_now) = (tried.proof.proven, tried.proof.tried);
    receipts::remember_share(repository, tried.proof, tried.proven, unproven, &problems)?;
    Ok(Some(Today { proven, tried: tried_now, problems }))
}

impl Today {
    /// What the log says of it: whoever asks tomorrow what happened last night finds it there.
    #[must_use]
    pub fn log_line(&self) -> Option<String> {
        let Problem { machine, path, error, .. } = self.problems.first()?;
        let more = match self.problems.len() {
            1 => String::new(),
            number => format!(" and {} more", number - 1),
        };
        Some(format!(
            "damaged: {machine}/{path}: {error}{more}; see `claude-backup verify --repair`"
        ))
    }
}

/// One in a hundred, at least one, those that were tried longest ago; fewer where they are large.
fn share(mut sessions: Vec<IndexEntry>, receipts: &Receipts) -> Vec<IndexEntry> {
    sessions.retain(|session| !session.without_transcript);
    let size = |session: &IndexEntry| session.uncompressed_bytes.unwrap_or_default();
    let wanted = sessions.len().div_ceil(usize::try_from(DAYS).unwrap_or(1));
    let room = ALWAYS.max(2 * sessions.iter().map(size).sum::<u64>() / DAYS);
    sessions.sort_by_cached_key(|session| {
        let name = receipts::name_of(session);
        (receipts.last_tried(&name).map(str::to_owned), name)
    });
    let mut taken = 0;
    let fits = |session: &IndexEntry| {
        taken += size(session);
        taken <= room || taken == size(session)
    };
    sessions.into_iter().take(wanted).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Proof;

    fn sessions(sizes: impl IntoIterator<Item = u64>) -> Vec<IndexEntry> {
        let session = |(number, size)| IndexEntry {
            uuid: format!("{number:04}"),
            machine: "mac".into(),
            uncompressed_bytes: Some(size),
            ..IndexEntry::default()
        };
        (0..).zip(sizes).map(session).collect()
    }

    /// How many days pass until each session was tried once.
    fn days_for(sessions: &[IndexEntry]) -> u64 {
        let mut receipts = Receipts::default();
        let mut days = 0;
        while receipts.sessions.len() < sessions.len() {
            let names = share(sessions.to_vec(), &receipts);
            let names = names.iter().map(receipts::name_of).collect::<Vec<_>>();
            assert!(!names.is_empty());
            let proof = Proof { at: format!("{days:05}"), ..Proof::default() };
            receipts.add(proof, names);
            days += 1;
        }
        days
    }

    #[test]
    fn after_a_hundred_days_every_session_had_its_turn() {
        for number in [1, 7, 99, 100] {
            assert_eq!(days_for(&sessions(vec![150_000; number])), number as u64);
        }
        assert_eq!(days_for(&sessions(vec![150_000; 2134])), 97);
    }

    #[test]
    fn large_ones_are_tried_one_by_one_and_hold_nobody_up_for_long() {
        let sizes = (0..300).map(|number| if number % 30 == 0 { 500 << 20 } else { 150_000 });
        let all = sessions(sizes);
        assert!(days_for(&all) <= 120, "{}", days_for(&all));
        let first = share(sessions([500 << 20, 500 << 20]), &Receipts::default());
        assert_eq!(first.len(), 1);
    }
}
