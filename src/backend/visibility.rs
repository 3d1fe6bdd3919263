//! Who can read the GitHub repository that the backup is pushed to.
//!
//! GitHub is asked through `gh`, at most once a day; while others can read the repository, each time.
//! The answer and the user's consent are kept in `.git/config`, bound to the repository's name.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::github::{self, Gh};
use crate::env::Env;
use crate::error::{ErrorKind, Failure, kind};
use crate::repository::Repository;
use crate::repository::manifest::{parse_stamp, stamp};
use crate::repository::settings::{self, Mode};
use crate::vault::Vault;
use crate::vault::transport::Address;

/// The setting that holds GitHub's last answer.
const ANSWER: &str = "githubVisibility";
/// The setting that names the repository that may be read by others.
const CONSENT: &str = "allowPublic";

/// Whether a repository that others can read is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllowPublic {
    /// It is refused.
    #[default]
    No,
    /// The user wants it so.
    Yes,
}

impl From<bool> for AllowPublic {
    /// From the flag of the command line.
    fn from(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }
}

/// Who can read a GitHub repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Its owner and whom they invited.
    Private,
    /// Everyone in the owner's enterprise.
    Internal,
    /// Everyone.
    Public,
    /// GitHub could not be asked.
    #[default]
    Unknown,
}

impl Visibility {
    /// Reads GitHub's word in any case; a word that is not known counts as the most open one.
    pub(super) fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "private" => Self::Private,
            "internal" => Self::Internal,
            "unknown" => Self::Unknown,
            _ => Self::Public,
        }
    }

    /// The word in settings and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
            Self::Unknown => "unknown",
        }
    }

    /// True where people can read it whom nobody invited.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Internal | Self::Public)
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of the GitHub repository that the backup is pushed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GithubState {
    /// `owner/name`; `None` where it could not be found out.
    pub repository: Option<String>,
    /// Who can read it.
    pub visibility: Visibility,
    /// When GitHub was last asked.
    pub checked_at: Option<DateTime<Utc>>,
    /// The user accepted that others can read it.
    pub allow_public: bool,
    /// Whether the backup chose the repository, or the user gave its address.
    #[serde(skip)]
    mode: Mode,
}

impl GithubState {
    fn unknown(mode: Mode) -> Self {
        let visibility = Visibility::Unknown;
        Self { repository: None, visibility, checked_at: None, allow_public: false, mode }
    }

    /// True where nothing may be pushed.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.visibility.is_open() && !self.allow_public
    }

    /// Why nothing is pushed, and what to do about it; `None` where that is not so.
    #[must_use]
    pub fn refusal(&self) -> Option<Failure> {
        let name = self.repository.as_deref().filter(|_| self.is_blocked())?;
        let remote = if self.mode == Mode::Github { "github" } else { "git --remote URL" };
        let command = format!("`claude-backup backend set {remote} --allow-public`");
        Some(refusal(name, self.visibility, &command))
    }

    /// Who can read it, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.visibility, self.allow_public) {
            (Visibility::Unknown, _) => "GitHub could not be asked who can read it".into(),
            (visibility, true) if visibility.is_open() => {
                format!("{visibility}: others can read it, as you allowed")
            }
            (visibility, _) if visibility.is_open() => format!("{visibility}: others can read it"),
            (visibility, _) => visibility.to_string(),
        }
    }
}

/// What GitHub said about one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readers {
    repository: String,
    visibility: Visibility,
    asked: Asked,
}

/// When GitHub was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// By the command that set the remote: good for the push of that command alone.
    AtSetup,
    /// By a later one.
    At(DateTime<Utc>),
}

impl Readers {
    pub(super) fn at_setup(repository: String, visibility: Visibility) -> Self {
        Self { repository, visibility, asked: Asked::AtSetup }
    }

    fn load(vault: &Vault) -> Result<Option<Self>> {
        Ok(vault.setting(ANSWER)?.and_then(|text| Self::parse(&text)))
    }

