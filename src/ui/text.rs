//! Text made fit for a terminal: harmless, measured in cells, cut and wrapped.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Which part of a text survives when it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The beginning, as of a title.
    Start,
    /// The end, as of a path.
    End,
}

/// The text with everything escaped that could move a cursor or turn the reading direction.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_harmful(c) => {
                write!(escaped, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all text");
            }
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// A path as harmless text.
#[must_use]
pub fn safe_path(path: &Path) -> String {
    safe(&path.to_string_lossy()).into_owned()
}

/// How many columns a terminal gives to this text.
#[must_use]
pub fn cells(text: &str) -> usize {
    text.width()
}

/// The text in at most `width` cells; `…` stands where something was cut away.
#[must_use]
pub fn fit(text: &str, width: usize, keep: Keep) -> Cow<'_, str> {
    if cells(text) <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(match keep {
        Keep::Start => format!("{}…", start_of(text, width - 1).trim_end()),
        Keep::End => format!("…{}", end_of(text, width - 1)),
    })
}

/// The text in lines of at most `width` cells, broken at spaces; a longer word is broken inside.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = cells(&line) + usize::from(!line.is_empty()) + cells(word);
        if needed > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while cells(&line) > width {
            let head = start_of(&line, width).to_owned();
            // A single character wider than the line is let through rather than looped over.
            if head.is_empty() {
                break;
            }
            line.drain(..head.len());
            lines.push(head);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The longest beginning that takes at most `width` cells.
fn start_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices().take(most_characters(width)) {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        end = at + c.len_utf8();
    }
    let mut start = &text[..end];
    // A variation selector can make a whole wider than the sum of its characters.
    while cells(start) > width {
        let last = start.chars().next_back().map_or(0, char::len_utf8);
        start = &start[..start.len() - last];
    }
    start
}

/// The longest end that takes at most `width` cells and does not begin with a combining mark.
fn end_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev().take(most_characters(width)) {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        start = at;
    }
    let mut end = text[start..].trim_start_matches(|c: char| c.width() == Some(0));
    while cells(end) > width {
        let first = end.chars().next().map_or(0, char::len_utf8);
        end = &end[first..];
    }
    end
}

/// A bound on characters per cell, so that a pile of combining marks stays a short text.
fn most_characters(width: usize) -> usize {
    width.saturating_mul(4).saturating_add(16)
}

/// Control characters (C0, DEL, C1), line separators, and marks that reorder what is read.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_title_cannot_reach_the_terminal() {
        for (raw, shown) in [
            ("plain – ünï 日本", "plain – ünï 日本"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{7f}\u{9b}31m", "\\u{7f}\\u{9b}31m"),
            ("\u{202e}cod.exe\u{2066}", "\\u{202e}cod.exe\\u{2066}"),
        ] {
            assert_eq!(safe(raw), shown);
        }
    }

    #[test]
    fn a_cut_keeps_the_important_side() {
        assert_eq!(fit("/home/tom/work/claude", 10, Keep::End), "…rk/claude");
        assert_eq!(fit("Fix the parser", 8, Keep::Start), "Fix the…");
        assert_eq!(fit("short", 5, Keep::Start), "short");
        assert_eq!(fit("日本語日本語", 6, Keep::Start), "日本…");
        assert_eq!(fit("日本語日本語", 6, Keep::End), "…本語");
        assert_eq!(fit("abc", 0, Keep::End), "");
        assert_eq!(fit("abc", 1, Keep::End), "…");
    }

    #[test]
    fn a_pile_of_marks_stays_short() {
        let pile = format!("a{}zzzz", "\u{301}".repeat(100_000));
        assert!(fit(&pile, 3, Keep::Start).chars().count() < 40);
    }

    #[test]
    fn words_are_wrapped_and_long_ones_broken() {
        assert_eq!(wrap("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrap("0123456789", 4), ["0123", "4567", "89"]);
        assert_eq!(wrap("", 4), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_wider_than_asked(text in ".{0,60}", width in 0usize..50) {
            let text = safe(&text);
            for keep in [Keep::Start, Keep::End] {
                prop_assert!(cells(&fit(&text, width, keep)) <= width);
            }
            for line in wrap(&text, width.max(2)) {
                prop_assert!(cells(&line) <= width.max(2));
            }
            prop_assert!(!text.chars().any(is_harmful));
        }
    }
}
