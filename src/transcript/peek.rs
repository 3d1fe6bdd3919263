//! The beginning and the end of a conversation, for a look before a restore.

use std::collections::VecDeque;
use std::io::{self, Read};

use serde::Serialize;

use super::content::Content;
use super::lines::Lines;
use super::message_ids::for_each_chunk;
use super::prompt::is_program_note;
use super::record::{self, Record};
use super::summary::Summary;
use super::tally::{Group, Tally};

/// How many characters of a message are shown.
const LONGEST: usize = 80;

/// The beginning and the end of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peek {
    /// Messages of both sides; the lines of one streamed answer are one message.
    pub message_count: u64,
    /// The length of the transcript in bytes.
    pub uncompressed_bytes: u64,
    /// The first messages.
    pub first_messages: Vec<Preview>,
    /// The last messages, without any that stands among the first.
    pub last_messages: Vec<Preview>,
    /// What a list shows of the session.
    pub summary: Summary,
}

/// The beginning of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// `user` or `assistant`; `unknown` where the record does not say.
    pub role: String,
    /// The first 80 characters of its first text, with spaces for line feeds.
    pub preview: String,
}

/// Reads an uncompressed transcript to its end and shows up to `messages` from either side.
///
/// # Errors
/// Only those of the reader: damaged lines are passed over.
pub fn peek(reader: impl Read, messages: usize) -> io::Result<Peek> {
    let mut tally = Tally::default();
    let mut ends = Ends { limit: messages, ..Ends::default() };
    let mut each = |line: &[u8]| {
        if let Some(record) = record::parse::<Content<'_>>(line)
            && let Some(group) = tally.add(&record)
        {
            ends.add(group, &record);
        }
    };
    let mut lines = Lines::new();
    let uncompressed_bytes = for_each_chunk(reader, |bytes| lines.feed(bytes, &mut each))?;
    lines.finish(&mut each);
    let summary = tally.finish();
    Ok(Peek {
        message_count: summary.messages,
        uncompressed_bytes,
        first_messages: ends.first.into_iter().map(Message::preview).collect(),
        last_messages: ends.last.into_iter().map(Message::preview).collect(),
        summary,
    })
}

/// The same from both ends of a long transcript that was summed up before; `None` where they do not
/// show enough of it.
///
/// `head` and `tail` are the first and the last bytes, with some between them that are not looked
/// at. `length` is that of the whole.
#[must_use]
pub fn peek_at_ends(
    head: &[u8],
    tail: &[u8],
    length: u64,
    summary: &Summary,
    messages: usize,
) -> Option<Peek> {
    let begin = head.iter().rposition(|byte| *byte == b'\n').map(|end| &head[..end])?;
    let end = tail.iter().position(|byte| *byte == b'\n').map(|at| &tail[at + 1..])?;
    let first = Ends::of(begin, messages).first;
    // What the tail begins with may belong to a message before it.
    let mut last = Ends::of(end, messages + 1).last;
    let is_told = |message: &Message| message.key.is_some() && message.text.is_some();
    if first.len() < messages || !first.iter().all(is_told) || last.len() <= messages {
        return None;
    }
    last.pop_front();
    if last.iter().any(|one| first.iter().any(|other| one.key == other.key)) {
        return None;
    }
    Some(Peek {
        message_count: summary.messages,
        uncompressed_bytes: length,
        first_messages: first.into_iter().map(Message::preview).collect(),
        last_messages: last.into_iter().map(Message::preview).collect(),
        summary: summary.clone(),
    })
}

/// The first and the last messages, at most `limit` of each.
#[derive(Default)]
struct Ends {
    limit: usize,
    first: Vec<Message>,
    /// Messages beyond the first ones; the oldest is dropped for a new one.
    last: VecDeque<Message>,
}

struct Message {
    key: Option<u64>,
    role: String,
    text: Option<String>,
}