    /// Reads `private 2026-11-20T12:00:00Z octo/claude-backup-data`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (visibility, asked, repository) = (words.next()?, words.next()?, words.next()?);
        let asked = match asked {
            "setup" => Asked::AtSetup,
            time => Asked::At(parse_stamp(time)?),
        };
        let visibility = Visibility::parse(visibility);
        Some(Self { repository: repository.to_owned(), visibility, asked })
    }

    fn save(&self, vault: &Vault) -> Result<()> {
        let asked = match self.asked {
            Asked::AtSetup => "setup".to_owned(),
            Asked::At(time) => stamp(time),
        };
        vault.set_setting(ANSWER, &format!("{} {asked} {}", self.visibility, self.repository))
    }

    /// Refuses a repository that others can read, unless that is accepted.
    ///
    /// # Errors
    /// [`ErrorKind::PublicRepository`].
    pub(super) fn check(&self, allow: AllowPublic) -> Result<()> {
        match self.visibility.is_open() && allow == AllowPublic::No {
            true => Err(refusal(&self.repository, self.visibility, "--allow-public").into()),
            false => Ok(()),
        }
    }

    /// True where GitHub need not be asked again: it was today, and nobody else could read it.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let is_today =
            matches!(self.asked, Asked::At(time) if time.date_naive() == now.date_naive());
        is_today && !self.visibility.is_open()
    }

    fn state(self, vault: &Vault, mode: Mode) -> Result<GithubState> {
        let checked_at = match self.asked {
            Asked::AtSetup => None,
            Asked::At(time) => Some(time),
        };
        let allow_public = vault.setting(CONSENT)?.as_deref() == Some(&self.repository);
        let (repository, visibility) = (Some(self.repository), self.visibility);
        Ok(GithubState { repository, visibility, checked_at, allow_public, mode })
    }
}

fn refusal(name: &str, visibility: Visibility, consent: &str) -> Failure {
    let readers = match visibility {
        Visibility::Internal => "everyone in its enterprise",
        _ => "anyone",
    };
    let message = format!("the GitHub repository `{name}` is {visibility}: {readers} can read it");
    Failure::new(ErrorKind::PublicRepository, message).hint(format!(
        "make it private at https://github.com/{name}/settings, or accept that others can read \
         your sessions with {consent}"
    ))
}

/// Asks who can read the repository at an address, before anything is pushed there; `None` for
/// another host, and where GitHub cannot be asked.
pub(super) fn of_address(address: &Address, env: &Env, limit: Duration) -> Result<Option<Readers>> {
    let Some(name) = github::name_of(address) else { return Ok(None) };
    let visibility = ask(Gh::find(env, limit), Some(name))?;
    Ok(visibility.map(|(name, visibility)| Readers::at_setup(name, visibility)))
}

/// What the user accepted of the remote that is set.
///
/// # Errors
/// Where git's settings cannot be read.
pub(super) fn consent(vault: &Vault) -> Result<AllowPublic> {
    Ok(vault.setting(CONSENT)?.map_or(AllowPublic::No, |_| AllowPublic::Yes))
}

/// Keeps what was found out and accepted when the remote was set; forgets what an earlier one had.
pub(super) fn settle(vault: &Vault, answer: Option<&Readers>, allow: AllowPublic) -> Result<()> {
    let Some(answer) = answer else {
        vault.remove_setting(CONSENT)?;
        return vault.remove_setting(ANSWER);
    };
    match allow {
        AllowPublic::Yes => vault.set_setting(CONSENT, &answer.repository)?,
        AllowPublic::No => vault.remove_setting(CONSENT)?,
    }
    answer.save(vault)
}

