//! How much memory a foreign program may take: what a remote sends must not fill the machine's.

use std::process::Child;

/// Limits the memory of a program that was just started, and of all that it starts from now on. Where
/// the system has no such limit, there is none.
#[cfg(target_os = "linux")]
pub(super) fn limit(child: &Child, bytes: u64) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    if let Some(id) = id {
        // It may have ended by now, and then needs none.
        let _ = prlimit(Some(id), Resource::Data, limit);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn limit(_child: &Child, _bytes: u64) {}
