//! What is heard and answered while libgit2 speaks to a remote.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use git2::{Error, ErrorClass, ErrorCode, RemoteCallbacks};

use super::conversation::Conversation;
use crate::progress::Progress;
use crate::vault::transport::Sent;
use crate::vault::transport::reason::was_moved;

/// One conversation.
pub(super) struct Talk<'t> {
    progress: &'t dyn Progress,
    conversation: Arc<Conversation>,
    refusal: RefCell<Option<String>>,
    stage: Cell<Option<(&'static str, u64, u64)>>,
    stopped: Cell<bool>,
}

impl<'t> Talk<'t> {
    pub(super) fn new(conversation: Arc<Conversation>, progress: &'t dyn Progress) -> Self {
        Self {
            progress,
            conversation,
            refusal: RefCell::default(),
            stage: Cell::default(),
            stopped: Cell::default(),
        }
    }

    pub(super) fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .sideband_progress(|bytes| {
                self.conversation.said(bytes);
                self.goes_on()
            })
            .transfer_progress(|state| {
                let (received, all) =
                    (state.received_objects() as u64, state.total_objects() as u64);
                if received < all {
                    self.show("receiving", received, all);
                } else {
                    let deltas = state.total_deltas() as u64;
                    self.show("unpacking", state.indexed_deltas() as u64, deltas);
                }
                self.goes_on()
            })
            .pack_progress(|_stage, done, all| self.show("preparing", done as u64, all as u64))
            .push_transfer_progress(|done, all, _bytes| {
                self.show("sending", done as u64, all as u64);
            })
            .push_negotiation(|_updates| match self.goes_on() {
                true => Ok(()),
                false => Err(Error::new(ErrorCode::User, ErrorClass::Callback, "stopped")),
            })
            .push_update_reference(|_name, status| {
                *self.refusal.borrow_mut() = status.map(str::to_owned);
                Ok(())
            });
        callbacks
    }

    /// What the remote said, beside the protocol.
    pub(super) fn words(&self) -> String {
        let text = self.conversation.words().replace('\r', "\n");
        // `Compressing objects:  50% (1/2)` tells nothing once it is over.
        let lines = text.lines().filter(|line| !line.contains("% (") && !line.trim().is_empty());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How a push ended that went through.
    pub(super) fn sent(&self, clean: impl FnOnce(&str) -> String) -> Sent {
        match self.refusal.borrow().as_deref() {
            None => Sent::Done,
            Some(reason) if was_moved(reason, &self.words()) => Sent::Behind,
            Some(reason) => Sent::Refused(clean(&format!("{}\n{reason}", self.words()))),
        }
    }

    /// Why it ended, where that was our own decision.
    pub(super) fn failure(&self) -> Option<anyhow::Error> {
        self.conversation.take_failure()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    pub(super) fn finish(&self) {
        if self.stage.take().is_some() {
            self.progress.finish();
        }
    }

    /// False once the user asked to stop.
    pub(super) fn goes_on(&self) -> bool {
        self.stopped.set(self.stopped.get() || self.progress.interrupted());
        !self.stopped.get()
    }

    pub(super) fn show(&self, stage: &'static str, done: u64, all: u64) {
        let before = match self.stage.get() {
            Some((shown, of, before)) if shown == stage && of == all => before,
            _ => {
                self.finish();
                self.progress.start(stage, all, 0);
                0
            }
        };
        if done != before {
            self.conversation.step();
        }
        self.progress.advance(done.saturating_sub(before), 0);
        self.stage.set(Some((stage, all, done)));
    }
}
