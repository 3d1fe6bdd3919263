//! A stored file's line that somebody took out of its ledger by hand, put there again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Listing;
use super::apply::{Run, stored};
use super::totals::Occasion;
use crate::repository::Repository;
use crate::repository::cache::Known;
use crate::repository::layout::{EntryPath, LedgerName, machine_folder};
use crate::repository::ledger::{Content, Entry, Ledger};
use crate::source::Scope;
use crate::vault::ObjectId;

/// Gives stored files of this machine that no line speaks of the lines that they had, from the
/// newest commit that knows. `unlisted` are names below the machine's folder.
///
/// # Errors
/// Where git cannot be read or written.
pub fn relist(repository: &Repository, unlisted: &[String]) -> Result<()> {
    let ledgers: BTreeSet<LedgerName> = unlisted.iter().map(|name| ledger_of(name)).collect();
    let committed = committed(repository)?;
    let mut wanted: BTreeSet<&str> = unlisted.iter().map(String::as_str).collect();
    let mut run = Run::begin(repository, stored(repository)?, Scope::All, &Listing::default())?;
    for ledger in ledgers {
        let file = format!("{}/{}", machine_folder(&repository.machine), ledger.file());
        for (blob, _) in repository.vault.history_of(&file)? {
            let Ok(text) = repository.vault.read(blob) else { continue };
            for entry in Ledger::parse(&text).0.entries.into_values() {
                let files = entry.contents().flat_map(|content| content.files(&entry.path));
                let found: Vec<String> = files.map(|(name, _)| name).collect();
                if found.iter().any(|name| wanted.remove(name.as_str())) {
                    run.list_again(entry, &committed)?;
                }
            }
        }
    }
    run.finish(Occasion::Beside).map(drop)
}

impl Run<'_> {
    /// A line as it was, without what the commit does not have any more. Where the file has got
    /// another one meanwhile, that one gets the earlier versions.
    fn list_again(
        &mut self,
        mut lost: Entry,
        committed: &BTreeMap<String, ObjectId>,
    ) -> Result<()> {
        let path = lost.path.clone();
        let is_here = |content: &Content| {
            let mut files = content.files(&path).into_iter();
            files.all(|(name, part)| committed.get(&name) == Some(&part.blob))
        };
        lost.versions.retain(|version| is_here(&version.content));
        let entry = match self.revision.entry(&path)?.cloned() {
            Some(mut present) => {
                let is_known = |number| present.versions.iter().any(|v| v.number == number);
                lost.versions.retain(|version| !is_known(version.number));
                present.versions.append(&mut lost.versions);
                present.versions.sort_by_key(|version| version.number);
                present
            }
            None if is_here(&lost.content) => lost,
            None => return Ok(()),
        };
        self.remember(&entry, Known::of(&entry));
        self.revision.set_entry(entry)
    }
}

/// What the newest commit has in this machine's folder, by the name below it.
fn committed(repository: &Repository) -> Result<BTreeMap<String, ObjectId>> {
    let folder = format!("{}/", machine_folder(&repository.machine));
    let files = repository.vault.files_below(folder.trim_end_matches('/'))?.into_iter();
    let named = files
        .filter_map(|file| Some((file.text_path()?.strip_prefix(&folder)?.to_owned(), file.id)));
    Ok(named.collect())
}

/// The ledger that spoke of a stored file.
fn ledger_of(name: &str) -> LedgerName {
    let below = name.strip_prefix("versions/").map(|below| format!("projects/{below}"));
    let path = EntryPath::parse(below.as_deref().unwrap_or(name));
    path.map_or_else(|_| LedgerName::home(), |path| path.ledger())
}
