//! Names that came from outside, checked once at the border and trusted after.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{ErrorKind, Failure};

/// A project folder's name is cut after so many characters.
const LONGEST_PROJECT: usize = 200;

macro_rules! checked_name {
    ($name:ident, $what:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a name: one path component, no control characters.
            ///
            /// # Errors
            /// [`ErrorKind::Usage`] where it could lead anywhere else.
            pub fn new(name: impl Into<String>) -> Result<Self> {
                let name = name.into();
                if is_one_component(&name) {
                    return Ok(Self(name));
                }
                let message = format!("`{}` is no {}", name.escape_default(), $what);
                Err(Failure::new(ErrorKind::Usage, message).into())
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = anyhow::Error;
            fn try_from(name: String) -> Result<Self> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

checked_name!(
    SessionId,
    "session id",
    "A session's id: the name of its transcript without `.jsonl`."
);
checked_name!(ProjectId, "project name", "The name of a folder below `projects/`.");
checked_name!(MachineSlug, "machine name", "The name of a machine's folder below `machines/`.");

impl ProjectId {
    /// The folder that Claude Code keeps the sessions of a working folder in, by the folder's real
    /// path: whatever is no ASCII letter or digit becomes a dash, and a long name ends in a checksum
    /// of the path (as version 2.1.197 was seen to do).
    #[must_use]
    pub fn of_folder(path: &str) -> Self {
        let path: Vec<u16> = path.nfc().collect::<String>().encode_utf16().collect();
        let plain = |unit: &u16| match u8::try_from(*unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte),
            _ => '-',
        };
        let name: String = path.iter().map(plain).collect();
        match name.len() > LONGEST_PROJECT {
            true => Self(format!("{}-{}", &name[..LONGEST_PROJECT], checksum(&path))),
            false => Self(name),
        }
    }
}

/// The checksum in names of long paths: JavaScript's usual 32 bits, without their sign, in base 36.
fn checksum(path: &[u16]) -> String {
    let sum = path.iter().fold(0_i32, |sum, unit| {
        sum.wrapping_shl(5).wrapping_sub(sum).wrapping_add(i32::from(*unit))
    });
    let mut rest = sum.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        digits.extend(char::from_digit(rest % 36, 36));
        rest /= 36;
    }
    digits.iter().rev().collect()
}

impl MachineSlug {
    /// The folder name for a host name: first label, lower case, `a-z0-9-`, at most 64.
    #[must_use]
    pub fn from_host(host: &str) -> Self {
        let short = host.split('.').next().unwrap_or_default();
        let slug: String = short
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .collect();
        let slug: String = slug.trim_matches('-').chars().take(64).collect();
        Self(if slug.is_empty() { "unknown".into() } else { slug })
    }
}

fn is_one_component(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        for name in ["", ".", "..", "../../work", "a/b", "a\\b", "a\nb", "\u{1b}[2J"] {
            assert!(MachineSlug::new(name).is_err(), "{name:?}");
            assert!(serde_json::from_value::<SessionId>(name.into()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn project_folders_are_named_as_the_agent_names_them() {
        let long = format!("/home/sam/{0}/{0}", "d".repeat(120));
        let cut = format!("-home-sam-{}-{}-iygy7y", "d".repeat(120), "d".repeat(69));
        for (path, name) in [
            ("/home/sam/alpha_app.git", "-home-sam-alpha-app-git"),
            ("/w/é", "-w--"),
            ("/w/e\u{301}", "-w--"),
            ("/w/🦀", "-w---"),
            ("C:\\Users\\sam", "C--Users-sam"),
            (long.as_str(), cut.as_str()),
        ] {
            assert_eq!(ProjectId::of_folder(path).as_str(), name, "{path}");
        }
    }

    #[test]
    fn slugs_follow_the_old_tools_rule() {
        for (host, slug) in [
            ("Toms-MacBook-Pro.local", "toms-macbook-pro"),
            ("Tom’s MacBook", "tom-s-macbook"),
            ("_x_", "x"),
            ("日本", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(MachineSlug::from_host(host).as_str(), slug);
        }
    }
}
