//! What is known of a session after each record.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::content::{Body, Content};
use super::prompt::{one_line, prompt_of};
use super::record::{self, Record, Usage};
use super::summary::{Summary, Tokens};

/// The model name of answers that the program made without a model.
const NO_MODEL: &str = "<synthetic>";

/// More models than any session uses; a damaged file must not fill memory with names.
const MOST_MODELS: usize = 64;

/// Bytes of a folder's, a branch's, a model's or a session's name; no system knows longer paths.
const LONGEST_NAME: usize = 4096;

/// Adds records up. Of each message only hashes and token counts stay in memory.
#[derive(Default)]
pub(super) struct Tally {
    summary: Summary,
    titles: Titles,
    relocated_cwd: Option<String>,
    /// The messages seen, by [`hash`] of their key.
    seen: HashSet<u64>,
    usage: HashMap<u64, Tokens>,
    models: Vec<(String, u64)>,
}

/// All that a tally knows, as a cache keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// As JSON: only a format that names its fields can leave some out.
    summary: String,
    titles: Titles,
    relocated_cwd: Option<String>,
    seen: Vec<u64>,
    usage: Vec<(u64, Tokens)>,
    models: Vec<(String, u64)>,
}

/// Where a title can come from; the last record of each kind counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Titles {
    custom: Option<String>,
    made: Option<String>,
    last_prompt: Option<String>,
    summary: Option<String>,
}

/// The message a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// `None` where the record has neither a message id nor its own: it is a message alone.
    pub(super) key: Option<u64>,
    /// Whether this is its first record.
    pub(super) is_new: bool,
}

/// A 64-bit hash of an id, the same each time within one build of the program.
pub(super) fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

impl Tally {
    /// The tally as of these sums; `None` where they make no sense.
    pub(super) fn of_sums(sums: Sums) -> Option<Self> {
        let Sums { summary, titles, relocated_cwd, seen, usage, models } = sums;
        let summary = serde_json::from_str(&summary).ok()?;
        let (seen, usage) = (seen.into_iter().collect(), usage.into_iter().collect());
        Some(Self { summary, titles, relocated_cwd, seen, usage, models })
    }

    /// Messages so far.
    pub(super) fn messages(&self) -> u64 {
        self.summary.messages
    }

    /// What it knows so far.
    pub(super) fn sums(&self) -> Sums {
        Sums {
            summary: serde_json::to_string(&self.summary).unwrap_or_default(),
            titles: self.titles.clone(),
            relocated_cwd: self.relocated_cwd.clone(),
            seen: self.seen.iter().copied().collect(),
            usage: self.usage.iter().map(|(key, tokens)| (*key, *tokens)).collect(),
            models: self.models.clone(),
        }
    }

