//! The few words of `~/.ssh/config` that libgit2 can follow.

use std::path::{Path, PathBuf};

/// What the user's ssh settings say of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SshHost {
    /// The real name; nothing where it is the one that was asked for.
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    /// Key files in the order they are named.
    pub(super) identities: Vec<PathBuf>,
    /// Only these keys may be tried.
    pub(super) identities_only: bool,
    /// The word that only ssh itself can follow.
    pub(super) needs_ssh: Option<&'static str>,
}

/// Files that include each other without end.
const DEEPEST: usize = 16;

/// Reads what is said of `alias`; the user's file comes first, and the first word counts.
pub(super) fn of_host(alias: &str, home: &Path, system: &Path) -> SshHost {
    let mut reader = Reader { alias, home, applies: true, found: Found::default() };
    reader.file(&home.join(".ssh/config"), 0);
    reader.applies = true;
    reader.file(system, 0);
    reader.found.finish(alias, home)
}

struct Reader<'r> {
    alias: &'r str,
    home: &'r Path,
    applies: bool,
    found: Found,
}

#[derive(Default)]
struct Found {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    identities: Vec<String>,
    identities_only: Option<String>,
    command: Option<String>,
    jump: Option<String>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) {
        let Ok(bytes) = fs_err::read(path) else { return };
        for line in String::from_utf8_lossy(&bytes).lines() {
            let words = words(line);
            let Some((key, values)) = words.split_first() else { continue };
            self.line(&key.to_ascii_lowercase(), values, depth);
        }
    }

    fn line(&mut self, key: &str, values: &[String], depth: usize) {
        match key {
            "host" => self.applies = fits(values, self.alias),
            "match" => self.applies = self.matches(values),
            "include" if self.applies && depth < DEEPEST => self.include(values, depth),
            _ if self.applies => self.found.take(key, values),
            _ => {}
        }
    }

    /// Conditions that only a running ssh can tell do not hold.
    fn matches(&self, values: &[String]) -> bool {
        let name = self.found.host.as_deref().unwrap_or(self.alias);
        let list = |values: &str| values.split(',').map(str::to_owned).collect::<Vec<_>>();
        match values {
            [all] => all.eq_ignore_ascii_case("all"),
            [key, hosts] if key.eq_ignore_ascii_case("host") => fits(&list(hosts), name),
            [key, hosts] if key.eq_ignore_ascii_case("originalhost") => {
                fits(&list(hosts), self.alias)
            }
            _ => false,
        }
    }

    fn include(&mut self, values: &[String], depth: usize) {
        for value in values {
            let path = self.home.join(".ssh").join(expanded(value, self.home));
            for path in those_that_fit(&path) {
                // What a `Host` line in there begins ends with the file.
                self.applies = true;
                self.file(&path, depth + 1);
            }
            self.applies = true;
        }
    }
}

impl Found {
    fn take(&mut self, key: &str, values: &[String]) {
        let Some(value) = values.first() else { return };
        let place = match key {
            "hostname" => &mut self.host,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "identitiesonly" => &mut self.identities_only,
            "proxycommand" => &mut self.command,
            "proxyjump" => &mut self.jump,
            "identityfile" => return self.identities.push(value.clone()),
            _ => return,
        };
        place.get_or_insert_with(|| value.clone());
    }

    fn finish(self, alias: &str, home: &Path) -> SshHost {
        let host = self.host.map(|host| host.replace("%h", alias).replace("%%", "%"));
        let asks = |value: &Option<String>| {
            value.as_ref().is_some_and(|value| !value.eq_ignore_ascii_case("none"))
        };
        let needs_ssh = match (asks(&self.jump), asks(&self.command)) {
            (true, _) => Some("ProxyJump"),
            (_, true) => Some("ProxyCommand"),
            _ => None,
        };
        let named = self.identities.iter().filter(|path| !path.eq_ignore_ascii_case("none"));
        let real = host.as_deref().unwrap_or(alias);
        let path = |name: &String| {
            let name = name.replace("%d", &home.to_string_lossy()).replace("%h", real);
            home.join(expanded(&name, home))
        };
        SshHost {
            identities: named.map(path).collect(),
            host: host.filter(|host| host != alias),
            port: self.port.and_then(|port| port.parse().ok()),
            user: self.user,
            identities_only: self.identities_only.is_some_and(|v| v.eq_ignore_ascii_case("yes")),
            needs_ssh,
        }
    }
}

