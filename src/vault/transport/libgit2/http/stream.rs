//! Requests and answers as streams, the way libgit2 writes and reads them.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use reqwest::{Body, Response};
use tokio::task::JoinHandle;

use super::Shared;
use super::client::{Client, describe};
use super::session::odd;
use crate::vault::transport::libgit2::conversation::Conversation;

/// A shorter request is sent as a whole, so that it can be repeated with a login.
const LONGEST_WHOLE: usize = 1 << 20;
/// Chunks of a longer one that wait to be sent.
const WAITING_CHUNKS: usize = 4;

/// An answer that is read.
pub(super) struct Answer {
    session: Shared,
    response: Response,
    chunk: io::Cursor<Bytes>,
}

impl Answer {
    pub(super) fn new(session: Shared, response: Response) -> Self {
        Self { session, response, chunk: io::Cursor::default() }
    }

    /// Waits for more; false at the end.
    fn receive(&mut self) -> io::Result<bool> {
        let (client, conversation) = line(&self.session)?;
        let chunk = client.wait(self.response.chunk(), &conversation)?.map_err(describe)?;
        let Some(chunk) = chunk else { return Ok(false) };
        conversation.passed(chunk.len())?;
        self.chunk = io::Cursor::new(chunk);
        Ok(true)
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.receive()? {
                return Ok(count);
            }
        }
    }
}

impl Write for Answer {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request that is written, then its answer.
pub(super) struct Exchange {
    session: Shared,
    service: &'static str,
    state: State,
}

enum State {
    Collecting(Vec<u8>),
    Sending(Upload),
    Receiving(Box<Answer>),
    Over,
}

/// A long request on its way.
struct Upload {
    body: Sender<Bytes>,
    response: JoinHandle<reqwest::Result<Response>>,
}

impl Exchange {
    pub(super) fn new(session: Shared, service: &'static str) -> Self {
        Self { session, service, state: State::Collecting(Vec::new()) }
    }

    /// Begins to send what was collected, as there is more of it.
    fn upload(&self, collected: Vec<u8>) -> io::Result<Upload> {
        let (client, request) = self.session.lock().request(self.service)?;
        let (body, channel) = Channel::new(WAITING_CHUNKS);
        let response = client.spawn(request.body(Body::wrap(channel)));
        let mut upload = Upload { body, response };
        self.send(&mut upload, Bytes::from(collected))?;
        Ok(upload)
    }

    fn send(&self, upload: &mut Upload, chunk: Bytes) -> io::Result<()> {
        let (client, conversation) = line(&self.session)?;
        let length = chunk.len();
        if client.wait(upload.body.send_data(chunk), &conversation)?.is_err() {
            // Nobody reads it any more: the answer says why.
            let answer = client.wait(&mut upload.response, &conversation)?;
            let response = answer.map_err(|error| odd(&error.to_string()))?.map_err(describe)?;
            self.session.lock().ensure_success(response)?;
            return Err(odd("the connection was closed before the request was complete"));
        }
        conversation.passed(length)
    }

    /// The answer, once all is sent.
    fn answer(&self, state: State) -> io::Result<Answer> {
        let response = match state {
            State::Receiving(answer) => return Ok(*answer),
            State::Over => return Err(io::ErrorKind::UnexpectedEof.into()),
            State::Collecting(body) => self.send_whole(Bytes::from(body))?,
            State::Sending(Upload { body, response }) => {
                drop(body);
                let (client, conversation) = line(&self.session)?;
                let answer = client.wait(response, &conversation)?;
                answer.map_err(|error| odd(&error.to_string()))?.map_err(describe)?
            }
        };
        let response = self.session.lock().ensure_success(response)?;
        Ok(Answer::new(self.session.clone(), response))
    }

    fn send_whole(&self, body: Bytes) -> io::Result<Response> {
        let mut session = self.session.lock();
        session.post(self.service, &body)
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Collecting(mut collected) => {
                collected.extend_from_slice(bytes);
                self.state = match collected.len() <= LONGEST_WHOLE {
                    true => State::Collecting(collected),
                    false => State::Sending(self.upload(collected)?),
                };
            }
            State::Sending(mut upload) => {
                self.send(&mut upload, Bytes::copy_from_slice(bytes))?;
                self.state = State::Sending(upload);
            }
            State::Receiving(_) | State::Over => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let mut answer = self.answer(state)?;
        let count = answer.read(buffer)?;
        self.state = State::Receiving(Box::new(answer));
        Ok(count)
    }
}

/// What drives the requests of a session, and its conversation.
fn line(session: &Shared) -> io::Result<(Arc<Client>, Arc<Conversation>)> {
    let session = session.lock();
    let client = session.client.clone().ok_or_else(|| odd("the connection is closed"))?;
    Ok((client, Arc::clone(&session.conversation)))
}
