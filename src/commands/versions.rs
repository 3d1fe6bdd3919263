//! `versions`: what the backup has of one session.

use std::io;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::Context;
use super::which::Which;
use crate::env::Env;
use crate::error::{ErrorKind, Failure};
use crate::repository::ledger::{Content, Entry, Reason};
use crate::repository::{Repository, migrate};
use crate::restore;
use crate::session::MachineSlug;
use crate::sync;
use crate::ui::words::{count, size, when};
use crate::ui::{Column, Page, Report, Span, Table};

/// List the versions of a session
#[derive(Args, Clone, Debug)]
pub struct VersionsArgs {
    #[command(flatten)]
    which: Which,
    /// Take note of the messages that the current version lacks; `status` then stops telling
    #[arg(long)]
    acknowledge: bool,
}

impl VersionsArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operations say.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let session = self.which.find(&repository)?;
        let lines = restore::lines_of(&repository, &session)?;
        let (machine, mut entry) = (lines.machine, lines.transcript);
        if self.acknowledge {
            refuse_foreign(&repository, &machine)?;
            let _lock = repository.lock("versions")?;
            migrate::adopt(&repository)?;
            sync::acknowledge(&repository, &entry.path)?;
            entry.acknowledged = true;
        }
        context.warn_of(&repository);
        context.ui.emit(&VersionsReport::new(&session.uuid, &entry, context.env))
    }
}

/// Only the machine that saved a session writes below its folder.
fn refuse_foreign(repository: &Repository, machine: &MachineSlug) -> Result<()> {
    if *machine == repository.machine {
        return Ok(());
    }
    let message = format!("this session was saved by `{machine}`; only it can take note of a loss");
    Err(Failure::new(ErrorKind::Failed, message)
        .hint(format!("run the same command on {machine}"))
        .into())
}

/// The versions of one session, the current one first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionsReport {
    uuid: String,
    lost_messages: u64,
    acknowledged: bool,
    preferred: u32,
    #[serde(skip)]
    most_missed: Option<u32>,
    versions: Vec<VersionLine>,
    #[serde(skip)]
    env: Env,
}

/// One version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionLine {
    /// 0 for the current one.
    number: u32,
    current: bool,
    last_activity: DateTime<Utc>,
    replaced: Option<DateTime<Utc>>,
    reason: Option<Reason>,
    messages: u64,
    lost_messages: u64,
    size_bytes: u64,
    sha256: String,
}

impl VersionsReport {
    fn new(uuid: &str, entry: &Entry, env: &Env) -> Self {
        let mut versions = vec![line(0, &entry.content)];
        versions.extend(entry.versions.iter().rev().map(|version| VersionLine {
            current: false,
            replaced: Some(version.replaced),
            reason: Some(version.reason),
            lost_messages: version.lost_messages,
            ..line(version.number, &version.content)
        }));
        Self {
            uuid: uuid.to_owned(),
            lost_messages: entry.lost_messages(),
            acknowledged: entry.acknowledged,
            preferred: entry.preferred().map_or(0, |version| version.number),
            most_missed: entry.most_missed().map(|version| version.number),
            versions,
            env: env.clone(),
        }
    }
}

fn line(number: u32, content: &Content) -> VersionLine {
    let last_record = content.session.as_ref().and_then(|session| session.last_record);
    VersionLine {
        number,
        current: number == 0,
        last_activity: last_record.unwrap_or(content.modified),
        replaced: None,
        reason: None,
        messages: content.messages(),
        lost_messages: 0,
        size_bytes: content.length,
        sha256: content.sha256.to_string(),
    }
}

impl Report for VersionsReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let mut table = Table::new(&[
            Column::number("version"),
            Column::whole("last active"),
            Column::number("messages"),
            Column::number("size"),
            Column::text("why it was put aside"),
        ]);
        let now = self.env.now();
        for version in &self.versions {
            let number = match version.current {
                true => "current".to_owned(),
                false => version.number.to_string(),
            };
            table.row([
                Span::plain(number),
                Span::plain(when(version.last_activity, now, &self.env)),
                Span::plain(version.messages.to_string()),
                Span::plain(size(version.size_bytes)),
                Span::plain(version.reason.map_or("", words_of)),
            ]);
        }
        page.table(&table)?;
        let Some(missed) = self.most_missed else { return Ok(()) };
        let id = &self.uuid;
        let lost = count(self.lost_messages, "message");
        let noted = if self.acknowledged { " (noted)" } else { "" };
        page.blank()?;
        page.line(format!("The current version lacks {lost} that version {missed} has{noted}"))?;
        let back = format!("claude-backup restore {id} --version {missed} --force");
        let keep = format!("claude-backup versions {id} --acknowledge");
        let ways = [("get it back", Span::plain(back)), ("keep it so", Span::plain(keep))];
        page.fields(if self.acknowledged { &ways[..1] } else { &ways })
    }
}

fn words_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Rewritten => "rewritten",
        Reason::Truncated => "cut short",
        Reason::Replaced => "replaced by another file",
        Reason::Displaced => "displaced by a restore",
    }
}
