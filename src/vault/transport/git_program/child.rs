//! A git that runs: what it says is read as it comes, and it can be stopped.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::error::{ErrorKind, Failure};
use crate::progress::Progress;

/// What git said and how it ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) out: String,
    /// Without the lines that only tell how far it is.
    pub(super) err: String,
}

/// How often a silent git is looked after.
const LOOK: Duration = Duration::from_millis(50);
/// A program that git left in the background may hold its streams open; it is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

enum Heard {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// Runs git to its end.
///
/// # Errors
/// Where it cannot be started; kind `Interrupted` where the user asks to stop, once it is gone.
pub(super) fn run(
    command: &mut Command,
    stopped: &dyn Fn() -> bool,
    progress: &dyn Progress,
) -> Result<Answer> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let started = command.spawn();
    let mut child = started.with_context(|| format!("failed to start `{program}`"))?;
    let heard = listen(&mut child);
    let mut words = Words { out: Vec::new(), err: ErrorLines::new(progress) };
    let ended = attend(&mut child, &heard, &mut words, stopped);
    words.err.close();
    let success = ended?.success();
    // Ctrl-C reaches git as well, and often sooner.
    if !success && stopped() {
        return Err(interrupted());
    }
    Ok(Answer {
        success,
        out: String::from_utf8_lossy(&words.out).into_owned(),
        err: words.err.lines.join("\n"),
    })
}

struct Words<'p> {
    out: Vec<u8>,
    err: ErrorLines<'p>,
}

impl Words<'_> {
    fn add(&mut self, heard: &Heard) {
        match heard {
            Heard::Out(bytes) => self.out.extend_from_slice(bytes),
            Heard::Err(bytes) => self.err.add(bytes),
        }
    }
}

fn attend(
    child: &mut Child,
    heard: &Receiver<Heard>,
    words: &mut Words<'_>,
    stopped: &dyn Fn() -> bool,
) -> Result<std::process::ExitStatus> {
    let mut ended = None;
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(heard) => words.add(&heard),
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?),
            Err(RecvTimeoutError::Timeout) => match (ended, child.try_wait()?) {
                (None, Some(_)) => ended = Some(Instant::now()),
                (Some(since), Some(status)) if since.elapsed() > LAST_WORDS => return Ok(status),
                _ => {}
            },
        }
        if ended.is_none() && stopped() {
            // It may have ended by itself meanwhile; either way it is gone then.
            let _ = child.kill();
            child.wait()?;
            return Err(interrupted());
        }
    }
}

fn interrupted() -> anyhow::Error {
    Failure::new(ErrorKind::Interrupted, "stopped while speaking to the remote").into()
}

fn listen(child: &mut Child) -> Receiver<Heard> {
    let (sender, receiver) = channel();
    if let Some(out) = child.stdout.take() {
        pass_on(out, sender.clone(), Heard::Out);
    }
    if let Some(err) = child.stderr.take() {
        pass_on(err, sender, Heard::Err);
    }
    receiver
}

fn pass_on(
    mut stream: impl Read + Send + 'static,
    sender: Sender<Heard>,
    name: impl Fn(Vec<u8>) -> Heard + Send + 'static,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if sender.send(name(buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Standard error as lines, those about progress apart.
struct ErrorLines<'p> {
    progress: &'p dyn Progress,
    lines: Vec<String>,
    unfinished: Vec<u8>,
    stage: Option<(&'static str, u64)>,
}

/// More lines than any refusal has.
const MOST_LINES: usize = 400;

impl<'p> ErrorLines<'p> {
    fn new(progress: &'p dyn Progress) -> Self {
        Self { progress, lines: Vec::new(), unfinished: Vec::new(), stage: None }
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(),
                byte => self.unfinished.push(*byte),
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.unfinished).trim_end().to_owned();
        self.unfinished.clear();
        if let Some(step) = Step::parse(&line) {
            self.show(&step);
        } else if !is_small_talk(&line) && self.lines.len() < MOST_LINES {
            self.lines.push(line);
        }
    }

    fn show(&mut self, step: &Step) {
        let done = match self.stage {
            Some((stage, done)) if stage == step.stage => done,
            _ => {
                self.finish_stage();
                self.progress.start(step.stage, step.all, 0);
                0
            }
        };
        self.progress.advance(step.done.saturating_sub(done), 0);
        self.stage = Some((step.stage, step.done));
    }

    fn finish_stage(&mut self) {
        if self.stage.take().is_some() {
            self.progress.finish();
        }
    }

    fn close(&mut self) {
        self.end_line();
        self.finish_stage();
    }
}

/// What git tells about its own work, which explains nothing.
fn is_small_talk(line: &str) -> bool {
    const BEGINNINGS: &[&str] = &["Enumerating objects:", "Total ", "Delta compression using"];
    line.is_empty() || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// How far git is: `Writing objects:  50% (10/20), 1.2 MiB | 300 KiB/s`.
struct Step {
    stage: &'static str,
    done: u64,
    all: u64,
}

impl Step {
    fn parse(line: &str) -> Option<Self> {
        let (title, rest) = line.split_once(':')?;
        let stage = match title {
            "Counting objects" | "Compressing objects" => "preparing",
            "Writing objects" => "sending",
            "Receiving objects" => "receiving",
            "Resolving deltas" => "unpacking",
            _ => return None,
        };
        let (_, rest) = rest.split_once('(')?;
        let (done, all) = rest.split_once(')')?.0.split_once('/')?;
        Some(Self { stage, done: done.parse().ok()?, all: all.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Progress for Told {
        fn start(&self, stage: &str, files: u64, _bytes: u64) {
            self.0.lock().unwrap().push(format!("{stage} {files}"));
        }
        fn advance(&self, files: u64, _bytes: u64) {
            self.0.lock().unwrap().push(format!("+{files}"));
        }
        fn finish(&self) {
            self.0.lock().unwrap().push("end".into());
        }
        fn interrupted(&self) -> bool {
            false
        }
    }

    #[test]
    fn progress_is_shown_and_everything_else_kept() {
        let told = Told::default();
        let mut err = ErrorLines::new(&told);
        err.add(b"Writing objects:  50% (1/2)\rWriting objects: 100% (2/2), 1 KiB | 1 KiB/s, done");
        err.add(b".\nremote: Resolving deltas: 100% (1/1)\r\nRemote: a\nfatal: b");
        err.close();
        let words = ["remote: Resolving deltas: 100% (1/1)", "Remote: a", "fatal: b"];
        assert_eq!(err.lines, words);
        assert_eq!(*told.0.lock().unwrap(), ["sending 2", "+1", "+1", "end"]);
    }
}
