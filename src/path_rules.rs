//! Which names may stand in a git tree, and which of them some system takes for something else.

use anyhow::{Result, ensure};

/// What is wrong with one name of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is empty.
    Empty,
    /// It is `.` or `..`.
    LeadsElsewhere,
    /// It has a `/`, a `\` or a zero byte in it.
    Separator,
    /// It has a control character in it.
    ControlCharacter,
    /// It is not UTF-8.
    NotUtf8,
    /// Some file system takes it for `.git`.
    DotGit,
    /// Windows takes it for a device, a stream or another name.
    Windows,
}

impl NameFault {
    /// The fault as the end of a sentence about the name.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::LeadsElsewhere => "leads to another folder",
            Self::Separator => "separates folders",
            Self::ControlCharacter => "has a control character in it",
            Self::NotUtf8 => "is not UTF-8",
            Self::DotGit => "is a spelling of `.git`",
            Self::Windows => "is a device, a stream or another name on Windows",
        }
    }
}

/// The path of a name in a folder, which is empty at the top of a tree.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Checks one name of a git tree, as no system may take it for anything but a file or folder of
/// that name; what only Windows takes for something else is [`is_special_on_windows`].
///
/// # Errors
/// The first fault that is found.
pub fn check_name(name: &[u8]) -> Result<&str, NameFault> {
    let text = std::str::from_utf8(name).map_err(|_| NameFault::NotUtf8)?;
    match text {
        "" => Err(NameFault::Empty),
        "." | ".." => Err(NameFault::LeadsElsewhere),
        _ if name.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) => Err(NameFault::Separator),
        _ if text.chars().any(char::is_control) => Err(NameFault::ControlCharacter),
        _ if means_dot_git(text) => Err(NameFault::DotGit),
        _ => Ok(text),
    }
}

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
///
/// # Errors
/// Where a part is forbidden, with the path.
pub fn check_path(path: &str) -> Result<()> {
    let forbidden = path.split('/').find(|name| is_forbidden_name(name));
    ensure!(forbidden.is_none(), "`{}` cannot be stored in git", path.escape_debug());
    Ok(())
}

/// True for a name that Windows takes for a device (`con`, `aux.md`), for a stream of another file
/// (`a:b`), or for the same name without its last character (`a.`, `a `).
#[must_use]
pub fn is_special_on_windows(name: &str) -> bool {
    name.contains(':') || name.ends_with(['.', ' ']) || is_device(name)
}

/// True for the names of Windows' devices, in any case and with any ending.
#[must_use]
pub fn is_device(name: &str) -> bool {
    let base = name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ');
    let is = |device: &str| base.eq_ignore_ascii_case(device);
    match base.len() {
        3 => ["con", "prn", "aux", "nul"].into_iter().any(is),
        4..=5 => is_numbered_device(base),
        6 => is("conin$"),
        7 => is("conout$"),
        _ => false,
    }
}

/// `COM1` to `COM9` and `LPT1` to `LPT9`; the digits may be superscript ones.
fn is_numbered_device(base: &str) -> bool {
    let Some((name, number)) = base.split_at_checked(3) else { return false };
    let is_number = matches!(number, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9")
        || matches!(number, "\u{b9}" | "\u{b2}" | "\u{b3}");
    is_number && ["com", "lpt"].iter().any(|device| name.eq_ignore_ascii_case(device))
}

/// A path of a git tree as it can be shown: what is not UTF-8 or not printable is escaped.
#[must_use]
pub fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() || is_ignored_by_hfs(c) {
                true => text.extend(c.escape_unicode()),
                false => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    // A name that was made to fill a screen says no more in full.
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The most characters that are shown of a path.
const LONGEST_SHOWN: usize = 300;

fn means_dot_git(name: &str) -> bool {
    let could = name.starts_with(['.', 'g', 'G']) || !name.is_ascii();
    could && spells_dot_git(name)
}

fn spells_dot_git(name: &str) -> bool {
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
            assert!(check_name(name.as_bytes()).is_err(), "{name:?}");
        }
        for name in [".gitignore", "git", "a.git", "..."] {
            assert!(!is_forbidden_name(name), "{name:?}");
            assert_eq!(check_name(name.as_bytes()), Ok(name));
        }
        assert!(check_path("a//b").is_err() && check_path("/a").is_err());
        assert!(check_path("a/.Git/b").is_err() && check_path("a/b c").is_ok());
    }

    #[test]
    fn each_kind_of_bad_name_has_its_reason() {
        for (name, fault) in [
            (&b""[..], NameFault::Empty),
            (b".", NameFault::LeadsElsewhere),
            (b"..", NameFault::LeadsElsewhere),
            (b"a/b", NameFault::Separator),
            (b"a\\b", NameFault::Separator),
            (b"a\0", NameFault::Separator),
            (b"a\n", NameFault::ControlCharacter),
            ("a\u{85}".as_bytes(), NameFault::ControlCharacter),
            (b"a\xff", NameFault::NotUtf8),
            (b".Git . .", NameFault::DotGit),
            ("\u{feff}git~1".as_bytes(), NameFault::DotGit),
        ] {
            assert_eq!(check_name(name), Err(fault), "{name:?}");
        }
    }

    #[test]
    fn names_that_windows_takes_for_something_else_are_known() {
        for name in [
            "con",
            "CON",
            "con.md",
            "Aux.tar.gz",
            "nul",
            "PRN",
            "com1",
            "LPT9.txt",
            "com\u{b9}",
            "lpt\u{b3}.x",
            "CONIN$",
            "conout$",
            "con .txt",
            "a:b",
            "a.",
            "a ",
            "...",
        ] {
            assert!(is_special_on_windows(name), "{name:?}");
        }
        for name in ["console", "com", "com10", "com0", "auxiliary", "null", "a b", ".a", "a.con"] {
            assert!(!is_special_on_windows(name), "{name:?}");
        }
    }

    #[test]
    fn a_path_is_shown_without_what_could_move_a_cursor() {
        assert_eq!(shown(b"a/\x1b[2J\xff"), "a/\\u{1b}[2J\\xff");
        assert_eq!(shown("é".repeat(400).as_bytes()).chars().count(), LONGEST_SHOWN + 1);
    }
}
