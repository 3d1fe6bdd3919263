//! One line of a transcript, as the few fields that are read of it.

use serde::Deserialize;
use serde_json::Value;

use super::content::{Body, Content};
use super::repair;
use super::text::{Text, str_of, text_at};

/// The fields of a record; `B` is how much of the message's content is wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "B: Deserialize<'de>"))]
pub(super) struct Record<'a, B> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    uuid: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    snapshot: Option<Snapshot<'a>>,
    #[serde(borrow)]
    cwd: Option<Text<'a>>,
    #[serde(borrow)]
    git_branch: Option<Text<'a>>,
    is_meta: Option<bool>,
    is_compact_summary: Option<bool>,
    #[serde(borrow)]
    custom_title: Option<Text<'a>>,
    #[serde(borrow)]
    ai_title: Option<Text<'a>>,
    #[serde(borrow)]
    last_prompt: Option<Text<'a>>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
    #[serde(borrow)]
    relocated_cwd: Option<Text<'a>>,
    #[serde(borrow)]
    continued_in_session_id: Option<Text<'a>>,
    #[serde(borrow = "'a")]
    pub(super) message: Option<Message<'a, B>>,
}

#[derive(Debug, Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
}

/// What was said, and by whom.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "B: Deserialize<'de>"))]
pub(super) struct Message<'a, B> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    pub(super) usage: Option<Usage>,
    content: Option<B>,
}

/// Token counts as the program writes them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Usage {
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cache_creation_input_tokens: Option<u64>,
    pub(super) cache_read_input_tokens: Option<u64>,
}

/// Reads a line; `None` where it is no JSON object.
pub(super) fn parse<'a, B: Body<'a>>(line: &'a [u8]) -> Option<Record<'a, B>> {
    // Anything but an object is passed over here, because serde would read a list as a record.
    if !line.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    // The strict reader is fast and right for nearly every line. What it refuses (a field of
    // another type, a key twice, text that is no text) is read again at leisure.
    serde_json::from_slice(line).ok().or_else(|| Some(Record::from_value(&repair::parse(line)?)))
}

/// The texts of a record; each is `None` where the field is missing or holds something else.
impl<'a, B: Body<'a>> Record<'a, B> {
    pub(super) fn kind(&self) -> &str {
        str_of(self.kind.as_ref()).unwrap_or_default()
    }

    /// Whether this is a part of the conversation, and not a note of the program.
    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind(), "user" | "assistant")
    }

    /// Whether the program wrote this in the user's place.
    pub(super) fn is_made(&self) -> bool {
        self.is_meta == Some(true) || self.is_compact_summary == Some(true)
    }

    pub(super) fn uuid(&self) -> Option<&str> {
        str_of(self.uuid.as_ref())
    }

    pub(super) fn timestamp(&self) -> Option<&str> {
        str_of(self.timestamp.as_ref())
    }

    /// The time inside a file snapshot, which may be the first one of a file.
    pub(super) fn snapshot_time(&self) -> Option<&str> {
        str_of(self.snapshot.as_ref()?.timestamp.as_ref())
    }

    pub(super) fn cwd(&self) -> Option<&str> {
        str_of(self.cwd.as_ref())
    }

    pub(super) fn git_branch(&self) -> Option<&str> {
        str_of(self.git_branch.as_ref())
    }

    pub(super) fn custom_title(&self) -> Option<&str> {
        str_of(self.custom_title.as_ref())
    }

    pub(super) fn ai_title(&self) -> Option<&str> {
        str_of(self.ai_title.as_ref())
    }

    pub(super) fn last_prompt(&self) -> Option<&str> {
        str_of(self.last_prompt.as_ref())
    }

    pub(super) fn summary(&self) -> Option<&str> {
        str_of(self.summary.as_ref())
    }

    pub(super) fn relocated_cwd(&self) -> Option<&str> {
        str_of(self.relocated_cwd.as_ref())
    }

    pub(super) fn continued_in(&self) -> Option<&str> {
        str_of(self.continued_in_session_id.as_ref())
    }

    pub(super) fn content(&self) -> Option<&Content<'a>> {
        self.message.as_ref()?.content.as_ref()?.content()
    }

    fn from_value(value: &Value) -> Self {
        let text = |key| text_at(value, key);
        let flag = |key: &str| value.get(key).and_then(Value::as_bool);
        let is_object = |value: &&Value| value.is_object();
        Self {
            kind: text("type"),
            uuid: text("uuid"),
            timestamp: text("timestamp"),
            snapshot: value
                .get("snapshot")
                .map(|s| Snapshot { timestamp: text_at(s, "timestamp") }),
            cwd: text("cwd"),
            git_branch: text("gitBranch"),
            is_meta: flag("isMeta"),
            is_compact_summary: flag("isCompactSummary"),
            custom_title: text("customTitle"),
            ai_title: text("aiTitle"),
            last_prompt: text("lastPrompt"),
            summary: text("summary"),
            relocated_cwd: text("relocatedCwd"),
            continued_in_session_id: text("continuedInSessionId"),
            message: value.get("message").filter(is_object).map(Message::from_value),
        }
    }
}

