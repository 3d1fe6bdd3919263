//! What `restore` says.

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::commands::restored::left_out_words;
use crate::env::Env;
use crate::repository::find::Filter;
use crate::repository::index::IndexEntry;
use crate::repository::trust::Signature;
use crate::restore::{HeldBack, Place, PlannedFile, RestoreOutcome};
use crate::ui::words::{count, place, shell_word, size, when};
use crate::ui::{Column, Mark, Page, Report, Span, Table};

/// A terminal narrower than this gets a block of lines per session, with its whole id.
const ROWS_FROM: usize = 80;
/// A terminal of this width has room for whole ids beside titles.
const WHOLE_IDS_FROM: usize = 120;
/// The beginnings of ids are not shorter than this, nor so short that two look alike.
const SHORTEST_ID: usize = 8;

/// Sessions in the backup.
#[derive(Debug, Serialize)]
pub(super) struct ListReport {
    sessions: Vec<IndexEntry>,
    /// Sessions in the backup, if none of them matches the filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip)]
    filter: String,
    #[serde(skip)]
    env: Env,
}

impl ListReport {
    pub(super) fn new(sessions: Vec<IndexEntry>, env: &Env) -> Self {
        Self { sessions, total: None, filter: String::new(), env: env.clone() }
    }

    /// The same for sessions that a filter left of so many.
    pub(super) fn narrowed_by(self, filter: &Filter, total: usize) -> Self {
        let total = (self.sessions.is_empty() && total > 0).then_some(total as u64);
        Self { total, filter: filter.to_string(), ..self }
    }

    /// What is printed instead of a table without rows.
    fn nothing(&self) -> String {
        match self.total {
            None => "The backup has no sessions yet".to_owned(),
            Some(total) => {
                let total = count(total, "session");
                format!("No session matches {}; the backup has {total}", self.filter)
            }
        }
    }

    /// Whole ids, or their beginnings where a terminal is too narrow for rows with whole ones.
    fn id_length(&self, width: Option<usize>) -> usize {
        if width.is_none_or(|width| !(ROWS_FROM..WHOLE_IDS_FROM).contains(&width)) {
            return usize::MAX;
        }
        let mut ids: Vec<&str> = self.sessions.iter().map(|s| s.uuid.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let same = |pair: &[&str]| {
            pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count()
        };
        let same = ids.windows(2).map(same).max().unwrap_or(0);
        (same + 1).max(SHORTEST_ID)
    }

    fn row(&self, session: &IndexEntry, id_length: usize) -> Vec<Span> {
        let now = self.env.now();
        let project = session.cwd.as_deref().unwrap_or(&session.project_hash);
        let title = session.title.as_deref().unwrap_or("(no title)");
        let date = session.last_activity.map(|time| when(time, now, &self.env));
        let bytes = session.uncompressed_bytes.unwrap_or(session.size_bytes);
        vec![
            Span::plain(place(project.as_ref(), &self.env)),
            Span::plain(title),
            Span::plain(session.uuid.chars().take(id_length).collect::<String>()),
            Span::plain(session.messages.map(|n| n.to_string()).unwrap_or_default()),
            Span::plain(size(bytes)),
            Span::plain(date.unwrap_or_default()),
            Span::warn(mark_of(session)),
            Span::plain(machine_of(session)),
        ]
    }
}

/// The machine, and if nobody vouches for what it stored.
fn machine_of(session: &IndexEntry) -> String {
    match session.signature {
        Signature::Own | Signature::Verified => session.machine.clone(),
        signature => format!("{} ({})", session.machine, signature.as_str()),
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
            return page.line(self.nothing());
        }
        let first = &self.sessions[0].machine;
        let has_marks = self.sessions.iter().any(|session| !mark_of(session).is_empty());
        let has_machines = self
            .sessions
            .iter()
            .any(|session| session.machine != *first || session.signature < Signature::Verified);
        let columns = [
            (true, Column::path("project")),
            (true, Column::text("title")),
            (true, Column::whole("session")),
            (true, Column::number("messages")),
            (true, Column::number("size")),
            (true, Column::whole("last active")),
            (has_marks, Column::whole("")),
            (has_machines, Column::text("machine")),
        ];
        let shown: Vec<Column> =
            columns.iter().filter(|(shown, _)| *shown).map(|(_, column)| *column).collect();
        let mut table = Table::new(&shown);
        let id_length = self.id_length(page.width());
        for session in &self.sessions {
            let cells = self.row(session, id_length).into_iter().zip(&columns);
            table.row(cells.filter(|(_, (shown, _))| *shown).map(|(cell, _)| cell));
        }
        page.table(&table)
    }
}

