//! `status`: one screen, one glance.

use std::io;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::env::Env;
use crate::repository::Repository;
use crate::repository::manifest::parse_stamp;
use crate::schedule::Frequency;
use crate::status::{self, CopyState, Health, Status};
use crate::ui::words::{count, grouped, place, size, when};
use crate::ui::{Mark, Page, Report, Span};

/// Show how the backup is
#[derive(Args, Clone, Debug, Default)]
pub struct StatusArgs {}

impl StatusArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// As the operation says.
    pub fn run(self, context: &mut Context<'_>) -> Result<u8> {
        let repository = Repository::open(&context.backup_dir, context.env)?;
        let roots = context.roots(&repository)?;
        for home in roots.all() {
            context.ui.step(format_args!("comparing the backup with {}", home.display()));
        }
        let status = status::read(&repository, &roots)?;
        context.ui.emit(&StatusReport { status, env: context.env.clone() })
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct StatusReport {
    status: Status,
    #[serde(skip)]
    env: Env,
}

impl StatusReport {
    fn headline(&self) -> String {
        let sessions = count(self.status.sessions.files, "session");
        match status::last_run_time(&self.status) {
            Some(time) => {
                let time = when(time, self.env.now(), &self.env);
                format!("Last backup: {time}, {sessions}")
            }
            None => format!("No backup was made on this machine yet, {sessions}"),
        }
    }

    fn fields(&self) -> Vec<(&'static str, Span)> {
        let status = &self.status;
        let dir = place(status.backup_dir.as_ref(), &self.env);
        let projects = count(status.sessions.projects.unwrap_or_default(), "project");
        let mut fields = vec![
            ("machine", Span::plain(format!("{} ({})", status.machine_slug, status.machine))),
            ("kept in", Span::plain(format!("{dir} ({})", status.mode))),
        ];
        fields.extend(self.remote().map(|remote| ("remote", Span::plain(remote))));
        fields.extend(self.copy().map(|copy| ("copy", Span::plain(copy))));
        fields.push(("schedule", Span::plain(self.schedule())));
        let sessions = count(status.sessions.files, "session");
        let bytes = size(status.sessions.size_bytes);
        fields.push(("sessions", Span::plain(format!("{sessions} in {projects}, {bytes}"))));
        let files = count(status.config.files, "file");
        let bytes = size(status.config.size_bytes);
        fields.push(("config", Span::plain(format!("{files}, {bytes}"))));
        if status.pending > 0 {
            let pending = count(status.pending, "file");
            fields.push(("since then", Span::plain(format!("{pending} new or changed"))));
        }
        if status.gone > 0 {
            let gone = count(status.gone, "session");
            let since = status.gone_since.map(|time| when(time, self.env.now(), &self.env));
            let since = since.map(|when| format!(", the first since {when}")).unwrap_or_default();
            let text = format!("{gone} only in the backup{since}: claude-backup restore --gone");
            fields.push(("gone", Span::plain(text)));
        }
        if status.at_risk.sessions > 0 {
            let swept = count(status.at_risk.sessions, "session");
            let days = status.at_risk.within_days;
            let safe = match status.at_risk.unsaved {
                0 => "all of it is in the backup".to_owned(),
                unsaved => format!("{unsaved} not saved: claude-backup sync"),
            };
            let text = format!("Claude Code will delete {swept} within {days} days; {safe}");
            fields.push(("sweep", Span::plain(text)));
        }
        let running = status.running.iter().map(|owner| {
            let since = when(owner.since, self.env.now(), &self.env);
            format!("{} (pid {}), since {since}", owner.doing, owner.pid)
        });
        let running: Vec<String> = running.collect();
        if !running.is_empty() {
            fields.push(("running", Span::plain(running.join(", "))));
        }
        fields.extend(self.proof().map(|proof| ("proof", Span::plain(proof))));
        fields.extend(self.secrets().map(|secrets| ("secrets", Span::plain(secrets))));
        let others = status.machines.iter().filter(|line| line.slug != status.machine_slug);
        let others: Vec<String> = others
            .map(|line| format!("{} ({})", line.slug, count(line.session_count, "session")))
            .collect();
        if !others.is_empty() {
            fields.push(("other machines", Span::plain(others.join(", "))));
        }
        fields
    }
}

impl StatusReport {
    /// Where copies go, and who can read them there.
    fn remote(&self) -> Option<String> {
        let url = self.status.repo.as_ref()?;
        Some(match &self.status.github {
            Some(github) => format!("{url} ({})", github.words()),
            None => url.clone(),
        })
    }

    /// How many sessions came back on trial, and when the first of those was tried.
    fn proof(&self) -> Option<String> {
        let proof = self.status.proof.as_ref()?;
        let sessions = count(proof.sessions, "session");
        let when = |time| when(time, self.env.now(), &self.env);
        let (last, first) = (parse_stamp(&proof.at).map(when), proof.since.map(when));
        let times = match (last, first) {
            (Some(last), Some(first)) if last != first => {
                format!(", last {last}, all since {first}")
            }
            (_, first) => first.map(|first| format!(", {first}")).unwrap_or_default(),
        };
        Some(format!("{} of {sessions} proven restorable{times}", grouped(proof.proven)))
    }

    /// What looks like a secret, and when somebody looked.
    fn secrets(&self) -> Option<String> {
        let last = self.status.secrets.as_ref().filter(|last| last.lines > 0)?;
        let at = parse_stamp(&last.at).map(|at| when(at, self.env.now(), &self.env));
        let (lines, files) = (count(last.lines, "line"), count(last.suspicious, "file"));
        let at = at.map(|at| format!(", {at}")).unwrap_or_default();
        Some(format!("{lines} in {files} may hold one{at}: claude-backup sync --scan"))
    }

    /// How often a backup is made automatically, and when next.
    fn schedule(&self) -> String {
        let scheduled = &self.status.scheduled;
        match scheduled.frequency {
            None | Some(Frequency::Off) => "none: claude-backup schedule daily".into(),
            Some(frequency) => {
                let next = scheduled.next.map(|next| when(next, self.env.now(), &self.env));
                let next = next.map(|when| format!(", next {when}")).unwrap_or_default();
                frequency.words().to_owned() + &next
            }
        }
    }

    /// When the copy elsewhere was last equal, and by what it was sent.
    fn copy(&self) -> Option<String> {
        let copy = &self.status.push;
        if copy.state == CopyState::NotConfigured {
            return None;
        }
        let at = copy.at.as_deref().and_then(parse_stamp);
        let word = if copy.state == CopyState::UpToDate { "complete" } else { "last complete" };
        let at = at.map(|at| format!("{word} {}", when(at, self.env.now(), &self.env)));
        let at = at.unwrap_or_else(|| "never complete yet".into());
        let by = copy.transport.as_ref().map(|name| format!(", sent with {name}"));
        Some(at + &by.unwrap_or_default())
    }
}

impl Report for StatusReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let mark = match self.status.health {
            Health::Ok => Mark::Good,
            Health::Loss
            | Health::Incomplete
            | Health::Overdue
            | Health::LongRun
            | Health::NotScheduled
            | Health::NotPushed => Mark::Warn,
            Health::Never | Health::Damaged | Health::AtRisk => Mark::Bad,
        };
        page.mark(mark, self.headline())?;
        for warning in &self.status.warnings {
            page.mark(Mark::Warn, warning)?;
        }
        page.blank()?;
        page.fields(&self.fields())
    }
}
