//! When what was last proven: `.git/claude-backup/receipts.json`, this machine's alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::fs::{read_if_exists, write_durable};
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::manifest::{parse_stamp, stamp};

/// What was given back on trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Proof {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Sessions that came back, byte for byte.
    pub proven: u64,
    /// Sessions that were tried.
    pub tried: u64,
    /// Of those that came back, the ones that the source still has, with the same bytes.
    pub compared: u64,
    /// From a fresh clone of the remote.
    pub from_remote: bool,
}

/// What is remembered of trials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Receipts {
    /// The last trial.
    pub last: Option<Proof>,
    /// When each session was last proven: `machine/id`, the time.
    pub sessions: BTreeMap<String, String>,
    /// When each session that did not come back was last tried.
    pub failed: BTreeMap<String, String>,
    /// When a sync last proved a day's share.
    pub last_share: Option<String>,
    /// What is wrong, as far as it was seen and not seen to be mended: `machine/path`, what it is.
    pub problems: BTreeMap<String, String>,
}

impl Receipts {
    /// What is remembered; nothing where the file is lost or damaged.
    #[must_use]
    pub fn load(repository: &Repository) -> Self {
        let text = file(repository).ok().and_then(|path| read_if_exists(&path).ok().flatten());
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Adds a trial of these sessions.
    pub fn add(&mut self, proof: Proof, sessions: impl IntoIterator<Item = String>) {
        for session in sessions {
            self.failed.remove(&session);
            self.sessions.insert(session, proof.at.clone());
        }
        self.last = Some(proof);
    }

    /// When a session was last tried, proven or not.
    #[must_use]
    pub fn last_tried(&self, name: &str) -> Option<&str> {
        self.sessions.get(name).max(self.failed.get(name)).map(String::as_str)
    }

    /// Remembers it.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn save(&self, repository: &Repository) -> Result<()> {
        Ok(write_durable(&file(repository)?, &serde_json::to_vec(self)?)?)
    }

    /// How many of these sessions were proven at some time, and when the first of those was.
    #[must_use]
    pub fn proven<'a>(
        &self,
        sessions: impl Iterator<Item = &'a str>,
    ) -> (u64, Option<DateTime<Utc>>) {
        let times: Vec<_> = sessions.filter_map(|id| parse_stamp(self.sessions.get(id)?)).collect();
        (times.len() as u64, times.into_iter().min())
    }
}

/// Notes a trial of these sessions, in which `machine/id` came back.
pub(super) fn remember(
    repository: &Repository,
    proof: &Proof,
    proven: impl IntoIterator<Item = String>,
) -> Result<()> {
    let mut receipts = Receipts::load(repository);
    receipts.add(proof.clone(), proven);
    receipts.save(repository)
}

/// Notes a day's share: which of its sessions came back, and which did not.
pub(super) fn remember_share(
    repository: &Repository,
    proof: Proof,
    proven: impl IntoIterator<Item = String>,
    unproven: Vec<String>,
    problems: &[Problem],
) -> Result<()> {
    let mut receipts = Receipts::load(repository);
    receipts.problems.extend(named(problems));
    receipts.last_share = Some(proof.at.clone());
    for session in unproven {
        receipts.sessions.remove(&session);
        receipts.failed.insert(session, proof.at.clone());
    }
    receipts.add(proof, proven);
    receipts.save(repository)
}

/// Notes what a look at everything found: no other problem is known after it.
pub(super) fn remember_problems(repository: &Repository, problems: &[Problem]) -> Result<()> {
    let mut receipts = Receipts::load(repository);
    let found = named(problems).collect();
    if receipts.problems == found {
        return Ok(());
    }
    receipts.problems = found;
    receipts.save(repository)
}

fn named(problems: &[Problem]) -> impl Iterator<Item = (String, String)> {
    let name = |problem: &Problem| format!("{}/{}", problem.machine, problem.path);
    problems.iter().map(move |problem| (name(problem), problem.error.clone()))
}

/// How receipts name a session.
pub(super) fn name_of(session: &IndexEntry) -> String {
    format!("{}/{}", session.machine, session.uuid)
}

/// Now, as receipts write it.
pub(super) fn now(repository: &Repository) -> String {
    stamp(repository.env().now())
}

fn file(repository: &Repository) -> Result<PathBuf> {
    Ok(repository.vault.private_dir()?.join("receipts.json"))
}
