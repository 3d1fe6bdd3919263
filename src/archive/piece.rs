//! One piece: at most 64 KiB deflated, or inflated, without anything but its history.

use std::io;

use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::format::{BLOCK, EMPTY_TAIL, PIECE, PIECE_BOUND, marker_ends};

/// A deflated piece.
pub(super) struct Piece {
    /// Compressed bytes, whole: byte-aligned at both ends.
    pub(super) bytes: Vec<u8>,
    /// Plain bytes; fewer than [`PIECE`] in a tail.
    pub(super) length: usize,
    /// CRC-32 of the plain bytes.
    pub(super) crc: Hasher,
}

/// The buffer that [`deflate`] works in, for reuse.
pub(super) fn scratch() -> Vec<u8> {
    vec![0; PIECE_BOUND]
}

/// Deflates a full piece up to a full flush, or a shorter one up to the final block.
///
/// The bytes depend on `plain` and `history` alone. That needs a compressor of its own for each
/// piece, because one that was reset still remembers enough to choose other matches, and room for
/// everything in each call, because the encoder's choices follow the cuts of its output.
///
/// A partial flush ends each block of [`BLOCK`] plain bytes, so that a piece which goes on later
/// repeats those that it had.
pub(super) fn deflate(
    plain: &[u8],
    history: Option<&[u8]>,
    scratch: &mut [u8],
) -> io::Result<Piece> {
    let mut compress = Compress::new(Compression::new(6), false);
    if let Some(history) = history {
        compress.set_dictionary(history)?;
    }
    let last = plain.len().saturating_sub(1) / BLOCK * BLOCK;
    for block in plain[..last].chunks(BLOCK) {
        let used = used(&compress);
        compress.compress(block, &mut scratch[used..], FlushCompress::Partial)?;
    }
    let flush = if plain.len() == PIECE { FlushCompress::Full } else { FlushCompress::Finish };
    let before = used(&compress);
    let status = compress.compress(&plain[last..], &mut scratch[before..], flush)?;
    let used = used(&compress);

    let ended = matches!(flush, FlushCompress::Full) || status == Status::StreamEnd;
    // A full buffer would mean that the encoder may have had more to say.
    if !ended || compress.total_in() != plain.len() as u64 || used >= scratch.len() {
        return Err(io::Error::other("a piece did not fit into its buffer"));
    }
    let mut crc = Hasher::new();
    crc.update(plain);
    Ok(Piece { bytes: scratch[..used].to_vec(), length: plain.len(), crc })
}

/// How much of its buffer a compressor has filled.
fn used(compress: &Compress) -> usize {
    usize::try_from(compress.total_out()).expect("written to a slice")
}

/// Inflates the full piece at the start of `bytes` and gives its compressed length.
///
/// `plain` has room for one byte more than a piece. None where there is no such piece: no flush at
/// exactly 64 KiB, or a reference to more than the history.
pub(super) fn inflate_full(
    bytes: &[u8],
    history: Option<&[u8]>,
    plain: &mut [u8],
) -> Option<usize> {
    let mut inflate = primed(history)?;
    let mut fed = 0;
    // Compressed data may contain the marker by chance, so every one is only a candidate.
    for end in marker_ends(bytes) {
        let (status, produced) = step(&mut inflate, &bytes[fed..end], plain)?;
        fed = end;
        if status == Status::StreamEnd || inflate.total_in() != end as u64 || produced > PIECE {
            return None;
        }
        if produced == PIECE {
            // A damaged piece can have the marker inside of a block, where the next piece would be
            // read as the rest of that block. At a true boundary the stream may also end.
            let (status, produced) = step(&mut inflate, &EMPTY_TAIL, plain)?;
            return (status == Status::StreamEnd && produced == PIECE).then_some(end);
        }
    }
    None
}

