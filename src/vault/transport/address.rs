//! Where a remote is.

use std::fmt;
use std::path::PathBuf;

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
        if is_odd || starts_program(text) {
            let shown = without_secrets(text);
            let message = format!("`{}` is no address of a git remote", shown.escape_debug());
            return Err(Failure::new(ErrorKind::Usage, message)
                .hint("write it like https://host/me/backup.git, git@host:me/backup.git or /path/backup.git")
                .into());
        }
        if has_odd_port(text) {
            // It is not repeated here: what stands where the port should be may be a password.
            return Err(Failure::new(ErrorKind::Usage, "the address has a port that is no number")
                .hint("in a password write / as %2F, : as %3A, @ as %40 and # as %23")
                .into());
        }
        Ok(Self(text.into()))
    }

    /// The whole of it, secrets included: for git, never for a person or a file of ours.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, where this is a place in the file system and no URL of a host.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        if let Some((scheme, rest)) = self.0.split_once("://") {
            let path = rest.strip_prefix("localhost/").map_or(rest, |_| &rest["localhost".len()..]);
            return (scheme == "file").then(|| PathBuf::from(decoded(path)));
        }
        // As git reads it: a colon before the first slash means a host.
        let before_slash = self.0.split('/').next().unwrap_or_default();
        (!before_slash.contains(':')).then(|| PathBuf::from(&self.0))
    }

    /// The host, without user and port, and the path there; `None` for a place in the file system.
    #[must_use]
    pub fn host_and_path(&self) -> Option<(String, &str)> {
        let host = self.host()?;
        let path = match self.0.split_once("://") {
            Some((_, rest)) => &rest[authority(rest).len()..],
            None => self.0.split_once(':')?.1,
        };
        Some((host, path))
    }

    /// The host that is asked, without user and port; nothing for a place in the file system.
    pub(super) fn host(&self) -> Option<String> {
        let (host, _) = host_and_port(self.place()?);
        Some(host.trim_matches(['[', ']']).to_owned())
    }

    /// The port, where one is written.
    pub(super) fn port(&self) -> Option<&str> {
        host_and_port(self.place()?).1
    }

    /// The user that an ssh address names.
    pub(super) fn ssh_user(&self) -> Option<&str> {
        let is_ssh = self.0.split_once("://").is_none_or(|(scheme, _)| is_ssh(scheme));
        let (user, _) = self.place().filter(|_| is_ssh)?.rsplit_once('@')?;
        user.split(':').next()
    }

    /// User, host and port; nothing for a place in the file system.
    fn place(&self) -> Option<&str> {
        match self.0.split_once("://") {
            Some(("file", _)) => None,
            Some((_, rest)) => Some(authority(rest)),
            None if self.local_path().is_some() => None,
            None => Some(self.0.split_once(':')?.0),
        }
    }

    /// Scheme, host and port of an http address, as a login is for them.
    pub(super) fn origin(&self) -> Option<String> {
        let (scheme, rest) = self.0.split_once("://")?;
        let host = authority(rest).rsplit('@').next()?;
        matches!(scheme, "http" | "https").then(|| format!("{scheme}://{host}"))
    }

    /// User name and password that an http address carries.
    pub(super) fn login(&self) -> Option<Login> {
        let (scheme, rest) = self.0.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let (user_info, _) = authority(rest).rsplit_once('@')?;
        let (name, password) =
            user_info.split_once(':').map_or((user_info, None), |(n, p)| (n, Some(p)));
        Some(Login { name: decoded(name), password: password.map(decoded) })
    }

    /// A text of others with what is secret in this address, or in any URL, taken out.
    pub(super) fn scrubbed(&self, text: &str) -> String {
        let mut text = text.replace(&self.0, &self.to_string());
        for secret in self.secrets() {
            text = text.replace(&secret, "***");
        }
        without_logins(&text)
    }

    /// What must not be seen, as it is written and as it is meant.
    fn secrets(&self) -> Vec<String> {
        let Some((scheme, rest)) = self.0.split_once("://") else { return Vec::new() };
        let Some((user_info, _)) = authority(rest).rsplit_once('@') else { return Vec::new() };
        let password = user_info.split_once(':').map(|(_, password)| password);
        // A lone user name may be a token, but most are names: only a long one is worth hiding.
        let name = user_info.split(':').next().unwrap_or_default();
        let name = (!is_ssh(scheme) && name.len() >= LONG_NAME).then_some(name);
        let parts = [password, name].into_iter().flatten().filter(|part| !part.is_empty());
        let mut secrets: Vec<_> = parts.flat_map(|part| [part.to_owned(), decoded(part)]).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets
    }
}

/// A user name this long is a token.
const LONG_NAME: usize = 16;

/// Who an http address says we are.
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Option<String>,
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
    let host_and_port = authority(rest);
    let below = &rest[host_and_port.len()..];
    let host = match host_and_port.rsplit_once('@') {
        // The user of an ssh address is part of it and no secret; a password is.
        Some((user, host)) if is_ssh(scheme) => {
            format!("{}@{host}", user.split(':').next().unwrap_or_default())
        }
        Some((_, host)) => host.to_owned(),
        None => host_and_port.to_owned(),
    };
    format!("{scheme}://{host}{below}")
}

