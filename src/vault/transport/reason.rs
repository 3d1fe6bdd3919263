//! Why a remote did not move a reference: somebody else was first, or it does not want to.

/// Somebody moved the reference between our look and our push.
const MOVED: &[&str] = &[
    "fetch first",
    "non-fast-forward",
    "non-fastforward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "failed to lock",
    "incorrect old value",
    "reference already exists",
    "old reference value does not match",
];

/// A lock also fails for reasons that trying again does not mend.
const LASTING: &[&str] = &[
    "Permission denied",
    "No space left",
    "Read-only",
    "quota",
    "cannot create",
    "Not a directory",
];

/// True where trying again after a fetch will do; `words` is all that the remote said.
pub(super) fn was_moved(reason: &str, words: &str) -> bool {
    let says = |list: &[&str], text: &str| list.iter().any(|word| text.contains(word));
    says(MOVED, reason) && !says(LASTING, reason) && !says(LASTING, words)
}
