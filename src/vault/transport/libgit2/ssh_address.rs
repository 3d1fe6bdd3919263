//! Addresses of ssh hosts, with the user's names for them resolved: libgit2 asks no ssh program.

use std::path::Path;

use anyhow::Result;

use super::ssh_config::{self, SshHost};
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::vault::transport::{Address, OLDEST_GIT};

/// An address that libgit2 can reach.
pub(super) struct Reachable {
    pub(super) url: String,
    /// What the user's ssh settings say of the host; nothing where it is not reached by ssh.
    pub(super) host: Option<SshHost>,
}

/// Settings for all users of the machine.
const SYSTEM: &str = "/etc/ssh/ssh_config";

/// Puts real host, port and user in the place of an alias.
///
/// # Errors
/// Where the host can only be reached by an ssh program.
pub(super) fn without_alias(url: &str, remote: &Address, env: &Env) -> Result<Reachable> {
    let Some(parts) = Parts::of(url) else {
        return Ok(Reachable { url: url.to_owned(), host: None });
    };
    let found = ssh_config::of_host(parts.host, &env.home, Path::new(SYSTEM));
    if let Some(word) = found.needs_ssh {
        let message = format!(
            "`{}` has a {word} in the ssh settings, which needs the git program",
            parts.host
        );
        return Err(Failure::new(ErrorKind::Unreachable, message)
            .hint(format!(
                "install git {OLDEST_GIT} or newer, or write an address of `{remote}` that leads there directly"
            ))
            .into());
    }
    Ok(Reachable { url: parts.with(&found, env), host: Some(found) })
}

/// An ssh address, taken apart.
struct Parts<'u> {
    user: Option<&'u str>,
    host: &'u str,
    port: Option<&'u str>,
    path: &'u str,
    /// `host:path` has a path from the home, where it has no slash in front.
    is_short: bool,
}

impl<'u> Parts<'u> {
    fn of(url: &'u str) -> Option<Self> {
        match url.split_once("://") {
            Some(("ssh" | "git+ssh" | "ssh+git", rest)) => {
                let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let (user, host) = user_and_host(place);
                let port_at = host.rfind(':').filter(|at| !host[*at..].contains(']'));
                let (host, port) =
                    port_at.map_or((host, None), |at| (&host[..at], Some(&host[at + 1..])));
                let port = port.filter(|port| !port.is_empty());
                Some(Self { user, host, port, path, is_short: false })
            }
            Some(_) => None,
            None => {
                let is_local = Address::new(url).is_ok_and(|url| url.local_path().is_some());
                // `[host:port]:path` and addresses of six parts are libgit2's to read.
                if is_local || url.contains('[') {
                    return None;
                }
                let (place, path) = url.split_once(':')?;
                let (user, host) = user_and_host(place);
                Some(Self { user, host, port: None, path, is_short: true })
            }
        }
    }

    fn with(&self, found: &SshHost, env: &Env) -> String {
        let variable = |name| env.variable(name).map(|v| v.to_string_lossy().into_owned());
        // As ssh does it: its settings, else the name one has here.
        let user = self.user.map(str::to_owned).or_else(|| found.user.clone());
        let user = user.or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
        let user = user.unwrap_or_else(|| "git".into());
        let host = found.host.as_deref().unwrap_or(self.host);
        let port = self.port.map(str::to_owned).or(found.port.map(|port| port.to_string()));
        match (self.is_short, port) {
            (true, None) => format!("{user}@{host}:{}", self.path),
            (true, Some(port)) => format!("[{user}@{host}:{port}]:{}", self.path),
            (false, None) => format!("ssh://{user}@{host}{}", self.path),
            (false, Some(port)) => format!("ssh://{user}@{host}:{port}{}", self.path),
        }
    }
}

fn user_and_host(place: &str) -> (Option<&str>, &str) {
    place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn resolved(url: &str) -> Result<String> {
        let home = tempfile::tempdir().unwrap();
        let text = "Host nas\nHostName 10.0.0.5\nPort 2222\nUser tom\nHost far\nProxyJump nas\n";
        fs_err::create_dir_all(home.path().join(".ssh")).unwrap();
        fs_err::write(home.path().join(".ssh/config"), text).unwrap();
        let env = Env::sandbox(home.path().into(), "mac", Arc::default());
        let env = env.with_variable("USER", "me");
        Ok(without_alias(url, &Address::new(url)?, &env)?.url)
    }

    #[test]
    fn real_names_take_the_place_of_the_alias() {
        for (url, real) in [
            ("nas:backup.git", "[tom@10.0.0.5:2222]:backup.git"),
            ("git@nas:/srv/a.git", "[git@10.0.0.5:2222]:/srv/a.git"),
            ("ssh://nas/srv/a.git", "ssh://tom@10.0.0.5:2222/srv/a.git"),
            ("ssh://git@nas:22/~/a.git", "ssh://git@10.0.0.5:22/~/a.git"),
            ("git@github.com:me/a.git", "git@github.com:me/a.git"),
            ("other:a.git", "me@other:a.git"),
            ("ssh://git@[::1]:22/a", "ssh://git@[::1]:22/a"),
            ("ssh://u:pw@nas/a", "ssh://u:pw@10.0.0.5:2222/a"),
            ("https://nas/a.git", "https://nas/a.git"),
            ("/nas/a.git", "/nas/a.git"),
            ("./nas:a.git", "./nas:a.git"),
        ] {
            assert_eq!(resolved(url).unwrap(), real, "{url}");
        }
    }

    #[test]
    fn a_host_that_only_ssh_reaches_is_an_error_with_a_way_out() {
        let error = resolved("git@far:a.git").unwrap_err();
        let failure = crate::error::failure(&error).unwrap();
        assert_eq!(failure.kind, ErrorKind::Unreachable);
        assert!(failure.message.contains("`far`") && failure.message.contains("ProxyJump"));
        assert!(failure.hint.as_ref().unwrap().contains("install git 2.31"));
    }
}
