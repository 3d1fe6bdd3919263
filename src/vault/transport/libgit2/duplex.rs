//! A line in both directions that neither blocks a run nor outlives it.
//!
//! Two threads do the reading and writing that may block. They end when their ends of the line do,
//! and nobody waits for them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use git2::transport::{Service, SmartSubtransportStream};

use super::conversation::{Conversation, TICK};
use crate::process::{Running, Stream, pass_on};

/// Chunks that wait in either direction.
const WAITING_CHUNKS: usize = 8;
/// How often a full line is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// So long a program may take to end by itself once nothing more is sent to it.
const LAST_MOMENTS: Duration = Duration::from_millis(500);

/// One line, and the program at this end of it, if it is one.
pub(super) struct Duplex {
    conversation: Arc<Conversation>,
    output: Receiver<(Stream, Vec<u8>)>,
    input: Option<SyncSender<Vec<u8>>>,
    /// What was received and not read yet.
    received: io::Cursor<Vec<u8>>,
    program: Option<Running>,
    connection: Option<TcpStream>,
}

/// Opens what libgit2 asks for: a line to the program that serves it at the other end.
pub(super) fn stream(
    service: Service,
    connect: impl FnOnce(&str) -> io::Result<Duplex>,
) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
    let program = match service {
        Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
        Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
    };
    match connect(program) {
        Ok(duplex) => Ok(Box::new(duplex)),
        Err(error) => Err(to_git2(&error)),
    }
}

/// An error for libgit2.
pub(super) fn to_git2(error: &io::Error) -> git2::Error {
    git2::Error::from_str(&error.to_string())
}

impl Duplex {
    /// The line to a program's standard streams; its complaints are kept.
    pub(super) fn to_program(conversation: Arc<Conversation>, mut program: Running) -> Self {
        let (sender, output) = sync_channel(WAITING_CHUNKS);
        let pipes = program.pipes();
        if let Some(err) = pipes.stderr.take() {
            pass_on(err, Stream::Err, sender.clone());
        }
        if let Some(out) = pipes.stdout.take() {
            pass_on(out, Stream::Out, sender);
        }
        let input = pipes.stdin.take().map(write_from_queue);
        let (received, connection) = (io::Cursor::default(), None);
        Self { conversation, output, input, received, program: Some(program), connection }
    }

    /// The line over a connection.
    ///
    /// # Errors
    /// Where the system has no room for it.
    pub(super) fn to_connection(
        conversation: Arc<Conversation>,
        connection: TcpStream,
    ) -> io::Result<Self> {
        let (sender, output) = sync_channel(WAITING_CHUNKS);
        pass_on(connection.try_clone()?, Stream::Out, sender);
        let input = Some(write_from_queue(connection.try_clone()?));
        let (received, connection) = (io::Cursor::default(), Some(connection));
        Ok(Self { conversation, output, input, received, program: None, connection })
    }

    /// Waits for more; false at the end.
    fn receive(&mut self) -> io::Result<bool> {
        let heard = self.conversation.wait(|| match self.output.recv_timeout(TICK) {
            Ok(heard) => Some(Some(heard)),
            Err(RecvTimeoutError::Disconnected) => Some(None),
            Err(RecvTimeoutError::Timeout) => None,
        })?;
        let Some((stream, bytes)) = heard else { return Ok(false) };
        self.conversation.passed(bytes.len())?;
        match stream {
            Stream::Err => self.conversation.said(&bytes),
            Stream::Out => self.received = io::Cursor::new(bytes),
        }
        Ok(true)
    }
}

impl Read for Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.received.read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.receive()? {
                return Ok(count);
            }
        }
    }
}

impl Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(input) = &self.input else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut chunk = Some(bytes.to_vec());
        let sent = self.conversation.wait(|| match input.try_send(chunk.take()?) {
            Ok(()) => Some(true),
            Err(TrySendError::Disconnected(_)) => Some(false),
            Err(TrySendError::Full(back)) => {
                chunk = Some(back);
                thread::sleep(RETRY);
                None
            }
        })?;
        if !sent {
            // Why is among what it says.
            while self.receive()? {}
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.conversation.passed(bytes.len())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.input = None;
        if let Some(connection) = &self.connection {
            // This ends the threads; a connection that is gone already needs none of it.
            let _ = connection.shutdown(Shutdown::Both);
        }
        let Some(program) = &mut self.program else { return };
        let started = Instant::now();
        while started.elapsed() < LAST_MOMENTS && matches!(program.try_wait(), Ok(None)) {
            thread::sleep(RETRY);
        }
    }
}

fn write_from_queue(mut writing: impl Write + Send + 'static) -> SyncSender<Vec<u8>> {
    let (sender, queue) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
    thread::spawn(move || {
        for chunk in queue {
            if writing.write_all(&chunk).and_then(|()| writing.flush()).is_err() {
                return;
            }
        }
    });
    sender
}
