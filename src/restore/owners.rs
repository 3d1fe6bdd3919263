//! Whose copy of a session is restored if several machines have it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::message_counts::{Completeness, MessageCounts, SessionCopy};
use crate::repository::trust::Signature;
use crate::session::MachineSlug;

/// A session of which another machine has a more complete copy than this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MoreComplete {
    /// The session.
    pub uuid: String,
    /// The other machine.
    pub machine: String,
    /// Messages in that copy.
    pub messages: u64,
    /// Messages in this machine's copy.
    pub own_messages: u64,
}

impl MoreComplete {
    /// The command that restores that copy. What it replaces is kept as a version.
    #[must_use]
    pub fn command(&self) -> String {
        format!("claude-backup restore {} --machine {} --force", self.uuid, self.machine)
    }
}

/// The machine that each session is restored from.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) machines: BTreeMap<String, MachineSlug>,
    pub(super) more_complete: Vec<MoreComplete>,
}

impl Owners {
    /// This machine for what it has itself; else the machine with the most complete copy.
    ///
    /// # Errors
    /// If the index or a ledger cannot be read.
    pub(super) fn find(repository: &Repository, machines: &[MachineSlug]) -> Result<Self> {
        let sessions = repository.index()?.sessions;
        let mut by_id: BTreeMap<&str, Vec<(&MachineSlug, &IndexEntry)>> = BTreeMap::new();
        for machine in machines {
            let own = sessions.iter().filter(|session| session.machine == machine.as_str());
            for session in own.filter(|session| session.signature != Signature::Unverified) {
                by_id.entry(&session.uuid).or_default().push((machine, session));
            }
        }
        let (mut owners, mut counts) = (Self::default(), MessageCounts::load(repository));
        for (id, mut copies) in by_id {
            keep_most_trusted(&mut copies);
            let owner = owners.choose(repository, &copies, &mut counts)?;
            owners.machines.insert(id.to_owned(), owner);
        }
        counts.save();
        Ok(owners)
    }

    fn choose(
        &mut self,
        repository: &Repository,
        copies: &[(&MachineSlug, &IndexEntry)],
        counts: &mut MessageCounts<'_>,
    ) -> Result<MachineSlug> {
        let first = copies[0].0;
        if copies.iter().all(|(machine, _)| *machine == first) {
            return Ok(first.clone());
        }
        let mut own: Vec<SessionCopy> = Vec::new();
        let mut others: Vec<SessionCopy> = Vec::new();
        for (machine, session) in copies {
            let kept = if **machine == repository.machine { &mut own } else { &mut others };
            kept.extend(repository.session_copy(session)?);
        }
        if *first != repository.machine {
            let best = most_complete(&others, counts);
            return Ok(best.map_or(first, |(copy, _)| &copy.machine).clone());
        }
        // The very bytes that this machine has can be no more than it has.
        others.retain(|copy| own.iter().all(|own| own.claimed_hash() != copy.claimed_hash()));
        if let Some((copy, theirs)) = most_complete(&others, counts) {
            let ours = most_complete(&own, counts).map(|(_, completeness)| completeness);
            let own_messages = ours.map_or(0, |ours| ours.messages);
            if theirs.messages > own_messages {
                self.more_complete.push(MoreComplete {
                    uuid: copies[0].1.uuid.clone(),
                    machine: copy.machine.to_string(),
                    messages: theirs.messages,
                    own_messages,
                });
            }
        }
        Ok(first.clone())
    }
}

/// What nobody vouches for never takes the place of what somebody does.
fn keep_most_trusted(copies: &mut Vec<(&MachineSlug, &IndexEntry)>) {
    let trust = |session: &IndexEntry| session.signature.min(Signature::Verified);
    let most = copies.iter().map(|(_, session)| trust(session)).max();
    copies.retain(|(_, session)| Some(trust(session)) == most);
}

/// The first of the copies that have the most.
fn most_complete<'a>(
    copies: &'a [SessionCopy],
    counts: &mut MessageCounts<'_>,
) -> Option<(&'a SessionCopy, Completeness)> {
    let mut best: Option<(&SessionCopy, Completeness)> = None;
    for copy in copies {
        if let Some(found) = counts.completeness(copy)
            && best.is_none_or(|(_, most)| found > most)
        {
            best = Some((copy, found));
        }
    }
    best
}
