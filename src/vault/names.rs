//! Which names git refuses inside a tree.

use anyhow::{Result, ensure};

/// True where git would refuse a file or folder of this name, so it must be stored under another.
///
/// These are the empty name, `.`, `..`, names with `/` or NUL, and all spellings that some file
/// system takes for `.git`: other case, trailing dots and spaces, a stream name, `git~1`, invisible
/// letters.
#[must_use]
pub fn is_forbidden_name(name: &str) -> bool {
    name.is_empty()
        || name == "."
        || name == ".."
        || name.contains(['/', '\0'])
        || name.split('\\').any(means_dot_git)
}

/// Checks every part of a path in a tree.
pub(super) fn check_path(path: &str) -> Result<()> {
    let forbidden = path.split('/').find(|name| is_forbidden_name(name));
    ensure!(forbidden.is_none(), "`{}` cannot be stored in git", path.escape_debug());
    Ok(())
}

fn means_dot_git(name: &str) -> bool {
    let visible: String = name.chars().filter(|c| !is_ignored_by_hfs(*c)).collect();
    let main = visible.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']);
    main.eq_ignore_ascii_case(".git") || main.eq_ignore_ascii_case("git~1")
}

fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_dot_git_are_forbidden() {
        for name in
            [".git", ".GIT", ".git ", ".git...", ".git::$INDEX", "GIT~1", ".g\u{200c}it", ""]
        {
            assert!(is_forbidden_name(name), "{name:?}");
        }
        for name in [".gitignore", "git", "a.git", "..."] {
            assert!(!is_forbidden_name(name), "{name:?}");
        }
        assert!(check_path("a//b").is_err() && check_path("/a").is_err());
        assert!(check_path("a/.Git/b").is_err() && check_path("a/b c").is_ok());
    }
}
