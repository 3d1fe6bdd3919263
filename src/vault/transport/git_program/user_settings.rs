//! The settings that git itself would use, listed by git.

/// Names and values, in the order git reads them; later ones outrank earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct UserSettings(Vec<(String, String)>);

/// Which of two directions an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Fetch,
    Push,
}

impl UserSettings {
    /// Reads what `git config --null --list` prints.
    pub(super) fn parse(listed: &str) -> Self {
        let entries = listed.split('\0').filter(|entry| !entry.is_empty());
        let entry = |entry: &str| {
            let (name, value) = entry.split_once('\n').unwrap_or((entry, ""));
            (name.to_owned(), value.to_owned())
        };
        Self(entries.map(entry).collect())
    }

    /// True where there is a setting `section.key` or `section.<anything>.key`, in lowercase.
    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.0.iter().any(|(name, _)| {
            let rest = name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| rest == key || rest.ends_with(&format!(".{key}")))
        })
    }

    /// The address that `insteadOf` and `pushInsteadOf` make of this one.
    pub(super) fn rewritten(&self, url: &str, direction: Direction) -> String {
        let pushed = match direction {
            Direction::Push => self.replaced(url, "pushinsteadof"),
            Direction::Fetch => None,
        };
        pushed.or_else(|| self.replaced(url, "insteadof")).unwrap_or_else(|| url.to_owned())
    }

    /// As git does it, the longest beginning counts.
    fn replaced(&self, url: &str, key: &str) -> Option<String> {
        let base = |name: &str| {
            name.strip_prefix("url.")?.strip_suffix(key)?.strip_suffix('.').map(str::to_owned)
        };
        let fits = self.0.iter().filter(|(_, beginning)| url.starts_with(beginning.as_str()));
        let bases = fits.filter_map(|(name, beginning)| Some((base(name)?, beginning.len())));
        let (base, length) = bases.max_by_key(|(_, length)| *length)?;
        Some(format!("{base}{}", &url[length..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_rewritten_as_git_does_it() {
        let listed = "url.file:///srv/.insteadof\nhttps://host/\0url.git@host:.pushinsteadof\n\
                      https://host/\0url./long/.insteadof\nhttps://host/me/\0core.sshcommand\nssh -v\0\
                      http.https://host.extraheader\nX: y\0core.bare\0";
        let settings = UserSettings::parse(listed);
        let rewritten = |url: &str, direction| settings.rewritten(url, direction);
        assert_eq!(rewritten("https://host/a.git", Direction::Fetch), "file:///srv/a.git");
        assert_eq!(rewritten("https://host/me/a.git", Direction::Fetch), "/long/a.git");
        assert_eq!(rewritten("https://host/me/a.git", Direction::Push), "git@host:me/a.git");
        assert_eq!(rewritten("https://other/a.git", Direction::Push), "https://other/a.git");
        assert!(settings.has("core", "sshcommand") && settings.has("http", "extraheader"));
        assert!(!settings.has("http", "sslcainfo") && !settings.has("cor", "bare"));
    }
}
