//! Foreign programs: where they are found, what surrounds them, and when they are ended.
//!
//! Each runs in a process group of its own, its output is bounded, and it is ended with all that it
//! started once the user stops the run or it makes no progress. At a terminal it stays in our group,
//! as only the group in front may ask a person for a passphrase.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::env::Env;
use crate::error::{ErrorKind, Failure};

mod group;
mod limits;
mod memory;
mod search;

pub use group::{Group, end_all};
pub(crate) use limits::HINT as TIMEOUT_HINT;
pub use limits::{LEAST_RATE, Pulse, TimeLimits, whole_seconds};
pub use search::Programs;

/// How often a silent program is checked.
const CHECK: Duration = Duration::from_millis(50);
/// The same of one that prints nothing more, which as a rule ends at once.
const CLOSED_CHECK: Duration = Duration::from_millis(5);
/// A program's own background processes may hold its output open; they are not waited for.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// Chunks of output that wait to be read; a program that is faster waits.
const WAITING_CHUNKS: usize = 16;

/// One of a program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Reads a program's output as it comes.
pub trait Listener {
    /// Takes some bytes and notes what of them is progress.
    ///
    /// # Errors
    /// Where the program shall be ended.
    fn hear(&mut self, stream: Stream, bytes: &[u8], pulse: &mut Pulse) -> Result<()>;
}

/// When a program is ended before its own end.
pub struct Watch<'a> {
    /// What a message calls it.
    pub subject: &'a str,
    /// It is ended after so long without progress.
    pub silence: Duration,
    /// It is ended after so long, whatever it does.
    pub total: Option<Duration>,
    /// True once the user asked to stop.
    pub stopped: &'a dyn Fn() -> bool,
    /// The process group that it runs in.
    pub group: Group,
    /// The most memory that it and what it starts may each take, in bytes.
    pub memory: Option<u64>,
}

/// The output of a program that ended by itself.
#[derive(Debug)]
pub struct Output {
    /// It ended well.
    pub success: bool,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: Vec<u8>,
}

/// Runs a short program that has to end within the time limit and to print no more than `most` bytes.
///
/// # Errors
/// Where it cannot be started; kinds `Interrupted` and `TimedOut` where it was ended.
pub fn run_whole(
    command: &mut Command,
    input: &[u8],
    env: &Env,
    limit: Duration,
    most: usize,
) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let subject = format!("`{}`", name.rsplit('/').next().unwrap_or(&name));
    let watch = Watch {
        subject: &subject,
        silence: limit,
        total: Some(limit),
        stopped: &|| env.interrupted(),
        group: Group::of(env),
        memory: None,
    };
    let mut collected = Collector { subject: &subject, most, out: Vec::new(), err: Vec::new() };
    let status = run(command, input, &watch, &mut collected)?;
    Ok(Output { success: status.success(), out: collected.out, err: collected.err })
}

/// Runs a program to its end.
///
/// # Errors
/// Where it cannot be started; kinds `Interrupted` and `TimedOut` where it was ended; what the
/// listener says.
pub fn run(
    command: &mut Command,
    input: &[u8],
    watch: &Watch<'_>,
    listener: &mut dyn Listener,
) -> Result<ExitStatus> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::start(command, watch.group)?;
    if let Some(bytes) = watch.memory {
        memory::limit(&child.child, bytes);
    }
    feed(&mut child.child, input);
    let heard = listen(&mut child.child);
    let status = attend(&mut child, &heard, watch, listener)?;
    // Ctrl-C reaches a program in our own group as well, and often sooner.
    if !status.success() && (watch.stopped)() {
        return Err(interrupted(watch.subject));
    }
    Ok(status)
}

/// A program that runs; it is ended with its holder.
pub struct Running {
    child: Child,
    group: Group,
    has_ended: bool,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// Where the system cannot start it, with its path.
    pub fn start(command: &mut Command, group: Group) -> Result<Self> {
        group.prepare(command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
        group.register(child.id());
        Ok(Self { child, group, has_ended: false })
    }

    /// Its pipes, which can be taken from it.
    pub fn pipes(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    /// As the system says.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() && !self.has_ended {
            self.has_ended = true;
            self.group.forget(self.child.id());
        }
        Ok(status)
    }

