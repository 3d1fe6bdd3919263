//! The resume state, found again from the archive alone.

use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::Path;

use crc32fast::Hasher;
use fs_err::File;

use super::format::{HEADER, HISTORY, PIECE, PIECE_BOUND, Resume, SECTION, TRAILER, trailer};
use super::piece::{inflate_full, inflate_tail};

/// Finds the resume state in the file of part `part`, which begins at plain offset `start`.
///
/// None where the file is not an undamaged part in format 1, so where it cannot be grown. Each
/// piece is inflated from nothing but its own history, so a state that is found holds. Costs one
/// inflate of the part.
///
/// # Errors
/// As the file system says, with the path.
pub fn inspect(path: &Path, part: u32, start: u64) -> io::Result<Option<Resume>> {
    let mut file = File::open(path)?;
    let compressed = file.metadata()?.len();
    let frame = (HEADER.len() + TRAILER) as u64;
    let Some(body) = compressed.checked_sub(frame) else {
        return Ok(None);
    };
    let Some(end) = read_frame(&mut file, compressed)? else {
        return Ok(None);
    };

    let mut walk = Walk::new(file.take(body));
    while walk.full_piece()? {}
    let boundary = (walk.length, walk.consumed, walk.crc.clone().finalize());
    if !walk.tail(body) {
        return Ok(None);
    }
    let crc_end = walk.crc.finalize();
    if trailer(crc_end, walk.length) != end {
        return Ok(None);
    }
    Ok(Some(Resume {
        part,
        start,
        boundary: start + boundary.0,
        offset: HEADER.len() as u64 + boundary.1,
        crc_boundary: boundary.2,
        crc_end,
        length: start + walk.length,
        compressed,
    }))
}

/// The trailer, where the header is ours; leaves the file behind its header.
fn read_frame(file: &mut File, size: u64) -> io::Result<Option<[u8; TRAILER]>> {
    let mut end = [0; TRAILER];
    file.seek(SeekFrom::Start(size - TRAILER as u64))?;
    file.read_exact(&mut end)?;
    let mut header = [0; HEADER.len()];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    Ok((header == HEADER).then_some(end))
}

/// A walk over the pieces of a part.
struct Walk {
    body: Take<File>,
    /// Compressed bytes that were read and not consumed; after filling, the next piece is in it.
    window: Vec<u8>,
    /// Compressed bytes before the window.
    consumed: u64,
    /// The piece inflated last, with room for a byte too many.
    plain: Vec<u8>,
    /// The end of the piece before.
    history: Vec<u8>,
    /// Plain bytes so far and their CRC.
    length: u64,
    crc: Hasher,
}

impl Walk {
    fn new(body: Take<File>) -> Self {
        Self {
            body,
            window: Vec::with_capacity(PIECE_BOUND),
            consumed: 0,
            plain: vec![0; PIECE + 1],
            history: Vec::with_capacity(HISTORY),
            length: 0,
            crc: Hasher::new(),
        }
    }

    /// Goes over one full piece; false where there is none.
    fn full_piece(&mut self) -> io::Result<bool> {
        let room = PIECE_BOUND - self.window.len();
        self.body.by_ref().take(room as u64).read_to_end(&mut self.window)?;
        let history = priming(&self.history, self.length);
        let Some(end) = inflate_full(&self.window, history, &mut self.plain) else {
            return Ok(false);
        };
        self.window.drain(..end);
        self.consumed += end as u64;
        self.account(PIECE);
        self.history.clear();
        self.history.extend_from_slice(&self.plain[PIECE - HISTORY..PIECE]);
        Ok(true)
    }

    /// Goes over the tail; false where the window is not exactly that.
    fn tail(&mut self, body: u64) -> bool {
        let history = priming(&self.history, self.length);
        let Some(length) = inflate_tail(&self.window, history, &mut self.plain) else {
            return false;
        };
        self.account(length);
        self.consumed + self.window.len() as u64 == body
    }

    fn account(&mut self, length: usize) {
        self.length += length as u64;
        self.crc.update(&self.plain[..length]);
    }
}

/// What the piece at this plain offset is primed with.
fn priming(history: &[u8], offset: u64) -> Option<&[u8]> {
    (!offset.is_multiple_of(SECTION as u64)).then_some(history)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};

    use super::super::format::{Limits, MARKER};
    use super::super::testing::{archive, noise, text, written};
    use super::*;

    fn inspected(file: &[u8], part: u32, start: u64) -> Option<Resume> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.gz");
        fs_err::write(&path, file).unwrap();
        inspect(&path, part, start).unwrap()
    }

    #[test]
    fn the_state_found_is_the_state_that_writing_gave() {
        let plain = text(1, SECTION + PIECE + 1);
        for around in [1, PIECE, 2 * PIECE, SECTION, SECTION + PIECE] {
            for length in [around - 1, around, around + 1] {
                let (files, written) = written(Limits::default(), &plain[..length]);
                assert_eq!(inspected(&files[0], 1, 0), Some(written.resume), "{length}");
            }
        }
    }

    #[test]
    fn the_state_of_a_later_part_counts_from_its_start() {
        let plain = text(2, SECTION + PIECE + 5);
        let (files, written) = written(Limits { compressed: 1, plain: 1 }, &plain);
        assert_eq!(inspected(&files[1], 2, SECTION as u64), Some(written.resume));
    }

    #[test]
    fn content_full_of_markers_is_recognised() {
        let mut plain = noise(3, 3 * PIECE + 500);
        for at in (0..plain.len() - MARKER.len()).step_by(3_000) {
            plain[at..at + MARKER.len()].copy_from_slice(&MARKER);
        }
        let (files, written) = written(Limits::default(), &plain);
        assert_eq!(inspected(&files[0], 1, 0), Some(written.resume));
    }

    #[test]
    fn any_other_gzip_has_no_state() {
        let plain = text(4, 3 * PIECE);
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
        encoder.write_all(&plain).unwrap();
        assert_eq!(inspected(&encoder.finish().unwrap(), 1, 0), None);

        let own = archive(&plain);
        assert_eq!(inspected(&[&own[..], &own].concat(), 1, 0), None);
        let mut unix = own.clone();
        unix[9] = 3;
        assert_eq!(inspected(&unix, 1, 0), None);
        for bad in [b"", &own[..10], &own[..19], &own[..own.len() - 1], &own[1..]] {
            assert_eq!(inspected(bad, 1, 0), None);
        }
        assert_eq!(inspected(&[&own[..], b"x"].concat(), 1, 0), None);
    }

    #[test]
    fn a_damaged_archive_has_no_state() {
        let plain = text(5, PIECE + 300);
        let file = archive(&plain);
        for bit in (0..file.len() * 8).step_by(997).chain(file.len() * 8 - 64..file.len() * 8) {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(inspected(&damaged, 1, 0), None, "bit {bit}");
        }
    }
    #[test]
    fn bytes_behind_the_end_of_the_stream_are_noticed_where_the_window_ends_there() {
        let empty_block = [0, 0, 0, 0xff, 0xff];
        let mut body = empty_block.repeat(PIECE_BOUND / empty_block.len());
        let last = body.len() - empty_block.len();
        body[last] = 1;
        assert_eq!(body.len(), PIECE_BOUND);
        let whole = [&HEADER[..], &body, &trailer(0, 0)].concat();
        assert!(inspected(&whole, 1, 0).is_some());
        let junk = [&HEADER[..], &body, b"junk", &trailer(0, 0)].concat();
        assert_eq!(inspected(&junk, 1, 0), None);
    }
}
