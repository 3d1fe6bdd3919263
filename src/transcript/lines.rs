//! Cuts a stream of bytes into lines, whatever pieces it comes in.

use std::io::BufRead;

/// Longer lines are passed over: no record is that long, and a damaged file must not fill memory.
const LONGEST_LINE: usize = 64 << 20;

/// Holds the beginning of a line until its end arrives.
pub(super) struct Lines {
    partial: Vec<u8>,
    /// Bytes since the last line feed, those of a line that is too long to be kept as well.
    pending: u64,
    too_long: bool,
    longest: usize,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self::with_longest(LONGEST_LINE)
    }

    fn with_longest(longest: usize) -> Self {
        Self { partial: Vec::new(), pending: 0, too_long: false, longest }
    }

    /// Calls `each` with every line that ends in `bytes`, without its line feed.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(first_line_length(bytes));
            bytes = rest;
            match piece.strip_suffix(b"\n") {
                Some(end) => self.end_line(end, &mut each),
                None => self.keep(piece),
            }
        }
    }

    /// How many bytes the line has so far whose end is still to come.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    /// Calls `each` with what stands after the last line feed, if anything does.
    pub(super) fn finish(self, mut each: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            each(&self.partial);
        }
    }

    fn end_line(&mut self, end: &[u8], each: &mut impl FnMut(&[u8])) {
        self.pending = 0;
        // A line that came whole is not copied.
        if self.partial.is_empty() && !self.too_long && end.len() <= self.longest {
            return each(end);
        }
        self.keep(end);
        if !self.too_long {
            each(&self.partial);
        }
        self.partial.clear();
        self.pending = 0;
        self.too_long = false;
    }

    fn keep(&mut self, piece: &[u8]) {
        self.pending += piece.len() as u64;
        if self.too_long || self.partial.len() + piece.len() > self.longest {
            self.too_long = true;
            self.partial = Vec::new();
            return;
        }
        self.partial.extend_from_slice(piece);
    }
}

/// The number of bytes up to and with the first line feed, or all of them.
fn first_line_length(mut bytes: &[u8]) -> usize {
    // The standard library shows its fast byte search only through buffered readers.
    bytes.skip_until(b'\n').expect("a slice in memory can always be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&str], longest: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut each = |line: &[u8]| found.push(String::from_utf8(line.to_vec()).unwrap());
        let mut lines = Lines::with_longest(longest);
        for piece in pieces {
            lines.feed(piece.as_bytes(), &mut each);
        }
        lines.finish(each);
        found
    }

    #[test]
    fn a_line_is_whole_however_it_was_cut() {
        for pieces in [
            &["one\ntwo\nend"][..],
            &["o", "ne", "\n", "two", "\nend"],
            &["", "one\n", "", "two\nen", "d"],
        ] {
            assert_eq!(lines_of(pieces, 10), ["one", "two", "end"], "{pieces:?}");
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_the_next_one_read() {
        for pieces in
            [&["12345\n1234\n"][..], &["123", "45", "\n12", "34", "\n"], &["12345", "\n1234\n"]]
        {
            assert_eq!(lines_of(pieces, 4), ["1234"], "{pieces:?}");
        }
        assert!(lines_of(&["123", "45"], 4).is_empty());
    }
}
