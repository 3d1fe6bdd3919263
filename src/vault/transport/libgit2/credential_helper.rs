//! Git's credential helpers, asked the way git asks them.

use std::path::Path;

use anyhow::Result;

use crate::env::Env;
use crate::process::{self, Programs, TimeLimits};
use crate::vault::transport::url_match::UrlParts;
use crate::vault::transport::user_settings::UserSettings;

/// What runs a helper's words; never one that `PATH` names.
const SHELL: &str = "/bin/sh";
/// No answer of a helper is longer.
const MOST_OUTPUT: usize = 64 * 1024;

/// Who asks, and how long a helper may take.
pub(super) struct Asker<'a> {
    pub(super) env: &'a Env,
    pub(super) programs: &'a Programs<'a>,
    pub(super) limits: TimeLimits,
}

/// How a helper's answer ended up.
#[derive(Default)]
struct Login {
    user: Option<String>,
    password: Option<String>,
    is_last: bool,
}

/// What a helper is told.
fn question(query: &UrlParts, login: &Login, with_path: bool) -> String {
    let mut text = format!("protocol={}\nhost={}\n", query.protocol, query.host);
    if with_path {
        text.push_str(&format!("path={}\n", query.path));
    }
    if let Some(user) = &login.user {
        text.push_str(&format!("username={user}\n"));
    }
    text.push('\n');
    text
}

/// The first user name and password that the helpers of the user's settings know.
///
/// # Errors
/// Kinds `Interrupted` and `TimedOut` where a helper was ended.
pub(super) fn ask(
    query: &UrlParts,
    config: &UserSettings,
    asker: &Asker<'_>,
) -> Result<Option<(String, String)>> {
    let parts = [Some(&query.host), Some(&query.path), query.user.as_ref()];
    if parts.into_iter().flatten().any(|part| part.contains(char::is_control)) {
        // A line of its own would ask for the password of another host.
        return Ok(None);
    }
    let settings = Settings::read(query, config);
    let user = query.user.clone().or(settings.user.clone());
    let mut login = Login { user, ..Login::default() };
    for helper in &settings.helpers {
        let text = question(query, &login, settings.with_path);
        login.take(&run(helper, &text, asker)?.unwrap_or_default());
        if let (Some(user), Some(password)) = (&login.user, &login.password) {
            return Ok(Some((user.clone(), password.clone())));
        }
        if login.is_last {
            break;
        }
    }
    Ok(None)
}

#[derive(Default)]
struct Settings {
    helpers: Vec<String>,
    user: Option<String>,
    with_path: bool,
}

impl Settings {
    /// What the settings say of this query, in the order git reads them.
    fn read(query: &UrlParts, config: &UserSettings) -> Self {
        let mut settings = Self::default();
        for (name, value) in config.iter() {
            let Some(name) = name.strip_prefix("credential.") else { continue };
            let (pattern, key) = name.rsplit_once('.').map_or((None, name), |(p, k)| (Some(p), k));
            if pattern.is_none_or(|pattern| query.fits(pattern)) {
                settings.take(key, value);
            }
        }
        settings
    }

    fn take(&mut self, key: &str, value: &str) {
        match key {
            // An empty one forgets those before it.
            "helper" if value.is_empty() => self.helpers.clear(),
            "helper" => self.helpers.push(value.into()),
            "username" => self.user = Some(value.into()),
            "usehttppath" => self.with_path = matches!(value, "true" | "yes" | "on" | "1" | ""),
            _ => {}
        }
    }
}

impl Login {
    fn take(&mut self, answer: &str) {
        for line in answer.lines() {
            match line.split_once('=') {
                Some(("username", user)) => self.user = Some(user.into()),
                Some(("password", password)) => self.password = Some(password.into()),
                Some(("quit", "1" | "true" | "yes")) => self.is_last = true,
                _ => {}
            }
        }
    }
}