/// Inflates a tail that is exactly `bytes` and gives its plain length, less than a piece.
pub(super) fn inflate_tail(
    bytes: &[u8],
    history: Option<&[u8]>,
    plain: &mut [u8],
) -> Option<usize> {
    let mut inflate = primed(history)?;
    let (status, produced) = step(&mut inflate, bytes, plain)?;
    let whole = status == Status::StreamEnd && inflate.total_in() == bytes.len() as u64;
    (whole && produced < PIECE).then_some(produced)
}

fn primed(history: Option<&[u8]>) -> Option<Decompress> {
    let mut inflate = Decompress::new(false);
    if let Some(history) = history {
        inflate.set_dictionary(history).ok()?;
    }
    Some(inflate)
}

/// Feeds `bytes`, appends to what `plain` holds already, gives the status and the total length.
fn step(inflate: &mut Decompress, bytes: &[u8], plain: &mut [u8]) -> Option<(Status, usize)> {
    let filled = usize::try_from(inflate.total_out()).ok()?;
    let status = inflate.decompress(bytes, plain.get_mut(filled..)?, FlushDecompress::Sync).ok()?;
    Some((status, usize::try_from(inflate.total_out()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::format::{EMPTY_TAIL, HISTORY, MARKER};
    use super::super::testing::{noise, text};
    use super::*;

    #[test]
    fn a_full_piece_ends_with_the_marker_and_inflates_alone() {
        for plain in [text(1, PIECE), noise(2, PIECE), vec![0; PIECE]] {
            let piece = deflate(&plain, None, &mut scratch()).unwrap();
            assert!(piece.bytes.ends_with(&MARKER));
            let mut out = vec![0; PIECE + 1];
            assert_eq!(inflate_full(&piece.bytes, None, &mut out), Some(piece.bytes.len()));
            assert!(out[..PIECE] == plain);
        }
    }

    #[test]
    fn priming_saves_bytes_and_needs_the_same_history_to_inflate() {
        let plain = text(3, HISTORY + PIECE);
        let (history, plain) = plain.split_at(HISTORY);
        let alone = deflate(plain, None, &mut scratch()).unwrap();
        let primed = deflate(plain, Some(history), &mut scratch()).unwrap();
        assert!(primed.bytes.len() < alone.bytes.len());

        let mut out = vec![0; PIECE + 1];
        assert!(inflate_full(&primed.bytes, Some(history), &mut out).is_some());
        assert!(out[..PIECE] == *plain);
        assert_eq!(inflate_full(&primed.bytes, None, &mut out), None);
    }

    #[test]
    fn an_empty_tail_is_the_empty_final_block() {
        assert_eq!(deflate(&[], None, &mut scratch()).unwrap().bytes, EMPTY_TAIL);
        assert_eq!(inflate_tail(&EMPTY_TAIL, None, &mut [0; 1]), Some(0));
        assert_eq!(inflate_tail(&[3, 0, 0], None, &mut [0; 1]), None);
    }

    #[test]
    fn a_marker_inside_a_piece_does_not_end_it() {
        // Noise is stored as it is, so the planted markers appear in the compressed bytes.
        let mut plain = noise(4, PIECE);
        for at in (100..PIECE).step_by(5_000) {
            plain[at..at + MARKER.len()].copy_from_slice(&MARKER);
        }
        let piece = deflate(&plain, None, &mut scratch()).unwrap();
        assert!(marker_ends(&piece.bytes).count() > 10);
        let mut out = vec![0; PIECE + 1];
        assert_eq!(inflate_full(&piece.bytes, None, &mut out), Some(piece.bytes.len()));
    }

    #[test]
    fn the_same_piece_gives_the_same_bytes_in_a_used_buffer() {
        let mut used = scratch();
        deflate(&noise(5, PIECE), None, &mut used).unwrap();
        let again = deflate(&text(6, PIECE), None, &mut used).unwrap();
        assert!(again.bytes == deflate(&text(6, PIECE), None, &mut scratch()).unwrap().bytes);
    }
}
