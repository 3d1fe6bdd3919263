//! Git's own objects, put back by their names: from the work tree, from the source, from what git
//! notes beside them, from the copy elsewhere.

use std::collections::HashMap;

use anyhow::Result;

use super::elsewhere::Elsewhere;
use super::history::{BRANCH, place_of};
use super::remake::Remake;
use super::{Origin, Repaired};
use crate::fs::read_if_exists;
use crate::path_rules::check_name;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::layout::{MACHINES, PLUMBING};
use crate::repository::ledger::Ledger;
use crate::source::Roots;
use crate::vault::{
    FileMode, Lacking, Mending, Object, ObjectId, ObjectKind, Soundness, TreeEdits,
};

/// Puts back what can be had; the caller holds the lock.
///
/// # Errors
/// Where the repository cannot be read or written at all.
pub(super) fn mend(
    repository: &Repository,
    roots: &Roots,
    elsewhere: &Elsewhere,
    progress: &dyn Progress,
) -> Result<Vec<Repaired>> {
    let vault = &repository.vault;
    let mut repaired = Vec::new();
    vault.index_packs_again()?;
    vault.set_damaged_references_aside()?;
    if vault.branch_is_lost() && vault.branch_of_reflog()? {
        let machine = repository.machine.to_string();
        repaired.push(Repaired { machine, path: BRANCH.into(), from: Origin::Git });
    }
    // A commit or a folder that came back leads to more.
    loop {
        let soundness = vault.soundness(progress)?;
        let mut round = Round::begin(repository, roots, &soundness)?;
        if !round.take_here()? && !round.take_elsewhere(elsewhere)? {
            repaired.append(&mut round.salvaged);
            drop(round);
            vault.rewrite_damaged_packs(&soundness)?;
            return Ok(repaired);
        }
        repaired.append(&mut round.repaired);
        round.mending.seal()?;
    }
}

/// One look at what is lacking, and what is put back of it.
struct Round<'a> {
    repository: &'a Repository,
    /// What not even the damaged packs give.
    lacking: Vec<&'a Lacking>,
    /// Folders by their names, and commits.
    folders: HashMap<ObjectId, Object>,
    remake: Remake<'a>,
    mending: Mending<'a>,
    repaired: Vec<Repaired>,
    /// What the damaged packs give, once they are written anew.
    salvaged: Vec<Repaired>,
}

impl<'a> Round<'a> {
    fn begin(
        repository: &'a Repository,
        roots: &'a Roots,
        soundness: &'a Soundness,
    ) -> Result<Self> {
        let mut salvage = repository.vault.salvage(&soundness.damaged_packs)?;
        let (had, lacking): (Vec<&Lacking>, Vec<&Lacking>) =
            soundness.lacking.iter().partition(|lacking| salvage.object(lacking.id).is_some());
        let salvaged = had.into_iter().map(|lacking| note(repository, lacking, Origin::Git));
        let salvaged = salvaged.collect();
        let needs_folders = lacking.iter().any(|lacking| lacking.kind != ObjectKind::Blob);
        let folders = if needs_folders { folders(repository) } else { HashMap::new() };
        let remake = Remake::new(repository, roots);
        let mending = repository.vault.begin_mending()?;
        let repaired = Vec::new();
        Ok(Self { repository, lacking, folders, remake, mending, repaired, salvaged })
    }

    /// True where this machine has something of it.
    fn take_here(&mut self) -> Result<bool> {
        for lacking in self.lacking.clone() {
            let found = match lacking.kind {
                ObjectKind::Tree => self.folders.get(&lacking.id).cloned().map(from_work_tree),
                ObjectKind::Commit | ObjectKind::Tag => self.commit(lacking.id),
                ObjectKind::Blob => {
                    let file = work_file(self.repository, lacking).map(from_work_tree);
                    file.or_else(|| self.remake.blob(lacking))
                }
            };
            if let Some((object, from)) = found {
                self.add(lacking, &object, from)?;
            }
        }
        Ok(!self.mending.is_empty())
    }

    /// True where the copy elsewhere has something of it.
    fn take_elsewhere(&mut self, elsewhere: &Elsewhere) -> Result<bool> {
        if self.lacking.is_empty() {
            return Ok(false);
        }
        let Some(copy) = elsewhere.clone() else { return Ok(false) };
        for lacking in self.lacking.clone() {
            if let Some(object) = copy.vault.object(lacking.id) {
                self.add(lacking, &object, Origin::Remote)?;
            }
        }
        Ok(!self.mending.is_empty())
    }

