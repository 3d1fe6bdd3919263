//! The end of a grown part, read back without what was copied before it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};
use fs_err::File;

use super::format::{HISTORY, PIECE, Part, Resume, SECTION, TRAILER, trailer};

/// Compressed bytes that are inflated at once.
const WINDOW: usize = 64 << 10;

/// Whether the file of a part that went on from `resume` reads back as `part` from there on.
///
/// `history` are the plain bytes before that boundary, as [`grow`](super::grow) was given them. What
/// is before the boundary is not looked at: those bytes were copied.
///
/// # Errors
/// As the file system says, with the path.
pub fn check_rest(path: &Path, resume: &Resume, history: &[u8], part: &Part) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let begins_at = resume.offset;
    let Some(body) = size.checked_sub(begins_at + TRAILER as u64) else { return Ok(false) };
    file.seek(SeekFrom::Start(begins_at))?;
    let Some(plain) = inflate(file.by_ref().take(body), primed(resume, history)?)? else {
        return Ok(false);
    };
    let mut end = [0; TRAILER];
    file.read_exact(&mut end)?;
    let before = resume.boundary - resume.start;
    let mut crc = Hasher::new_with_initial_len(resume.crc_boundary, before);
    crc.combine(&plain.crc);
    let is_part = crc.finalize() == part.crc32 && before + plain.length == part.length;
    Ok(is_part && size == part.compressed && end == trailer(part.crc32, part.length))
}

/// A section's first piece refers to nothing before it.
fn primed(resume: &Resume, history: &[u8]) -> io::Result<Decompress> {
    let mut inflate = Decompress::new(false);
    if !resume.boundary.is_multiple_of(SECTION as u64) {
        inflate.set_dictionary(&history[history.len().saturating_sub(HISTORY)..])?;
    }
    Ok(inflate)
}

/// What a stretch inflated to.
struct Plain {
    length: u64,
    crc: Hasher,
}

/// Inflates what must be exactly the rest of a stream; nothing where it is not.
fn inflate(mut body: impl Read, mut inflate: Decompress) -> io::Result<Option<Plain>> {
    let mut plain = Plain { length: 0, crc: Hasher::new() };
    let (mut window, mut out) = (Vec::with_capacity(WINDOW), vec![0; PIECE]);
    let mut status = Status::Ok;
    loop {
        window.clear();
        body.by_ref().take(WINDOW as u64).read_to_end(&mut window)?;
        if window.is_empty() {
            return Ok((status == Status::StreamEnd).then_some(plain));
        }
        let mut fed = 0;
        while fed < window.len() || status == Status::Ok {
            let (taken, made) = (inflate.total_in(), inflate.total_out());
            let step = inflate.decompress(&window[fed..], &mut out, FlushDecompress::None);
            let Ok(now) = step else { return Ok(None) };
            status = now;
            let count = usize::try_from(inflate.total_out() - made).expect("a buffer's length");
            fed += usize::try_from(inflate.total_in() - taken).expect("a buffer's length");
            plain.crc.update(&out[..count]);
            plain.length += count as u64;
            let is_at_end = status == Status::StreamEnd;
            if is_at_end && fed < window.len() {
                return Ok(None);
            }
            // Nothing more comes out of what was fed.
            if is_at_end || (fed == window.len() && count < out.len()) {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{text, written};
    use super::super::{Limits, PIECE};
    use super::*;

    /// A part, as it was read back where it goes on after its first `from` plain bytes.
    fn checked(plain: &[u8], from: usize, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let (_, before) = written(Limits::default(), &plain[..from]);
        let (mut files, whole) = written(Limits::default(), plain);
        change(&mut files[0]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.gz");
        fs_err::write(&path, &files[0]).unwrap();
        let boundary = usize::try_from(before.resume.boundary).unwrap();
        let history = &plain[boundary.saturating_sub(HISTORY)..boundary];
        check_rest(&path, &before.resume, history, &whole.parts[0]).unwrap()
    }

    #[test]
    fn what_was_written_reads_back_from_any_boundary() {
        let plain = text(8, 2 * SECTION + 3 * PIECE + 7);
        for from in [0, 5, PIECE, 3 * PIECE + 1, SECTION, SECTION + PIECE, 2 * SECTION + 9] {
            for to in [from, from + 1, from + PIECE, plain.len()] {
                assert!(checked(&plain[..to.max(from)], from, |_| {}), "{from} {to}");
            }
        }
    }

    #[test]
    fn any_damage_behind_the_boundary_is_seen() {
        let plain = text(9, SECTION + 5 * PIECE);
        let from = SECTION + PIECE + 3;
        let (_, before) = written(Limits::default(), &plain[..from]);
        let behind = usize::try_from(before.resume.offset).unwrap();
        assert!(checked(&plain, from, |file| file[behind / 2] ^= 1));
        assert!(!checked(&plain, from, |file| file[behind + 500] ^= 1));
        assert!(!checked(&plain, from, |file| *file.last_mut().unwrap() ^= 1));
        assert!(!checked(&plain, from, |file| file.truncate(file.len() - 1)));
        assert!(!checked(&plain, from, |file| file.truncate(behind + 3)));
        assert!(!checked(&plain, from, |file| file.push(0)));
    }
}
