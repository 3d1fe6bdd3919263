//! Addresses of ssh remotes, taken apart as git does it. Nothing in one can pass for an option.

use crate::vault::transport::address::decoded;

/// User, host, port and path of an ssh address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshUrl {
    user: Option<String>,
    host: String,
    pub(super) port: Option<String>,
    path: String,
}

impl SshUrl {
    /// Reads `ssh://user@host:port/path` and `user@host:path`; `None` if a part is missing or
    /// could be taken for an option.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let parsed = match url.split_once("://") {
            Some((_, rest)) => Self::of_url(rest)?,
            None => Self::of_short_form(url)?,
        };
        let is_plain = |part: &str| !part.starts_with('-') && !part.contains(char::is_control);
        let parts = [Some(&parsed.host), parsed.user.as_ref(), Some(&parsed.path)];
        let is_safe = parts.into_iter().flatten().all(|part| is_plain(part));
        let has_port = parsed.port.as_ref().is_none_or(|port| port.parse::<u16>().is_ok());
        (is_safe && has_port && !parsed.host.is_empty() && !parsed.path.is_empty())
            .then_some(parsed)
    }

    fn of_url(rest: &str) -> Option<Self> {
        let (place, path) = rest.split_at(rest.find('/')?);
        // A path from a home is written `/~user/path`.
        let path = if path.starts_with("/~") { &path[1..] } else { path };
        let (user, host) = user_and_host(place);
        let (host, port) = host_and_port(host);
        // The password of an address is nothing for ssh.
        let user = user.map(|user| user.split(':').next().unwrap_or_default());
        Some(Self {
            user: user.map(decoded),
            host: decoded(host),
            port: port.map(str::to_owned),
            path: decoded(path),
        })
    }

    fn of_short_form(url: &str) -> Option<Self> {
        let at = url.find('[').and_then(|open| Some(open + url[open..].find("]:")? + 1));
        let (place, path) = url.split_at(at.or_else(|| url.find(':'))?);
        let inside = |text: &'_ str| text.starts_with('[') && text.ends_with(']');
        let (user, host) = match inside(place) {
            true => (None, place),
            false => user_and_host(place),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let (inner_user, host) = user_and_host(inner.unwrap_or(host));
        let user = user.or(inner_user);
        // `[host:port]:path`; an address of six parts has more colons than one.
        let (host, port) = match host.split_once(':') {
            Some((name, port)) if inner.is_some() && !port.contains(':') => (name, Some(port)),
            _ => (host, None),
        };
        let owned = |text: &str| text.to_owned();
        let path = path[1..].to_owned();
        Some(Self { user: user.map(owned), host: owned(host), port: port.map(owned), path })
    }

    /// Whom ssh is told to reach.
    pub(super) fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }

    /// The path as one word of the remote's shell.
    pub(super) fn quoted_path(&self) -> String {
        format!("'{}'", self.path.replace('\'', "'\\''").replace('!', "'\\!'"))
    }
}

fn user_and_host(place: &str) -> (Option<&str>, &str) {
    place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host))
}

/// The host without brackets, and the port behind it.
fn host_and_port(host: &str) -> (&str, Option<&str>) {
    let port_at = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let (host, port) = port_at.map_or((host, None), |at| (&host[..at], Some(&host[at + 1..])));
    (host.trim_matches(['[', ']']), port.filter(|port| !port.is_empty()))
}

/// Any text as an ssh address: no part of it becomes an option, and its path is one word.
#[cfg(any(test, fuzzing))]
pub(crate) fn addresses(bytes: &[u8]) {
    let Some(parsed) = SshUrl::parse(&String::from_utf8_lossy(bytes)) else { return };
    let (destination, path) = (parsed.destination(), parsed.quoted_path());
    assert!(!destination.starts_with('-') && !destination.contains(char::is_control));
    assert!(!path.starts_with("'-") && path.matches('\'').count() % 2 == 0 || path.contains('\\'));
    assert!(parsed.port.is_none_or(|port| port.parse::<u16>().is_ok()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_git_reads_them() {
        for (url, destination, port, path) in [
            ("ssh://git@host/me/a.git", "git@host", None, "'/me/a.git'"),
            ("ssh://host:2222/a%20b", "host", Some("2222"), "'/a b'"),
            ("ssh://host/~tom/a.git", "host", None, "'~tom/a.git'"),
            ("ssh://u:pw@[::1]:22/a", "u@::1", Some("22"), "'/a'"),
            ("git+ssh://host:/it's", "host", None, "'/it'\\''s'"),
            ("git@host:me/a.git", "git@host", None, "'me/a.git'"),
            ("nas:/srv/a!b.git", "nas", None, "'/srv/a'\\!'b.git'"),
            ("[host:2222]:a", "host", Some("2222"), "'a'"),
            ("[tom@host:2222]:a", "tom@host", Some("2222"), "'a'"),
            ("git@[::1]:a", "git@::1", None, "'a'"),
        ] {
            let parsed = SshUrl::parse(url).unwrap();
            assert_eq!(parsed.destination(), destination, "{url}");
            assert_eq!(parsed.port.as_deref(), port, "{url}");
            assert_eq!(parsed.quoted_path(), path, "{url}");
        }
    }

    #[test]
    fn nothing_passes_for_an_option() {
        for url in [
            "ssh://-oProxyCommand=x/a",
            "ssh://-oProxyCommand=x@host/a",
            "ssh://%2doProxyCommand=x/a",
            "-oProxyCommand=x:a",
            "host:-x",
            "ssh://host:22x/a",
            "ssh://host",
            "ssh:///a",
            "host:",
            "ssh://host/a%0ab",
        ] {
            assert_eq!(SshUrl::parse(url), None, "{url}");
        }
    }
}
