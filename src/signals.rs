//! Ctrl-C and SIGTERM, turned into flags that work looks at.

use anyhow::{Context, Result};

use crate::env::Env;
use crate::error::ErrorKind;

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
