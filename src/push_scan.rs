//! Likely secrets in what is about to be pushed: the config profile, in every commit that the remote
//! lacks.
//!
//! What the remote has already is not looked at again, so a file is scanned before it is pushed for
//! the first time and whenever it changed. A secret stops the push, never the backup.

mod purge;

use std::collections::HashSet;
use std::io::{BufReader, Read};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::error::{ErrorKind, Failure};
use crate::repository::layout::{EntryPath, machine_folder};
use crate::repository::{Repository, SEEN, SecretPolicy, settings};
use crate::secrets::{self, Finding, Salt};
use crate::vault::ObjectId;

pub use self::purge::{Purged, purge};

/// Where a machine's folder has the config profile, and what a restore displaced of it.
const CONFIG_FOLDERS: [&str; 3] = ["config", "agent-memory", "versions/%home/config"];
/// No stored file inflates to more.
const MAX_BYTES: u64 = 1 << 30;
/// So many findings are named where a push stops.
const MOST_NAMED: usize = 10;

/// A likely secret in a commit that was not pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnpushedSecret {
    /// The file, named from the Claude home on.
    pub path: String,
    /// Where in it, what kind, and its fingerprint.
    #[serde(flatten)]
    pub finding: Finding,
    /// The first commit that has it.
    pub commit: String,
    /// The user said that it may be pushed.
    pub allowed: bool,
    /// The content that has it.
    #[serde(skip)]
    pub blob: ObjectId,
    /// The stored file, from the machine's folder on.
    #[serde(skip)]
    pub stored: String,
}

/// Finds the likely secrets that a push of `tip` to a remote which has `base` would publish, the
/// oldest commit's first.
fn find(
    repository: &Repository,
    base: Option<ObjectId>,
    tip: ObjectId,
) -> Result<Vec<UnpushedSecret>> {
    let vault = &repository.vault;
    let mut scan = Scan::new(repository)?;
    if let Some(base) = base {
        for (_, blob) in scan.new_files(base)? {
            scan.seen_blobs.insert(blob);
        }
    }
    let mut found = Vec::new();
    for commit in vault.commits_between(base, tip)? {
        for (stored, blob) in scan.new_files(commit)? {
            if scan.seen_blobs.insert(blob) {
                found.extend(scan.scan_file(commit, &stored, blob)?);
            }
        }
    }
    Ok(found)
}

/// Finds the likely secrets in commits that the remote lacked when it was last seen.
///
/// # Errors
/// Where git cannot be read.
pub fn find_unpushed(repository: &Repository) -> Result<Vec<UnpushedSecret>> {
    match repository.vault.head()? {
        Some(head) => find(repository, pushed_tip(repository)?, head.commit),
        None => Ok(Vec::new()),
    }
}

/// Returns where the remote's branch was when it was last seen, if our branch has all of that.
///
/// # Errors
/// Where git cannot be read.
pub fn pushed_tip(repository: &Repository) -> Result<Option<ObjectId>> {
    match repository.vault.reference(SEEN)? {
        Some(seen) if repository.contains(seen)? => Ok(Some(seen)),
        _ => Ok(None),
    }
}

/// Refuses a push of `tip` to a remote that has `base` if it would publish a likely secret that the
/// user has not allowed.
///
/// # Errors
/// [`ErrorKind::SecretFound`] with file, line and kind of each.
pub fn refuse(repository: &Repository, base: Option<ObjectId>, tip: ObjectId) -> Result<()> {
    if repository.secret_policy == SecretPolicy::Allow {
        return Ok(());
    }
    let mut found = find(repository, base, tip)?;
    found.retain(|secret| !secret.allowed);
    let Some(first) = found.first() else { return Ok(()) };
    let message = format!(
        "{}:{} looks like it holds a secret ({}), so nothing was pushed",
        first.path, first.finding.line, first.finding.kind
    );
    let mut failure = Failure::new(ErrorKind::SecretFound, message).hint(
        "remove it from the file and run `claude-backup secrets purge`; if it may be pushed: \
         `claude-backup secrets allow FINGERPRINT`, or `claude-backup sync --allow-secrets`",
    );
    for secret in found.iter().take(MOST_NAMED) {
        let Finding { line, kind, fingerprint } = &secret.finding;
        failure = failure.line(format!("{}:{line}: {kind}, {fingerprint}", secret.path));
    }
    if let Some(more @ 1..) = found.len().checked_sub(MOST_NAMED) {
        failure = failure.line(format!("and {more} more: claude-backup secrets list"));
    }
    Err(failure.into())
}

