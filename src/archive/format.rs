//! Constants of the format and the values that describe a part.

use std::io;

use serde::{Deserialize, Serialize};

/// Plain bytes in a full piece.
pub const PIECE: usize = 65_536;
/// Plain bytes in a full section: 16 pieces, the first of which is not primed.
pub const SECTION: usize = 1 << 20;
/// Plain bytes that prime a piece: all that deflate can look back.
pub const HISTORY: usize = 32_768;
/// Plain bytes in a full block: a piece that grows keeps those of its blocks that were full.
pub(super) const BLOCK: usize = 8_192;
/// Compressed bytes after which a part is closed at the next section boundary.
pub const PART_LIMIT: u64 = 64 << 20;
/// Plain bytes at which a part is closed whatever it compressed to.
///
/// Very repetitive content reaches this long before [`PART_LIMIT`]. It keeps a part's length far
/// below 2^32, so the trailer's length field never wraps and can be believed.
pub const PART_PLAIN_LIMIT: u64 = 1 << 30;

/// The only header that is written: no name, no time, unknown system.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A final block without content, the tail of a part that ends on a piece boundary.
pub(super) const EMPTY_TAIL: [u8; 2] = [3, 0];
/// The last bytes of every full flush.
pub(super) const MARKER: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes of CRC-32 and length behind the compressed data.
pub(super) const TRAILER: usize = 8;
/// No compressed piece is longer: zlib's own bound for 64 KiB is 74,757, a flush adds six bytes, and
/// each block no more than its header.
pub(super) const PIECE_BOUND: usize = 81_920;

/// When a part is full; it is closed at the next section boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Compressed bytes in a part's file.
    pub compressed: u64,
    /// Plain bytes in a part.
    pub plain: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { compressed: PART_LIMIT, plain: PART_PLAIN_LIMIT }
    }
}

/// One part of an archive, as its trailer and its file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Plain bytes in this part.
    pub length: u64,
    /// Bytes of this part's file.
    pub compressed: u64,
    /// CRC-32 of the part's plain bytes.
    pub crc32: u32,
}

/// Where the last part can be continued; all that appending needs to know about what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Number of the last part, from 1.
    pub part: u32,
    /// Plain offset in the whole stream where that part begins; a multiple of [`SECTION`].
    pub start: u64,
    /// Plain offset in the whole stream of the last piece boundary; a multiple of [`PIECE`].
    pub boundary: u64,
    /// Offset in the part's file right behind that boundary.
    pub offset: u64,
    /// CRC-32 of the plain bytes `start..boundary`.
    pub crc_boundary: u32,
    /// CRC-32 of the plain bytes `start..length`.
    pub crc_end: u32,
    /// Plain bytes of the whole stream, all parts together.
    pub length: u64,
    /// Bytes of the last part's file.
    pub compressed: u64,
}

/// CRC-32 and length modulo 2^32, as they end a gzip member.
pub(super) fn trailer(crc32: u32, length: u64) -> [u8; TRAILER] {
    let mut bytes = [0; TRAILER];
    bytes[..4].copy_from_slice(&crc32.to_le_bytes());
    bytes[4..].copy_from_slice(&length_field(length).to_le_bytes());
    bytes
}

/// The offsets in `bytes` right behind each flush marker, first to last.
pub(super) fn marker_ends(bytes: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    let width = MARKER.len();
    bytes.windows(width).enumerate().filter_map(move |(at, seen)| {
        let found = seen == MARKER;
        found.then_some(at + width)
    })
}

/// An error about bytes that are not what they must be.
pub(super) fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// A plain length as gzip stores it: modulo 2^32.
fn length_field(length: u64) -> u32 {
    u32::try_from(length & u64::from(u32::MAX)).expect("masked to 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_holds_the_length_modulo_two_to_the_32() {
        assert_eq!(trailer(0x0403_0201, 5), [1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(trailer(0, (1 << 32) + 7)[4..], [7, 0, 0, 0]);
        assert_eq!(trailer(0, u64::from(u32::MAX))[4..], [255; 4]);
    }

    #[test]
    fn a_part_never_grows_to_where_its_length_would_wrap() {
        let longest = PART_PLAIN_LIMIT + SECTION as u64;
        assert!(longest < 1 << 32);
    }

    #[test]
    fn a_section_is_whole_pieces_and_a_piece_holds_a_history() {
        assert_eq!(SECTION % PIECE, 0);
        const { assert!(PIECE >= HISTORY) };
    }

    #[test]
    fn markers_are_found_by_their_ends() {
        let bytes = [9, 0, 0, 255, 255, 0, 0, 0, 255, 255];
        assert_eq!(marker_ends(&bytes).collect::<Vec<_>>(), [5, 10]);
        assert_eq!(marker_ends(&bytes).next_back(), Some(10));
        assert_eq!(marker_ends(&[0, 0]).count(), 0);
    }
}