/// Where a session's transcript was and where it is.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
}

/// One session given back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneReport {
    dry_run: bool,
    restored: serde_json::Value,
    failures: Vec<crate::restore::FileFailure>,
    held_back: Vec<HeldBack>,
    refused: Vec<HeldBack>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    would_write: Vec<PlannedFile>,
    #[serde(skip)]
    outcome: RestoreOutcome,
    /// The command that installs what was held back.
    #[serde(skip)]
    command: String,
    #[serde(skip)]
    env: Env,
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    shown: String,
    /// The working folder that the session is continued in.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    /// What is no longer in another project.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved_from: Vec<PathBuf>,
    #[serde(skip)]
    goes_home: bool,
    #[serde(skip)]
    warns_of_sweep: bool,
}

impl OneReport {
    pub(super) fn new(
        session: &IndexEntry,
        ends: Ends,
        to: &Place,
        outcome: RestoreOutcome,
        env: &Env,
    ) -> Self {
        let target = match to {
            Place::Home(home) => ends.to.parent().unwrap_or(home),
            Place::Folder(path) | Place::File(path) => path,
            Place::Project(project) => ends.to.parent().unwrap_or(project.home()),
        };
        Self {
            dry_run: false,
            restored: json!({
                "uuid": session.uuid,
                "from": ends.from,
                "to": ends.to,
                "files": outcome.files.restored,
                "skipped": outcome.files.skipped,
                "displaced": outcome.displaced,
                "code": outcome.files.code,
            }),
            failures: outcome.failures.clone(),
            held_back: outcome.held_back.clone(),
            refused: outcome.refused.clone(),
            would_write: outcome.would_write.clone(),
            command: String::new(),
            env: env.clone(),
            id: session.uuid.clone(),
            shown: place(target, env),
            goes_home: matches!(to, Place::Home(_) | Place::Project(_)),
            warns_of_sweep: false,
            folder: match to {
                Place::Project(project) => Some(project.folder().to_owned()),
                _ => None,
            },
            moved_from: Vec::new(),
            outcome,
        }
    }

    /// The same where files got their original times.
    pub(super) fn with_original_times(self) -> Self {
        Self { warns_of_sweep: self.goes_home, ..self }
    }

    /// The same with the command that installs what was held back.
    pub(super) fn repeated_by(self, command: String) -> Self {
        Self { command, ..self }
    }

    /// The same where these files of another project were taken away.
    pub(super) fn moved_from(self, files: Vec<PathBuf>) -> Self {
        Self { moved_from: files, ..self }
    }

    /// The same where nothing was written yet.
    pub(super) fn foreseen(self) -> Self {
        Self { dry_run: true, warns_of_sweep: false, ..self }
    }
}

impl OneReport {
    fn verdict(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (id, shown) = (&self.id, &self.shown);
        let files = &self.outcome.files;
        let left_out = files.failed + files.held_back + files.refused;
        if files.restored == 0 && left_out == 0 {
            return page.mark(Mark::Good, format!("Session {id} is whole in {shown} already"));
        }
        let (verb, mark) = match (self.dry_run, left_out) {
            (true, 0) => ("Would restore", Mark::Good),
            (true, _) => ("Would restore a part of", Mark::Warn),
            (false, 0) => ("Restored", Mark::Good),
            (false, _) => ("Restored a part of", Mark::Warn),
        };
        let written = written_files(&self.outcome);
        page.mark(mark, format!("{verb} session {id} to {shown} ({written})"))
    }
}

