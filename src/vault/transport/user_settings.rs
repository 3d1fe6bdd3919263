//! The settings that git itself would use, as git or libgit2 lists them.

use git2::Config;

use super::url_match::UrlParts;

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

    /// Lists what libgit2 knows.
    ///
    /// # Errors
    /// Where a file of settings cannot be read.
    pub(super) fn of(config: &Config) -> Result<Self, git2::Error> {
        let mut all = Vec::new();
        let mut entries = config.entries(None)?;
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if let Ok(name) = entry.name() {
                all.push((name.to_owned(), entry.value().unwrap_or_default().to_owned()));
            }
        }
        Ok(Self(all))
    }

    /// Names and values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a setting, by its whole name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.iter().filter(|(known, _)| *known == name);
        named.last().map(|(_, value)| value)
    }

    /// The value of `section.key` or `section.<url>.key` for a URL; the longest pattern counts.
    pub(super) fn for_url(&self, section: &str, key: &str, url: &str) -> Option<String> {
        let found = self.fitting(section, key, url);
        found.into_iter().max_by_key(|(length, _)| *length).map(|(_, value)| value)
    }

    /// All values of such a setting; an empty one forgets those before it.
    pub(super) fn all_for_url(&self, section: &str, key: &str, url: &str) -> Vec<String> {
        let mut values = Vec::new();
        for (_, value) in self.fitting(section, key, url) {
            match value.is_empty() {
                true => values.clear(),
                false => values.push(value),
            }
        }
        values
    }

    /// Values that are for a URL, with the length of their pattern.
    fn fitting(&self, section: &str, key: &str, url: &str) -> Vec<(usize, String)> {
        let Some(parts) = UrlParts::new(url, None) else { return Vec::new() };
        let length = |name: &str| {
            let rest = name.strip_prefix(section)?.strip_prefix('.')?;
            if rest == key {
                return Some(0);
            }
            let pattern = rest.strip_suffix(key)?.strip_suffix('.')?;
            parts.fits(pattern).then_some(pattern.len())
        };
        let found = self.iter().filter_map(|(name, value)| Some((length(name)?, value.to_owned())));
        found.collect()
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

    #[test]
    fn the_longest_pattern_that_fits_a_url_counts() {
        let listed = "http.https://host/team.proxy\nteam\0http.proxy\nall\0http.https://host.proxy\nhost\0\
                      http.extraheader\na: 1\0http.https://host.extraheader\nb: 2\0";
        let settings = UserSettings::parse(listed);
        let proxy = |url| settings.for_url("http", "proxy", url).unwrap();
        assert_eq!(proxy("https://host/team/a.git"), "team");
        assert_eq!(proxy("https://host/other/a.git"), "host");
        assert_eq!(proxy("http://host/a.git"), "all");
        assert_eq!(settings.for_url("http", "sslverify", "https://host"), None);
        let headers = |url| settings.all_for_url("http", "extraheader", url);
        assert_eq!(headers("https://host/a"), ["a: 1", "b: 2"]);
        assert_eq!(headers("https://elsewhere/a"), ["a: 1"]);
    }
}