    /// Ends it and all that it started.
    pub fn end(&mut self) {
        if !self.has_ended {
            self.group.end(&mut self.child);
            self.has_ended = true;
            self.group.forget(self.child.id());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn attend(
    child: &mut Running,
    heard: &Receiver<(Stream, Vec<u8>)>,
    watch: &Watch<'_>,
    listener: &mut dyn Listener,
) -> Result<ExitStatus> {
    let started = Instant::now();
    let mut pulse = Pulse::new(watch.silence);
    let mut ended: Option<(Instant, ExitStatus)> = None;
    let mut is_closed = false;
    loop {
        match heard.recv_timeout(CHECK) {
            Ok((stream, bytes)) => listener.hear(stream, &bytes, &mut pulse)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if is_closed => thread::sleep(CLOSED_CHECK),
            Err(RecvTimeoutError::Disconnected) => is_closed = true,
        }
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (Instant::now(), status));
        }
        match ended {
            Some((_, status)) if is_closed => return Ok(status),
            Some((since, status)) if since.elapsed() > LAST_OUTPUT => return Ok(status),
            Some(_) => {}
            None if (watch.stopped)() => return Err(interrupted(watch.subject)),
            None => watch.check(&pulse, started)?,
        }
    }
}

impl Watch<'_> {
    fn check(&self, pulse: &Pulse, started: Instant) -> Result<()> {
        if let Some(total) = self.total.filter(|total| started.elapsed() > *total) {
            return Err(late(self.subject, total));
        }
        if pulse.is_over() {
            return Err(silent(self.subject, self.silence));
        }
        Ok(())
    }
}

/// The failure of something that the user stopped.
#[must_use]
pub fn interrupted(subject: &str) -> anyhow::Error {
    let message = format!("stopped while waiting for {subject}");
    Failure::new(ErrorKind::Interrupted, message).into()
}

/// The failure of something that did not end in time.
#[must_use]
pub fn late(subject: &str, limit: Duration) -> anyhow::Error {
    timed_out(format!("{subject} did not answer within {}", whole_seconds(limit)))
}

/// The failure of something that makes no progress.
#[must_use]
pub fn silent(subject: &str, limit: Duration) -> anyhow::Error {
    timed_out(format!("{subject} made no progress for {}", whole_seconds(limit)))
}

fn timed_out(message: String) -> anyhow::Error {
    Failure::new(ErrorKind::TimedOut, message).hint(limits::HINT).into()
}

fn feed(child: &mut Child, input: &[u8]) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let input = input.to_vec();
    // A program that does not read its input may still have an answer.
    thread::spawn(move || stdin.write_all(&input));
}

fn listen(child: &mut Child) -> Receiver<(Stream, Vec<u8>)> {
    let (sender, receiver) = sync_channel(WAITING_CHUNKS);
    if let Some(out) = child.stdout.take() {
        pass_on(out, Stream::Out, sender.clone());
    }
    if let Some(err) = child.stderr.take() {
        pass_on(err, Stream::Err, sender);
    }
    receiver
}

/// Reads a pipe on a thread of its own and passes on what comes, until either side ends.
pub fn pass_on(
    mut pipe: impl Read + Send + 'static,
    stream: Stream,
    sender: SyncSender<(Stream, Vec<u8>)>,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            if sender.send((stream, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Keeps all of a program's output, up to a limit.
struct Collector<'a> {
    subject: &'a str,
    most: usize,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Listener for Collector<'_> {
    fn hear(&mut self, stream: Stream, bytes: &[u8], pulse: &mut Pulse) -> Result<()> {
        pulse.bytes(bytes.len());
        let kept = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        kept.extend_from_slice(bytes);
        ensure_at_most(self.subject, kept.len(), self.most)
    }
}

/// # Errors
/// Where something printed more than it may.
pub fn ensure_at_most(subject: &str, bytes: usize, most: usize) -> Result<()> {
    anyhow::ensure!(bytes <= most, "{subject} printed more than {} KiB", most / 1024);
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
