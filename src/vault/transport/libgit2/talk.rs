//! What is heard and answered while libgit2 speaks to a remote.

use std::cell::{Cell, RefCell};

use git2::{CertificateCheckStatus, Config, Error, ErrorClass, ErrorCode, RemoteCallbacks};

use super::credentials::Credentials;
use super::ssh_config::SshHost;
use crate::env::Env;
use crate::progress::Progress;
use crate::vault::transport::Sent;
use crate::vault::transport::reason::was_moved;

/// One conversation.
pub(super) struct Talk<'t> {
    progress: &'t dyn Progress,
    credentials: RefCell<Credentials<'t>>,
    /// `http.sslVerify` is off in the user's settings.
    trusts_any_certificate: bool,
    heard: RefCell<Vec<u8>>,
    refusal: RefCell<Option<String>>,
    stage: Cell<Option<(&'static str, u64, u64)>>,
    stopped: Cell<bool>,
}

impl<'t> Talk<'t> {
    pub(super) fn new(
        env: &'t Env,
        config: Option<Config>,
        ssh: Option<SshHost>,
        progress: &'t dyn Progress,
    ) -> Self {
        let verify = config.as_ref().and_then(|config| config.get_bool("http.sslVerify").ok());
        Self {
            progress,
            credentials: RefCell::new(Credentials::new(env, config, ssh)),
            trusts_any_certificate: verify == Some(false),
            heard: RefCell::default(),
            refusal: RefCell::default(),
            stage: Cell::default(),
            stopped: Cell::default(),
        }
    }

    pub(super) fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .credentials(|url, user, allowed| {
                self.credentials.borrow_mut().next(url, user, allowed)
            })
            .certificate_check(|certificate, _host| {
                let is_trusted = self.trusts_any_certificate && certificate.as_x509().is_some();
                Ok(match is_trusted {
                    true => CertificateCheckStatus::CertificateOk,
                    false => CertificateCheckStatus::CertificatePassthrough,
                })
            })
            .sideband_progress(|bytes| {
                self.heard.borrow_mut().extend_from_slice(bytes);
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
        let heard = self.heard.borrow();
        let text = String::from_utf8_lossy(&heard).replace('\r', "\n");
        // `Compressing objects:  50% (1/2)` tells nothing once it is over.
        let lines = text.lines().filter(|line| !line.contains("% (") && !line.trim().is_empty());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What else a person should know where we are not let in.
    pub(super) fn remarks(&self) -> String {
        self.credentials.borrow().remarks()
    }

    /// How a push ended that went through.
    pub(super) fn sent(&self, clean: impl FnOnce(&str) -> String) -> Sent {
        match self.refusal.borrow().as_deref() {
            None => Sent::Done,
            Some(reason) if was_moved(reason, &self.words()) => Sent::Behind,
            Some(reason) => Sent::Refused(clean(&format!("{}\n{reason}", self.words()))),
        }
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
        self.progress.advance(done.saturating_sub(before), 0);
        self.stage.set(Some((stage, all, done)));
    }
}
