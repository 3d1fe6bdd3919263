//! URLs as git's settings name them: `credential.<url>.helper`, `http.<url>.proxy`.

/// The parts of a URL that settings are chosen by.
pub(super) struct UrlParts {
    pub(super) protocol: String,
    /// With the port, where it is not the protocol's own.
    pub(super) host: String,
    pub(super) path: String,
    pub(super) user: Option<String>,
}

impl UrlParts {
    pub(super) fn new(url: &str, user: Option<&str>) -> Option<Self> {
        let (protocol, rest) = url.split_once("://")?;
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = place.rsplit('@').next()?;
        let own_port = if protocol == "https" { ":443" } else { ":80" };
        Some(Self {
            protocol: protocol.into(),
            host: host.strip_suffix(own_port).unwrap_or(host).to_ascii_lowercase(),
            path: path.into(),
            user: user.map(str::to_owned),
        })
    }

    /// True where a section with this pattern speaks of this URL.
    pub(super) fn fits(&self, pattern: &str) -> bool {
        let Some((protocol, rest)) = pattern.split_once("://") else { return false };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = place.rsplit_once('@').map_or((None, place), |(u, h)| (Some(u), h));
        let own_port = if protocol == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(own_port).unwrap_or(host).to_ascii_lowercase();
        let path = path.trim_end_matches('/');
        let is_below = path.is_empty()
            || self.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        protocol == self.protocol
            && host_fits(&host, &self.host)
            && is_below
            && user.is_none_or(|user| self.user.as_deref() == Some(user))
    }
}

/// Label by label; `*` stands for one.
fn host_fits(pattern: &str, host: &str) -> bool {
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    patterns.clone().count() == labels.clone().count()
        && patterns.zip(labels).all(|(pattern, label)| pattern == "*" || pattern == label)
}
