//! What the unit tests share: a machine of one's own, and a call that is caught whole.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tempfile::TempDir;

use crate::cli;
use crate::env::Env;
use crate::ui::{Manner, Page, Report, Streams, Ui};

/// 20 November 2026, 12:00 UTC, in milliseconds.
const NOON: i64 = 1_795_176_000_000;

/// How a call ended and what it said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A stream whose reader has left after so many bytes.
pub(crate) struct LeavingReader(pub(crate) usize);

/// An empty home and a machine that has nothing else: no variables, no terminal, a fixed clock.
pub(crate) fn sandbox() -> (TempDir, Env) {
    let home = tempfile::tempdir().unwrap();
    let env = Env::sandbox(home.path().to_owned(), "mac.local", Arc::new(AtomicI64::new(NOON)));
    (home, env)
}

/// Runs a call on an empty machine.
pub(crate) fn ran(arguments: &[&str]) -> Ran {
    let (_home, env) = sandbox();
    ran_on(&env, arguments)
}

/// Runs a call on this machine; nobody answers its questions.
pub(crate) fn ran_on(env: &Env, arguments: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let streams = Streams { input: &mut io::empty(), out: &mut out, err: &mut err };
    let code = cli::run(&words(arguments), env, streams);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A remote that a machine called `mac`, with these files in its Claude home, pushed its backup to.
pub(crate) fn remote_of_mac(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(folder.path()).unwrap();
    let (home, env) = sandbox();
    for (name, text) in files {
        let path = home.path().join(".claude").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    let url = folder.path().display().to_string();
    let ran = ran_on(&env, &["init", "--backend", "git", "--remote", &url]);
    assert_eq!(ran.code, 0, "{ran:?}");
    folder
}

/// Runs a call on a machine whose user gives these replies.
pub(crate) fn ran_answering(env: &Env, replies: &str, arguments: &[&str]) -> Ran {
    let mut env = env.clone();
    (env.terminal.stdin, env.terminal.stderr) = (true, true);
    let env = env.with_variable("TERM", "dumb").with_variable("NO_COLOR", "1");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let streams = Streams { input: &mut replies.as_bytes(), out: &mut out, err: &mut err };
    let code = cli::run(&words(arguments), &env, streams);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Runs a call whose result goes to this stream; gives the exit code and the talk.
pub(crate) fn ran_into(out: &mut (dyn Write + Send), arguments: &[&str]) -> (u8, String) {
    let (_home, env) = sandbox();
    let mut err = Vec::new();
    let streams = Streams { input: &mut io::empty(), out, err: &mut err };
    let code = cli::run(&words(arguments), &env, streams);
    (code, String::from_utf8(err).unwrap())
}

/// Lends a `Ui` with these replies; gives what was made of it and what was said on standard error.
pub(crate) fn with_ui<T>(
    env: &Env,
    replies: &str,
    talk: impl FnOnce(&mut Ui<'_>) -> T,
) -> (T, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let streams = Streams { input: &mut replies.as_bytes(), out: &mut out, err: &mut err };
    let value = talk(&mut Ui::new(env, streams, Manner::default()));
    (value, String::from_utf8(err).unwrap())
}

/// The human face of a report without colour; no width means a pipe.
pub(crate) fn screen(report: &impl Report, width: Option<usize>) -> String {
    let mut out = Vec::new();
    report.words(&mut Page::new(&mut out, crate::ui::Colour::Never, width)).unwrap();
    String::from_utf8(out).unwrap()
}

/// The one document that a text must be.
pub(crate) fn json(text: &str) -> serde_json::Value {
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    serde_json::from_str(text).unwrap()
}

impl Write for LeavingReader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn words(arguments: &[&str]) -> Vec<OsString> {
    arguments.iter().map(OsString::from).collect()
}
