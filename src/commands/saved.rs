//! What `sync` and `init` say about a backup that was made.

use std::io;

use serde::Serialize;

use crate::backend::Push;
use crate::backup::BackupOutcome;
use crate::sync::NewVersion;
use crate::ui::words::{count, duration, size};
use crate::ui::{Mark, Page, Report};

/// A backup that was made.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Saved(pub BackupOutcome);

impl Saved {
    fn headline(&self) -> String {
        let outcome = &self.0.sync;
        let sessions = outcome.sessions.unwrap_or_default();
        let stored = outcome.files.added + outcome.files.updated;
        if stored == 0 {
            return match outcome.total_sessions {
                0 => "Nothing new; there are no sessions yet".into(),
                saved if self.0.pushed => {
                    format!(
                        "Nothing new here; {} saved, and what was owed is sent",
                        count(saved, "session")
                    )
                }
                saved => format!("Nothing new; {} saved", count(saved, "session")),
            };
        }
        let others = stored.saturating_sub(sessions.added + sessions.updated);
        let parts = [
            (sessions.added, "new session"),
            (sessions.updated, "changed session"),
            (others, "other file"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| count(number, noun))
            .collect();
        let sent = if self.0.pushed { ", sent" } else { "" };
        format!("Saved {} ({} stored{sent})", parts.join(", "), size(outcome.bytes_stored))
    }

    /// Nobody wonders where less than a tenth of a second went.
    fn time_taken(&self) -> String {
        match self.0.duration_ms {
            0..100 => String::new(),
            millis => format!(" in {}", duration(millis)),
        }
    }

    fn losses(&self, page: &mut Page<'_>) -> io::Result<()> {
        let outcome = &self.0.sync;
        for version in outcome.new_versions.iter().filter(|version| !version.acknowledged) {
            page.mark(Mark::Warn, rewritten(version))?;
        }
        if outcome.cut > 0 {
            let cut = count(outcome.cut, "file");
            let text = format!("{cut} cut back at the source; the backup keeps the longer ones");
            page.mark(Mark::Warn, text)?;
        }
        if outcome.newly_gone > 0 {
            let gone = count(outcome.newly_gone, "file");
            page.mark(
                Mark::Warn,
                format!(
                    "{gone} gone at the source; the backup keeps them: claude-backup restore --gone"
                ),
            )?;
        }
        Ok(())
    }
}

fn rewritten(version: &NewVersion) -> String {
    let NewVersion { uuid, lost_messages, is_session, .. } = version;
    match (is_session, lost_messages) {
        (false, _) => format!("{uuid} was rewritten at the source; its earlier content is kept"),
        (true, 0) => format!(
            "{uuid} was rewritten at the source; its earlier content is kept: claude-backup versions {uuid}"
        ),
        (true, lost) => format!(
            "{uuid} was rewritten at the source; {} only in an earlier version: claude-backup versions {uuid}",
            count(*lost, "message")
        ),
    }
}

impl Report for Saved {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let outcome = &self.0.sync;
        page.mark(Mark::Good, format!("{}{}", self.headline(), self.time_taken()))?;
        self.losses(page)?;
        if !outcome.denied.is_empty() {
            let denied = count(outcome.denied.len() as u64, "file");
            page.mark(Mark::Good, format!("{denied} kept out: they may hold secrets"))?;
        }
        for link in outcome.skipped.iter().filter(|link| link.reason.loses_content()) {
            let (path, reason) = (link.path.display(), &link.reason);
            page.mark(Mark::Warn, format!("left out: {path}: {reason}"))?;
        }
        for file in &outcome.unreadable {
            page.mark(Mark::Bad, format!("not saved: {}: {}", file.path.display(), file.error))?;
        }
        if let Push::Failed { error, hint, said } = &self.0.push {
            page.mark(Mark::Bad, format!("saved here, but not sent: {error}"))?;
            for line in said.iter().chain(hint) {
                page.line(format!("  {line}"))?;
            }
        }
        Ok(())
    }

    fn is_news(&self) -> bool {
        true
    }

    fn exit_code(&self) -> u8 {
        let is_complete = self.0.sync.unreadable.is_empty();
        let is_sent = !matches!(self.0.push, Push::Failed { .. });
        if is_complete && is_sent { 0 } else { 3 }
    }
}
