//! Names of copies: what editors, people and programs make of a file's name when they copy it.

use std::borrow::Cow;

/// Copies of copies are looked through so many times.
pub(super) const MAX_COPIES: usize = 8;

/// Words at the end of a copy's name, behind a separator.
#[rustfmt::skip]
const ENDINGS: &[&str] = &[
    // Editors and merge tools.
    "swp", "swo", "swn", "swx", "swap", "bak", "bak1", "bak2", "base", "remote", "rej",
    // People.
    "backup", "old", "orig", "original", "save", "saved", "copy", "copied", "new", "prev",
    "previous", "disabled", "off", "archived", "deleted", "removed", "unused",
    // Programs and package managers.
    "tmp", "temp", "lock", "lck", "part", "dpkg", "rpmsave", "rpmnew", "rpmorig", "ucf", "dist",
    // Archives of one file.
    "gz", "bz2", "xz", "zst", "zip", "tar", "tgz", "txz", "tbz2", "7z", "rar",
    // The same file for another purpose.
    "prod", "production", "dev", "development", "staging", "stage", "local", "live", "private",
];

/// Words at the beginning of a copy's name, before a separator.
#[rustfmt::skip]
const BEGINNINGS: &[&str] = &[
    "old", "bak", "backup", "orig", "original", "saved", "tmp", "temp", "new", "prev", "prod",
    "production", "dev", "development", "staging", "stage", "local", "live", "my", "copy",
];

const SEPARATORS: [char; 4] = ['.', '-', '_', ' '];

/// Returns the name that a copy was made of, one step back; `None` if the name is not a copy's.
///
/// The name is in lower case.
pub(super) fn original(name: &str) -> Option<Cow<'_, str>> {
    let whole = without_ending(name).or_else(|| without_beginning(name)).map(Cow::Borrowed);
    whole.or_else(|| without_middle(name).map(Cow::Owned))
}

/// Returns the names with every copy traced back to its original; `None` if none is a copy.
pub(super) fn originals(names: &[String]) -> Option<Vec<String>> {
    names.iter().any(|name| original(name).is_some()).then(|| {
        let trace = |name: &String| {
            let mut name = name.clone();
            for _ in 0..MAX_COPIES {
                let Some(before) = original(&name).map(Cow::into_owned) else { break };
                name = before;
            }
            name
        };
        names.iter().map(trace).collect()
    })
}

/// `name~`, `name.bak`, `name-2026-11-01`, `name (1)`, `#name#`.
fn without_ending(name: &str) -> Option<&str> {
    let trimmed = name.trim_end_matches([' ', '.']);
    if trimmed.len() < name.len() {
        return some_name(trimmed);
    }
    if let Some(inner) = name.strip_prefix('#').and_then(|name| name.strip_suffix('#')) {
        return some_name(inner);
    }
    if let Some(at) = name.find(".sync-conflict-").filter(|_| !name.ends_with(')')) {
        let (before, conflict) = name.split_at(at);
        return if conflict[1..].contains('.') { None } else { some_name(before) };
    }
    let suffixes = ["~", "___jb_tmp___", "___jb_old___"];
    if let Some(before) = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        return some_name(before);
    }
    let brackets = [(')', '('), (']', '[')];
    if let Some((_, open)) = brackets.iter().find(|(close, _)| name.ends_with(*close)) {
        let before = &name[..name.rfind(*open)?];
        return some_name(before.trim_end_matches(SEPARATORS));
    }
    let at = name.rfind(SEPARATORS)?;
    let (before, last) = (&name[..at], &name[at + 1..]);
    let is_copy = ENDINGS.contains(&last) || is_number(last) || is_random_ending(name, last);
    if is_copy { some_name(before.trim_end_matches(SEPARATORS)) } else { None }
}

/// `.#name`, `old-name`, `copy of name`.
fn without_beginning(name: &str) -> Option<&str> {
    let prefixes = [".#", ".~", "~$", "copy of ", "copy-of-", "copy_of_"];
    if let Some(rest) = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        return some_name(rest);
    }
    let visible = name.trim_start_matches('.');
    let at = visible.find(SEPARATORS)?;
    BEGINNINGS.contains(&&visible[..at]).then(|| &visible[at + 1..]).and_then(some_name)
}

/// The same before the ending that programs open a file by: `name (1).json`, `name.old.json`.
fn without_middle(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    let before = without_ending(stem)?;
    Some(format!("{before}.{extension}"))
}

/// A count, a date, a time, or a number between tildes.
fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || c == '~')
        && word.contains(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || matches!(c, 't' | 'z' | ':' | '+' | '~'))
}

/// What rsync adds to the name of a file that it is writing: `.name.a1b2c3`.
fn is_random_ending(name: &str, last: &str) -> bool {
    name.starts_with('.')
        && last.len() == 6
        && name.ends_with(&format!(".{last}"))
        && last.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn some_name(name: &str) -> Option<&str> {
    (!name.trim_matches('.').is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_usual_copy_leads_back_to_its_original() {
        for (copy, name) in [
            ("auth.json~", "auth.json"),
            ("auth.json.bak", "auth.json"),
            ("auth.json.~1~", "auth.json"),
            (".auth.json.swp", ".auth.json"),
            ("#auth.json#", "auth.json"),
            (".#auth.json", "auth.json"),
            ("auth.json.20261101", "auth.json"),
            ("auth.json.2026-11-01t10:15:00z", "auth.json"),
            ("auth-2026-11-01.json", "auth.json"),
            ("auth (1).json", "auth.json"),
            ("auth.json (2)", "auth.json"),
            ("auth copy.json", "auth.json"),
            ("auth copy 3.json", "auth.json"),
            ("auth - copy.json", "auth.json"),
            ("copy of auth.json", "auth.json"),
            ("auth (host's conflicted copy 2026-11-01).json", "auth.json"),
            ("auth.sync-conflict-20261101-101500-abcdefg.json", "auth.json"),
            ("auth.json.tmp.4711.1795143600", "auth.json"),
            ("auth.json___jb_old___", "auth.json"),
            (".auth.json.x7k2p9", ".auth.json"),
            ("auth.json.dpkg-old", "auth.json"),
            ("auth.old.json.gz", "auth.json"),
            ("prod-auth.json", "auth.json"),
            ("auth.production.json", "auth.json"),
        ] {
            assert_eq!(originals(&[copy.to_owned()]).unwrap(), [name], "{copy}");
        }
    }

    #[test]
    fn a_name_of_its_own_is_not_a_copy() {
        for name in
            ["auth.json", ".env", "skill.md", "", ".", "~", "_netrc", "id_ed25519", "key4.db"]
        {
            assert_eq!(original(name), None, "{name}");
        }
    }
}
