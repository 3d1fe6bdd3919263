//! Where a remote is.

use std::fmt;

use anyhow::Result;

use crate::error::{ErrorKind, Failure};

/// A remote's URL or path. It is shown without what is secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Checks an address as it was typed.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is empty, looks like a flag, or would start a program.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_odd = text.is_empty() || text.starts_with('-') || text.contains(char::is_control);
        if is_odd || text.contains("::") {
            let message = format!("`{}` is no address of a git remote", text.escape_debug());
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint("write it like https://host/me/backup.git, git@host:me/backup.git or /path/backup.git")
                .into());
        }
        Ok(Self(text.into()))
    }

    /// The whole of it, secrets included: for git, never for a person or a file of ours.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A URL without user name and password.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = match (scheme, host.rsplit_once('@')) {
        // The user of an ssh address is part of it and no secret; a password is.
        ("ssh", Some((user, host))) => {
            format!("{}@{host}", user.split(':').next().unwrap_or_default())
        }
        (_, Some((_, host))) => host.to_owned(),
        (_, None) => host.to_owned(),
    };
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}
