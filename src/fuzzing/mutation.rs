//! Bytes made of others by small damages, the same for the same seed.

/// What stands in the papers that are read, and what readers trip over.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"\0",
    b"\xff",
    b"\"",
    b"\\",
    b"/",
    b"..",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"%2F",
    b"-1",
    b"1e400",
    b"18446744073709551615",
    b"\\ud800",
    b"\xf0\x9f\x99\x82",
    b"\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\xff",
    b"\0\0\xff\xff",
    b"\x1f\x8b\x08",
    b"versions/",
    b"://",
    b"@",
    b"*",
];

/// A seeded source of damages.
pub(super) struct Mutation(u64);

impl Mutation {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of the files, damaged in up to four places.
    pub(super) fn of(&mut self, files: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = files[self.below(files.len())].clone();
        for _ in 0..=self.below(4) {
            let other = &files[self.below(files.len())];
            self.damage(&mut bytes, other);
        }
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let (from, to) = self.range(bytes.len());
        match self.below(9) {
            0 => bytes.truncate(from),
            1 => drop(bytes.drain(from..to)),
            2 => bytes.extend_from_within(from..to),
            3 => drop(bytes.splice(from..to, WORDS[self.below(WORDS.len())].iter().copied())),
            4 => drop(bytes.splice(from..from, WORDS[self.below(WORDS.len())].iter().copied())),
            5 => {
                let (first, last) = self.range(other.len());
                drop(bytes.splice(from..to, other[first..last].iter().copied()));
            }
            _ if bytes.is_empty() => bytes.push(self.next() as u8),
            6 => bytes[from % to.max(1)] = self.next() as u8,
            _ => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
        }
    }

    /// A stretch of so many bytes; often a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let most = if self.below(2) == 0 { 9 } else { length };
        (from, (from + self.below(most.max(1))).min(length))
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
