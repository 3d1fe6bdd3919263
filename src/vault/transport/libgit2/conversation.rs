//! One conversation with a remote, as our transports below libgit2 see it: who speaks to whom, how
//! long it may take, and why it ended.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::env::Env;
use crate::process::{self, Programs, Pulse, TimeLimits};
use crate::vault::transport::Address;
use crate::vault::transport::user_settings::UserSettings;

/// How often a wait looks whether it should end.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Most bytes of a list of references.
const LONGEST_LIST: u64 = 32 << 20;
/// Most bytes of what a remote says beside the protocol.
const MOST_WORDS: usize = 64 * 1024;

thread_local! {
    /// libgit2 makes a transport on the thread that connects, and passes nothing of ours on to it.
    static CURRENT: RefCell<Option<Arc<Conversation>>> = const { RefCell::new(None) };
}

/// Who speaks, to whom, and by what rules.
pub(super) struct Conversation {
    pub(super) env: Env,
    pub(super) backup: PathBuf,
    pub(super) settings: UserSettings,
    pub(super) limits: TimeLimits,
    pub(super) remote: Address,
    state: Mutex<State>,
}

struct State {
    pulse: Pulse,
    /// When the list of references was asked for; nothing once it is here.
    listing: Option<Instant>,
    listed: u64,
    words: Vec<u8>,
    failure: Option<anyhow::Error>,
}

/// The conversation that transports made on this thread belong to, until this is dropped.
pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(Option::take);
    }
}

impl Conversation {
    pub(super) fn new(
        env: &Env,
        backup: PathBuf,
        settings: UserSettings,
        limits: TimeLimits,
        remote: &Address,
    ) -> Arc<Self> {
        let state = State {
            pulse: Pulse::new(limits.silence),
            listing: Some(Instant::now()),
            listed: 0,
            words: Vec::new(),
            failure: None,
        };
        let (env, remote, state) = (env.clone(), remote.clone(), Mutex::new(state));
        Arc::new(Self { env, backup, settings, limits, remote, state })
    }

    /// Lets transports that are made from now on belong to it.
    pub(super) fn enter(self: &Arc<Self>) -> Entered {
        CURRENT.set(Some(Arc::clone(self)));
        Entered
    }

    /// The one that is entered on this thread.
    pub(super) fn current() -> Result<Arc<Self>, git2::Error> {
        let current = CURRENT.with_borrow(Clone::clone);
        current.ok_or_else(|| git2::Error::from_str("there is no conversation on this thread"))
    }

    pub(super) fn programs(&self) -> Programs<'_> {
        Programs::new(&self.env, Some(&self.backup))
    }

    /// The list of references is here: from now on only silence counts.
    pub(super) fn finish_listing(&self) {
        self.state().listing = None;
    }

    /// Waits until `step` has something; each call of it may take a [`TICK`].
    ///
    /// # Errors
    /// Where the user stopped or the time is over, which is also noted as the conversation's failure.
    pub(super) fn wait<T>(&self, mut step: impl FnMut() -> Option<T>) -> io::Result<T> {
        // What we did ourselves since the last wait is nobody else's silence.
        self.state().pulse.resume();
        loop {
            if let Some(value) = step() {
                self.state().pulse.pause();
                return Ok(value);
            }
            self.check()?;
        }
    }

    /// Counts bytes from or to the remote.
    ///
    /// # Errors
    /// Where it lists references without end.
    pub(super) fn passed(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.state();
        state.pulse.bytes(bytes);
        if state.listing.is_some() {
            state.listed += bytes as u64;
        }
        let is_endless = state.listed > LONGEST_LIST;
        drop(state);
        match is_endless {
            true => Err(self.fail(anyhow::anyhow!(
                "the remote `{}` lists references without end",
                self.remote
            ))),
            false => Ok(()),
        }
    }

    /// libgit2 itself went on, in the pack that it reads or writes.
    pub(super) fn step(&self) {
        self.state().pulse.step();
    }

    /// Notes what the remote or its host said beside the protocol.
    pub(super) fn said(&self, bytes: &[u8]) {
        let words = &mut self.state().words;
        let room = MOST_WORDS.saturating_sub(words.len());
        words.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Everything that was said.
    pub(super) fn words(&self) -> String {
        String::from_utf8_lossy(&self.state().words).into_owned()
    }

    /// Ends the conversation with this failure; the first one counts.
    pub(super) fn fail(&self, failure: anyhow::Error) -> io::Error {
        // libgit2 takes no message with a zero in it.
        let message = format!("{failure:#}").replace('\0', " ");
        self.state().failure.get_or_insert(failure);
        io::Error::other(message)
    }

    /// Why it ended, where that was our own decision.
    pub(super) fn take_failure(&self) -> Option<anyhow::Error> {
        self.state().failure.take()
    }

    fn check(&self) -> io::Result<()> {
        let subject = || format!("the remote `{}`", self.remote);
        if self.env.interrupted() {
            return Err(self.fail(process::interrupted(&subject())));
        }
        let (listing, is_silent) = {
            let state = self.state();
            (state.listing, state.pulse.is_over())
        };
        if listing.is_some_and(|since| since.elapsed() > self.limits.answer) {
            return Err(self.fail(process::late(&subject(), self.limits.answer)));
        }
        if is_silent {
            return Err(self.fail(process::silent(&subject(), self.limits.silence)));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
