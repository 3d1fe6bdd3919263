//! Secrets taken out of commits that were never pushed.
//!
//! Each of these commits is rewritten with the file as the newest commit has it, or without the file
//! if it was deleted from the Claude home. Everything else of a commit stays as it was. Then the old
//! content is removed from git's packs: nobody who gets the repository later finds it.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};

use super::{UnpushedSecret, pushed_tip, stored_secrets};
use crate::error::{ErrorKind, Failure};
use crate::repository::layout::{EntryPath, LedgerName};
use crate::repository::ledger::{Content, Entry, Ledger};
use crate::repository::{INCOMING, Repository};
use crate::vault::{FileMode, ObjectId, TreeEdits};

/// What a purge did.
#[derive(Clone, Debug, Default)]
pub struct Purged {
    /// The secrets that are in no commit any more.
    pub secrets: Vec<UnpushedSecret>,
    /// How many commits were rewritten.
    pub commits: usize,
}

/// Removes every likely secret that is not allowed from the commits that were never pushed. The
/// caller holds the lock, and has saved the files as they are now.
///
/// # Errors
/// [`ErrorKind::SecretFound`] if a file still has its secret, [`ErrorKind::Refused`] if one was
/// pushed already; then nothing has changed.
pub fn purge(repository: &Repository) -> Result<Purged> {
    let base = pushed_tip(repository)?;
    let mut secrets = super::find_unpushed(repository)?;
    secrets.retain(|secret| !secret.allowed);
    if secrets.is_empty() {
        return Ok(Purged::default());
    }
    refuse_pushed(repository, base, &secrets)?;
    let purge = Purge::new(repository, &secrets)?;
    purge.refuse_present(&secrets)?;
    let commits = purge.run(base)?;
    Ok(Purged { secrets, commits })
}

/// A secret that was pushed is known elsewhere: rewriting history here would only hide that.
fn refuse_pushed(
    repository: &Repository,
    base: Option<ObjectId>,
    secrets: &[UnpushedSecret],
) -> Result<()> {
    let Some(base) = base else { return Ok(()) };
    let blobs: HashSet<ObjectId> = secrets.iter().map(|secret| secret.blob).collect();
    let Some(blob) = stored_secrets(repository, base, &blobs)? else { return Ok(()) };
    let of_blob = secrets.iter().find(|secret| secret.blob == blob).context("a known content")?;
    let UnpushedSecret { path, finding, .. } = of_blob;
    let message =
        format!("the secret in {path}:{} ({}) was pushed already", finding.line, finding.kind);
    Err(Failure::new(ErrorKind::Refused, message)
        .hint("revoke it where it is used; then `claude-backup secrets allow FINGERPRINT`")
        .into())
}

struct Purge<'a> {
    repository: &'a Repository,
    /// This machine's folders: the present one, and the one that commits before a renaming have.
    folders: Vec<String>,
    /// The stored files that have a secret somewhere in history, with the contents that do.
    files: HashMap<String, HashSet<ObjectId>>,
    /// The ledger that speaks of them, as the newest commit has it.
    newest: Ledger,
}

impl<'a> Purge<'a> {
    fn new(repository: &'a Repository, secrets: &[UnpushedSecret]) -> Result<Self> {
        let mut files: HashMap<String, HashSet<ObjectId>> = HashMap::new();
        for secret in secrets {
            files.entry(secret.stored.clone()).or_default().insert(secret.blob);
        }
        let folders = super::machine_folders(repository)?;
        let newest = repository.ledger(&repository.machine, &LedgerName::home())?;
        Ok(Self { repository, folders, files, newest })
    }

    /// What is in the Claude home would be saved again by the next run.
    fn refuse_present(&self, secrets: &[UnpushedSecret]) -> Result<()> {
        let is_present = |secret: &&UnpushedSecret| {
            let entry = self.entry(&secret.stored);
            entry.is_some_and(|entry| {
                entry.gone_since.is_none() && has_blob(entry, &secret.stored, secret.blob)
            })
        };
        let Some(secret) = secrets.iter().find(is_present) else { return Ok(()) };
        let (path, line) = (&secret.path, secret.finding.line);
        let message = format!("{path}:{line} still holds the secret ({})", secret.finding.kind);
        Err(Failure::new(ErrorKind::SecretFound, message)
            .hint("remove it from the file, then run `claude-backup secrets purge` again")
            .into())
    }

    /// The line of a stored file, or of the file whose earlier version it is.
    fn entry(&self, stored: &str) -> Option<&Entry> {
        self.newest.entries.get(&EntryPath::parse(file_of(stored)).ok()?)
    }

