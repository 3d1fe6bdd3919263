//! What a list shows of a session.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a list shows of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// The user's title, else a made one, else a prompt; one line of at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the user asked first; one line of at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_prompt: Option<String>,
    /// Where the session worked: its first folder, or the one it last moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The last git branch; `HEAD` where none was checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The model that gave the most answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Messages of both sides; the lines of one streamed answer are one message.
    pub messages: u64,
    /// Answers of a model: distinct message ids, without those the program itself made.
    pub answers: u64,
    /// Lines that hold a JSON object.
    pub records: u64,
    /// The first time named in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_record: Option<DateTime<Utc>>,
    /// The time of the last record that has one; the file's own time says less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_record: Option<DateTime<Utc>>,
    /// What the answers used.
    pub tokens: Tokens,
    /// The id of the session that carries this one on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_in: Option<String>,
}

/// Tokens used, each answer counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tokens {
    /// Read anew.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// Put into the prompt cache.
    pub cache_write: u64,
    /// Read from the prompt cache.
    pub cache_read: u64,
}

impl Tokens {
    /// The sum of both; stops at the largest number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_read: self.cache_read.saturating_add(other.cache_read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_values_are_left_out_and_unknown_ones_are_tolerated() {
        let empty = serde_json::to_value(Summary::default()).unwrap();
        assert_eq!(
            empty,
            serde_json::json!({
                "messages": 0, "answers": 0, "records": 0,
                "tokens": { "input": 0, "output": 0, "cacheWrite": 0, "cacheRead": 0 },
            })
        );
        let read: Summary = serde_json::from_str(r#"{"title":"a","later":{"x":1}}"#).unwrap();
        assert_eq!(read, Summary { title: Some("a".into()), ..Summary::default() });
    }

    #[test]
    fn times_are_written_in_utc_with_a_z() {
        let time = "2026-11-16T10:00:04.500+01:00".parse::<DateTime<Utc>>().unwrap();
        let json = serde_json::to_value(Summary { last_record: Some(time), ..Summary::default() });
        assert_eq!(json.unwrap()["lastRecord"], "2026-11-16T09:00:04.500Z");
    }

    #[test]
    fn sums_stop_at_the_largest_number() {
        let many = Tokens { input: u64::MAX, ..Tokens::default() };
        let one = Tokens { input: 1, output: 1, ..Tokens::default() };
        assert_eq!(many.plus(one), Tokens { input: u64::MAX, output: 1, ..Tokens::default() });
    }
}
