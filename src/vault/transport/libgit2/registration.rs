//! Our own transports below libgit2, in the place of those that it would build in.

use std::sync::LazyLock;

use git2::transport::{Transport, register};
use git2::{Error, Remote};

use super::conversation::Conversation;
use super::git_daemon::GitDaemon;
use super::http::Http;
use super::ssh::Ssh;

type Factory = fn(&Remote<'_>) -> Result<Transport, Error>;

const FACTORIES: [(&str, Factory); 6] = [
    ("http", http),
    ("https", http),
    ("ssh", ssh),
    ("ssh+git", ssh),
    ("git+ssh", ssh),
    ("git", git_daemon),
];

/// Registers all transports, once for the process.
///
/// # Errors
/// Where libgit2 refuses one.
pub(super) fn ensure_registered() -> Result<(), Error> {
    static REGISTERED: LazyLock<Result<(), String>> = LazyLock::new(|| {
        FACTORIES.iter().try_for_each(|(scheme, factory)| {
            add(scheme, *factory).map_err(|error| error.message().to_owned())
        })
    });
    REGISTERED.as_ref().copied().map_err(|message| Error::from_str(message))
}

#[expect(unsafe_code, reason = "libgit2's list of transports has no lock of its own")]
fn add(scheme: &str, factory: Factory) -> Result<(), Error> {
    // SAFETY: registering must not happen while another thread registers or makes a transport.
    // Only `ensure_registered` gets here, inside a lock that all threads pass before they make
    // their first transport, and it never runs again.
    unsafe { register(scheme, factory) }
}

fn http(remote: &Remote<'_>) -> Result<Transport, Error> {
    Transport::smart(remote, true, Http::new(Conversation::current()?))
}

fn ssh(remote: &Remote<'_>) -> Result<Transport, Error> {
    Transport::smart(remote, false, Ssh::new(Conversation::current()?))
}

fn git_daemon(remote: &Remote<'_>) -> Result<Transport, Error> {
    Transport::smart(remote, false, GitDaemon::new(Conversation::current()?))
}
