//! A text inside a line of JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// A text that is not copied out of its line where JSON allows that.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The text, if there is one.
pub(super) fn str_of<'r>(text: Option<&'r Text<'_>>) -> Option<&'r str> {
    text.map(|text| &*text.0)
}

/// The text under a key of an object; `None` where something else stands there.
pub(super) fn text_at(value: &Value, key: &str) -> Option<Text<'static>> {
    value.get(key)?.as_str().map(owned)
}

/// A text on its own.
pub(super) fn owned(text: &str) -> Text<'static> {
    Text(Cow::Owned(text.to_owned()))
}