/// A line's words: `Key value`, `Key=value`, `Key "a value"`; nothing for a comment.
fn words(line: &str) -> Vec<String> {
    let line = line.trim();
    if line.starts_with('#') {
        return Vec::new();
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start().strip_prefix('=').unwrap_or(rest.trim_start());
    let mut words = vec![key.to_owned()];
    let mut word = String::new();
    let mut is_quoted = false;
    for c in rest.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words.retain(|word| !word.is_empty());
    words
}

/// True where a pattern fits and none with a `!` does.
fn fits(patterns: &[String], name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let fits =
        |pattern: &str| wildcard_fits(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes());
    let denied = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(fits);
    !denied && patterns.iter().any(|pattern| !pattern.starts_with('!') && fits(pattern))
}

/// `*` stands for any characters, `?` for one.
fn wildcard_fits(pattern: &[u8], name: &[u8]) -> bool {
    // For each beginning of the name, whether the pattern's beginning fits it: many stars are as
    // quick as one.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for wanted in pattern {
        if *wanted == b'*' {
            let first = fits.iter().position(|fits| *fits).unwrap_or(fits.len());
            fits[first..].fill(true);
            continue;
        }
        for (at, letter) in name.iter().enumerate().rev() {
            fits[at + 1] = fits[at] && (*wanted == b'?' || wanted == letter);
        }
        fits[0] = false;
    }
    fits[name.len()]
}

fn expanded(path: &str, home: &Path) -> PathBuf {
    path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |below| home.join(below))
}

/// The files that a path with wildcards in its last name stands for, in order.
fn those_that_fit(path: &Path) -> Vec<PathBuf> {
    let pattern = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|_| pattern.contains(['*', '?']));
    let Some(folder) = folder else { return vec![path.to_owned()] };
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        !name.starts_with('.') && wildcard_fits(pattern.as_bytes(), name.as_bytes())
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(fits).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(alias: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, SshHost) {
        let home = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(home.path().join(".ssh/conf.d")).unwrap();
        for (name, text) in files {
            fs_err::write(home.path().join(".ssh").join(name), text).unwrap();
        }
        let found = of_host(alias, home.path(), &home.path().join(".ssh/system"));
        (home, found)
    }

    #[test]
    fn an_alias_is_followed() {
        let text = "# mine\nHost nas *.lan !no.lan\n  HostName=192.168.1.5\n\tPort 2222\n\
                    User \"tom\"\n IdentityFile ~/.ssh/nas key\nIdentityFile %d/other\n\
                    IdentitiesOnly yes\nHost *\n User other\n ProxyJump none\n";
        let (home, found) = ask("nas", &[("config", text)]);
        assert_eq!(found.host.as_deref(), Some("192.168.1.5"));
        assert_eq!((found.port, found.user.as_deref()), (Some(2222), Some("tom")));
        let keys = [home.path().join(".ssh/nas"), home.path().join("other")];
        assert_eq!(found.identities, keys);
        assert!(found.identities_only && found.needs_ssh.is_none());
        assert_eq!(ask("a.lan", &[("config", text)]).1.port, Some(2222));
        let (_home, other) = ask("no.lan", &[("config", text)]);
        assert_eq!((other.port, other.user.as_deref()), (None, Some("other")));
    }

    #[test]
    fn many_stars_take_no_longer_than_one() {
        let name = "a".repeat(200);
        let stars = "*a".repeat(100);
        let text = format!("Host {stars}\nPort 1\nHost {stars}b {stars}?b\nUser tom\n");
        let (_home, found) = ask(&name, &[("config", &text)]);
        assert_eq!((found.port, found.user), (Some(1), None));
    }

    #[test]
    fn a_host_behind_another_is_known_as_such() {
        for (line, word) in
            [("ProxyJump gate", "ProxyJump"), ("ProxyCommand nc %h", "ProxyCommand")]
        {
            let (_home, found) = ask("x", &[("config", &format!("Host x\n{line}\n"))]);
            assert_eq!(found.needs_ssh, Some(word));
        }
    }

    #[test]
    fn included_files_and_the_system_are_read_in_order() {
        let files = [
            ("config", "Include conf.d/*.conf missing\nPort 1\nHostName %h.example.org\n"),
            ("conf.d/a.conf", "Host other\nPort 9\n"),
            ("conf.d/b.conf", "Match all\nPort 2\nMatch exec true\nUser no\n"),
            ("system", "User all\nPort 3\n"),
        ];
        let (_home, found) = ask("x", &files);
        assert_eq!((found.port, found.user.as_deref()), (Some(2), Some("all")));
        assert_eq!(found.host.as_deref(), Some("x.example.org"));
        let (_home, found) = ask("x", &[("config", "Include config\nPort 7\n")]);
        assert_eq!(found.port, Some(7));
        assert_eq!(ask("x", &[]).1, SshHost::default());
    }
}
