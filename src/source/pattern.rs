//! Names with `*`, and rows of such names against the end of a path.

/// True where a name fits a pattern in which `*` stands for any characters, or none.
#[inline]
pub(super) fn name_fits(pattern: &str, name: &str) -> bool {
    !ends_differ(pattern.as_bytes(), name.as_bytes()) && pieces_fit(pattern, name)
}

fn pieces_fit(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = pieces.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let Some(end) = pieces.next_back() else {
        return rest.is_empty();
    };
    let Some(mut middle) = rest.strip_suffix(end) else {
        return false;
    };
    for piece in pieces {
        match middle.find(piece) {
            Some(at) => middle = &middle[at + piece.len()..],
            None => return false,
        }
    }
    true
}

/// Tells nearly all names apart at a glance: each file of a home meets each pattern.
#[inline]
fn ends_differ(pattern: &[u8], name: &[u8]) -> bool {
    let differs = |wanted: Option<&u8>, found: Option<&u8>| {
        wanted.is_some_and(|wanted| *wanted != b'*' && found != Some(wanted))
    };
    differs(pattern.first(), name.first()) || differs(pattern.last(), name.last())
}

/// True where the last names fit the patterns one by one; `**` stands for any row of names.
pub(super) fn tail_fits<S: AsRef<str>>(patterns: &[&str], names: &[S]) -> bool {
    fits(patterns, names, |_| true)
}

/// True where all names, from the first on, fit the patterns; `**` stands for any row of names.
pub(super) fn whole_fits<S: AsRef<str>>(patterns: &[&str], names: &[S]) -> bool {
    fits(patterns, names, <[S]>::is_empty)
}

fn fits<S: AsRef<str>>(patterns: &[&str], names: &[S], rest_is_fine: fn(&[S]) -> bool) -> bool {
    let Some((last, patterns)) = patterns.split_last() else {
        return rest_is_fine(names);
    };
    if *last == "**" {
        return (0..=names.len()).any(|end| fits(patterns, &names[..end], rest_is_fine));
    }
    let Some((name, names)) = names.split_last() else {
        return false;
    };
    name_fits(last, name.as_ref()) && fits(patterns, names, rest_is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fits) in [
            (".env", ".env", true),
            (".env", ".envrc", false),
            (".env.*", ".env.local", true),
            (".env.*", ".env", false),
            ("*.pem", ".pem", true),
            ("*.pem", "a.pem", true),
            ("*.pem", "a.pem.txt", false),
            ("*.cred*", "a.b.credo", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
        ] {
            assert_eq!(name_fits(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn rows_are_compared_from_the_end() {
        let path = ["home", "x", ".config", "gh", "hosts.yml"];
        assert!(tail_fits(&[".config", "gh", "hosts.yml"], &path));
        assert!(!tail_fits(&["gh"], &path));
        assert!(!whole_fits(&[".config", "gh", "hosts.yml"], &path));
        assert!(tail_fits(&[".config", "**", "hosts.yml"], &path));
        assert!(tail_fits(&["gh", "**", "hosts.yml"], &path));
        assert!(whole_fits(&["home", "**"], &path));
        assert!(!whole_fits(&["home", "**", "hosts.json"], &path));
    }
}