    fn run(&self, base: Option<ObjectId>) -> Result<usize> {
        let vault = &self.repository.vault;
        let head = vault.head()?.context("a backup with commits")?.commit;
        let mut renamed = HashMap::new();
        let mut removed: HashSet<ObjectId> = self.files.values().flatten().copied().collect();
        let mut references = vault.own_references()?;
        references.retain(|(name, _)| name != INCOMING);
        for (_, tip) in &references {
            let commits = vault.commits_between(base, *tip)?;
            let mut edits = HashMap::new();
            for commit in &commits {
                if let Some(of_commit) = self.edits(*commit, &mut removed)? {
                    edits.insert(*commit, of_commit);
                }
            }
            vault.rewrite(&commits, &edits, &mut renamed)?;
        }
        if let Some(newest) = renamed.get(&head) {
            self.repository.follow(*newest)?;
        }
        for (name, tip) in references {
            if let Some(new) = renamed.get(&tip).filter(|_| tip != head) {
                vault.set_reference(&name, *new)?;
            }
        }
        vault.rename_in_reflogs(&renamed)?;
        removed.extend(renamed.keys());
        vault.remove_objects(&removed)?;
        Ok(renamed.len())
    }

    /// What has to change in a commit; `None` if it has none of the contents. Adds what the commit
    /// alone refers to, the folders on the way included, to what is removed.
    fn edits(
        &self,
        commit: ObjectId,
        removed: &mut HashSet<ObjectId>,
    ) -> Result<Option<TreeEdits>> {
        let tree = self.repository.vault.tree_of(commit)?;
        let mut edits = TreeEdits::new();
        for folder in &self.folders {
            self.edit_folder(tree, folder, &mut edits, removed)?;
        }
        Ok(Some(edits).filter(|edits| !edits.is_empty()))
    }

    fn edit_folder(
        &self,
        tree: ObjectId,
        folder: &str,
        edits: &mut TreeEdits,
        removed: &mut HashSet<ObjectId>,
    ) -> Result<()> {
        let vault = &self.repository.vault;
        let ledger_path = format!("{folder}/{}", LedgerName::home().file());
        let ledger_file = vault.file_in(tree, &ledger_path)?;
        let text = ledger_file.as_ref().map(|file| vault.read(file.id)).transpose()?;
        let mut ledger = Ledger::parse(text.as_deref().unwrap_or_default()).0;
        let mut is_changed = false;
        for (stored, blobs) in &self.files {
            let path = format!("{folder}/{stored}");
            let Some(file) = vault.file_in(tree, &path)?.filter(|file| blobs.contains(&file.id))
            else {
                continue;
            };
            self.replace(folder, stored, file.id, &mut ledger, edits)?;
            self.note_folders(tree, &path, removed)?;
            is_changed = true;
        }
        if let Some(file) = ledger_file.filter(|_| is_changed) {
            let text = vault.store_text(&ledger.to_text()?)?;
            if text != file.id {
                edits.put(ledger_path.clone(), text, FileMode::Plain);
                removed.insert(file.id);
                self.note_folders(tree, &ledger_path, removed)?;
            }
        }
        Ok(())
    }

    /// Puts the newest content in the place of one with a secret, in the tree and in the ledger; what
    /// has no other content goes.
    fn replace(
        &self,
        folder: &str,
        stored: &str,
        blob: ObjectId,
        ledger: &mut Ledger,
        edits: &mut TreeEdits,
    ) -> Result<()> {
        let path = EntryPath::parse(file_of(stored))?;
        let whole = format!("{folder}/{stored}");
        let is_version = file_of(stored) != stored;
        let newest = self.newest.entries.get(&path);
        let clean = newest.filter(|entry| !is_version && !has_blob(entry, stored, blob));
        let clean = clean.filter(|entry| {
            let blobs = &self.files[stored];
            entry.content.parts.iter().all(|part| !blobs.contains(&part.blob))
        });
        match clean.and_then(|entry| Some((entry, entry.content.parts.first()?))) {
            Some((entry, part)) => {
                edits.put(whole, part.blob, entry.content.file_mode());
                ledger.entries.insert(path, entry.clone());
            }
            None if is_version => {
                edits.remove(whole);
                if let Some(entry) = ledger.entries.get_mut(&path) {
                    entry.versions.retain(|version| {
                        version.content.parts.iter().all(|part| part.blob != blob)
                    });
                }
            }
            None => {
                edits.remove(whole);
                ledger.entries.remove(&path);
            }
        }
        Ok(())
    }

    /// The folders that lead to a file: each has its content, by name.
    fn note_folders(
        &self,
        tree: ObjectId,
        path: &str,
        removed: &mut HashSet<ObjectId>,
    ) -> Result<()> {
        removed.insert(tree);
        for (at, _) in path.match_indices('/') {
            removed.extend(self.repository.vault.folder_in(tree, &path[..at])?);
        }
        Ok(())
    }
}

/// The stored file whose earlier version a name is, or the name itself.
fn file_of(stored: &str) -> &str {
    let version = stored.strip_prefix("versions/%home/").and_then(|rest| rest.rsplit_once('/'));
    version.map_or(stored, |(file, _)| file)
}

fn has_blob(entry: &Entry, stored: &str, blob: ObjectId) -> bool {
    let of = |content: &Content| content.parts.iter().any(|part| part.blob == blob);
    match file_of(stored) == stored {
        true => of(&entry.content),
        false => entry.versions.iter().any(|version| of(&version.content)),
    }
}
