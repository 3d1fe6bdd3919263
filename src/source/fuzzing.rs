//! What holds of what is never copied, and of the paths that settings name.

use std::path::{Component, Path};

use super::deny::{EntryType, FolderRules, is_denied, is_denied_folder};
use super::pattern::name_fits;
use super::status_line::{Spellings, scripts};

/// Any text as a path: whoever asks gets the same answer, in capitals too, and below it as well.
pub(crate) fn denied_paths(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new(&*text);
    let denied = is_denied(path);
    assert_eq!(is_denied(Path::new(&text.to_ascii_uppercase())), denied);
    if is_denied_folder(path) {
        assert!(denied && is_denied(&path.join("below")));
    }
    let leads_elsewhere =
        |part: Component<'_>| matches!(part, Component::ParentDir | Component::CurDir);
    if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
        && !path.components().any(leads_elsewhere)
    {
        let is_denied_here = FolderRules::new(folder).denies(name, EntryType::File);
        assert_eq!(is_denied_folder(folder) || is_denied_here, denied);
    }
    // The names of keys and logins are denied wherever a home has them.
    for secret in [".credentials.json", ".ssh", "id_rsa", ".env"] {
        assert!(is_denied(&Path::new("/").join(path).join(secret)));
    }
    if let Some((pattern, name)) = text.split_once('\n') {
        assert_eq!(name_fits(pattern, name), fits_slowly(pattern.as_bytes(), name.as_bytes()));
    }
}

/// Any text as a status line's command: no script that it names lies outside the home.
pub(crate) fn status_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let settings = serde_json::from_slice(bytes)
        .unwrap_or_else(|_| serde_json::json!({"statusLine": {"command": text}}));
    let home = Path::new("/home/dev/.claude");
    let user_home = Path::new("/home/dev");
    for script in scripts(&settings, Spellings { claude_home: home, real_home: home, user_home }) {
        assert!(script.components().all(|part| matches!(part, Component::Normal(_))));
        assert!(script != Path::new(""));
    }
}

/// A star stands for any characters; by the rule, a row of answers at a time.
fn fits_slowly(pattern: &[u8], name: &[u8]) -> bool {
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for letter in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match (letter, at.checked_sub(1)) {
                (b'*', before) => row[at] || before.is_some_and(|before| next[before]),
                (_, Some(before)) => row[before] && name[before] == *letter,
                (_, None) => false,
            };
        }
        row = next;
    }
    row[name.len()]
}