/// What a helper answers; nothing where it cannot be run.
fn run(helper: &str, query: &str, asker: &Asker<'_>) -> Result<Option<String>> {
    let mut command = asker.programs.command(Path::new(SHELL));
    command.arg("-c").arg(format!("{} get", call_of(helper))).envs([
        ("GCM_INTERACTIVE", "never"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
    ]);
    let limit = asker.limits.silence;
    let output = process::run_whole(&mut command, query.as_bytes(), asker.env, limit, MOST_OUTPUT)?;
    Ok(output.success.then(|| String::from_utf8_lossy(&output.out).into_owned()))
}

/// What a shell is told: `!` begins words for it, a path is a program, all else is a name that git
/// finds, or where there is none, `PATH`.
fn call_of(helper: &str) -> String {
    if let Some(words) = helper.strip_prefix('!') {
        return words.to_owned();
    }
    if Path::new(helper.split(' ').next().unwrap_or_default()).is_absolute() {
        return helper.to_owned();
    }
    format!(
        "f() {{ if command -v git >/dev/null 2>&1; then git credential-{helper} \"$1\"; else git-credential-{helper} \"$1\"; fi; }}; f"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use git2::Config;

    use super::*;

    fn ask_with(config: &str, url: &str, user: Option<&str>) -> Option<(String, String)> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        fs_err::write(&path, config).unwrap();
        let env = Env::sandbox(home.path().into(), "mac", Arc::default());
        let env = env.with_variable("PATH", "/usr/local/bin:/usr/bin:/bin");
        let programs = Programs::new(&env, None);
        let asker = Asker { env: &env, programs: &programs, limits: TimeLimits::default() };
        let config = UserSettings::of(&Config::open(&path).unwrap()).unwrap();
        ask(&UrlParts::new(url, user).unwrap(), &config, &asker).unwrap()
    }

    fn password(config: &str, url: &str) -> Option<String> {
        ask_with(config, url, Some("me")).map(|login| login.1)
    }

    #[test]
    fn helpers_are_asked_in_order_until_one_knows() {
        let config = "[credential]\nhelper = \"!echo username=me #\"\nhelper = /no/such/program\n\
                      helper = \"!f() { echo password=two; }; f\"\nhelper = \"!echo password=3 #\"\n";
        let login = ask_with(config, "https://host/a.git", None);
        assert_eq!(login, Some(("me".into(), "two".into())));
        let reset = format!("{config}helper =\n");
        assert_eq!(password(&reset, "https://host/a.git"), None);
        let quit = "[credential]\nhelper = \"!echo quit=1 #\"\nhelper = \"!echo password=3 #\"\n";
        assert_eq!(password(quit, "https://host"), None);
    }

    #[test]
    fn the_repository_has_the_last_word() {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new().unwrap();
        for (name, level, helpers) in [
            ("local", git2::ConfigLevel::Local, "helper =\nhelper = c"),
            ("global", git2::ConfigLevel::Global, "helper = b\nhelper = d"),
            ("system", git2::ConfigLevel::System, "helper = a"),
        ] {
            let path = home.path().join(name);
            fs_err::write(&path, format!("[credential]\n{helpers}\n")).unwrap();
            config.add_file(&path, level, false).unwrap();
            let query = UrlParts::new("https://host/a", None).unwrap();
            let config = UserSettings::of(&config).unwrap();
            assert_eq!(Settings::read(&query, &config).helpers, ["c"], "{name}");
        }
    }

    #[test]
    fn a_section_counts_for_its_host_alone() {
        let of = |section: &str| {
            format!("[credential \"{section}\"]\nhelper =\nhelper = \"!echo password=p #\"\n")
        };
        for (section, url, fits) in [
            ("https://github.com", "https://github.com/me/a.git", true),
            ("https://github.com", "https://gist.github.com/a.git", false),
            ("https://*.github.com", "https://gist.github.com/a.git", true),
            ("https://github.com", "http://github.com/a.git", false),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/a.git", true),
            ("http://127.0.0.1", "http://127.0.0.1:8080/a.git", false),
            ("https://host:443/team", "https://host/team/a.git", true),
            ("https://host/team", "https://host/teams/a.git", false),
            ("https://other@host", "https://host/a.git", false),
        ] {
            let found = password(&of(section), url);
            assert_eq!(found.is_some(), fits, "{section} for {url}");
        }
    }

    #[test]
    fn a_helper_hears_which_host_it_is() {
        let config = "[credential]\nhelper = \"!f() { echo password=$(tr '\\\\n' ' '); }; f\"\n";
        let heard = password(config, "http://10.0.0.5:3000/me/a.git").unwrap();
        assert_eq!(heard.trim(), "protocol=http host=10.0.0.5:3000 username=me");
        let with_path = format!("{config}useHttpPath = true\n");
        let heard = password(&with_path, "http://10.0.0.5:3000/me/a.git").unwrap();
        assert!(heard.contains("path=me/a.git"), "{heard}");
    }
}