impl Ends {
    /// Those of whole lines.
    fn of(lines: &[u8], limit: usize) -> Self {
        let (mut tally, mut ends) = (Tally::default(), Self { limit, ..Self::default() });
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some(record) = record::parse::<Content<'_>>(line)
                && let Some(group) = tally.add(&record)
            {
                ends.add(group, &record);
            }
        }
        ends
    }

    /// Adds a record to its message, which may have begun any number of records ago; what the
    /// program wrote by itself is passed over, as it is for titles.
    fn add(&mut self, group: Group, record: &Record<'_, Content<'_>>) {
        if is_program_note(record) {
            return;
        }
        if group.is_new {
            return self.begin(Message::new(group.key, record));
        }
        let mut kept = self.last.iter_mut().rev().chain(&mut self.first);
        if let Some(message) = kept.find(|message| message.key == group.key)
            && message.text.is_none()
        {
            message.text = preview_of(record);
        }
    }

    fn begin(&mut self, message: Message) {
        if self.first.len() < self.limit {
            return self.first.push(message);
        }
        self.last.push_back(message);
        if self.last.len() > self.limit {
            self.last.pop_front();
        }
    }
}

impl Message {
    fn new(key: Option<u64>, record: &Record<'_, Content<'_>>) -> Self {
        let role = record.message.as_ref().and_then(|message| message.role());
        let role = role.filter(|role| matches!(*role, "user" | "assistant")).unwrap_or("unknown");
        Self { key, role: role.to_owned(), text: preview_of(record) }
    }

    fn preview(self) -> Preview {
        Preview { role: self.role, preview: self.text.unwrap_or_default() }
    }
}

