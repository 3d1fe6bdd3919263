//! Where a backup may lie: in a folder of its own, outside of what it backs up.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::Repository;
use super::layout::MACHINES;
use super::manifest::Manifest;
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::fs::{is_missing, read_if_exists};
use crate::source::Roots;
use crate::vault::Vault;

/// The settings of which each backup has one as soon as `init` has done its first step.
const SETTINGS: [&str; 4] = ["mode", "machine", "machineId", "layout"];
/// What the program keeps in the backup folder.
const OWN: [&str; 6] =
    [".git", ".gitignore", MACHINES, "manifest.json", "session-index.json", "backup.log"];

/// The backup's own files and folders, by their real paths: the walk leaves them out wherever it
/// meets them.
#[must_use]
pub fn own_paths(root: &Path) -> Vec<PathBuf> {
    let root = resolved(root);
    OWN.iter().map(|name| root.join(name)).collect()
}

/// The Claude home that a backup folder lies in, and so would be backed up with.
#[must_use]
pub fn home_around<'a>(root: &Path, roots: &'a Roots) -> Option<&'a Path> {
    let root = resolved(root);
    roots.all().iter().map(PathBuf::as_path).find(|home| lies_in(&root, &resolved(home)))
}

/// Deletes a backup, and the folder that a link in its place leads to. Of a folder that lies in a Claude
/// home or around it, only what is the backup's own.
///
/// # Errors
/// Where something cannot be deleted.
pub fn delete(root: &Path, roots: &Roots, env: &Env) -> Result<()> {
    let real = resolved(root);
    let is_around = |home: &Path| lies_in(&resolved(home), &real);
    let has_others = roots.all().iter().any(|home| is_around(home)) || is_around(&env.home);
    if has_others || home_around(root, roots).is_some() {
        for own in own_paths(root) {
            match fs_err::symlink_metadata(&own) {
                Ok(found) if found.is_dir() => fs_err::remove_dir_all(own)?,
                Ok(_) => fs_err::remove_file(own)?,
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        return Ok(());
    }
    fs_err::remove_dir_all(&real)?;
    if root.is_symlink() {
        fs_err::remove_file(root)?;
    }
    Ok(())
}

/// Refuses a folder in which no new backup may be made. Nothing is created.
///
/// # Errors
/// [`ErrorKind::Usage`] where the folder lies in what is backed up or around it, in a git repository
/// of something else, or is not empty; where it cannot be read.
pub fn check_new(root: &Path, roots: &Roots, env: &Env) -> Result<()> {
    let real = resolved(root);
    let shown = root.display();
    for home in roots.all() {
        let home_shown = home.display();
        if let Some(around) = kept_folders(home).into_iter().find(|kept| lies_in(&real, kept)) {
            let what = match lies_in(&around, &resolved(home)) {
                true => format!("`{home_shown}`"),
                false => format!("`{}`, which a link in `{home_shown}` leads to", around.display()),
            };
            return refused(format!("`{shown}` is inside {what}: the backup would save itself"));
        }
        if lies_in(&resolved(home), &real) {
            return refused(format!("`{shown}` contains `{home_shown}`, which is backed up"));
        }
    }
    let home = resolved(&env.home);
    if lies_in(&home, &real) {
        return refused(format!("`{shown}` is or contains your home folder"));
    }
    // Whoever keeps the whole home in git may still use the usual place: it is no part of a project.
    if real != home.join(".claude-backup")
        && let Some(around) = real.ancestors().skip(1).find(|folder| is_git_repository(folder))
    {
        let around = around.display();
        return refused(format!("`{shown}` is inside the git repository `{around}`"));
    }
    check_content(root, &real)
}

/// Refuses a folder that holds something else than a backup.
fn check_content(root: &Path, real: &Path) -> Result<()> {
    let shown = root.display();
    if is_begun(real)? || looks_like_backup(real)? {
        return Ok(());
    }
    if is_git_repository(real) {
        return refused(format!("`{shown}` is a git repository, but not a backup"));
    }
    match real.exists() && !entries(real)?.is_empty() {
        true => refused(format!("`{shown}` is not empty, and not a backup")),
        false => Ok(()),
    }
}

fn refused(message: String) -> Result<()> {
    Err(Failure::new(ErrorKind::Usage, message)
        .hint("choose an empty folder of its own: --backup-dir PATH; by default it is ~/.claude-backup")
        .into())
}

impl Repository {
    /// True for the repository of a backup, however old, torn or new; false for one of something else.
    ///
    /// # Errors
    /// Where git or the folder cannot be read.
    pub(super) fn is_of_a_backup(&self) -> Result<bool> {
        for name in SETTINGS {
            if self.vault.setting(name)?.is_some() {
                return Ok(true);
            }
        }
        if looks_like_backup(&self.root)? {
            return Ok(true);
        }
        match self.vault.head()? {
            Some(head) => self.is_backup(head.commit),
            None => is_begun(&self.root),
        }
    }
}

/// True for a folder with a `.git` that has no commit, and nothing else: an `init` that was cut off,
/// or a clone of an empty remote.
fn is_begun(root: &Path) -> Result<bool> {
    if !root.join(".git").exists() || entries(root)? != [".git"] {
        return Ok(false);
    }
    Ok(Vault::open(root)?.map(|vault| vault.head()).transpose()?.flatten().is_none())
}

/// True for a folder with the manifest of a backup at its root, a machine's manifest or projects, or the
/// archives of the shell tool's first versions; git may have lost all of it.
fn looks_like_backup(root: &Path) -> Result<bool> {
    if has_manifest(root)? || has_flat_archives(&root.join("projects")) {
        return Ok(true);
    }
    let machines = root.join(MACHINES);
    if !machines.is_dir() {
        return Ok(false);
    }
    for name in entries(&machines)? {
        let machine = machines.join(name);
        if has_manifest(&machine)? || machine.join("projects").is_dir() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True where a project's folder has an archived transcript.
fn has_flat_archives(projects: &Path) -> bool {
    let is_archive = |name: &OsString| name.to_string_lossy().ends_with(".jsonl.gz");
    names(projects).iter().any(|project| names(&projects.join(project)).iter().any(is_archive))
}

/// Many programs have a `manifest.json`; only a backup's has the time of its last sync.
fn has_manifest(folder: &Path) -> Result<bool> {
    let text = read_if_exists(&folder.join("manifest.json")).ok().flatten();
    let manifest = text.and_then(|text| Manifest::parse(&text).ok());
    Ok(manifest.is_some_and(|manifest| !manifest.last_sync.is_empty()))
}

fn entries(folder: &Path) -> Result<Vec<OsString>> {
    let entries = fs_err::read_dir(folder)?;
    Ok(entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?)
}

/// True for a work tree's root, and for a bare repository.
fn is_git_repository(folder: &Path) -> bool {
    let has = |name: &str| fs_err::symlink_metadata(folder.join(name)).is_ok();
    has(".git") || (has("HEAD") && has("objects") && has("refs"))
}

/// A home and the folders that links in it lead to, by their real paths: people keep skills and
/// projects elsewhere. Links further down are met by the walk, which leaves the backup out.
fn kept_folders(home: &Path) -> Vec<PathBuf> {
    let mut kept = vec![resolved(home)];
    for name in names(home) {
        let folder = home.join(&name);
        let below = names(&folder).into_iter().map(|inner| PathBuf::from(&name).join(inner));
        for relative in std::iter::once(PathBuf::from(&name)).chain(below) {
            let path = home.join(&relative);
            let is_kept = crate::source::kind_of(&relative.join("x")).is_some();
            if is_kept && path.is_symlink() && path.is_dir() {
                kept.push(resolved(&path));
            }
        }
    }
    kept
}

/// The names in a folder; none where it cannot be read.
fn names(folder: &Path) -> Vec<OsString> {
    entries(folder).unwrap_or_default()
}

/// True where the first path is the second or lies in it. Folders are compared by what they are, not
/// by their spelling, which a file system may take in any case.
fn lies_in(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) || path.ancestors().any(|around| is_same(around, folder))
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path| fs_err::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    of(one).is_some_and(|found| Some(found) == of(other))
}

#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    one == other
}

/// The real path of what may not exist yet: links are followed as far as there is something.
fn resolved(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(real.pop()),
            other => {
                real.push(other);
                if let Ok(found) = fs_err::canonicalize(&real) {
                    real = found;
                }
            }
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sandbox;

    /// Whether a backup may be made at a place below the home.
    fn is_refused(home: &Path, env: &Env, place: &str) -> bool {
        check_new(&home.join(place), &Roots::find(None, env), env).is_err()
    }

    #[test]
    fn a_place_in_a_claude_home_is_refused_by_every_spelling() {
        let (home, env) = sandbox();
        let home = home.path();
        fs_err::create_dir_all(home.join(".claude/plugins/data")).unwrap();
        fs_err::create_dir_all(home.join(".config/claude/projects")).unwrap();
        for place in [
            ".claude",
            ".claude/plugins/data/backup",
            ".claude/not/yet/there",
            "other/../.claude/backup",
            ".config/claude/projects/backup",
        ] {
            assert!(is_refused(home, &env, place), "{place}");
        }
        for place in [".claude-backup", ".claude2/backup", ".claude/../backup"] {
            assert!(!is_refused(home, &env, place), "{place}");
        }
        fs_err::remove_dir_all(home.join(".claude")).unwrap();
        assert!(is_refused(home, &env, ".claude/backup"), "the home itself may come later");
    }

    #[test]
    fn a_place_around_what_is_backed_up_is_refused() {
        let (home, env) = sandbox();
        fs_err::create_dir_all(home.path().join(".config/claude/projects")).unwrap();
        for place in ["", ".", "..", "/", ".config"] {
            assert!(is_refused(home.path(), &env, place), "{place}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_hide_where_a_place_is() {
        use fs_err::os::unix::fs::symlink;
        let (home, env) = sandbox();
        let home = home.path();
        for folder in [".claude/skills", "dotfiles/skills/one", "notes"] {
            fs_err::create_dir_all(home.join(folder)).unwrap();
        }
        symlink(home.join(".claude"), home.join("link")).unwrap();
        symlink(home.join("dotfiles/skills/one"), home.join(".claude/skills/one")).unwrap();
        symlink(home.join("notes"), home.join(".claude/notes")).unwrap();
        assert!(is_refused(home, &env, "link/backup"));
        assert!(is_refused(home, &env, "dotfiles/skills/one/backup"));
        assert!(!is_refused(home, &env, "notes/backup"), "nothing saves ~/.claude/notes");
    }

    #[test]
    fn other_peoples_folders_are_refused() {
        let (home, env) = sandbox();
        let home = home.path();
        git2::Repository::init(home.join("project")).unwrap();
        git2::Repository::init_bare(home.join("bare.git")).unwrap();
        for (file, text) in [
            ("project/code.py", "pass"),
            ("photos/one.jpg", "x"),
            ("extension/manifest.json", r#"{"manifest_version":3,"version":"1.0"}"#),
        ] {
            fs_err::create_dir_all(home.join(file).parent().unwrap()).unwrap();
            fs_err::write(home.join(file), text).unwrap();
        }
        for place in
            ["project", "project/sub/backup", "bare.git", "bare.git/backup", "photos", "extension"]
        {
            assert!(is_refused(home, &env, place), "{place}");
        }
        fs_err::create_dir_all(home.join("empty")).unwrap();
        git2::Repository::init(home.join("begun")).unwrap();
        for place in ["empty", "begun", "new/folder"] {
            assert!(!is_refused(home, &env, place), "{place}");
        }
    }

    #[test]
    fn a_home_that_is_a_repository_has_room_at_the_usual_place() {
        let (home, env) = sandbox();
        git2::Repository::init(home.path()).unwrap();
        assert!(!is_refused(home.path(), &env, ".claude-backup"));
        assert!(is_refused(home.path(), &env, "elsewhere"));
    }
}
