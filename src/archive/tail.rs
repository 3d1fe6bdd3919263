//! The end of a part without its beginning.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::{Decompress, FlushDecompress, Status};
use fs_err::File;

use super::format::{HEADER, PIECE, SECTION, TRAILER, marker_ends};
use super::reader::ArchiveReader;

/// Compressed bytes that are looked at first; a section of text takes about 230 KiB.
const FIRST_LOOK: u64 = 256 << 10;

/// The last `want` plain bytes of a part's file, or all where it has fewer.
///
/// In format 1 only the sections that hold them are read and inflated, and the CRC, which is that
/// of the whole part, is not looked at. Any other gzip is read from its beginning.
///
/// # Errors
/// As the file system says, with the path; for a file that had to be read whole as
/// [`ArchiveReader`].
pub fn read_tail(path: &Path, want: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut plain = match last_sections(&mut file, want)? {
        Some(plain) => plain,
        None => end_of_whole(path, want)?,
    };
    keep_end(&mut plain, want);
    Ok(plain)
}

/// The sections that hold the end, or None where they cannot be had without what is before them.
fn last_sections(file: &mut File, want: usize) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len();
    let Some(body) = size.checked_sub((HEADER.len() + TRAILER) as u64) else {
        return Ok(None);
    };
    let Some(length) = plain_length(file, size)? else {
        return Ok(None);
    };
    let first = length.saturating_sub(want) / SECTION;
    if first == 0 {
        return Ok(None);
    }
    let expected = length - first * SECTION;
    // One marker ends each full piece, and one more ends the piece before the first section.
    let markers = expected / PIECE + 1;

    let mut look = FIRST_LOOK;
    loop {
        let window = read_window(file, size, look.min(body))?;
        if let Some(from) = marker_ends(&window).rev().nth(markers - 1) {
            return Ok(inflate_exactly(&window[from..], expected));
        }
        if look >= body {
            return Ok(None);
        }
        look *= 2;
    }
}

/// The length that the trailer claims, where the header is ours.
fn plain_length(file: &mut File, size: u64) -> io::Result<Option<usize>> {
    let mut header = [0; HEADER.len()];
    file.read_exact(&mut header)?;
    let mut length = [0; 4];
    file.seek(SeekFrom::Start(size - length.len() as u64))?;
    file.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok();
    Ok(length.filter(|_| header == HEADER))
}

/// The last `look` bytes before the trailer.
fn read_window(file: &mut File, size: u64, look: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(size - TRAILER as u64 - look))?;
    let mut window = Vec::new();
    file.take(look).read_to_end(&mut window)?;
    Ok(window)
}

/// Inflates a stream that ends with `bytes` and has exactly this length.
///
/// Compressed data may contain the marker by chance, and then `bytes` begin at the wrong place:
/// that ends in an error or in another length.
fn inflate_exactly(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut plain = vec![0; length + 1];
    let mut inflate = Decompress::new(false);
    let status = inflate.decompress(bytes, &mut plain, FlushDecompress::Finish).ok()?;
    let exact = status == Status::StreamEnd
        && inflate.total_in() == bytes.len() as u64
        && inflate.total_out() == length as u64;
    plain.truncate(length);
    exact.then_some(plain)
}

/// Reads everything and keeps the end, with at most as much again in memory.
fn end_of_whole(path: &Path, want: usize) -> io::Result<Vec<u8>> {
    let mut reader = ArchiveReader::open(vec![path.to_path_buf()]);
    let chunk = want.max(SECTION);
    let mut plain = Vec::new();
    while reader.by_ref().take(chunk as u64).read_to_end(&mut plain)? > 0 {
        keep_end(&mut plain, want);
    }
    Ok(plain)
}

fn keep_end(plain: &mut Vec<u8>, want: usize) {
    plain.drain(..plain.len().saturating_sub(want));
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};

    use super::super::format::MARKER;
    use super::super::testing::{archive, noise, text};
    use super::*;

    fn tail_of(file: &[u8], want: usize) -> io::Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.gz");
        fs_err::write(&path, file).unwrap();
        read_tail(&path, want)
    }

    fn assert_tail(file: &[u8], plain: &[u8], want: usize) {
        let from = plain.len().saturating_sub(want);
        assert!(tail_of(file, want).unwrap() == plain[from..], "{want} of {}", plain.len());
    }

    #[test]
    fn the_tail_is_the_end_whatever_the_length() {
        let plain = text(1, 3 * SECTION + 2 * PIECE);
        for around in [1, PIECE, SECTION, 2 * SECTION, 2 * SECTION + PIECE, 3 * SECTION + PIECE] {
            for length in [around - 1, around, around + 1] {
                let file = archive(&plain[..length]);
                for want in [0, 1, PIECE, SECTION, usize::MAX] {
                    assert_tail(&file, &plain[..length], want);
                }
            }
        }
    }

    #[test]
    fn only_the_last_sections_are_read() {
        let plain = text(2, 3 * SECTION + 100);
        let mut file = archive(&plain);
        file[HEADER.len()..100_000].fill(0xa5);
        assert_tail(&file, &plain, 100);
        assert_tail(&file, &plain, SECTION);
        assert!(tail_of(&file, 3 * SECTION).is_err());
    }

    #[test]
    fn markers_in_the_content_only_cost_time() {
        let mut plain = noise(3, 2 * SECTION + 1000);
        for at in (0..plain.len() - MARKER.len()).step_by(50_000) {
            plain[at..at + MARKER.len()].copy_from_slice(&MARKER);
        }
        let file = archive(&plain);
        for want in [10, PIECE, SECTION + 1] {
            assert_tail(&file, &plain, want);
        }
    }

    #[test]
    fn any_other_gzip_is_read_whole() {
        let plain = text(4, 2 * SECTION + 9);
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
        encoder.write_all(&plain).unwrap();
        let file = encoder.finish().unwrap();
        assert_tail(&file, &plain, 100);
        assert_tail(&[&file[..], &archive(b"end")].concat(), &[&plain[..], b"end"].concat(), 5);
        assert!(tail_of(&file[..file.len() - 1], 100).is_err());
        assert!(tail_of(b"", 100).is_err());
        assert!(tail_of(b"short", 100).is_err());
    }
}