/// Lets the secrets with these fingerprints be pushed.
///
/// # Errors
/// [`ErrorKind::NotFound`] if no unpushed secret has one of them.
pub fn allow(repository: &Repository, fingerprints: &[String]) -> Result<Vec<UnpushedSecret>> {
    let mut found = find_unpushed(repository)?;
    found.retain(|secret| fingerprints.contains(&secret.finding.fingerprint));
    for fingerprint in fingerprints {
        if !found.iter().any(|secret| secret.finding.fingerprint == *fingerprint) {
            let message = format!("no unpushed secret has the fingerprint `{fingerprint}`");
            return Err(Failure::new(ErrorKind::NotFound, message)
                .hint("`claude-backup secrets list` has those that there are")
                .into());
        }
        settings::allow_secret(&repository.vault, fingerprint)?;
    }
    found.iter_mut().for_each(|secret| secret.allowed = true);
    Ok(found)
}

/// Returns one of these contents that a config profile in the history of `tip` has.
fn stored_secrets(
    repository: &Repository,
    tip: ObjectId,
    blobs: &HashSet<ObjectId>,
) -> Result<Option<ObjectId>> {
    let mut scan = Scan::new(repository)?;
    for commit in repository.vault.commits_between(None, tip)? {
        let mut files = scan.new_files(commit)?.into_iter();
        if let Some((_, blob)) = files.find(|(_, blob)| blobs.contains(blob)) {
            return Ok(Some(blob));
        }
    }
    Ok(None)
}

/// This machine's folder, and the one that it had before if it was renamed.
fn machine_folders(repository: &Repository) -> Result<Vec<String>> {
    let former = settings::former(&repository.vault)?;
    let machines = [Some(&repository.machine), former.as_ref()].into_iter().flatten();
    Ok(machines.map(machine_folder).collect())
}

/// One pass over the config profiles of several commits; no tree and no content is read twice.
struct Scan<'a> {
    repository: &'a Repository,
    salt: Salt,
    allowed: Vec<String>,
    machines: Vec<String>,
    seen_trees: HashSet<ObjectId>,
    seen_blobs: HashSet<ObjectId>,
}

impl<'a> Scan<'a> {
    fn new(repository: &'a Repository) -> Result<Self> {
        let vault = &repository.vault;
        Ok(Self {
            repository,
            salt: settings::secret_salt(vault)?,
            allowed: settings::allowed_secrets(vault)?,
            machines: machine_folders(repository)?,
            seen_trees: HashSet::new(),
            seen_blobs: HashSet::new(),
        })
    }

    /// The config files of a commit's folders that no commit before had as they are: the names from
    /// the machine's folder on.
    fn new_files(&mut self, commit: ObjectId) -> Result<Vec<(String, ObjectId)>> {
        let vault = &self.repository.vault;
        let tree = vault.tree_of(commit)?;
        let mut files = Vec::new();
        for machine in &self.machines {
            for folder in CONFIG_FOLDERS {
                let Some(found) = vault.folder_in(tree, &format!("{machine}/{folder}"))? else {
                    continue;
                };
                if self.seen_trees.insert(found) {
                    let of_folder = vault.files_of(found)?.into_iter();
                    files.extend(of_folder.filter_map(|file| {
                        Some((format!("{folder}/{}", file.text_path()?), file.id))
                    }));
                }
            }
        }
        Ok(files)
    }

    fn scan_file(
        &self,
        commit: ObjectId,
        stored: &str,
        blob: ObjectId,
    ) -> Result<Vec<UnpushedSecret>> {
        let bytes = self.repository.vault.read(blob)?;
        // A name of the source's own that ends so is escaped.
        let found = if stored.ends_with(".gz") {
            let content = flate2::bufread::MultiGzDecoder::new(&bytes[..]);
            secrets::find(BufReader::new(content.take(MAX_BYTES)), &self.salt)
        } else {
            secrets::find(&bytes[..], &self.salt)
        };
        let found = found.with_context(|| format!("cannot look for secrets in `{stored}`"))?;
        let path = EntryPath::parse(stored)
            .map_or_else(|_| stored.to_owned(), |path| path.to_source().display().to_string());
        let secret = |finding: Finding| UnpushedSecret {
            path: path.clone(),
            allowed: self.allowed.contains(&finding.fingerprint),
            finding,
            commit: commit.to_string(),
            blob,
            stored: stored.to_owned(),
        };
        Ok(found.into_iter().map(secret).collect())
    }
}