    fn commit(&self, id: ObjectId) -> Option<(Object, Origin)> {
        let folders: Vec<ObjectId> = self.folders.keys().copied().collect();
        self.repository.vault.commit_of_reflog(id, &folders).map(|commit| (commit, Origin::Git))
    }

    fn add(&mut self, lacking: &Lacking, object: &Object, from: Origin) -> Result<()> {
        self.mending.add(object)?;
        self.repaired.push(note(self.repository, lacking, from));
        Ok(())
    }
}

fn note(repository: &Repository, lacking: &Lacking, from: Origin) -> Repaired {
    let (machine, path) = place_of(repository, lacking);
    Repaired { machine: machine.to_string(), path, from }
}

fn from_work_tree(object: Object) -> (Object, Origin) {
    (object, Origin::WorkTree)
}

/// The file of the work tree at that place, if it has the very bytes.
fn work_file(repository: &Repository, lacking: &Lacking) -> Option<Object> {
    let is_name = |name: &str| check_name(name.as_bytes()).is_ok();
    lacking.path.split('/').all(is_name).then_some(())?;
    let path = repository.root().join(&lacking.path);
    let (id, _) = ObjectId::of_file(&path).ok()?;
    let bytes = (id == lacking.id).then(|| fs_err::read(&path).ok()).flatten()?;
    Some(Object::blob(bytes)).filter(|object| object.id() == lacking.id)
}

/// The folders of the newest backup, as git's index tells them, and as the ledgers do.
fn folders(repository: &Repository) -> HashMap<ObjectId, Object> {
    let told = [repository.vault.files_of_index(), files_of_ledgers(repository).ok()];
    let folders = told.into_iter().flatten().flat_map(|files| repository.vault.trees_of(&files));
    folders.map(|folder| (folder.id(), folder)).collect()
}

/// Every file that the work tree's ledgers speak of, and the ledgers themselves.
fn files_of_ledgers(repository: &Repository) -> Result<TreeEdits> {
    let mut files = TreeEdits::new();
    let mut plain = vec![".gitignore".to_owned()];
    for entry in fs_err::read_dir(repository.root().join(MACHINES))?.flatten() {
        let Ok(slug) = entry.file_name().into_string() else { continue };
        let folder = format!("{MACHINES}/{slug}");
        plain.extend(PLUMBING.map(|name| format!("{folder}/{name}")));
        let ledgers = fs_err::read_dir(repository.root().join(&folder).join("ledger"));
        for ledger in ledgers.into_iter().flatten().flatten() {
            let Ok(name) = ledger.file_name().into_string() else { continue };
            let name = format!("{folder}/ledger/{name}");
            let text = fs_err::read(repository.root().join(&name))?;
            for entry in Ledger::parse(&text).0.entries.into_values() {
                for content in entry.contents() {
                    for (file, part) in content.files(&entry.path) {
                        files.put(format!("{folder}/{file}"), part.blob, content.file_mode());
                    }
                }
            }
            plain.push(name);
        }
    }
    for name in plain {
        if let Some(bytes) = read_if_exists(&repository.root().join(&name))? {
            files.put(name, ObjectId::of_bytes(&bytes), FileMode::Plain);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::source::Scope;
    use crate::sync::{self, Reading};

    #[test]
    fn the_ledgers_alone_tell_every_folder_of_the_newest_backup() {
        let (home, env) = crate::testing::sandbox();
        let claude = home.path().join(".claude");
        fs_err::create_dir_all(claude.join("projects/-p")).unwrap();
        fs_err::create_dir_all(claude.join("skills/x")).unwrap();
        fs_err::write(claude.join("projects/-p/a.jsonl"), "{}\n").unwrap();
        fs_err::write(claude.join("skills/x/run.sh"), "#!/bin/sh\n").unwrap();
        let repository = Repository::create(&home.path().join("backup"), &env).unwrap();
        let roots = Roots::find(None, &env);
        let prepared =
            sync::plan(&repository, &roots, Scope::All, Reading::Changed, &Silent).unwrap();
        sync::apply(&repository, prepared, &Silent).unwrap();
        let trees = repository.vault.trees_of(&files_of_ledgers(&repository).unwrap());
        let head = repository.vault.head().unwrap().unwrap();
        assert!(trees.iter().any(|tree| tree.id() == head.tree));
    }
}
