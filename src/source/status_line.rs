//! The script that draws the status line, as `settings.json` names it.

use std::path::{Component, Path, PathBuf};

/// How a command may spell the Claude home and the user's home.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spellings<'a> {
    /// The Claude home, as it is named to the program.
    pub(super) claude_home: &'a Path,
    /// The Claude home with its links resolved.
    pub(super) real_home: &'a Path,
    /// The user's home.
    pub(super) user_home: &'a Path,
}

/// The scripts below the Claude home that `statusLine.command` names, relative to it.
pub(super) fn scripts(settings: &serde_json::Value, spellings: Spellings<'_>) -> Vec<PathBuf> {
    let command = settings.pointer("/statusLine/command").and_then(serde_json::Value::as_str);
    let words = split_words(command.unwrap_or_default());
    words.iter().filter_map(|word| below_home(word, spellings)).collect()
}

/// True if the text of a settings file names this script, relative to the Claude home, for the
/// status line. The home may have had another path where the text was written.
#[must_use]
pub fn names_script(settings: &[u8], relative: &Path) -> bool {
    let settings: serde_json::Value = serde_json::from_slice(settings).unwrap_or_default();
    let command = settings.pointer("/statusLine/command").and_then(serde_json::Value::as_str);
    let words = split_words(command.unwrap_or_default());
    relative != Path::new("") && words.iter().any(|word| Path::new(word).ends_with(relative))
}

fn below_home(word: &str, spellings: Spellings<'_>) -> Option<PathBuf> {
    let path = expand(word, spellings);
    let relative = path
        .strip_prefix(spellings.claude_home)
        .or_else(|_| path.strip_prefix(spellings.real_home))
        .ok()?;
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && relative != Path::new("")).then(|| relative.components().collect())
}

fn expand(word: &str, spellings: Spellings<'_>) -> PathBuf {
    let known = [
        ("~/", spellings.user_home),
        ("$HOME/", spellings.user_home),
        ("${HOME}/", spellings.user_home),
        ("$CLAUDE_CONFIG_DIR/", spellings.claude_home),
        ("${CLAUDE_CONFIG_DIR}/", spellings.claude_home),
    ];
    let replaced = known
        .iter()
        .find_map(|(start, folder)| word.strip_prefix(start).map(|rest| folder.join(rest)));
    replaced.unwrap_or_else(|| PathBuf::from(word))
}

/// The words of a command line: spaces part them, quotes hold them together.
fn split_words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ' | '\t' | '\n' | ';' | '|' | '&') => words.push(String::new()),
            _ => words.last_mut().expect("there is always a last word").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(command: &str) -> Vec<PathBuf> {
        let settings = serde_json::json!({"statusLine": {"type": "command", "command": command}});
        let spellings = Spellings {
            claude_home: Path::new("/home/dev/.claude"),
            real_home: Path::new("/disk/claude"),
            user_home: Path::new("/home/dev"),
        };
        scripts(&settings, spellings)
    }

    #[test]
    fn every_usual_spelling_of_the_script_is_understood() {
        for command in [
            "~/.claude/bin/line.sh",
            "bash ~/.claude/bin/line.sh --wide",
            "\"$HOME/.claude/bin/line.sh\"",
            "node '${HOME}/.claude/bin/line.sh'",
            "$CLAUDE_CONFIG_DIR/bin/line.sh;true",
            "/home/dev/.claude/bin/line.sh",
            "/disk/claude/bin/line.sh",
        ] {
            assert_eq!(named(command), [PathBuf::from("bin/line.sh")], "{command}");
        }
        assert_eq!(named("'~/.claude/my line.sh'"), [PathBuf::from("my line.sh")]);
    }

    #[test]
    fn a_script_is_named_whatever_the_home_was_called() {
        let settings = br#"{"statusLine":{"command":"bash /Users/me/.claude/bin/line.sh"}}"#;
        assert!(names_script(settings, Path::new("bin/line.sh")));
        assert!(!names_script(settings, Path::new("bin/other.sh")));
        assert!(!names_script(b"{}", Path::new("bin/line.sh")));
        assert!(!names_script(settings, Path::new("")));
    }

    #[test]
    fn nothing_outside_the_home_is_named() {
        for command in ["", "npx line", "~/.claude", "~/.claude/../.ssh/id_rsa", "/etc/passwd"] {
            assert!(named(command).is_empty(), "{command}");
        }
    }
}