    /// Reads a line and adds its record.
    pub(super) fn add_line(&mut self, line: &[u8]) {
        // The content is wanted for the first prompt only; skipping it is much faster.
        if self.summary.first_prompt.is_some() {
            if let Some(record) = record::parse::<IgnoredAny>(line) {
                self.add(&record);
            }
        } else if let Some(record) = record::parse::<Content<'_>>(line) {
            self.add(&record);
        }
    }

    /// Adds a record; gives the message it belongs to, if it is a part of one.
    pub(super) fn add<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) -> Option<Group> {
        self.summary.records += 1;
        self.add_times(record);
        self.add_place(record);
        if !record.is_message() {
            self.add_note(record);
            return None;
        }
        if self.summary.first_prompt.is_none() {
            self.summary.first_prompt = prompt_of(record);
        }
        if record.kind() == "assistant" {
            self.add_answer(record);
        }
        Some(self.add_to_group(record))
    }

    pub(super) fn finish(self) -> Summary {
        let mut summary = self.summary;
        let titles = self.titles;
        summary.title = titles
            .custom
            .or(titles.made)
            .or(titles.last_prompt)
            .or(titles.summary)
            .or_else(|| summary.first_prompt.clone());
        summary.cwd = self.relocated_cwd.or(summary.cwd);
        summary.tokens = self.usage.values().copied().fold(summary.tokens, Tokens::plus);
        let most = self.models.iter().map(|(_, count)| *count).max();
        // Among equals the first one used is taken, so that the result does not jump about.
        let model = self.models.into_iter().find(|(_, count)| Some(*count) == most);
        summary.model = model.map(|(name, _)| name);
        summary
    }

    fn add_times<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) {
        let own = record.timestamp().and_then(time);
        self.summary.last_record = own.or(self.summary.last_record);
        if self.summary.first_record.is_none() {
            self.summary.first_record = own.or_else(|| record.snapshot_time().and_then(time));
        }
    }

    fn add_place<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) {
        if self.summary.cwd.is_none() {
            self.summary.cwd = name_in(record.cwd()).map(str::to_owned);
        }
        if let Some(branch) = name_in(record.git_branch())
            && self.summary.branch.as_deref() != Some(branch)
        {
            self.summary.branch = Some(branch.to_owned());
        }
    }

    /// Takes up the rows that say something of the session as a whole.
    fn add_note<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) {
        let titles = &mut self.titles;
        let (slot, text) = match record.kind() {
            "custom-title" => (&mut titles.custom, record.custom_title()),
            "ai-title" => (&mut titles.made, record.ai_title()),
            "last-prompt" => (&mut titles.last_prompt, record.last_prompt()),
            "summary" => (&mut titles.summary, record.summary()),
            "relocated" => {
                let moved = name_in(record.relocated_cwd()).map(str::to_owned);
                self.relocated_cwd = moved.or(self.relocated_cwd.take());
                return;
            }
            "continued-in" => {
                let next = name_in(record.continued_in()).map(str::to_owned);
                self.summary.continued_in = next.or(self.summary.continued_in.take());
                return;
            }
            _ => return,
        };
        // An empty title takes the earlier one away.
        if let Some(text) = text {
            *slot = one_line(text);
        }
    }

    /// Counts an answer once, though each of its lines repeats the token counts.
    fn add_answer<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) {
        let Some(message) = &record.message else {
            return;
        };
        let model = name_in(message.model());
        if model == Some(NO_MODEL) {
            return;
        }
        let key = message.id().map(hash);
        if !key.is_some_and(|key| self.seen.contains(&key)) {
            self.summary.answers += u64::from(key.is_some());
            self.count_model(model);
        }
        let tokens = message.usage.as_ref().map(tokens_of);
        match (key, tokens) {
            (Some(key), Some(tokens)) => drop(self.usage.insert(key, tokens)),
            (None, Some(tokens)) => self.summary.tokens = self.summary.tokens.plus(tokens),
            (_, None) => {}
        }
    }

    fn count_model(&mut self, model: Option<&str>) {
        let Some(model) = model else { return };
        if let Some((_, count)) = self.models.iter_mut().find(|(name, _)| name == model) {
            *count += 1;
        } else if self.models.len() < MOST_MODELS {
            self.models.push((model.to_owned(), 1));
        }
    }

    fn add_to_group<'a, B: Body<'a>>(&mut self, record: &Record<'a, B>) -> Group {
        let message_id = record.message.as_ref().and_then(|message| message.id());
        let key = message_id.or_else(|| record.uuid()).map(hash);
        let is_new = key.is_none_or(|key| self.seen.insert(key));
        self.summary.messages += u64::from(is_new);
        Group { key, is_new }
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// A name of something; what no path could be is none, so that a damaged line stays out of ledgers.
fn name_in(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && text.len() <= LONGEST_NAME)
}

fn tokens_of(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input_tokens.unwrap_or(0),
        output: usage.output_tokens.unwrap_or(0),
        cache_write: usage.cache_creation_input_tokens.unwrap_or(0),
        cache_read: usage.cache_read_input_tokens.unwrap_or(0),
    }
}
