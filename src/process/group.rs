//! Process groups: ending a program ends what it started.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::env::Env;

/// The programs that run now, for a run that is ended from outside.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// So long a program may take to remove its temporary files once it is told to end.
const GRACE: Duration = Duration::from_millis(300);

/// The process group that a program runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One of its own, which is ended as a whole.
    Own,
    /// Ours: only that one may use the terminal, to ask for a passphrase.
    Shared,
}

impl Group {
    /// The group for programs that may have to ask a person.
    #[must_use]
    pub fn of(env: &Env) -> Self {
        if env.terminal.stdin { Self::Shared } else { Self::Own }
    }

    #[cfg(unix)]
    pub(super) fn prepare(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        if self == Self::Own {
            command.process_group(0);
        }
    }

    #[cfg(not(unix))]
    pub(super) fn prepare(self, _command: &mut Command) {}

    pub(super) fn register(self, id: u32) {
        if self == Self::Own {
            running(|all| all.insert(id));
        }
    }

    pub(super) fn forget(self, id: u32) {
        running(|all| all.remove(&id));
    }

    /// Asks a program and all of its group to end, then ends them.
    pub(super) fn end(self, child: &mut Child) {
        // It may have ended by itself meanwhile; either way it is gone then.
        self.signal(child, Signal::Terminate);
        let asked = Instant::now();
        while asked.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        if self == Self::Own {
            // Others of its group may still be there.
            signal_group(child.id(), Signal::Kill);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

fn running<T>(change: impl FnOnce(&mut BTreeSet<u32>) -> T) -> T {
    change(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ends all programs that run in groups of their own, at once.
pub fn end_all() {
    running(|all| all.iter().for_each(|id| signal_group(*id, Signal::Kill)));
}

impl Group {
    #[cfg(unix)]
    fn signal(self, child: &Child, signal: Signal) {
        match self {
            Self::Own => signal_group(child.id(), signal),
            Self::Shared => {
                if let Some(process) = process(child.id()) {
                    let _ = rustix::process::kill_process(process, signal.number());
                }
            }
        }
    }

    #[cfg(not(unix))]
    fn signal(self, _child: &Child, _signal: Signal) {}
}

#[cfg(unix)]
impl Signal {
    fn number(self) -> rustix::process::Signal {
        match self {
            Self::Terminate => rustix::process::Signal::TERM,
            Self::Kill => rustix::process::Signal::KILL,
        }
    }
}

#[cfg(unix)]
fn process(id: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(unix)]
fn signal_group(id: u32, signal: Signal) {
    if let Some(process) = process(id) {
        // A group whose members have all ended is gone already.
        let _ = rustix::process::kill_process_group(process, signal.number());
    }
}

#[cfg(not(unix))]
fn signal_group(_id: u32, _signal: Signal) {}
