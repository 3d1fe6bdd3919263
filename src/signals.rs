//! Ctrl-C and SIGTERM, turned into flags that work looks at.

#[cfg(unix)]
use std::time::Duration;

use anyhow::{Context, Result};

use crate::env::Env;
use crate::error::ErrorKind;
#[cfg(unix)]
use crate::process;

/// Makes the first Ctrl-C or SIGTERM ask for a stop and a second Ctrl-C end the process at once.
///
/// Handlers run in the order they were registered, so the first Ctrl-C finds its flag still unset.
///
/// # Errors
/// Where the system refuses a handler.
#[cfg(unix)]
pub(crate) fn listen(env: &Env) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag::{register, register_conditional_shutdown};

    let exit_code = i32::from(ErrorKind::Interrupted.exit_code());
    register_conditional_shutdown(SIGINT, exit_code, env.impatient.clone())
        .and_then(|_| register(SIGINT, env.impatient.clone()))
        .and_then(|_| register(SIGINT, env.interrupt.clone()))
        .and_then(|_| register_conditional_shutdown(SIGTERM, exit_code, env.impatient.clone()))
        .and_then(|_| register(SIGTERM, env.interrupt.clone()))
        .map(drop)
        .context("failed to listen for Ctrl-C")
}

/// So long a run may take to its next safe point.
#[cfg(unix)]
const GRACE: Duration = Duration::from_millis(1_500);

/// Ends a run that is still there a while after Ctrl-C or SIGTERM: something blocks it, such as a
/// disk that went away. What is on the disk then is what a crash would leave, which the next run
/// finishes.
///
/// # Errors
/// Where the system refuses a handler or a thread.
#[cfg(unix)]
pub(crate) fn end_blocked_runs() -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.context("failed to listen for Ctrl-C")?;
    let wait = move || {
        if signals.forever().next().is_some() {
            std::thread::sleep(GRACE);
            process::end_all();
            signal_hook::low_level::exit(i32::from(ErrorKind::Interrupted.exit_code()));
        }
    };
    let thread = std::thread::Builder::new().name("signals".into()).spawn(wait);
    thread.map(drop).context("failed to listen for Ctrl-C")
}

/// Does nothing; the first Ctrl-C ends the process.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn end_blocked_runs() -> Result<()> {
    Ok(())
}

/// Leaves signals as they are; the first Ctrl-C ends the process.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn listen(_env: &Env) -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::Ordering;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::low_level::raise;

    use super::*;
    use crate::testing::sandbox;

    #[test]
    fn the_first_signal_asks_and_does_not_end() {
        let (_home, env) = sandbox();
        listen(&env).unwrap();
        raise(SIGTERM).unwrap();
        assert!(env.interrupted());
        assert!(!env.impatient.load(Ordering::SeqCst), "a timer may ask twice");
        raise(SIGINT).unwrap();
        assert!(env.impatient.load(Ordering::SeqCst), "a second Ctrl-C would end this process");
    }
}
