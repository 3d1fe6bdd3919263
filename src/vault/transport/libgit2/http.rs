//! Remotes over http and https: git's smart protocol by the program's own http client.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};

use self::session::Session;
use self::stream::{Answer, Exchange};
use super::conversation::Conversation;
use super::duplex::to_git2;

mod client;
mod proxy;
mod session;
mod stream;
mod tls;

/// The subtransport. Each question and each answer is a request of its own.
pub(super) struct Http {
    session: Shared,
}

/// The session that all requests of a conversation belong to.
#[derive(Clone)]
struct Shared(Arc<Mutex<Session>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Http {
    pub(super) fn new(conversation: Arc<Conversation>) -> Self {
        Self { session: Shared(Arc::new(Mutex::new(Session::new(conversation)))) }
    }

    fn start(&self, url: &str, service: Service) -> io::Result<Box<dyn SmartSubtransportStream>> {
        let (name, is_list) = match service {
            Service::UploadPackLs => ("git-upload-pack", true),
            Service::UploadPack => ("git-upload-pack", false),
            Service::ReceivePackLs => ("git-receive-pack", true),
            Service::ReceivePack => ("git-receive-pack", false),
        };
        if !is_list {
            return Ok(Box::new(Exchange::new(self.session.clone(), name)));
        }
        let mut session = self.session.lock();
        session.open(url)?;
        let response = session.list(name)?;
        drop(session);
        Ok(Box::new(Answer::new(self.session.clone(), response)))
    }
}

impl SmartSubtransport for Http {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        self.start(url, service).map_err(|error| to_git2(&error))
    }

    fn close(&self) -> Result<(), Error> {
        self.session.lock().close();
        Ok(())
    }
}
