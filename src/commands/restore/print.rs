//! A transcript on standard output.

use std::io::{self, Read, Write};

use anyhow::{Result, ensure};

use crate::commands::Context;
use crate::error::{ErrorKind, Failure};
use crate::repository::Repository;
use crate::repository::hashing::Hashing;
use crate::repository::index::IndexEntry;
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
    restore::refuse_forbidden(repository, &machine, &transcript, content)?;
    let bytes = repository.open_content(&machine, &transcript.path, content)?;
    context.warn_of(repository);
    let mut bytes = Hashing::new(bytes);
    match pour(&mut bytes, context.ui.raw_output()) {
        Err(error) if !context.ui.output_closed() => return Err(error.into()),
        Err(_) => return Ok(0),
        Ok(()) => {}
    }
    let id = &session.uuid;
    let is_whole = bytes.finish().0 == content.sha256;
    ensure!(is_whole, "what was written of session {id} is not what was saved");
    Ok(0)
}

fn pour(mut from: impl Read, to: &mut (dyn Write + Send)) -> io::Result<()> {
    io::copy(&mut from, to)?;
    to.flush()
}
