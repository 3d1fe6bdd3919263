//! A transcript on standard output.

use std::io::{self, Read, Write};

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};

use crate::commands::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::ledger::Hash;
use crate::restore::{self, SessionLines, Wanted};
use crate::ui::Format;

/// Refuses what would mix two outputs.
pub(super) fn check(context: &Context<'_>) -> Result<()> {
    if context.ui.format() != Format::Json {
        return Ok(());
    }
    let message = "`--stdout` gives the transcript itself, which is no JSON document";
    Err(Failure::new(ErrorKind::Usage, message)
        .hint("leave --json out, or write a file with --to")
        .into())
}

/// Writes a session's transcript, and says so where it was not what was saved.
pub(super) fn print(
    repository: &Repository,
    session: &IndexEntry,
    wanted: Wanted,
    context: &mut Context<'_>,
) -> Result<u8> {
    let SessionLines { machine, transcript, .. } = restore::lines_of(repository, session)?;
    let content = restore::choose(&transcript, wanted)?;
    let bytes = repository.open_content(&machine, &transcript.path, content)?;
    context.warn_of(repository);
    let mut bytes = Hashing { from: bytes, hasher: Sha256::new() };
    match pour(&mut bytes, context.ui.raw_output()) {
        Err(error) if !context.ui.output_closed() => return Err(error.into()),
        Err(_) => return Ok(0),
        Ok(()) => {}
    }
    let id = &session.uuid;
    ensure!(
        Hash::from(bytes.hasher) == content.sha256,
        "what was written of session {id} is not what was saved"
    );
    Ok(0)
}

/// What is read, summed up as it passes.
struct Hashing<R> {
    from: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn pour(mut from: impl Read, to: &mut (dyn Write + Send)) -> io::Result<()> {
    io::copy(&mut from, to)?;
    to.flush()
}
