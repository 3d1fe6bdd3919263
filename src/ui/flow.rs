//! Lines that are longer than a terminal is wide: broken between words, with a hanging indent.
//!
//! A command is never broken: it gets a line of its own, from which it can be copied.

use crate::ui::page::{Look, Span};
use crate::ui::text::{cells, wrap};

/// How a command begins; elsewhere a word in backticks is just a word.
const PROGRAMS: &[&str] = &["claude-backup ", "claude ", "git ", "gh ", "cd ", "loginctl ", "ssh "];

/// What is set one after the other.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    Command(&'a str),
}

impl Piece<'_> {
    /// The cells that it must have in a row.
    fn needed(&self) -> usize {
        match self {
            Self::Word(word) if is_wide(word) => 0,
            Self::Word(text) | Self::Command(text) => cells(text),
        }
    }
}

/// Chinese and Japanese have no spaces, and may be broken anywhere.
fn is_wide(word: &str) -> bool {
    word.chars().count() < cells(word)
}

/// The lines of a text behind what leads it: a mark, a label, an indent.
pub(super) fn lines(lead: &[Span], text: &Span, width: usize) -> Vec<Vec<Span>> {
    let indent: usize = lead.iter().map(|span| cells(&span.text)).sum();
    if indent + cells(&text.text) <= width {
        return vec![[lead, std::slice::from_ref(text)].concat()];
    }
    let pieces = pieces(&text.text);
    let longest = pieces.iter().map(Piece::needed).max().unwrap_or_default();
    // A long label leaves no room for the text behind it.
    let is_thin = indent * 2 > width || indent + longest > width;
    let hang = if is_thin { indent.min(2) } else { indent };
    let lead = vec![lead.to_vec()];
    let mut lines =
        Lines { look: text.look, hang, width, used: indent, is_fresh: true, lines: lead };
    for piece in pieces {
        match piece {
            Piece::Word(word) => lines.add_word(word),
            Piece::Command(command) => lines.add_command(command),
        }
    }
    lines.lines
}

/// Lines in the making; the last one is open.
struct Lines {
    look: Look,
    hang: usize,
    width: usize,
    /// Cells of the open line that are taken.
    used: usize,
    /// Nothing but a lead or an indent is on the open line.
    is_fresh: bool,
    lines: Vec<Vec<Span>>,
}

impl Lines {
    fn add_word(&mut self, word: &str) {
        let room = self.width.saturating_sub(self.hang);
        if cells(word) > room && is_wide(word) {
            wrap(word, room).iter().for_each(|part| self.add(part));
        } else {
            self.add(word);
        }
    }

    fn add(&mut self, word: &str) {
        let space = usize::from(!self.is_fresh);
        let may_begin = !self.is_fresh || self.used > self.hang;
        if may_begin && self.used + space + cells(word) > self.width {
            self.begin();
        }
        let text = if self.is_fresh { word.to_owned() } else { format!(" {word}") };
        self.used += cells(&text);
        self.push(text);
    }

    fn add_command(&mut self, command: &str) {
        let is_too_long = self.used > self.hang && self.used + cells(command) > self.width;
        if !self.is_fresh || is_too_long {
            self.begin();
        }
        self.push(command.to_owned());
        // Nothing stands behind a command.
        self.used = usize::MAX / 2;
    }

    fn push(&mut self, text: String) {
        let span = Span { text, look: self.look };
        self.lines.last_mut().expect("there is an open line").push(span);
        self.is_fresh = false;
    }

    fn begin(&mut self) {
        let open = self.lines.last_mut().and_then(|line| line.last_mut());
        if let Some(span) = open.filter(|_| self.is_fresh) {
            span.text.truncate(span.text.trim_end().len());
        }
        self.lines.push(vec![Span::plain(" ".repeat(self.hang))]);
        (self.used, self.is_fresh) = (self.hang, true);
    }
}

/// The words of a text, and the commands in it: in backticks, or behind a colon to the end.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, command, after)) = next_command(rest) {
        pieces.extend(words(before));
        pieces.push(Piece::Command(command));
        rest = after.trim_start_matches([',', ';', '.']);
    }
    pieces.extend(words(rest));
    pieces
}

fn words(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split(' ').filter(|word| !word.is_empty()).map(Piece::Word)
}

/// What stands before the next command, the command, and what stands behind it.
fn next_command(text: &str) -> Option<(&str, &str, &str)> {
    let begins = |text: &str| PROGRAMS.iter().any(|program| text.starts_with(program));
    let quoted = text.match_indices('`').find_map(|(at, _)| {
        let (before, rest) = (&text[..at], &text[at + 1..]);
        let end = rest.find('`').filter(|_| begins(rest))?;
        Some((before, &rest[..end], &rest[end + 1..]))
    });
    let bare = text.match_indices(": ").find_map(|(at, found)| {
        let (before, rest) = text.split_at(at + found.len());
        begins(rest).then_some((before, rest, ""))
    });
    let begin = begins(text).then_some(("", text, ""));
    let found = [begin, quoted, bare].into_iter().flatten();
    found.min_by_key(|(before, _, _)| before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(lead: &str, text: &str, width: usize) -> String {
        let lines = lines(&[Span::plain(lead)], &Span::plain(text), width);
        let text = |line: &Vec<Span>| line.iter().map(|span| span.text.as_str()).collect();
        lines.iter().map(text).collect::<Vec<String>>().join("\n")
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        assert_eq!(laid_out("✓ ", "all  is `git x` well", 30), "✓ all  is `git x` well");
    }

    #[test]
    fn words_hang_below_the_first_one() {
        let expected = "! one two\n  three\n  four";
        assert_eq!(laid_out("! ", "one two three four", 9), expected);
        let expected = "label one\n  two three";
        assert_eq!(laid_out("label ", "one two three", 11), expected, "no thin column");
        let expected = "session\n  1b9342d9-1e35";
        assert_eq!(laid_out("session ", "1b9342d9-1e35", 16), expected);
    }

    #[test]
    fn a_command_stands_whole_on_a_line_of_its_own() {
        let text = "3 sessions are not saved; run `claude-backup sync --full`, then `status`";
        let expected =
            "! 3 sessions are not saved; run\n  claude-backup sync --full\n  then `status`";
        assert_eq!(laid_out("! ", text, 40), expected);
        let text = "they are safe; to restore them: claude-backup restore --gone";
        let expected = "! they are safe; to\n  restore them:\n  claude-backup restore --gone";
        assert_eq!(laid_out("! ", text, 22), expected, "longer than the line, and still whole");
        assert_eq!(
            laid_out("hint: ", "claude-backup restore 1b93 --force", 20),
            "hint:\n  claude-backup restore 1b93 --force"
        );
    }

    #[test]
    fn a_long_word_stays_whole_and_chinese_is_broken() {
        assert_eq!(laid_out("", "see /a/very/long/path now", 10), "see\n/a/very/long/path\nnow");
        assert_eq!(laid_out("t ", "日本語日本語", 8), "t 日本語\n  日本語");
    }

    proptest::proptest! {
        #[test]
        fn no_word_is_lost(text in "[a-z`: ]{0,60}", width in 1usize..50) {
            let shown = laid_out("  ", &text, width);
            let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
            proptest::prop_assert_eq!(letters(&shown), letters(&text));
        }
    }
}