impl Report for OneReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        planned(page, &self.outcome, &self.env)?;
        self.verdict(page)?;
        let id = &self.id;
        if self.outcome.displaced > 0 && !self.dry_run {
            page.line(format!("  what stood there is kept: claude-backup versions {id}"))?;
        }
        if !self.moved_from.is_empty() {
            let moved = count(self.moved_from.len() as u64, "file");
            page.line(format!("  taken out of another project: {moved}, all in the backup"))?;
        }
        if let Some(folder) = &self.folder {
            page.line(format!("  continue it: cd {} && claude --resume {id}", shell_word(folder)))?;
        }
        if self.warns_of_sweep {
            page.mark(Mark::Warn, "with its original time, Claude Code may soon delete it again")?;
        }
        failures(page, &self.outcome)?;
        left_out_words(page, &self.outcome, &self.command)
    }

    fn exit_code(&self) -> u8 {
        exit_code(&self.outcome, self.dry_run)
    }
}

/// Everything given back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllReport {
    dry_run: bool,
    #[serde(flatten)]
    outcome: RestoreOutcome,
    /// The command that installs what was held back.
    #[serde(skip)]
    command: String,
    #[serde(skip)]
    env: Env,
}

impl AllReport {
    /// What was done.
    pub(super) fn new(outcome: RestoreOutcome, command: String, env: &Env) -> Self {
        Self { dry_run: false, outcome, command, env: env.clone() }
    }

    /// The same where nothing was written yet.
    pub(super) fn foreseen(self) -> Self {
        Self { dry_run: true, ..self }
    }
}

impl Report for AllReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let RestoreOutcome { restored, skipped, files, .. } = &self.outcome;
        planned(page, &self.outcome, &self.env)?;
        let verb = if self.dry_run { "Would restore" } else { "Restored" };
        let written = match files.restored {
            0 => "Nothing to restore".to_owned(),
            _ => {
                format!("{verb} {} ({})", count(*restored, "session"), written_files(&self.outcome))
            }
        };
        let left = match skipped {
            0 => String::new(),
            skipped => format!("; {} left as they stand", count(*skipped, "session")),
        };
        let mark = if files.failed == 0 { Mark::Good } else { Mark::Warn };
        page.mark(mark, format!("{written}{left}"))?;
        if self.outcome.displaced > 0 && !self.dry_run {
            let displaced = count(self.outcome.displaced, "file");
            page.line(format!("  {displaced} replaced; what stood there is kept as versions"))?;
        }
        for id in &self.outcome.longer_in_backup {
            let text = format!("the backup has more of {id}: claude-backup restore {id} --force");
            page.mark(Mark::Warn, text)?;
        }
        failures(page, &self.outcome)?;
        left_out_words(page, &self.outcome, &self.command)
    }

    fn exit_code(&self) -> u8 {
        exit_code(&self.outcome, self.dry_run)
    }
}

/// A dry run changes nothing, so nothing was held back yet.
fn exit_code(outcome: &RestoreOutcome, dry_run: bool) -> u8 {
    match outcome.exit_code() {
        3 if dry_run => 0,
        code => code,
    }
}

/// Each file that a dry run would write.
fn planned(page: &mut Page<'_>, outcome: &RestoreOutcome, env: &Env) -> io::Result<()> {
    for file in &outcome.would_write {
        let (path, machine) = (place(file.path.as_ref(), env), &file.machine);
        match &file.code {
            None => page.line(format!("  write {path}"))?,
            Some(reason) => page.line(format!("  write {path} (from {machine}) {reason}"))?,
        }
    }
    Ok(())
}

/// How many files were written, those that can execute code and come from elsewhere apart.
fn written_files(outcome: &RestoreOutcome) -> String {
    let files = count(outcome.files.restored, "file");
    match outcome.files.code {
        0 => files,
        code => format!("{files}, {code} from elsewhere can run programs"),
    }
}

fn failures(page: &mut Page<'_>, outcome: &RestoreOutcome) -> io::Result<()> {
    for failure in &outcome.failures {
        page.mark(Mark::Bad, format!("not restored: {}: {}", failure.path, failure.error))?;
    }
    Ok(())
}
