//! Remotes over git's own unencrypted protocol, `git://`.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::{io, thread};

use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};

use super::conversation::{Conversation, TICK};
use super::duplex::{Duplex, stream};

const PORT: u16 = 9418;

/// The subtransport.
pub(super) struct GitDaemon {
    conversation: Arc<Conversation>,
}

impl GitDaemon {
    pub(super) fn new(conversation: Arc<Conversation>) -> Self {
        Self { conversation }
    }

    fn connect(&self, url: &str, service: &str) -> io::Result<Duplex> {
        let odd = || io::Error::other("the address has no host or no path");
        let (place, path) =
            url.split_once("://").ok_or_else(odd)?.1.split_once('/').ok_or_else(odd)?;
        let place = place.rsplit('@').next().unwrap_or_default();
        let connection = self.open(place)?;
        let mut duplex = Duplex::to_connection(Arc::clone(&self.conversation), connection)?;
        let request = format!("{service} /{path}\0host={place}\0");
        let line = format!("{:04x}{request}", request.len() + 4);
        io::Write::write_all(&mut duplex, line.as_bytes())?;
        Ok(duplex)
    }

    /// Connects on a thread of its own: the system's resolver cannot be stopped.
    fn open(&self, place: &str) -> io::Result<TcpStream> {
        let has_port = place.rsplit(']').next().unwrap_or_default().contains(':');
        let place = if has_port { place.to_owned() } else { format!("{place}:{PORT}") };
        let (sender, connected) = channel();
        thread::spawn(move || sender.send(TcpStream::connect(place)));
        self.conversation.wait(|| match connected.recv_timeout(TICK) {
            Ok(connected) => Some(connected),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(io::ErrorKind::NotConnected.into())),
        })?
    }
}

impl SmartSubtransport for GitDaemon {
    fn action(
        &self,
        url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        stream(service, |program| self.connect(url, program))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
