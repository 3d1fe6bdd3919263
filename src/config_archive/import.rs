//! Putting a profile from an archive into the Claude home, over nothing that is not kept.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::check::{Checked, Held, for_each};
use super::{LeftOut, export};
use crate::fs::{is_missing, new_beside, open_regular, persist};
use crate::repository::ledger::Hash;
use crate::restore::{Conflict, ForeignCode, HeldBack};
use crate::source::{Kind, Listing, SourceFile, Stat};

/// What an import would do.
#[derive(Clone, Debug, Default)]
pub struct ImportPlan {
    /// What is written: where nothing stands.
    pub add: Vec<PathBuf>,
    /// What is written over other bytes, which are kept.
    pub displace: Vec<PathBuf>,
    /// Other bytes that stay.
    pub keep: Vec<PathBuf>,
    /// What stands there already, bytes and bits.
    pub same: Vec<PathBuf>,
    /// What must not be written.
    pub forbidden: Vec<LeftOut>,
    /// What can execute code and is not written.
    pub held_back: Vec<HeldBack>,
}

impl ImportPlan {
    /// The files to be written that can execute code.
    #[must_use]
    pub fn code(&self, checked: &Checked) -> Vec<HeldBack> {
        let reason = |path: &PathBuf| {
            let reason = checked.files.get(path)?.code.clone()?;
            Some(HeldBack { path: path.display().to_string(), machine: None, reason })
        };
        let mut code: Vec<HeldBack> =
            self.add.iter().chain(&self.displace).filter_map(reason).collect();
        code.sort();
        code
    }

    /// Leaves them out, or in.
    pub fn decide_on_code(&mut self, checked: &Checked, decision: ForeignCode) {
        if decision == ForeignCode::Install {
            return;
        }
        self.held_back = self.code(checked);
        let is_code =
            |path: &PathBuf| checked.files.get(path).is_some_and(|held| held.code.is_some());
        self.add.retain(|path| !is_code(path));
        self.displace.retain(|path| !is_code(path));
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportOutcome {
    /// Files written.
    pub files: u64,
    /// The archive with what was displaced.
    pub displaced_to: Option<String>,
    /// What could not be written.
    pub failures: Vec<LeftOut>,
}

/// Compares an archive with a Claude home.
#[must_use]
pub fn plan(checked: &Checked, home: &Path, conflict: Conflict) -> ImportPlan {
    let mut plan = ImportPlan::default();
    for (relative, held) in &checked.files {
        match state_of(home, relative, held) {
            Ok(State::Free) => plan.add.push(relative.clone()),
            Ok(State::Same) => plan.same.push(relative.clone()),
            Ok(State::Other) => match conflict {
                Conflict::Displace => plan.displace.push(relative.clone()),
                Conflict::Keep => plan.keep.push(relative.clone()),
            },
            Err(error) => plan.forbidden.push(LeftOut {
                path: relative.display().to_string(),
                reason: format!("{error:#}"),
            }),
        }
    }
    plan
}

/// Writes what the plan says. What is displaced is put into an archive of its own first, which can
/// be imported again.
///
/// # Errors
/// Where the archive is not the one that was checked, or what would be displaced cannot be kept.
pub fn apply(
    archive: &Path,
    checked: &Checked,
    plan: &ImportPlan,
    home: &Path,
    displaced_to: &Path,
) -> Result<ImportOutcome> {
    let mut outcome = ImportOutcome { failures: plan.forbidden.clone(), ..Default::default() };
    if !plan.displace.is_empty() {
        keep_displaced(home, &plan.displace, displaced_to)?;
        outcome.displaced_to = Some(displaced_to.display().to_string());
    }
    for_each(archive, |relative, entry| {
        // Both lists are sorted, as the files are that they come from.
        let is_wished = |list: &[PathBuf]| {
            list.binary_search_by(|wished| wished.as_path().cmp(relative)).is_ok()
        };
        let held = checked.files.get(relative);
        let wished = held.filter(|_| is_wished(&plan.add) || is_wished(&plan.displace));
        let Some(held) = wished else { return Ok(()) };
        match write(&home.join(relative), entry, held) {
            Ok(true) => outcome.files += 1,
            Ok(false) => {
                let archive = archive.display();
                bail!("`{archive}` changed while it was read; some files may be written");
            }
            Err(error) => outcome.failures.push(LeftOut {
                path: relative.display().to_string(),
                reason: format!("{error:#}"),
            }),
        }
        Ok(())
    })?;
    Ok(outcome)
}

enum State {
    Free,
    Same,
    Other,
}

/// What stands at a file's place; fails where it must not be written to.
fn state_of(home: &Path, relative: &Path, held: &Held) -> Result<State> {
    let mut folder = home.to_path_buf();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match folder.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(found) if found.is_symlink() => bail!("`{}` is a link", folder.display()),
            Ok(_) => bail!("`{}` is no folder", folder.display()),
            Err(error) if is_missing(&error) => return Ok(State::Free),
            Err(error) => return Err(error).with_context(|| format!("`{}`", folder.display())),
        }
    }
    let path = home.join(relative);
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if is_missing(&error) => return Ok(State::Free),
        Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
    };
    if found.is_symlink() {
        bail!("`{}` is a link", path.display());
    }
    if !found.is_file() {
        bail!("`{}` is no file", path.display());
    }
    if found.len() != held.length {
        return Ok(State::Other);
    }
    let same = held.is(open_regular(&path)?)?;
    let same_bits = Stat::of(&found).mode & 0o111 == held.mode & 0o111;
    Ok(if same && same_bits { State::Same } else { State::Other })
}