/// The same for every URL in a text.
fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after.find([' ', '\'', '"', '`', '\n', '\t', '>', ')']).unwrap_or(after.len());
        let scheme = before[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next();
        let scheme = scheme.unwrap_or_default();
        clean.push_str(&before[..at - scheme.len()]);
        clean.push_str(&without_secrets(&format!("{scheme}://{}", &after[..end])));
        rest = &after[end..];
    }
    clean.push_str(rest);
    clean
}

/// True for `name::address`, which has git start a program `git-remote-name`.
fn starts_program(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.trim_start_matches(is_name).starts_with("::")
}

fn is_ssh(scheme: &str) -> bool {
    matches!(scheme, "ssh" | "git+ssh" | "ssh+git")
}

/// What stands between the scheme and the path.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The two, without a user in front; the host of six parts keeps its brackets.
fn host_and_port(place: &str) -> (&str, Option<&str>) {
    let host = place.rsplit('@').next().unwrap_or_default();
    match host.rfind(':').filter(|at| !host[*at..].contains(']')) {
        Some(at) => (&host[..at], Some(&host[at + 1..]).filter(|port| !port.is_empty())),
        None => (host, None),
    }
}

/// True for a URL with something other than a number behind the host's colon.
fn has_odd_port(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let host = authority(rest).rsplit('@').next().unwrap_or_default();
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    let port = after_brackets.split_once(':').map(|(_, port)| port);
    scheme != "file" && port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit()))
}

/// A text with its `%xx` replaced by what they stand for.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text).unwrap()
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("https://me:pw@host/a.git", "https://host/a.git"),
            ("https://me:p@w@host:8443/a@b.git", "https://host:8443/a@b.git"),
            ("https://token@host", "https://host"),
            ("ssh://git:pw@host:22/a.git", "ssh://git@host:22/a.git"),
            ("ssh+git://git@host/a.git", "ssh+git://git@host/a.git"),
            ("git@host:me/a.git", "git@host:me/a.git"),
            ("/srv/a:b@c.git", "/srv/a:b@c.git"),
        ] {
            assert_eq!(address(text).to_string(), shown);
        }
    }

    #[test]
    fn an_address_that_means_something_else_is_refused() {
        let error = Address::new("https://me:pa/ss@host/a.git").unwrap_err();
        assert_eq!(crate::error::kind(&error), ErrorKind::Usage);
        assert!(!format!("{error:#}").contains("pa/ss"));
        for program in ["ext::sh -c x", "::x", "hg::/srv/a"] {
            assert!(Address::new(program).is_err(), "{program}");
        }
        for fine in ["https://[::1]/a", "https://[::1]:80/a", "file:///C:/a", "https://host:/a"] {
            Address::new(fine).unwrap();
        }
    }

    #[test]
    fn a_text_is_scrubbed_of_everything_secret() {
        let remote = address("https://me:p%40ss-w0rd@host/a.git");
        let said = "unable to access 'https://me:p%40ss-w0rd@host/a.git/': p@ss-w0rd, \
                    see http://x:y@proxy:3128 (ssh://git@host/x)";
        let clean = "unable to access 'https://host/a.git/': ***, \
                     see http://proxy:3128 (ssh://git@host/x)";
        assert_eq!(remote.scrubbed(said), clean);
        let token = address("https://ghp_0123456789abcdef@github.com/me/a");
        assert_eq!(token.scrubbed("bad ghp_0123456789abcdef!"), "bad ***!");
        assert_eq!(address("https://me@host/a").scrubbed("tell me"), "tell me");
        assert_eq!(address("/srv/a.git").scrubbed("no ://"), "no ://");
    }

    #[test]
    fn a_login_is_what_the_address_means() {
        let login = address("https://m%20e:p%3Aw%2F@host/a").login().unwrap();
        assert_eq!((login.name.as_str(), login.password.as_deref()), ("m e", Some("p:w/")));
        let login = address("http://token@host").login().unwrap();
        assert_eq!((login.name.as_str(), login.password), ("token", None));
        assert!(address("ssh://git@host/a").login().is_none());
        assert!(address("https://host/a@b").login().is_none());
    }

    #[test]
    fn a_place_in_the_file_system_is_told_from_a_host() {
        for (text, path) in [
            ("/srv/a.git", Some("/srv/a.git")),
            ("../a.git", Some("../a.git")),
            ("./a:b.git", Some("./a:b.git")),
            ("file:///srv/a%20b.git", Some("/srv/a b.git")),
            ("file://localhost/srv/a.git", Some("/srv/a.git")),
            ("host:a.git", None),
            ("git@host:/srv/a.git", None),
            ("ssh://host/a.git", None),
        ] {
            assert_eq!(address(text).local_path(), path.map(PathBuf::from), "{text}");
        }
    }
}
