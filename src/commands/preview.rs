//! A session's summary and messages: what `peek` shows, and `restore` before it restores one.

use std::io;

use anyhow::Result;
use serde::Serialize;

use crate::env::Env;
use crate::repository::Repository;
use crate::repository::index::IndexEntry;
use crate::repository::ledger::{Content, Entry};
use crate::restore::{self, SessionLines, Wanted};
use crate::session::MachineSlug;
use crate::source::Kind;
use crate::transcript::{self, Peek, Preview, Summary};
use crate::ui::words::{count, grouped, place, size, when};
use crate::ui::{Page, Report, Span};

/// Bytes of a long session that are read at either end.
const AT_AN_END: usize = 256 << 10;

/// Looks into a session, with so many messages from each end.
///
/// # Errors
/// Where it has no transcript, or neither the work tree nor git has its bytes.
pub(super) fn preview(
    repository: &Repository,
    session: IndexEntry,
    messages: usize,
    env: &Env,
) -> Result<PeekReport> {
    let SessionLines { machine, transcript, others } = restore::lines_of(repository, &session)?;
    let content = restore::choose(&transcript, Wanted::Best)?;
    let peek = match at_ends(repository, &machine, &transcript, content, messages) {
        Some(peek) => peek,
        None => {
            let bytes = repository.open_content(&machine, &transcript.path, content)?;
            transcript::peek(bytes, messages)?
        }
    };
    let is_subagent =
        |entry: &&Entry| entry.kind == Kind::Subagent && entry.path.as_str().ends_with(".jsonl");
    let subagents = others.iter().filter(is_subagent).count();
    Ok(PeekReport::new(session, peek, subagents as u64, env))
}

/// Of a long session, what lies between its ends was counted when it was saved.
fn at_ends(
    repository: &Repository,
    machine: &MachineSlug,
    transcript: &Entry,
    content: &Content,
    messages: usize,
) -> Option<Peek> {
    let summary = content.session.as_ref()?;
    let path = &transcript.path;
    let (head, tail) = repository.ends_of_content(machine, path, content, AT_AN_END)?;
    transcript::peek_at_ends(&head, &tail, content.length, summary, messages)
}

/// A session seen from outside. The first eight keys are those of the old tool.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeekReport {
    uuid: String,
    project_hash: String,
    backed_up_at: String,
    size_bytes: u64,
    message_count: u64,
    uncompressed_bytes: u64,
    first_messages: Vec<Preview>,
    last_messages: Vec<Preview>,
    machine: String,
    subagents: u64,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip)]
    env: Env,
}

impl PeekReport {
    fn new(session: IndexEntry, peek: Peek, subagents: u64, env: &Env) -> Self {
        Self {
            uuid: session.uuid,
            project_hash: session.project_hash,
            backed_up_at: session.backed_up_at,
            size_bytes: session.size_bytes,
            message_count: peek.message_count,
            uncompressed_bytes: peek.uncompressed_bytes,
            first_messages: peek.first_messages,
            last_messages: peek.last_messages,
            machine: session.machine,
            subagents,
            summary: peek.summary,
            env: env.clone(),
        }
    }

    fn dates(&self) -> String {
        let now = self.env.now();
        let words = |time| when(time, now, &self.env);
        match (self.summary.first_record, self.summary.last_record) {
            (Some(first), Some(last)) if words(first) != words(last) => {
                format!("{} to {}", words(first), words(last))
            }
            (_, Some(time)) | (Some(time), None) => words(time),
            (None, None) => "unknown".into(),
        }
    }
}

impl Report for PeekReport {
    fn words(&self, page: &mut Page<'_>) -> io::Result<()> {
        let summary = &self.summary;
        let project = summary.cwd.as_deref().unwrap_or(&self.project_hash);
        page.heading(summary.title.as_deref().unwrap_or("(no title)"))?;
        let tokens = &summary.tokens;
        let tokens = format!(
            "{} input, {} output, {} cache written, {} cache read",
            grouped(tokens.input),
            grouped(tokens.output),
            grouped(tokens.cache_write),
            grouped(tokens.cache_read)
        );
        let messages = count(self.message_count, "message");
        let mut fields = vec![
            ("session", Span::plain(&self.uuid)),
            ("project", Span::plain(place(project.as_ref(), &self.env))),
            ("last active", Span::plain(self.dates())),
            ("size", Span::plain(format!("{messages}, {}", size(self.uncompressed_bytes)))),
        ];
        if let Some(prompt) = &summary.first_prompt {
            fields.push(("first prompt", Span::plain(prompt)));
        }
        if summary.answers > 0 {
            fields.push(("tokens", Span::plain(tokens)));
        }
        fields.extend(summary.model.as_ref().map(|model| ("model", Span::plain(model))));
        fields.extend(summary.branch.as_ref().map(|branch| ("branch", Span::plain(branch))));
        if self.subagents > 0 {
            fields.push(("sub-agents", Span::plain(self.subagents.to_string())));
        }
        page.fields(&fields)?;
        for messages in [&self.first_messages, &self.last_messages] {
            if !messages.is_empty() {
                page.blank()?;
            }
            for Preview { role, preview } in messages {
                let text = match preview.trim() {
                    "" => Span::dim("(no text)"),
                    _ => Span::plain(preview),
                };
                page.flow(&[Span::bold(format!("{role:9} "))], &text)?;
            }
        }
        Ok(())
    }
}
