//! A remote as somebody typed it: folders are meant from where they stand.

use std::path::{Component, Path};

use anyhow::Result;

use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::vault::transport::Address;

/// The address that is meant: URLs as they are, folders with their path from the root.
///
/// # Errors
/// [`ErrorKind::Usage`] where it is not an address, or is one without its scheme.
pub fn resolve(text: &str, env: &Env) -> Result<Address> {
    let address = Address::new(text)?;
    let text = text.trim();
    if text.contains("://") || address.local_path().is_none() {
        return Ok(address);
    }
    let path = env.absolute(Path::new(text))?;
    if let Some(meant) = without_scheme(text).filter(|_| !path.exists()) {
        let message = format!("there is no folder `{}`", path.display());
        return Err(Failure::new(ErrorKind::Usage, message)
            .hint(format!("did you mean {meant}?"))
            .into());
    }
    let path = path.components().filter(|part| *part != Component::CurDir);
    let path: std::path::PathBuf = path.collect();
    // A name that is not text was not typed.
    Address::new(path.to_str().unwrap_or(text))
}

/// The URL that `host/path` or `user@host/path` stands for.
fn without_scheme(text: &str) -> Option<String> {
    let (place, path) = text.split_once('/')?;
    let (user, host) = place.rsplit_once('@').map_or((None, place), |(u, host)| (Some(u), host));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let (name, ending) = host.rsplit_once('.')?;
    let is_host = !name.is_empty()
        && !name.starts_with(['.', '-'])
        && ending.len() >= 2
        && ending.chars().all(|c| c.is_ascii_alphabetic())
        && host.chars().all(is_plain);
    if !is_host || path.is_empty() {
        return None;
    }
    Some(match user {
        Some(user) => format!("{user}@{host}:{path}"),
        None => format!("https://{host}/{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::failure;
    use crate::testing::sandbox;

    #[test]
    fn folders_are_meant_from_where_one_stands() {
        let (home, mut env) = sandbox();
        env.working_dir = Some(home.path().join("work"));
        for (typed, below) in [
            ("relrepo.git", "work/relrepo.git"),
            ("./relrepo.git", "work/relrepo.git"),
            ("../disk/a.git", "work/../disk/a.git"),
            ("backups/a.git", "work/backups/a.git"),
            ("~/a.git", "a.git"),
            (" ~/a.git ", "a.git"),
        ] {
            let meant = home.path().join(below).display().to_string();
            assert_eq!(resolve(typed, &env).unwrap().as_str(), meant, "{typed}");
        }
        for as_it_is in
            ["/srv/a.git", "https://host.org/a", "git@host:a.git", "host:a.git", "file:///srv/a"]
        {
            assert_eq!(resolve(as_it_is, &env).unwrap().as_str(), as_it_is);
        }
    }

    #[test]
    fn a_url_without_its_scheme_is_asked_about() {
        let (home, env) = sandbox();
        for (typed, meant) in [
            ("github.com/me/x", "https://github.com/me/x"),
            ("www.example.org/x.git", "https://www.example.org/x.git"),
            ("git@github.com/me/x.git", "git@github.com:me/x.git"),
        ] {
            let error = resolve(typed, &env).unwrap_err();
            let hint = failure(&error).and_then(|failure| failure.hint.clone());
            assert_eq!(hint, Some(format!("did you mean {meant}?")));
        }
        fs_err::create_dir_all(home.path().join("github.com/me/x")).unwrap();
        let folder = home.path().join("github.com/me/x").display().to_string();
        assert_eq!(resolve("github.com/me/x", &env).unwrap().as_str(), folder);
        for folder in ["v1.2/x", "..a/x", "a.git", "disk/github.com/x"] {
            assert!(resolve(folder, &env).is_ok(), "{folder}");
        }
    }
}
