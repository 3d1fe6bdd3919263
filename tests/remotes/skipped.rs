//! Tests that cannot be run on this machine say so, where who runs them sees it.

use std::cell::RefCell;
use std::io::Write;

thread_local! {
    /// Why the scenario that runs on this thread is skipped.
    static WHY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Says why a scenario is skipped.
///
/// Rust's own harness keeps what a test prints, unless it fails, and names the thread after the test;
/// so this is written past it. A harness of ours asks for the reason.
pub fn say_skipped(why: &str) {
    WHY.replace(Some(why.to_owned()));
    if let Some(test) = std::thread::current().name() {
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
    }
}

/// Why the scenario that has just ended on this thread was skipped, if it was.
pub fn why_skipped() -> Option<String> {
    WHY.take()
}
