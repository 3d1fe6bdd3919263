//! What `sync` and `init` say about a backup that was made.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::secret_lines::secrets_words;
use crate::backend::Push;
use crate::backup::BackupOutcome;
use crate::scan::Scanned;
use crate::source::SkipReason;
use crate::sync::NewVersion;
use crate::ui::words::{count, duration, shell_word, size};
use crate::ui::{Mark, Page, Report};

/// A backup that was made.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Saved {
    pub outcome: BackupOutcome,
    /// Where the backup is, for the commands that change its settings.
    #[serde(skip)]
    pub backup_dir: PathBuf,
}

impl Saved {
    fn headline(&self) -> String {
        let outcome = &self.outcome.sync;
        let sessions = outcome.sessions.unwrap_or_default();
        let stored = outcome.files.added + outcome.files.updated;
        if stored == 0 {
            return match outcome.total_sessions {
                0 => "Nothing new; there are no sessions yet".into(),
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
        format!("Saved {} ({} stored)", parts.join(", "), size(outcome.bytes_stored))
    }

    /// Nobody wonders where less than a tenth of a second went.
    fn time_taken(&self) -> String {
        match self.outcome.duration_ms {
            0..100 => String::new(),
            millis => format!(" in {}", duration(millis)),
        }
    }

    fn losses(&self, page: &mut Page<'_>) -> io::Result<()> {
        let outcome = &self.outcome.sync;
        for version in outcome.new_versions.iter().filter(|version| !version.acknowledged) {
            page.mark(Mark::Warn, rewritten(version))?;
        }
        let shown = outcome.cut_sessions.iter().take(MOST_SHOWN);
        for uuid in shown {
            page.mark(Mark::Warn, format!(
                "{uuid} was cut back at the source; the backup keeps all of it: claude-backup restore {uuid} --force"
            ))?;
        }
        let others = outcome.cut - outcome.cut_sessions.len().min(MOST_SHOWN) as u64;
        if others > 0 {
            let cut = counted(others, outcome.cut_sessions.is_empty());
            let text = format!("{cut} cut back at the source; the backup keeps the longer ones");
            page.mark(Mark::Warn, text)?;
        }
        self.gone(page)
    }

    /// Links that were not followed, each with the command that allows it, and what else was left
    /// out with its content.
    fn left_out(&self, page: &mut Page<'_>) -> io::Result<()> {
        let skipped = &self.outcome.sync.skipped;
        let skipped: Vec<_> = skipped.iter().filter(|file| file.reason.loses_content()).collect();
        for file in skipped.iter().take(MOST_LEFT_OUT) {
            let (path, reason) = (file.path.display(), &file.reason);
            let Some(target) = &file.target else {
                page.mark(Mark::Warn, format!("left out: {path}: {reason}"))?;
                continue;
            };
            page.mark(Mark::Warn, format!("left out: {path}: {reason}: {}", target.display()))?;
            if file.reason == SkipReason::NotFollowed {
                let backup = shell_word(&self.backup_dir.display().to_string());
                let target = shell_word(&target.display().to_string());
                page.line(format!(
                    "  to back it up too: git -C {backup} config --add claude-backup.follow {target}"
                ))?;
            }
        }
        if let Some(more @ 1..) = skipped.len().checked_sub(MOST_LEFT_OUT) {
            let more = count(more as u64, "other file");
            page.mark(
                Mark::Warn,
                format!("left out: {more}; `claude-backup sync --json` has all"),
            )?;
        }
        Ok(())
    }

    /// What went missing since the last run; the next one is silent about it.
    fn gone(&self, page: &mut Page<'_>) -> io::Result<()> {
        let outcome = &self.outcome.sync;
        let sessions = outcome.gone_sessions.len() as u64;
        let gone = match (sessions, outcome.newly_gone - sessions) {
            (0, 0) => return Ok(()),
            (0, files) => count(files, "file"),
            (sessions, 0) => count(sessions, "session"),
            (sessions, files) => {
                format!("{} and {}", count(sessions, "session"), count(files, "other file"))
            }
        };
        let text = format!(
            "{gone} gone at the source; the backup keeps them, and this brings them back: claude-backup restore --gone"
        );
        page.mark(Mark::Warn, text)
    }
}

/// Names the remote and what became of the push.
pub(super) fn push_words(page: &mut Page<'_>, push: &Push, remote: Option<&str>) -> io::Result<()> {
    let remote = remote.unwrap_or("the remote");
    match push {
        Push::Pushed => page.mark(Mark::Good, format!("Pushed to {remote}")),
        Push::UpToDate => page.mark(Mark::Good, format!("Up to date: {remote}")),
        Push::Failed { error, hint, said, .. } => {
            let text = format!("Saved locally, but the push to {remote} failed: {error}");
            page.mark(Mark::Bad, text)?;
            for line in said.iter().chain(hint) {
                page.line(format!("  {line}"))?;
            }
            Ok(())
        }
        Push::InProgress { owner } => {
            let run = owner.as_ref().map_or_else(
                || "another run".to_owned(),
                |owner| format!("another run (`{}`, pid {})", owner.doing, owner.pid),
            );
            page.line(format!("  {run} is talking to {remote} and pushes this too"))
        }
        Push::NotConfigured | Push::Later => Ok(()),
    }
}

/// So many files that were left out are named; `--json` has all.
const MOST_LEFT_OUT: usize = 20;

/// So many of one kind of loss are named; `--json` has all.
const MOST_SHOWN: usize = 5;

fn counted(files: u64, is_all: bool) -> String {
    count(files, if is_all { "file" } else { "other file" })
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
        let outcome = &self.outcome.sync;
        page.mark(Mark::Good, format!("{}{}", self.headline(), self.time_taken()))?;
        self.losses(page)?;
        if !outcome.denied.is_empty() {
            let denied = count(outcome.denied.len() as u64, "file");
            page.mark(Mark::Good, format!("{denied} kept out: they may hold secrets"))?;
        }
        self.left_out(page)?;
        for file in &outcome.unreadable {
            page.mark(Mark::Bad, format!("not saved: {}: {}", file.path.display(), file.error))?;
        }
        if let Some(Scanned { last, secrets }) = &self.outcome.scan {
            secrets_words(page, secrets, "they are in the backup as well")?;
            if secrets.is_empty() {
                let files = count(last.files, "file");
                page.mark(Mark::Good, format!("{files} with nothing that looks like a secret"))?;
            }
        }
        for problem in self.outcome.proof.iter().flat_map(|today| &today.problems) {
            super::verify::problem_words(page, problem)?;
        }
        push_words(page, &self.outcome.push, self.outcome.remote.as_deref())
    }

    /// A loss is told in any manner: it is told only once.
    fn is_news(&self) -> bool {
        let outcome = &self.outcome.sync;
        let is_known = outcome.new_versions.iter().all(|version| version.acknowledged);
        is_known && outcome.cut_sessions.is_empty() && outcome.gone_sessions.is_empty()
    }

    fn exit_code(&self) -> u8 {
        let is_complete = self.outcome.sync.unreadable.is_empty();
        let is_sent = !matches!(self.outcome.push, Push::Failed { .. });
        let is_sound = self.outcome.proof.as_ref().is_none_or(|today| today.problems.is_empty());
        if is_complete && is_sent && is_sound { 0 } else { 3 }
    }
}
