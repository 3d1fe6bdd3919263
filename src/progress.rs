//! How long work tells how far it is, and learns that it should stop.

/// Told by an operation, shown by a front end.
pub trait Progress: Sync {
    /// A stage begins: what it does, and how many files and bytes it has before it.
    fn start(&self, stage: &str, files: u64, bytes: u64);
    /// So many more are done.
    fn advance(&self, files: u64, bytes: u64);
    /// The stage is over.
    fn finish(&self);
    /// True once the user asked to stop; the operation then ends at its next safe point.
    fn interrupted(&self) -> bool;
}

/// Nobody is looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody is looking, and the user asked to stop before it began.
#[cfg(test)]
pub(crate) struct Stopped;

#[cfg(test)]
impl Progress for Stopped {
    fn start(&self, _stage: &str, _files: u64, _bytes: u64) {}
    fn advance(&self, _files: u64, _bytes: u64) {}
    fn finish(&self) {}
    fn interrupted(&self) -> bool {
        true
    }
}