/// Refuses to push where others can read the remote and the user has not accepted that.
///
/// # Errors
/// [`ErrorKind::PublicRepository`]; where git's settings cannot be read or written.
pub(super) fn check_before_push(repository: &Repository) -> Result<()> {
    let vault = &repository.vault;
    if Readers::load(vault)?.is_some_and(|answer| answer.asked == Asked::AtSetup) {
        // The command that set the remote has just asked. The next one asks again.
        return vault.remove_setting(ANSWER);
    }
    let state = check(repository)?;
    match state.as_ref().and_then(GithubState::refusal) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// What is known of the remote's readers; GitHub is asked where that was not done today. `None` for a
/// remote elsewhere.
///
/// A failed call is remembered as [`Visibility::Unknown`], and takes back no earlier refusal.
///
/// # Errors
/// Where git's settings cannot be read, or the user asked to stop.
pub fn check(repository: &Repository) -> Result<Option<GithubState>> {
    let vault = &repository.vault;
    let mode = settings::mode(vault)?;
    let url = vault.remote_url()?.filter(|_| mode != Mode::Local);
    let Some(address) = url.and_then(|url| Address::new(&url).ok()) else { return Ok(None) };
    let name = github::name_of(&address);
    if name.is_none() && mode != Mode::Github {
        return Ok(None);
    }
    let now = repository.env().now();
    let is_same = |known: &Readers| name.as_ref().is_none_or(|name| *name == known.repository);
    let before = Readers::load(vault)?.filter(is_same);
    if before.as_ref().is_some_and(|known| known.is_fresh(now)) {
        return before.map(|known| known.state(vault, mode)).transpose();
    }
    let known = before.as_ref().map(|known| known.repository.clone());
    let readers = match (ask(Gh::of(repository)?, name.or(known))?, before) {
        (None | Some((_, Visibility::Unknown)), Some(open)) if open.visibility.is_open() => open,
        (Some((repository, visibility)), _) => {
            Readers { repository, visibility, asked: Asked::At(now) }
        }
        (None, _) => return Ok(Some(GithubState::unknown(mode))),
    };
    // A backup that cannot be written to can still be looked at.
    if let Err(error) = readers.save(vault) {
        repository.warn(format!("who can read the remote could not be noted: {error:#}"));
    }
    readers.state(vault, mode).map(Some)
}

/// Asks GitHub about a repository, by default the account's own; `None` where not even its name is
/// known.
fn ask(gh: Option<Gh<'_>>, name: Option<String>) -> Result<Option<(String, Visibility)>> {
    let unknown = |name: Option<String>| name.map(|name| (name, Visibility::Unknown));
    let Some(gh) = gh else { return Ok(unknown(name)) };
    let named = match &name {
        Some(name) => Ok(name.clone()),
        None => gh.account().map(|account| github::default_name(&account)),
    };
    match named.and_then(|name| Ok((gh.visibility(&name)?, name))) {
        Ok((visibility, name)) => Ok(Some((name, visibility))),
        Err(error) if kind(&error) == ErrorKind::Interrupted => Err(error),
        Err(_) => Ok(unknown(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_in_three_words() {
        let (_home, env) = crate::testing::sandbox();
        let repository = Repository::create(&env.home.join("backup"), &env).unwrap();
        let vault = &repository.vault;
        for asked in [Asked::AtSetup, Asked::At(env.now())] {
            for visibility in [Visibility::Private, Visibility::Internal, Visibility::Unknown] {
                let answer = Readers { repository: "octo/data".into(), visibility, asked };
                answer.save(vault).unwrap();
                assert_eq!(Readers::load(vault).unwrap(), Some(answer));
            }
        }
        for damaged in ["", "private", "private yesterday octo/data", "private setup"] {
            assert_eq!(Readers::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_word_that_github_may_invent_counts_as_public() {
        assert_eq!(Visibility::parse("SHARED"), Visibility::Public);
        assert_eq!(Visibility::parse("PRIVATE"), Visibility::Private);
    }

    #[test]
    fn an_answer_is_good_for_a_day_unless_others_can_read() {
        let now = parse_stamp("2026-11-20T12:00:00Z").unwrap();
        let answer = |visibility, time: &str| Readers {
            repository: "octo/data".into(),
            visibility,
            asked: Asked::At(parse_stamp(time).unwrap()),
        };
        assert!(answer(Visibility::Private, "2026-11-20T00:00:01Z").is_fresh(now));
        assert!(answer(Visibility::Unknown, "2026-11-20T23:00:00Z").is_fresh(now));
        assert!(!answer(Visibility::Private, "2026-11-19T23:59:59Z").is_fresh(now));
        assert!(!answer(Visibility::Public, "2026-11-20T11:59:59Z").is_fresh(now));
        assert!(!Readers::at_setup("octo/data".into(), Visibility::Private).is_fresh(now));
    }
}
