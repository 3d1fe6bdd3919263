//! Which folders are Claude homes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::claude_code::PROJECTS;
use crate::env::Env;

/// Moves the home of Claude Code; a list with commas between its parts is understood too.
const VARIABLE: &str = "CLAUDE_CONFIG_DIR";

/// The Claude homes, in the order in which they count, and the user's own home around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    homes: Vec<PathBuf>,
    user_home: PathBuf,
    left_out: Vec<PathBuf>,
    followed: Vec<PathBuf>,
}

impl Roots {
    /// The homes of this machine: the flag's, else the variable's, else the usual ones.
    ///
    /// The usual ones are `~/.claude`, and `~/.config/claude` where it has a `projects/` folder.
    #[must_use]
    pub fn find(flag: Option<&Path>, env: &Env) -> Self {
        let homes = if let Some(flag) = flag {
            vec![resolve(flag.as_os_str(), env)]
        } else if let Some(value) = env.variable(VARIABLE) {
            from_variable(value, env)
        } else {
            usual(env)
        };
        Self::new(without_repeats(homes), env.home.clone())
    }

    /// These homes, in this order, for the user who lives in `user_home`.
    #[must_use]
    pub fn new(homes: Vec<PathBuf>, user_home: PathBuf) -> Self {
        Self { homes, user_home, left_out: Vec::new(), followed: Vec::new() }
    }

    /// The same, where the files and folders at these real paths are left out.
    #[must_use]
    pub fn leaving_out(self, left_out: Vec<PathBuf>) -> Self {
        Self { left_out, ..self }
    }

    /// The real paths of what is left out.
    #[must_use]
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// Lets links lead to these places too, whose names may begin with `~/`.
    #[must_use]
    pub fn following(mut self, places: &[String]) -> Self {
        let absolute = |place: &String| match place.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.user_home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(place),
        };
        let places = places.iter().map(absolute).filter(|place| place.is_absolute());
        self.followed = places.collect();
        self
    }

    /// The places that links may lead to, beside the homes themselves.
    #[must_use]
    pub fn followed(&self) -> &[PathBuf] {
        &self.followed
    }

    /// All homes; the first one's file wins where two hold the same name.
    #[must_use]
    pub fn all(&self) -> &[PathBuf] {
        &self.homes
    }

    /// The home that a restore writes to.
    #[must_use]
    pub fn primary(&self) -> &Path {
        self.homes.first().expect("a machine's homes are never none")
    }

    /// The user's home folder.
    #[must_use]
    pub fn user_home(&self) -> &Path {
        &self.user_home
    }
}

fn from_variable(value: &OsStr, env: &Env) -> Vec<PathBuf> {
    let whole = resolve(value, env);
    // A folder's name may hold a comma, so what is there decides.
    let Some(list) = value.to_str().filter(|_| !whole.is_dir()) else {
        return vec![whole];
    };
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let homes: Vec<_> = parts.map(|part| resolve(OsStr::new(part), env)).collect();
    if homes.is_empty() { usual(env) } else { homes }
}

fn usual(env: &Env) -> Vec<PathBuf> {
    let other = env.home.join(".config/claude");
    let mut homes = vec![env.home.join(".claude")];
    if other.join(PROJECTS).is_dir() {
        homes.push(other);
    }
    homes
}

/// An absolute path; units and plists hand over a `~` that no shell has replaced.
fn resolve(path: &OsStr, env: &Env) -> PathBuf {
    // A relative one is refused before any command runs if there is no folder to start from.
    env.absolute(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path))
}

/// Drops a home that is another one under a second name.
fn without_repeats(homes: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for home in homes {
        let real = fs_err::canonicalize(&home).unwrap_or_else(|_| home.clone());
        if !seen.contains(&real) {
            seen.push(real);
            kept.push(home);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn machine(home: &Path) -> Env {
        Env::sandbox(home.to_path_buf(), "host", Arc::default())
    }

    #[test]
    fn the_flag_goes_before_the_variable_before_the_usual() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path();
        let env = machine(home);
        assert_eq!(Roots::find(None, &env).all(), [home.join(".claude")]);
        let env = env.with_variable(VARIABLE, "/a, ~/b ,c");
        let expected = [PathBuf::from("/a"), home.join("b"), home.join("c")];
        assert_eq!(Roots::find(None, &env).all(), expected);
        assert_eq!(Roots::find(Some(Path::new("x")), &env).all(), [home.join("x")]);
        assert_eq!(Roots::find(None, &env).primary(), Path::new("/a"));
    }

    #[test]
    fn the_second_usual_home_counts_once_it_has_projects() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path();
        fs_err::create_dir_all(home.join(".config/claude")).unwrap();
        assert_eq!(Roots::find(None, &machine(home)).all().len(), 1);
        fs_err::create_dir_all(home.join(".config/claude/projects")).unwrap();
        let expected = [home.join(".claude"), home.join(".config/claude")];
        assert_eq!(Roots::find(None, &machine(home)).all(), expected);
    }

    #[test]
    fn a_folder_with_a_comma_in_its_name_is_one_home() {
        let temp = tempfile::tempdir().unwrap();
        let odd = temp.path().join("a,b");
        fs_err::create_dir_all(&odd).unwrap();
        let env = machine(temp.path()).with_variable(VARIABLE, odd.as_os_str());
        assert_eq!(Roots::find(None, &env).all(), [odd]);
        let env = machine(temp.path()).with_variable(VARIABLE, " , ");
        assert_eq!(Roots::find(None, &env).all(), [temp.path().join(".claude")]);
    }

    #[cfg(unix)]
    #[test]
    fn one_home_under_two_names_counts_once() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path();
        fs_err::create_dir_all(home.join(".claude/projects")).unwrap();
        fs_err::create_dir_all(home.join(".config")).unwrap();
        fs_err::os::unix::fs::symlink(home.join(".claude"), home.join(".config/claude")).unwrap();
        assert_eq!(Roots::find(None, &machine(home)).all(), [home.join(".claude")]);
    }
}