/// The beginning of the first text, even of an empty one; `None` where there is no text.
fn preview_of(record: &Record<'_, Content<'_>>) -> Option<String> {
    let text = record.content()?.texts().next()?;
    Some(text.chars().take(LONGEST).map(|c| if c == '\n' { ' ' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str, messages: usize) -> Peek {
        peek(text.as_bytes(), messages).unwrap()
    }

    fn conversation(length: usize) -> String {
        let line = |n| {
            format!(
                "{{\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"m{n}\"}}}}\n"
            )
        };
        (1..=length).map(line).collect()
    }

    fn previews(messages: &[Preview]) -> Vec<&str> {
        messages.iter().map(|message| message.preview.as_str()).collect()
    }

    #[test]
    fn no_message_is_shown_twice() {
        for (length, first, last) in [
            (0, &[][..], &[][..]),
            (1, &["m1"], &[]),
            (2, &["m1", "m2"], &[]),
            (3, &["m1", "m2"], &["m3"]),
            (4, &["m1", "m2"], &["m3", "m4"]),
            (9, &["m1", "m2"], &["m8", "m9"]),
        ] {
            let seen = look(&conversation(length), 2);
            assert_eq!(seen.message_count, length as u64);
            assert_eq!(previews(&seen.first_messages), first);
            assert_eq!(previews(&seen.last_messages), last);
        }
        assert!(look(&conversation(3), 0).first_messages.is_empty());
        assert_eq!(look(&conversation(3), 9).first_messages.len(), 3);
    }

    fn with_ids(length: usize) -> String {
        let line = |n| {
            format!(
                "{{\"type\":\"user\",\"uuid\":\"{n}\",\"message\":{{\"role\":\"user\",\"content\":\"m{n}\"}}}}\n"
            )
        };
        (1..=length).map(line).collect()
    }

    #[test]
    fn both_ends_show_what_the_whole_shows() {
        let text = with_ids(400);
        for messages in [0, 1, 2, 5] {
            let whole = look(&text, messages);
            let (head, tail) = (&text.as_bytes()[..3000], &text.as_bytes()[text.len() - 3000..]);
            let length = text.len() as u64;
            let ends = peek_at_ends(head, tail, length, &whole.summary, messages);
            assert_eq!(ends, Some(whole.clone()), "{messages}");
            let little = peek_at_ends(&head[..50], tail, length, &whole.summary, messages);
            assert_eq!(little, None);
            assert!(peek_at_ends(head, &tail[2900..], length, &whole.summary, messages).is_none());
        }
    }

    #[test]
    fn the_records_of_a_message_need_not_be_neighbours() {
        let seen = look(
            concat!(
                r#"{"type":"assistant","message":{"id":"a","role":"assistant","content":[{"type":"thinking"}]}}"#,
                "\n",
                r#"{"type":"user","uuid":"u","message":{"role":"user","content":[{"type":"tool_result"}]}}"#,
                "\n",
                r#"{"type":"assistant","message":{"id":"b","content":""}}"#,
                "\n",
                r#"{"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"one"}]}}"#,
                "\n",
                r#"{"type":"assistant","message":{"id":"b","content":"two\nlines"}}"#,
                "\n",
                r#"{"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"late"}]}}"#,
            ),
            2,
        );
        assert_eq!(seen.message_count, 3);
        assert_eq!(previews(&seen.first_messages), ["one", ""]);
        assert_eq!(
            seen.last_messages,
            [Preview { role: "unknown".into(), preview: "two lines".into() }]
        );
    }

    #[test]
    fn what_the_program_wrote_by_itself_is_passed_over() {
        let line = |content: &str, more: &str| {
            format!(
                "{{\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"{content}\"}}{more}}}\n"
            )
        };
        let text = [
            line("<local-command-caveat>Caveat: …", ",\"isMeta\":true"),
            line("<command-name>/model</command-name>", ""),
            line("<local-command-stdout>Set model", ""),
            line("Why does 1h30m fail?", ""),
            line("This session is continued", ",\"isCompactSummary\":true"),
            line("And 90m?", ""),
            line("<bash-input>ls</bash-input>", ""),
        ];
        let seen = look(&text.concat(), 2);
        assert_eq!(previews(&seen.first_messages), ["Why does 1h30m fail?", "And 90m?"]);
        assert_eq!((seen.last_messages.len(), seen.message_count), (0, 7));
    }

    #[test]
    fn a_preview_has_eighty_characters_and_changes_only_line_feeds() {
        let long = "é".repeat(100);
        let text = format!(r#"{{"type":"user","message":{{"content":"\u001b\r\n\t{long}"}}}}"#);
        let expected = format!("\u{1b}\r \t{}", "é".repeat(76));
        assert_eq!(previews(&look(&text, 2).first_messages), [expected]);
    }

    #[test]
    fn an_empty_first_text_is_shown_empty() {
        let text = r#"{"type":"user","message":{"content":[{"type":"text","text":""},{"type":"text","text":"x"}]}}"#;
        assert_eq!(previews(&look(text, 2).first_messages), [""]);
    }

    #[test]
    fn damage_never_fails_a_look_and_bytes_are_counted() {
        let lines: [&[u8]; 8] = [
            br#"[1,2]"#,
            br#""text""#,
            br#"{"type":"user","message":null}"#,
            br#"{"type":"user","message":{"content":[{"type":"text","text":null}]}}"#,
            b"{\"type\":\"user\",\"message\":{\"content\":\"bad \xff byte\"}}\r",
            br#"{"type":"user","message":{"content":"half \ud83d pair"}}"#,
            br#"{"type":"user"} trailing"#,
            b"\0\0\0junk",
        ];
        let bytes = lines.join(&b'\n');
        let seen = peek(&bytes[..], 4).unwrap();
        assert_eq!(seen.uncompressed_bytes, bytes.len() as u64);
        let expected = ["", "", "bad \u{fffd} byte", "half \u{fffd} pair"];
        assert_eq!(previews(&seen.first_messages), expected);
        assert_eq!((seen.message_count, seen.summary.records), (4, 4));
    }

    #[test]
    fn the_summary_is_that_of_the_scanner() {
        let text = conversation(5);
        let mut scanner = super::super::Scanner::new();
        scanner.feed(text.as_bytes());
        assert_eq!(look(&text, 2).summary, scanner.finish());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            proptest::prop_assert_eq!(peek(&bytes[..], 2).unwrap().uncompressed_bytes, bytes.len() as u64);
        }
    }
}