fn keep_displaced(home: &Path, displaced: &[PathBuf], target: &Path) -> Result<()> {
    let file = |relative: &PathBuf| -> Result<SourceFile> {
        let path = fs_err::canonicalize(home)?.join(relative);
        let metadata = fs_err::symlink_metadata(&path)?;
        Ok(SourceFile::new(relative.clone(), path, Kind::Config, &metadata))
    };
    let files = displaced.iter().map(file).collect::<Result<_>>()?;
    let kept = export(&Listing { files, ..Listing::default() }, target)
        .context("what stands there could not be kept, so nothing was replaced")?;
    match kept.left_out.first() {
        None => Ok(()),
        Some(lost) => {
            bail!("`{}` could not be kept, so nothing was replaced: {}", lost.path, lost.reason)
        }
    }
}

/// False, and nothing is written, where the bytes are not those that were checked.
fn write(path: &Path, bytes: impl Read, held: &Held) -> Result<bool> {
    let mut file = new_beside(path)?;
    let written = Hash::of_each(bytes, |some| file.write_all(some))
        .with_context(|| format!("failed to write `{}`", path.display()))?;
    let is_checked = written == (held.hash, held.length);
    if is_checked {
        persist(file, path, held.mode)?;
    }
    Ok(is_checked)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn archive_of(claude_md: &str, target: &Path) {
        let folder = tempfile::tempdir().unwrap();
        let path = fs_err::canonicalize(folder.path()).unwrap().join("CLAUDE.md");
        fs_err::write(&path, claude_md).unwrap();
        let metadata = fs_err::metadata(&path).unwrap();
        let file = SourceFile::new("CLAUDE.md".into(), path, Kind::Config, &metadata);
        let _ = fs_err::remove_file(target);
        export(&Listing { files: vec![file], ..Listing::default() }, target).unwrap();
    }

    #[test]
    fn an_archive_that_changes_after_it_was_checked_brings_nothing_in() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, home) = (folder.path().join("archive"), folder.path().join("home"));
        archive_of("be kind\n", &archive);
        let checked = check(&archive).unwrap();
        let planned = plan(&checked, &home, Conflict::Keep);
        for other in ["be cruel\n", "be evil\n", ""] {
            archive_of(other, &archive);
            let error = apply(&archive, &checked, &planned, &home, Path::new("never")).unwrap_err();
            assert!(error.to_string().contains("changed while it was read"), "{error:#}");
            assert_eq!(fs_err::read_dir(&home).unwrap().count(), 0);
        }
        archive_of("be kind\n", &archive);
        let done = apply(&archive, &checked, &planned, &home, Path::new("never")).unwrap();
        assert_eq!(done.files, 1);
        assert_eq!(fs_err::read_to_string(home.join("CLAUDE.md")).unwrap(), "be kind\n");
    }
}
