//! What a running git prints, read as it comes.

use anyhow::Result;

use crate::process::{self, Listener, Pulse, Stream, Watch};
use crate::progress::Progress;

/// What git said and how it ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) out: String,
    /// Without the lines that only tell how far it is.
    pub(super) err: String,
}

/// Most bytes of an answer: a list of some hundred thousand references.
const MOST_OUTPUT: usize = 32 << 20;
/// More lines than any refusal has.
const MOST_LINES: usize = 400;
/// No line that says something is longer.
const LONGEST_LINE: usize = 4096;
/// Preparing a pack is our own work, and a single large file may keep git at it for minutes.
const PREPARING_TIMES: u32 = 10;

/// Runs git to its end.
///
/// # Errors
/// As [`process::run`].
pub(super) fn run(
    command: &mut std::process::Command,
    watch: &Watch<'_>,
    progress: &dyn Progress,
) -> Result<Answer> {
    let err = ErrorLines::new(progress);
    let mut words = Words { subject: watch.subject, out: Vec::new(), err };
    let ended = process::run(command, b"", watch, &mut words);
    words.err.close();
    Ok(Answer {
        success: ended?.success(),
        out: String::from_utf8_lossy(&words.out).into_owned(),
        err: words.err.lines.join("\n"),
    })
}

struct Words<'p> {
    subject: &'p str,
    out: Vec<u8>,
    err: ErrorLines<'p>,
}

impl Listener for Words<'_> {
    fn hear(&mut self, stream: Stream, bytes: &[u8], pulse: &mut Pulse) -> Result<()> {
        pulse.bytes(bytes.len());
        match stream {
            Stream::Out => self.out.extend_from_slice(bytes),
            Stream::Err => self.err.add(bytes, pulse),
        }
        process::ensure_at_most(self.subject, self.out.len(), MOST_OUTPUT)
    }
}

/// Standard error as lines, those about progress apart.
struct ErrorLines<'p> {
    progress: &'p dyn Progress,
    lines: Vec<String>,
    unfinished: Vec<u8>,
    stage: Option<(&'static str, u64)>,
    /// How far git was, in its own words.
    shown: String,
}

impl<'p> ErrorLines<'p> {
    fn new(progress: &'p dyn Progress) -> Self {
        Self {
            progress,
            lines: Vec::new(),
            unfinished: Vec::new(),
            stage: None,
            shown: String::new(),
        }
    }

    fn add(&mut self, bytes: &[u8], pulse: &mut Pulse) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(pulse),
                byte if self.unfinished.len() < LONGEST_LINE => self.unfinished.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self, pulse: &mut Pulse) {
        let line = String::from_utf8_lossy(&self.unfinished).trim_end().to_owned();
        self.unfinished.clear();
        if let Some(step) = Step::parse(&line) {
            self.note(&line, &step, pulse);
            self.show(&step);
        } else if !is_small_talk(&line) && self.lines.len() < MOST_LINES {
            self.lines.push(line);
        }
    }

    /// A line that says the same as before, but for the speed, is no progress.
    fn note(&mut self, line: &str, step: &Step, pulse: &mut Pulse) {
        let shown = line.split(" | ").next().unwrap_or_default();
        if shown != self.shown {
            shown.clone_into(&mut self.shown);
            pulse.step();
            pulse.wait_for(if step.stage == PREPARING { PREPARING_TIMES } else { 1 });
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
        self.end_line(&mut Pulse::new(std::time::Duration::ZERO));
        self.finish_stage();
    }
}

/// What git tells about its own work, which explains nothing.
fn is_small_talk(line: &str) -> bool {
    const BEGINNINGS: &[&str] = &["Enumerating objects:", "Total ", "Delta compression using"];
    line.is_empty() || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// The stage before anything is sent.
const PREPARING: &str = "preparing";

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
            "Counting objects" | "Compressing objects" => PREPARING,
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
    use std::time::Duration;

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
        let pulse = &mut Pulse::new(Duration::MAX);
        err.add(
            b"Writing objects:  50% (1/2)\rWriting objects: 100% (2/2), 1 KiB | 1 KiB/s, done",
            pulse,
        );
        err.add(b".\nremote: Resolving deltas: 100% (1/1)\r\nRemote: a\nfatal: b", pulse);
        err.close();
        let words = ["remote: Resolving deltas: 100% (1/1)", "Remote: a", "fatal: b"];
        assert_eq!(err.lines, words);
        assert_eq!(*told.0.lock().unwrap(), ["sending 2", "+1", "+1", "end"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let silent = crate::progress::Silent;
        let mut err = ErrorLines::new(&silent);
        err.add(&vec![b'x'; 1 << 20], &mut Pulse::new(Duration::MAX));
        err.close();
        assert_eq!(err.lines[0].len(), LONGEST_LINE);
    }
}
