//! Where programs are looked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::env::{Env, is_executable};

/// The folders of `PATH` that programs may be started from.
///
/// Empty and relative entries do not count, nor those inside the backup folder, whose files come
/// from others, or inside the working directory, which may be anybody's project.
#[derive(Clone, Debug)]
pub struct Programs<'e> {
    env: &'e Env,
    folders: Vec<PathBuf>,
}

/// Where the backup is, unless another place is given.
const USUAL_BACKUP: &str = ".claude-backup";

impl<'e> Programs<'e> {
    /// Reads `PATH`; `backup` is the backup folder, where it is known.
    #[must_use]
    pub fn new(env: &'e Env, backup: Option<&Path>) -> Self {
        let usual = env.home.join(USUAL_BACKUP);
        let mut avoided: Vec<PathBuf> = [Some(usual.as_path()), backup]
            .into_iter()
            .flatten()
            .chain(env.working_dir.as_deref().filter(|folder| !is_broad(folder, env)))
            .flat_map(both_names)
            .collect();
        avoided.dedup();
        let folders = std::env::split_paths(env.variable("PATH").unwrap_or_default());
        let is_avoided = |folder: &PathBuf| {
            let mut names = both_names(folder);
            names.any(|name| avoided.iter().any(|avoided| name.starts_with(avoided)))
        };
        let folders =
            folders.filter(|folder| folder.is_absolute() && !is_avoided(folder)).collect();
        Self { env, folders }
    }

    /// The programs of this name, in the order of `PATH`.
    pub fn find(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.folders.iter().map(move |folder| folder.join(&name)).filter(|path| is_executable(path))
    }

    /// `PATH` for programs that are started.
    #[must_use]
    pub fn path(&self) -> OsString {
        // No entry came with a separator in it, so joining cannot fail.
        std::env::join_paths(&self.folders).unwrap_or_default()
    }

    /// A call with the user's variables, this `PATH`, and the home as its directory.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one door to foreign programs")]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env.variables())
            .env("HOME", &self.env.home)
            .env("PATH", self.path())
            .current_dir(self.directory());
        command
    }

    /// A directory where nothing is picked up by its relative name.
    fn directory(&self) -> &Path {
        if self.env.home.is_dir() { &self.env.home } else { Path::new("/") }
    }
}

/// True for a folder that holds the home or the system's programs: whoever is in `/` or at home
/// still has programs, and these are nobody else's.
fn is_broad(folder: &Path, env: &Env) -> bool {
    both_names(folder).any(|name| {
        both_names(&env.home).any(|home| home.starts_with(&name))
            || Path::new("/usr/local/bin").starts_with(&name)
            || Path::new("/usr/bin").starts_with(&name)
    })
}

/// A path as it is written and, where it exists, without links.
fn both_names(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    [Some(path.to_owned()), fs_err::canonicalize(path).ok()].into_iter().flatten()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn write_program(path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "").unwrap();
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn programs_of_the_backup_and_of_the_working_directory_are_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        let places = [
            "good",
            "work",
            "work/bin",
            "backup/bin",
            "home/.claude-backup",
            "home/bin",
            "workshop",
        ];
        places.iter().for_each(|place| write_program(&below(place).join("tool")));
        std::os::unix::fs::symlink(below("backup/bin"), below("link")).unwrap();
        let absolute: Vec<_> = places.iter().chain(&["link"]).map(|place| below(place)).collect();
        let path = [PathBuf::from("."), PathBuf::new(), PathBuf::from("work")];
        let path = std::env::join_paths(path.iter().chain(&absolute)).unwrap();
        let mut env = Env::sandbox(below("home"), "mac", Arc::default());
        env = env.with_variable("PATH", path);
        let found = |env: &Env| {
            let programs = Programs::new(env, Some(&below("backup")));
            let found: Vec<_> = programs.find("tool").collect();
            let listed: Vec<_> = std::env::split_paths(&programs.path()).collect();
            assert_eq!(listed, found.iter().map(|p| p.parent().unwrap()).collect::<Vec<_>>());
            found
        };
        env.working_dir = Some(below("work"));
        let expected = ["good", "home/bin", "workshop"].map(|place| below(place).join("tool"));
        assert_eq!(found(&env), expected);
        env.working_dir = Some(below("home"));
        assert!(found(&env).contains(&below("home/bin/tool")), "home is nobody else's");
        env.working_dir = Some("/".into());
        assert_eq!(found(&env).len(), 5);
    }
}
