//! Who commits: the user's git identity, or the program.

use std::path::Path;

use super::commit::Author;

impl Author {
    /// The identity in the git configuration below this home, else `claude-backup@<host>`.
    ///
    /// Looked at: `git/config` below the given configuration folder (`~/.config` where there is
    /// none), then `~/.gitconfig`, which outranks it. A file that cannot be read does not count.
    #[must_use]
    pub fn find(home: &Path, xdg_config_home: Option<&Path>, host: &str) -> Self {
        configured(home, xdg_config_home).unwrap_or_else(|| Self {
            name: "claude-backup".into(),
            email: format!("claude-backup@{}", if host.is_empty() { "localhost" } else { host }),
        })
    }
}

fn configured(home: &Path, xdg_config_home: Option<&Path>) -> Option<Author> {
    let xdg = xdg_config_home.map_or_else(|| home.join(".config"), Path::to_path_buf);
    let files = [
        (xdg.join("git/config"), git2::ConfigLevel::XDG),
        (home.join(".gitconfig"), git2::ConfigLevel::Global),
    ];
    let mut config = git2::Config::new().ok()?;
    for (path, level) in files {
        // A damaged file among good ones would make all of them unreadable.
        if path.is_file() && git2::Config::open(&path).is_ok() {
            config.add_file(&path, level, false).ok()?;
        }
    }
    let value = |key| {
        let value = config.get_string(key).ok()?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    Some(Author { name: value("user.name")?, email: value("user.email")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(home: &Path) -> (String, String) {
        let author = Author::find(home, None, "mac.local");
        (author.name, author.email)
    }

    #[test]
    fn the_home_that_is_given_decides() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(find(home.path()), ("claude-backup".into(), "claude-backup@mac.local".into()));
        fs_err::create_dir_all(home.path().join(".config/git")).unwrap();
        let xdg = "[user]\nname = Xdg\nemail = x@example.org\n";
        fs_err::write(home.path().join(".config/git/config"), xdg).unwrap();
        assert_eq!(find(home.path()), ("Xdg".into(), "x@example.org".into()));
        fs_err::write(home.path().join(".gitconfig"), "[include]\npath = me\n").unwrap();
        fs_err::write(home.path().join("me"), "[user]\nname = Tom Łoś\n").unwrap();
        assert_eq!(find(home.path()), ("Tom Łoś".into(), "x@example.org".into()));
    }

    #[test]
    fn a_damaged_file_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        fs_err::write(home.path().join(".gitconfig"), "[user\nname = x").unwrap();
        assert_eq!(find(home.path()).0, "claude-backup");
    }
}