impl<'a, B: Body<'a>> Message<'a, B> {
    /// The id the model's side gave it; an empty one is none.
    pub(super) fn id(&self) -> Option<&str> {
        str_of(self.id.as_ref()).filter(|id| !id.is_empty())
    }

    pub(super) fn role(&self) -> Option<&str> {
        str_of(self.role.as_ref())
    }

    pub(super) fn model(&self) -> Option<&str> {
        str_of(self.model.as_ref())
    }

    fn from_value(value: &Value) -> Self {
        Self {
            id: text_at(value, "id"),
            role: text_at(value, "role"),
            model: text_at(value, "model"),
            usage: value.get("usage").filter(|usage| usage.is_object()).map(Usage::from_value),
            content: value.get("content").and_then(B::from_value),
        }
    }
}

impl Usage {
    fn from_value(value: &Value) -> Self {
        let count = |key: &str| value.get(key).and_then(Value::as_u64);
        Self {
            input_tokens: count("input_tokens"),
            output_tokens: count("output_tokens"),
            cache_creation_input_tokens: count("cache_creation_input_tokens"),
            cache_read_input_tokens: count("cache_read_input_tokens"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Record<'_, Content<'_>>> {
        parse(line.as_bytes())
    }

    #[test]
    fn only_objects_are_records() {
        for line in ["", " ", "5", "null", "\"user\"", r#"["user"]"#, "{", "{} x", r#"{"a":1}{}"#] {
            assert!(read(line).is_none(), "{line}");
        }
        for line in ["{}", " {} ", "{}\r"] {
            assert!(read(line).is_some(), "{line}");
        }
    }

    #[test]
    fn a_field_of_another_type_counts_as_absent_and_spoils_nothing_else() {
        for broken in [
            r#""message":null"#,
            r#""message":"hi""#,
            r#""message":7"#,
            r#""timestamp":1794819600000"#,
            r#""cwd":null,"cwd":["x"]"#,
            r#""isMeta":"yes""#,
            r#""snapshot":"now""#,
            r#""message":{"content":7,"usage":[],"role":null,"model":{}}"#,
            r#""message":{"content":[7,null,"x",{"type":"text","text":null}]}"#,
            r#""message":{"usage":{"input_tokens":-1,"output_tokens":1.5}}"#,
        ] {
            let line = format!(r#"{{"type":"user","uuid":"u",{broken}}}"#);
            let record = read(&line).unwrap();
            assert!(record.is_message() && !record.is_made(), "{line}");
            assert_eq!((record.uuid(), record.cwd()), (Some("u"), None), "{line}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_counts_as_its_last() {
        assert_eq!(read(r#"{"uuid":"a","uuid":"b"}"#).unwrap().uuid(), Some("b"));
    }

    #[test]
    fn text_that_is_no_text_is_replaced() {
        let half = read(r#"{"uuid":"a\ud83d"}"#).unwrap();
        assert_eq!(half.uuid(), Some("a\u{fffd}"));
        let record: Record<'_, Content<'_>> = parse(b"{\"cwd\":\"/a\xff\"}").unwrap();
        assert_eq!(record.cwd(), Some("/a\u{fffd}"));
    }
}
