//! What a message says: a text, or a list of blocks.

use std::borrow::Cow;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::text::{Text, owned, str_of, text_at};

/// The content of a message: a text, or a list of blocks.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(Text<'a>),
    Blocks(Vec<Block<'a>>),
}

/// One block of a content list.
#[derive(Debug, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// How much of a message's content is wanted.
pub(super) trait Body<'a>: Deserialize<'a> {
    /// Takes it from a line that had to be repaired.
    fn from_value(value: &Value) -> Option<Self>;

    /// The content, where it was wanted.
    fn content(&self) -> Option<&Content<'a>>;
}

impl Content<'_> {
    /// The texts in order. A non-empty plain text is one; a text block without a text is empty.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let (plain, blocks) = match self {
            Self::Text(text) => (Some(&*text.0).filter(|text| !text.is_empty()), &[][..]),
            Self::Blocks(blocks) => (None, &blocks[..]),
        };
        let in_blocks = blocks.iter().filter(|block| block.kind() == "text");
        plain.into_iter().chain(in_blocks.map(|b| str_of(b.text.as_ref()).unwrap_or_default()))
    }

    /// Whether a tool's output stands in it.
    pub(super) fn has_tool_result(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Blocks(blocks) => blocks.iter().any(|block| block.kind() == "tool_result"),
        }
    }
}

impl Block<'_> {
    fn kind(&self) -> &str {
        str_of(self.kind.as_ref()).unwrap_or_default()
    }
}

impl<'a> Body<'a> for Content<'a> {
    fn from_value(value: &Value) -> Option<Self> {
        let block =
            |value: &Value| Block { kind: text_at(value, "type"), text: text_at(value, "text") };
        match value {
            Value::String(text) => Some(Self::Text(owned(text))),
            Value::Array(values) => Some(Self::Blocks(values.iter().map(block).collect())),
            _ => None,
        }
    }

    fn content(&self) -> Option<&Content<'a>> {
        Some(self)
    }
}

impl<'a> Body<'a> for IgnoredAny {
    fn from_value(_: &Value) -> Option<Self> {
        Some(IgnoredAny)
    }

    fn content(&self) -> Option<&Content<'a>> {
        None
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text or a list of blocks")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Text(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Text(owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(Content::Blocks(blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let record = record::parse::<Content<'_>>(line.as_bytes()).unwrap();
        record.content().map(|c| c.texts().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn texts_follow_the_order_of_the_blocks() {
        let list = r#"[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"},{"type":"text","text":null},{"type":"text","text":"b"}]"#;
        assert_eq!(texts(&format!(r#"{{"message":{{"content":{list}}}}}"#)), ["a", "", "b"]);
        assert_eq!(texts(r#"{"message":{"content":"plain"}}"#), ["plain"]);
        assert_eq!(texts(r#"{"message":{"content":""}}"#), [""; 0]);
        assert_eq!(texts(r#"{"message":{"content":{"a":1}}}"#), [""; 0]);
    }
}
