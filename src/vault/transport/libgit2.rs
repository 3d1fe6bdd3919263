//! Speaking to remotes by way of libgit2, which is built in.

use std::sync::Arc;

use anyhow::{Context, Result};
use git2::{Direction, ErrorCode, FetchOptions, PushOptions, RemoteConnection};

use self::conversation::Conversation;
use self::talk::Talk;
use super::folder::{self, Hooks};
use super::user_settings::UserSettings;
use super::{Address, References, Sent, Transport, explain, lacks, place};
use crate::env::Env;
use crate::process::{self, TimeLimits};
use crate::progress::{Progress, Silent};
use crate::vault::{ObjectId, Vault, open_repository};

mod conversation;
mod credential_helper;
mod duplex;
mod git_daemon;
mod http;
mod local;
mod registration;
mod ssh;
mod ssh_url;
mod talk;

#[cfg(any(test, fuzzing))]
pub(crate) use ssh_url::addresses as ssh_addresses;

/// libgit2 and the repository it works for.
pub(super) struct Libgit2<'a> {
    vault: &'a Vault,
    env: &'a Env,
    limits: TimeLimits,
}

impl<'a> Libgit2<'a> {
    pub(super) fn new(vault: &'a Vault, env: &'a Env, limits: TimeLimits) -> Self {
        Self { vault, env, limits }
    }

    fn conversation(
        &self,
        repository: &git2::Repository,
        remote: &Address,
    ) -> Result<Arc<Conversation>> {
        let settings = repository.config().and_then(|mut config| config.snapshot());
        let settings = settings.and_then(|settings| UserSettings::of(&settings));
        let settings = settings.context("git's settings cannot be read")?;
        let root = self.vault.root().to_owned();
        Ok(Conversation::new(self.env, root, settings, self.limits, remote))
    }

    /// A repository of our own: a transfer may take long, and others want to read meanwhile.
    fn repository(&self) -> Result<git2::Repository> {
        let opened = open_repository(self.vault.root());
        opened.with_context(|| format!("repository `{}`", self.vault.root().display()))
    }

    /// Reaches a remote and lets `work` speak to it.
    fn speak<T>(
        &self,
        remote: &Address,
        direction: Direction,
        progress: &dyn Progress,
        work: impl FnOnce(&mut RemoteConnection<'_, '_, '_>, &Talk<'_>) -> Result<T, git2::Error>,
    ) -> Result<Result<T, git2::Error>> {
        let repository = self.repository()?;
        let url = self.effective_url(&repository, remote, direction)?;
        registration::ensure_registered().context("libgit2 takes no transports")?;
        let conversation = self.conversation(&repository, remote)?;
        let talk = Talk::new(Arc::clone(&conversation), progress);
        if !talk.goes_on() {
            return Err(process::interrupted(&format!("the remote `{remote}`")));
        }
        let _entered = conversation.enter();
        let mut named = repository
            .remote_anonymous(&url)
            .map_err(|error| explain::failure(remote, error.message()))?;
        let connected = named.connect_auth(direction, Some(talk.callbacks()), None);
        let mut connection =
            connected.map_err(|error| self.failure(remote, direction, &error, &talk))?;
        conversation.finish_listing();
        let worked = work(&mut connection, &talk);
        talk.finish();
        match worked {
            Err(error) if error.code() == ErrorCode::NotFastForward => Ok(Err(error)),
            Err(error) => Err(self.failure(remote, direction, &error, &talk)),
            Ok(value) => Ok(Ok(value)),
        }
    }

    /// The address that the user's `insteadOf` and `pushInsteadOf` make of it.
    fn effective_url(
        &self,
        repository: &git2::Repository,
        remote: &Address,
        direction: Direction,
    ) -> Result<String> {
        let url = match remote.local_path() {
            Some(_) => place::of(remote, self.vault.root())?.url,
            None => remote.as_str().to_owned(),
        };
        let named = repository.remote_anonymous(&url);
        let named = named.map_err(|error| explain::failure(remote, error.message()))?;
        let push = match direction {
            Direction::Push => named.pushurl().ok().flatten(),
            Direction::Fetch => None,
        };
        Ok(push.or_else(|| named.url().ok()).unwrap_or_default().to_owned())
    }

