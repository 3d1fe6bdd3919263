//! The only code that talks to a person or a program: results, warnings, errors, questions, progress.
//!
//! Standard output carries one result; standard error carries the talk about it.

use std::fmt::Display;
use std::io::{self, BufRead, BufWriter, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::env::Env;
use crate::progress::Progress;

mod ask;
mod bar;
mod colour;
mod failure;
mod flow;
pub mod page;
mod pick;
mod steps;
pub mod table;
pub mod text;
pub mod words;

pub use self::ask::Answer;
pub use self::colour::{Colour, ColourWish};
pub(crate) use self::failure::write_error;
pub use self::page::{Mark, Page, Span};
use self::steps::{SharedErr, Steps};
pub use self::table::{Column, Table};

/// Which face of a result is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Words on a page.
    #[default]
    Human,
    /// One line of JSON, and nothing beside it.
    Json,
}

/// How much is said beside the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Talk {
    /// Warnings and errors.
    Quiet,
    /// Notes and progress too.
    #[default]
    Normal,
    /// Every step too.
    Verbose,
}

/// A result with two faces: its fields are the JSON face.
///
/// `"ok": true` is put before the fields, so no report has a field of that name.
pub trait Report: Serialize {
    /// Writes the human face.
    ///
    /// # Errors
    /// As the stream says.
    fn words(&self, page: &mut Page<'_>) -> io::Result<()>;

    /// True for what was done, where others are what was asked for: `--quiet` leaves it out.
    fn is_news(&self) -> bool {
        false
    }

    /// What the process says about this result; not 0 where something is missing.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// The three streams of one call.
pub struct Streams<'a> {
    /// Where answers come from.
    pub input: &'a mut (dyn BufRead + Send),
    /// Where the result goes.
    pub out: &'a mut (dyn Write + Send),
    /// Where everything else goes.
    pub err: &'a mut (dyn Write + Send),
}

/// What the user said about the way of talking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The face of results and errors.
    pub format: Format,
    /// How much is said.
    pub talk: Talk,
    /// What `--color` says.
    pub colour: ColourWish,
}

/// The program's mouth and ears during one call.
pub struct Ui<'a> {
    env: &'a Env,
    input: &'a mut (dyn BufRead + Send),
    out: Out<'a>,
    err: SharedErr<'a>,
    manner: Manner,
    /// What was warned of while nothing may stand beside the JSON document: it goes into it.
    warnings: Vec<String>,
}

/// Standard output, which remembers that its reader has left.
struct Out<'a> {
    stream: &'a mut (dyn Write + Send),
    closed: bool,
}

#[derive(Serialize)]
struct Success<'a, R: ?Sized> {
    ok: bool,
    #[serde(flatten)]
    report: &'a R,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

impl<'a> Ui<'a> {
    /// Talks through these streams in this manner.
    pub fn new(env: &'a Env, streams: Streams<'a>, manner: Manner) -> Self {
        let out = Out { stream: streams.out, closed: false };
        let err = SharedErr::new(streams.err);
        Self { env, input: streams.input, out, err, manner, warnings: Vec::new() }
    }

    /// Which face results have.
    #[must_use]
    pub fn format(&self) -> Format {
        self.manner.format
    }

    /// Shows a result and gives its exit code.
    ///
    /// A reader that has left (`| head -1`) has seen enough: that is no failure.
    ///
    /// # Errors
    /// Where the result cannot be written.
    pub fn emit(&mut self, report: &impl Report) -> Result<u8> {
        let is_unwanted = self.manner.talk == Talk::Quiet && report.is_news();
        let written = match self.manner.format {
            Format::Human if is_unwanted && report.exit_code() == 0 => Ok(()),
            Format::Human => self.write_page(report),
            Format::Json => self.write_json(report),
        };
        match written {
            Err(_) if self.out.closed => Ok(report.exit_code()),
            written => written
                .map(|()| report.exit_code())
                .context("failed to write the result to standard output"),
        }
    }

    /// Standard output itself, for a result that is bytes and not a report.
    pub fn raw_output(&mut self) -> &mut (dyn Write + Send) {
        &mut self.out
    }

    /// True once the reader of standard output has left.
    #[must_use]
    pub fn output_closed(&self) -> bool {
        self.out.closed
    }

    /// Tells of something that should be looked into; JSON readers find it in the next document.
    ///
    /// A report with a field `warnings` of its own takes them there instead.
    pub fn warn(&mut self, message: impl AsRef<str>) {
        if self.manner.format == Format::Json {
            self.warnings.push(message.as_ref().to_owned());
        }
        self.say(&[Span::warn("warning:"), Span::plain(" ")], &Span::plain(message));
    }

    /// Tells of something good to know; silent with `--quiet`.
    pub fn note(&mut self, message: impl AsRef<str>) {
        if self.manner.talk != Talk::Quiet {
            self.say(&[], &Span::plain(message));
        }
    }

    /// Prints a step; silent without `--verbose`, and beside JSON.
    pub fn step(&self, step: impl Display) {
        if let Some(steps) = self.steps() {
            steps.print(&step);
        }
    }

    /// Shows an error with its causes and its hint.
    pub fn error(&mut self, error: &anyhow::Error) {
        let (colour, width) = (self.err_colour(), self.err_width());
        write_error(&mut self.err, self.manner.format, colour, width, error);
    }

