//! Which git it is.

use std::fmt;

/// A version, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vault::transport) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The first git that takes settings from variables (`GIT_CONFIG_COUNT`), where nobody else sees
/// the password of an address. It is of March 2021.
pub(in crate::vault::transport) const OLDEST: Version = Version { major: 2, minor: 31, patch: 0 };

impl Version {
    /// Reads `git version 2.39.5 (Apple Git-154)`.
    pub(super) fn parse(said: &str) -> Option<Self> {
        let words = said.strip_prefix("git version ")?;
        let mut numbers = words.split_whitespace().next()?.split('.').map(leading_number);
        let major = numbers.next()??;
        let minor = numbers.next()??;
        let patch = numbers.next().flatten().unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_makers_are_read() {
        for (said, shown) in [
            ("git version 2.39.5 (Apple Git-154)", "2.39.5"),
            ("git version 2.47.3", "2.47.3"),
            ("git version 2.37.1.windows.1", "2.37.1"),
            ("git version 2.31-rc1", "2.31.0"),
            ("git version 2.52.0-rc0.23.gabc", "2.52.0"),
            ("git version 2.45.GIT", "2.45.0"),
        ] {
            assert_eq!(Version::parse(said).unwrap().to_string(), shown);
        }
        for said in ["", "xcode-select: note: No developer tools were found", "git version x"] {
            assert_eq!(Version::parse(said), None);
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        let parse = |said: &str| Version::parse(&format!("git version {said}")).unwrap();
        assert!(parse("2.9.9") < OLDEST && parse("2.30.9") < OLDEST);
        assert!(parse("2.31.0") >= OLDEST && parse("2.100.0") > OLDEST && parse("3.0.0") > OLDEST);
    }
}
