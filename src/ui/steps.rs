//! Standard error during one call: what is said, and the steps that `--verbose` prints, may come
//! from several threads.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ui::Colour;
use crate::ui::page::{Page, Span};

/// Standard error, shared by the talk of a call and the work that goes on meanwhile.
#[derive(Clone)]
pub(super) struct SharedErr<'a>(Arc<Mutex<&'a mut (dyn Write + Send)>>);

impl<'a> SharedErr<'a> {
    pub(super) fn new(stream: &'a mut (dyn Write + Send)) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    /// The stream itself; what a thread that panicked wrote stays written.
    pub(super) fn lock(&self) -> MutexGuard<'_, &'a mut (dyn Write + Send)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One text, wrapped; one that cannot be written is not missed.
    pub(super) fn say(&self, colour: Colour, width: Option<usize>, lead: &[Span], text: &Span) {
        let mut stream = self.lock();
        let _ = Page::new(&mut **stream, colour, width).flow(lead, text);
    }
}

/// Where the steps of a call are printed.
#[derive(Clone)]
pub(super) struct Steps<'a> {
    pub(super) err: SharedErr<'a>,
    pub(super) colour: Colour,
    pub(super) width: Option<usize>,
}

impl Steps<'_> {
    /// Prints one step.
    pub(super) fn print(&self, step: &dyn Display) {
        self.err.say(self.colour, self.width, &[], &Span::dim(step.to_string()));
    }
}

impl Write for SharedErr<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}
