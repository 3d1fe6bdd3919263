//! A session searched for, looked at, and given back, by somebody at a terminal.

use std::path::Path;

use anyhow::Result;

use crate::commands::Context;
use crate::commands::preview::preview;
use crate::env::Env;
use crate::repository::Repository;
use crate::repository::find::Filter;
use crate::repository::index::IndexEntry;
use crate::ui::words::{place, when};
use crate::ui::{Column, Span, Table};

/// So many messages of each end are shown before somebody decides.
const MESSAGES: usize = 2;

/// What somebody wants of a session.
pub(super) enum Picked {
    /// Give it back to its place.
    ToItsPlace(IndexEntry),
    /// Give it to the folder that they are in.
    Here(IndexEntry),
    /// Nothing.
    Nothing,
}

/// Lets somebody pick, look, and decide.
pub(super) fn pick(repository: &Repository, context: &mut Context<'_>) -> Result<Picked> {
    let sessions = repository.sessions(&Filter::default())?;
    context.warn_of(repository);
    if sessions.is_empty() {
        context.ui.note("the backup has no sessions yet");
        return Ok(Picked::Nothing);
    }
    let table = table(&sessions, context.env);
    let searched: Vec<String> = sessions.iter().map(|s| searched(s, context.env)).collect();
    loop {
        let Some(at) = context.ui.pick("Which session?", &table, &searched)? else {
            return Ok(Picked::Nothing);
        };
        let session = sessions[at].clone();
        match preview(repository, session.clone(), MESSAGES, context.env) {
            Ok(report) => drop(context.ui.emit(&report)?),
            Err(error) => context.ui.warn(format!("{error:#}")),
        }
        if let Some(picked) = decide(session, context) {
            return Ok(picked);
        }
    }
}

/// Nothing where another one is to be looked at.
fn decide(session: IndexEntry, context: &mut Context<'_>) -> Option<Picked> {
    let here = match context.env.absolute(Path::new(".")) {
        Ok(here) => format!("continue it here, in {}", place(&here, context.env)),
        Err(error) => format!("continue it here ({error:#})"),
    };
    let choices = ["give it back to its place", &here, "look at another", "leave"];
    match context.ui.choose("What now?", &choices, 0) {
        Some(0) => Some(Picked::ToItsPlace(session)),
        Some(1) => Some(Picked::Here(session)),
        Some(2) => None,
        _ => Some(Picked::Nothing),
    }
}

fn table(sessions: &[IndexEntry], env: &Env) -> Table {
    let columns = [Column::whole(""), Column::path(""), Column::text(""), Column::whole("")];
    let mut table = Table::new(&columns);
    for session in sessions {
        let date = session.last_activity.map(|time| when(time, env.now(), env));
        let title = session.title.as_deref().or(session.first_prompt.as_deref());
        let mark = if session.gone_since.is_some() { "gone" } else { "" };
        table.row([
            Span::plain(date.unwrap_or_default()),
            Span::plain(place(project(session).as_ref(), env)),
            Span::plain(title.unwrap_or("(no title)")),
            Span::plain(mark),
        ]);
    }
    table
}

fn project(session: &IndexEntry) -> &str {
    session.cwd.as_deref().unwrap_or(&session.project_hash)
}

/// All that words are looked for in: what a row shows, and what it has no room for.
fn searched(session: &IndexEntry, env: &Env) -> String {
    let date = session.last_activity;
    let days = date.map(|time| format!("{} {}", time.to_rfc3339(), when(time, env.now(), env)));
    let texts = [
        Some(project(session)),
        session.title.as_deref(),
        session.first_prompt.as_deref(),
        days.as_deref(),
        Some(&session.uuid),
        Some(&session.machine),
    ];
    texts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