    /// Pushes to a repository in the file system; nothing where the remote is none.
    fn push_locally(
        &self,
        remote: &Address,
        commit: Option<ObjectId>,
        reference: &str,
        progress: &dyn Progress,
    ) -> Result<Option<Sent>> {
        let repository = self.repository()?;
        let url = self.effective_url(&repository, remote, Direction::Push)?;
        let Some(path) = Address::new(&url)?.local_path() else { return Ok(None) };
        let path = self.vault.root().join(path);
        if let Hooks::Run(hooks) = Hooks::for_push(self.vault, remote, &path)? {
            folder::refuse_hooks_without_git(remote, &hooks)?;
        }
        let talk = Talk::new(self.conversation(&repository, remote)?, progress);
        let sent = local::push(&repository, &path, commit, reference, &talk);
        talk.finish();
        sent.map(Some).map_err(|error| self.failure(remote, Direction::Push, &error, &talk))
    }

    fn failure(
        &self,
        remote: &Address,
        direction: Direction,
        error: &git2::Error,
        talk: &Talk<'_>,
    ) -> anyhow::Error {
        if talk.is_stopped() || self.env.interrupted() {
            return process::interrupted(&format!("the remote `{remote}`"));
        }
        if let Some(failure) = talk.failure() {
            return failure;
        }
        let said = format!("{}\n{}", talk.words(), error.message());
        match direction {
            Direction::Fetch => explain::failure(remote, &said).into(),
            Direction::Push => explain::push_failure(remote, &said).into(),
        }
    }
}

fn listed(connection: &RemoteConnection<'_, '_, '_>) -> Result<References, git2::Error> {
    let mut references = References::default();
    for head in connection.list()? {
        let name = head.name();
        if name == "HEAD" {
            references.head = head.symref_target().map(str::to_owned);
        } else if name.starts_with("refs/") && !name.ends_with("^{}") {
            let added = references.add(name, head.oid().into());
            added.map_err(|error| git2::Error::from_str(&error.to_string()))?;
        }
    }
    Ok(references)
}

impl Transport for Libgit2<'_> {
    fn name(&self) -> String {
        let (major, minor, patch) = git2::Version::get().libgit2_version();
        format!("libgit2 {major}.{minor}.{patch}")
    }

    fn references(&self, remote: &Address) -> Result<References> {
        let listed =
            self.speak(remote, Direction::Fetch, &Silent, |connection, _| listed(connection))?;
        Ok(listed?)
    }

    fn fetch(
        &self,
        remote: &Address,
        reference: &str,
        into: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        let found = self.speak(remote, Direction::Fetch, progress, |connection, talk| {
            let Some(commit) = listed(connection)?.get(reference) else { return Ok(None) };
            let mut options = FetchOptions::new();
            options.remote_callbacks(talk.callbacks()).download_tags(git2::AutotagOption::None);
            connection.remote().download(&[reference], Some(&mut options))?;
            Ok(Some(commit))
        })??;
        let commit = found.ok_or_else(|| lacks(remote, reference))?;
        self.vault.reopen()?;
        // libgit2 would also empty FETCH_HEAD, which is the user's.
        self.vault.set_reference(into, commit)
    }

    fn push(
        &self,
        remote: &Address,
        commit: Option<ObjectId>,
        reference: &str,
        progress: &dyn Progress,
    ) -> Result<Sent> {
        if let Some(sent) = self.push_locally(remote, commit, reference, progress)? {
            return Ok(sent);
        }
        let from = commit.map(|commit| commit.to_string()).unwrap_or_default();
        let refspec = format!("{from}:{reference}");
        let pushed = self.speak(remote, Direction::Push, progress, |connection, talk| {
            let there = listed(connection)?.get(reference);
            if there == commit {
                return Ok(Sent::Done);
            }
            let mut options = PushOptions::new();
            options.remote_callbacks(talk.callbacks());
            connection.remote().push(&[&refspec], Some(&mut options))?;
            Ok(talk.sent(|words| remote.scrubbed(words)))
        })?;
        // The only error that comes through: the remote has what we lack.
        Ok(pushed.unwrap_or(Sent::Behind))
    }
}
