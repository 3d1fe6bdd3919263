//! A second try at lines the strict JSON reader refuses.

use std::borrow::Cow;

use serde_json::Value;

/// Reads a line as JSON, with the replacement character for what is no valid text.
///
/// Both damages come from programs that cut text at any byte or any UTF-16 unit: bytes that are no
/// UTF-8, and escapes of half a surrogate pair. A key that stands twice counts as its last.
pub(super) fn parse(line: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(line);
    serde_json::from_str(&without_lone_surrogates(&text)).ok()
}

fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        at = start + escape_length(&text[start..]);
        if is_surrogate(&text[start..at]) && at - start == UNIT {
            out.push_str(&text[copied..start]);
            out.push_str("\\ufffd");
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The bytes of `\uXXXX`.
const UNIT: usize = 6;

/// How many bytes the escape at the beginning of `text` has; both halves of a pair are one.
fn escape_length(text: &str) -> usize {
    match (unit(text), text.get(UNIT..).and_then(unit)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * UNIT,
        (Some(_), _) => UNIT,
        (None, _) => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
    }
}

fn is_surrogate(text: &str) -> bool {
    matches!(unit(text), Some(0xd800..=0xdfff))
}

fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // A sign would be taken by the number parser, but is no hex digit.
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_halves_are_replaced_and_pairs_kept() {
        for (text, expected) in [
            (r#""a\ud83dz""#, "a\u{fffd}z"),
            (r#""a\uDE00z""#, "a\u{fffd}z"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}😀\u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(Value::from(expected)), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(parse(b"\"a\xffb\""), Some(Value::from("a\u{fffd}b")));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "{", r#""\"#, r#""\u"#, r#""\ud83"#, r#""\ud83d"#, r#""\é""#, "{} {}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