    /// A bar where a person looks at standard error, silence elsewhere; both know of Ctrl-C, and
    /// print steps with `--verbose`.
    #[must_use]
    pub fn progress(&self) -> Box<dyn Progress + 'a> {
        let interrupt = Arc::clone(&self.env.interrupt);
        let dumb = self.env.variable("TERM").is_some_and(|term| term == "dumb");
        let talkative = self.manner.talk != Talk::Quiet && self.manner.format == Format::Human;
        if talkative && self.env.terminal.stderr && !dumb {
            return Box::new(bar::Bar::new(interrupt, self.terminal_width(), self.steps()));
        }
        Box::new(bar::Unseen { interrupt, steps: self.steps() })
    }

    /// Where steps are printed, if they are.
    fn steps(&self) -> Option<Steps<'a>> {
        let is_wanted = self.manner.talk == Talk::Verbose && self.manner.format == Format::Human;
        let (err, colour, width) = (self.err.clone(), self.err_colour(), self.err_width());
        is_wanted.then_some(Steps { err, colour, width })
    }

    /// The colour of standard output.
    #[must_use]
    pub fn out_colour(&self) -> Colour {
        self.manner.colour.resolve(self.env, self.env.terminal.stdout)
    }

    fn err_colour(&self) -> Colour {
        self.manner.colour.resolve(self.env, self.env.terminal.stderr)
    }

    /// A text on standard error, for human readers only.
    fn say(&self, lead: &[Span], text: &Span) {
        if self.manner.format == Format::Human {
            self.err.say(self.err_colour(), self.err_width(), lead, text);
        }
    }

    /// The columns of standard error, if it is a terminal.
    fn err_width(&self) -> Option<usize> {
        self.env.terminal.stderr.then(|| self.terminal_width())
    }

    fn terminal_width(&self) -> usize {
        usize::from(self.env.terminal.width.unwrap_or(80))
    }

    fn write_page(&mut self, report: &impl Report) -> io::Result<()> {
        let (colour, width) = (self.out_colour(), self.terminal_width());
        let width = self.env.terminal.stdout.then_some(width);
        let mut out = BufWriter::new(&mut self.out);
        report.words(&mut Page::new(&mut out, colour, width))?;
        out.flush()
    }

    fn write_json(&mut self, report: &impl Report) -> io::Result<()> {
        // Made whole first, so that a value that cannot be written leaves no half document.
        let mut line = serde_json::to_vec(&Success { ok: true, report, warnings: &self.warnings })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes);
        self.notice(&written);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stream.flush();
        self.notice(&flushed);
        flushed
    }
}

impl Out<'_> {
    fn notice<T>(&mut self, result: &io::Result<T>) {
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.closed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{LeavingReader, sandbox};

    #[derive(Serialize)]
    struct Saved {
        files: u64,
        pushed: bool,
    }

    impl Report for Saved {
        fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
            page.line(words::count(self.files, "file"))
        }

        fn exit_code(&self) -> u8 {
            if self.pushed { 0 } else { 3 }
        }
    }

    const SAVED: Saved = Saved { files: 2, pushed: false };

    /// What is said on standard error in this manner.
    fn said(format: Format, talk: Talk) -> String {
        let (_home, env) = sandbox();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let streams = Streams { input: &mut io::empty(), out: &mut out, err: &mut err };
        let mut ui = Ui::new(&env, streams, Manner { format, talk, ..Manner::default() });
        ui.warn("old\u{1b}");
        ui.note("news");
        ui.step("step");
        String::from_utf8(err).unwrap()
    }

    fn shown(format: Format, out: &mut (dyn Write + Send)) -> Result<u8> {
        let (_home, env) = sandbox();
        let streams = Streams { input: &mut io::empty(), out, err: &mut io::sink() };
        Ui::new(&env, streams, Manner { format, ..Manner::default() }).emit(&SAVED)
    }

    #[test]
    fn one_value_has_two_faces_and_one_exit_code() {
        for (format, face) in [
            (Format::Human, "2 files\n"),
            (Format::Json, "{\"ok\":true,\"files\":2,\"pushed\":false}\n"),
        ] {
            let mut out = Vec::new();
            assert_eq!(shown(format, &mut out).unwrap(), 3);
            assert_eq!(String::from_utf8(out).unwrap(), face);
            assert_eq!(shown(format, &mut LeavingReader(1)).unwrap(), 3, "the reader left");
        }
    }

    #[test]
    fn a_result_that_cannot_be_written_is_a_failure() {
        let mut full: &mut [u8] = &mut [0; 3];
        let error = shown(Format::Json, &mut full).unwrap_err();
        assert!(error.to_string().contains("standard output"), "{error}");
    }

    #[test]
    fn talk_is_as_loud_as_wished_and_silent_beside_json() {
        let warning = "warning: old\\u{1b}\n";
        assert_eq!(said(Format::Human, Talk::Quiet), warning);
        assert_eq!(said(Format::Human, Talk::Normal), format!("{warning}news\n"));
        assert_eq!(said(Format::Human, Talk::Verbose), format!("{warning}news\nstep\n"));
        assert_eq!(said(Format::Json, Talk::Verbose), "");
    }

    #[test]
    fn silent_progress_still_hears_a_stop() {
        let (_home, env) = sandbox();
        crate::testing::with_ui(&env, "", |ui| {
            let progress = ui.progress();
            assert!(!progress.interrupted());
            env.interrupt.store(true, Ordering::Relaxed);
            assert!(progress.interrupted());
        });
    }
}
