//! What `restore` says.

use std::io;

use serde::Serialize;
use serde_json::json;

use crate::env::Env;
use crate::repository::index::IndexEntry;
use crate::restore::{Place, RestoreOutcome};
use crate::ui::words::{count, place, size, when};
use crate::ui::{Column, Mark, Page, Report, Span, Table};

/// Sessions in the backup.
#[derive(Debug, Serialize)]
pub(super) struct ListReport {
    sessions: Vec<IndexEntry>,
    #[serde(skip)]
    env: Env,
}

impl ListReport {
    pub(super) fn new(sessions: Vec<IndexEntry>, env: &Env) -> Self {
        Self { sessions, env: env.clone() }
    }

    fn row(&self, session: &IndexEntry, with_machine: bool) -> Vec<Span> {
        let now = self.env.now();
        let project = session.cwd.as_deref().unwrap_or(&session.project_hash);
        let title = session.title.as_deref().unwrap_or("(no title)");
        let date = session.last_activity.map(|time| when(time, now, &self.env));
        let bytes = session.uncompressed_bytes.unwrap_or(session.size_bytes);
        let mut row = vec![
            Span::plain(place(project.as_ref(), &self.env)),
            Span::plain(title),
            Span::plain(&session.uuid),
            Span::plain(session.messages.map(|n| n.to_string()).unwrap_or_default()),
            Span::plain(size(bytes)),
            Span::plain(date.unwrap_or_default()),
            Span::warn(mark_of(session)),
        ];
        if with_machine {
            row.push(Span::plain(&session.machine));
        }
        row
    }
}

fn mark_of(session: &IndexEntry) -> &'static str {
    match (session.gone_since, session.lost_messages) {
        (Some(_), _) => "gone",
        (None, 1..) => "cut",
        (None, 0) => "",
    }
}

impl Report for ListReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        if self.sessions.is_empty() {
            return page.line("No sessions");
        }
        let first = &self.sessions[0].machine;
        let with_machine = self.sessions.iter().any(|session| session.machine != *first);
        let mut columns = vec![
            Column::path("project"),
            Column::text("title"),
            Column::whole("session"),
            Column::number("messages"),
            Column::number("size"),
            Column::whole("last active"),
            Column::whole(""),
        ];
        if with_machine {
            columns.push(Column::text("machine"));
        }
        let mut table = Table::new(&columns);
        self.sessions.iter().for_each(|session| table.row(self.row(session, with_machine)));
        page.table(&table)
    }
}

/// One session given back.
#[derive(Debug, Serialize)]
pub(super) struct OneReport {
    restored: serde_json::Value,
    failures: Vec<crate::restore::FileFailure>,
    #[serde(skip)]
    outcome: RestoreOutcome,
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    shown: String,
    #[serde(skip)]
    warns_of_sweep: bool,
}

impl OneReport {
    pub(super) fn new(
        session: &IndexEntry,
        to: &Place,
        outcome: RestoreOutcome,
        keeps_times: bool,
        env: &Env,
    ) -> Self {
        let (machine, project) = (&session.machine, &session.project_hash);
        let target = match to {
            Place::Home(home) => home.join("projects").join(project),
            Place::Folder(path) | Place::File(path) => path.clone(),
        };
        let transcript = match to {
            Place::File(file) => file.clone(),
            Place::Home(_) | Place::Folder(_) => target.join(format!("{}.jsonl", session.uuid)),
        };
        Self {
            restored: json!({
                "uuid": session.uuid,
                "from": format!("machines/{machine}/projects/{project}/{}.jsonl.gz", session.uuid),
                "to": transcript,
                "files": outcome.files.restored,
                "skipped": outcome.files.skipped,
            }),
            failures: outcome.failures.clone(),
            id: session.uuid.clone(),
            shown: place(&target, env),
            warns_of_sweep: keeps_times && matches!(to, Place::Home(_)),
            outcome,
        }
    }
}

impl Report for OneReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (id, shown) = (&self.id, &self.shown);
        let files = &self.outcome.files;
        if files.restored == 0 && files.failed == 0 {
            return page.mark(Mark::Good, format!("Session {id} is whole in {shown} already"));
        }
        let written = count(files.restored, "file");
        page.mark(Mark::Good, format!("Restored session {id} to {shown} ({written})"))?;
        if self.warns_of_sweep {
            page.mark(Mark::Warn, "with its original time, Claude Code may soon delete it again")?;
        }
        failures(page, &self.outcome)
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.outcome.files.failed > 0)
    }
}

/// Everything given back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllReport {
    dry_run: bool,
    #[serde(flatten)]
    outcome: RestoreOutcome,
}

impl AllReport {
    pub(super) fn new(outcome: RestoreOutcome, dry_run: bool) -> Self {
        Self { dry_run, outcome }
    }
}

impl Report for AllReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let RestoreOutcome { restored, skipped, files, .. } = &self.outcome;
        let verb = if self.dry_run { "Would restore" } else { "Restored" };
        let sessions = count(*restored, "session");
        let written = count(files.restored, "file");
        let stand = count(*skipped, "session");
        page.mark(Mark::Good, format!("{verb} {sessions} ({written}); {stand} in place already"))?;
        for id in &self.outcome.longer_in_backup {
            let text = format!("the backup has more of {id}: claude-backup restore {id} --force");
            page.mark(Mark::Warn, text)?;
        }
        failures(page, &self.outcome)
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.outcome.files.failed > 0)
    }
}

fn failures(page: &mut Page<'_>, outcome: &RestoreOutcome) -> io::Result<()> {
    for failure in &outcome.failures {
        page.mark(Mark::Bad, format!("not restored: {}: {}", failure.path, failure.error))?;
    }
    Ok(())
}
