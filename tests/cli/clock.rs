//! The clock of the tests. With another one preloaded (`tests/clocks.sh`), the programs that tests
//! start without their own environment go by it too.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Names the libraries that come between a program and the system.
const PRELOAD: &str = "LD_PRELOAD";
/// What programs would share: one that a test kills while it holds it would stop all others.
const SHARED: &str = "FAKETIME_SHARED";

/// The variables of the other clock; none by the usual one.
pub fn variables() -> Vec<(OsString, OsString)> {
    let is_clock = |name: &OsStr| {
        name == PRELOAD || name == "TZ" || name.as_encoded_bytes().starts_with(b"FAKETIME")
    };
    std::env::vars_os().filter(|(name, _)| is_clock(name) && name != SHARED).collect()
}

/// What `LD_PRELOAD` is with a library before the other clock's.
pub fn preloaded(library: &Path) -> OsString {
    let mut libraries = library.as_os_str().to_owned();
    if let Some(clock) = std::env::var_os(PRELOAD) {
        libraries.push(":");
        libraries.push(clock);
    }
    libraries
}
