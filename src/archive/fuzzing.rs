//! What holds of archives, whatever the bytes.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::format::{HEADER, Limits};
use super::testing::{Memory, decoded, text, written};
use super::{
    ArchiveReader, HISTORY, PIECE, Part, Resume, SECTION, Stored, check, check_rest, grow_within,
    inspect, read_tail,
};

/// More plain bytes than a small file is worth.
const ENOUGH: u64 = 8 << 20;

/// Any bytes as a part's file: what is read is what another reader reads, or it is refused.
pub(crate) fn archive_reader(bytes: &[u8]) {
    let Some(theirs) = read(&mut MultiGzDecoder::new(bytes)) else { return };
    let boxed: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
    let ours = read(&mut ArchiveReader::from_readers(vec![boxed])).expect("it is as long");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("part.gz");
    fs_err::write(&path, bytes).expect("a file can be written");

    assert_eq!(check(&path).is_ok(), ours.is_ok());
    let state = inspect(&path, 1, 0).expect("the file can be read");
    let Ok(plain) = ours else {
        assert!(theirs.is_err() || bytes.is_empty() || is_nearly_our_header(bytes));
        assert_eq!(state, None);
        for want in [0, 10, PIECE] {
            assert!(read_tail(&path, want).map_or(0, |tail| tail.len()) <= want);
        }
        return;
    };
    assert!(theirs.is_ok_and(|theirs| theirs == plain));
    let part = check(&path).expect("it was read before");
    let (length, compressed) = (plain.len() as u64, bytes.len() as u64);
    assert_eq!(part, Part { length, compressed, crc32: crc32fast::hash(&plain) });
    for want in [0, 10, PIECE, SECTION + 1, usize::MAX] {
        let tail = read_tail(&path, want).expect("all of it was read before");
        assert!(tail == plain[plain.len().saturating_sub(want)..]);
    }
    if let Some(state) = state {
        can_be_continued(&path, bytes, &plain, &state, &part);
    }
}

/// A stream's beginning, stored, and the rest in two runs: the files are those of a single run.
///
/// Of the bytes the first eleven choose where the stream is cut, and the others are its content.
pub(crate) fn archive_growth(bytes: &[u8]) {
    let Some((cuts, rest)) = bytes.split_first_chunk::<11>() else { return };
    let number = |at: usize| usize::from(cuts[at]) << 13 | usize::from(cuts[at + 1]) << 5;
    let plain = stretched(rest, (number(0) + usize::from(cuts[2])) % (SECTION + 3 * PIECE));
    let cut = |at: usize| (number(at) + usize::from(cuts[at + 2])) % (plain.len() + 1);
    let (one, other) = (cut(3), cut(6));
    let limits = Limits { compressed: u64::from(cuts[9]) << 12, plain: u64::MAX };

    let (fresh, whole) = written(limits, &plain);
    assert!(fresh.iter().flat_map(|file| decoded(file)).eq(plain.iter().copied()));
    let (mut files, mut last) = written(limits, &plain[..one.min(other)]);
    for end in [one.max(other), plain.len()] {
        let stored = files.pop().expect("there is always a part");
        let mut sink = Memory::default();
        last = grown(limits, &stored, &last.resume, &plain[..end], &mut sink);
        files.extend(sink.files(last.first_part));
    }
    assert!(files == fresh && last.resume == whole.resume);

    let damaged = flipped(&fresh[0], usize::from(cuts[10]));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("part.gz");
    fs_err::write(&path, &damaged).expect("a file can be written");
    if let Ok(part) = check(&path) {
        // The one damage that is no loss: bits that deflate does not use.
        assert_eq!(part.crc32, whole.parts[0].crc32);
    }
}

/// A state from a cache that is anything, with a file that it may not belong to.
pub(crate) fn archive_state(bytes: &[u8]) {
    let Ok((mut state, rest)) = postcard::take_from_bytes::<Resume>(bytes) else { return };
    let plain = stretched(rest, 3000);
    let (files, whole) = written(Limits::default(), &plain);
    // Half of the numbers are right, so that more than the first of them is looked at.
    let odd = crc32fast::hash(bytes);
    let right = whole.resume;
    for (bit, (number, right)) in [
        (&mut state.start, right.start),
        (&mut state.boundary, right.boundary),
        (&mut state.offset, right.offset),
        (&mut state.length, right.length),
        (&mut state.compressed, right.compressed),
    ]
    .into_iter()
    .enumerate()
    {
        if odd & 1 << bit != 0 {
            *number = right;
        }
    }
    let stored = Stored { file: &files[0][..], resume: &state, history: &plain };
    let (mut sink, observe) = (Memory::default(), &mut |_: &[u8]| {});
    let _ = grow_within(Limits::default(), stored, &plain[..], 5000, &mut sink, observe);
}

/// A part in our format can go on, and what was read of it is still there.
fn can_be_continued(path: &Path, file: &[u8], plain: &[u8], state: &Resume, part: &Part) {
    let boundary = usize::try_from(state.boundary).expect("a short file");
    assert!(boundary.is_multiple_of(PIECE) && state.length == plain.len() as u64);
    assert_eq!(state.crc_boundary, crc32fast::hash(&plain[..boundary]));
    let history = &plain[boundary.saturating_sub(HISTORY)..boundary];
    assert!(check_rest(path, state, history, part).expect("the file can be read"));
    let longer = [plain, b"and more"].concat();
    let mut sink = Memory::default();
    grown(Limits::default(), file, state, &longer, &mut sink);
    assert!(decoded(&sink.files(1)[0]) == longer);
}

fn grown(
    limits: Limits,
    file: &[u8],
    resume: &Resume,
    plain: &[u8],
    sink: &mut Memory,
) -> super::Written {
    let boundary = usize::try_from(resume.boundary).expect("a short stream");
    let history = &plain[boundary.saturating_sub(HISTORY)..boundary];
    let stored = Stored { file, resume, history };
    let limit = plain.len() as u64;
    grow_within(limits, stored, &plain[boundary..], limit, sink, &mut |_| {})
        .expect("what was stored can go on")
}

/// All that a reader gives; nothing where that is more than is worth the time.
fn read(reader: &mut dyn Read) -> Option<io::Result<Vec<u8>>> {
    let mut plain = Vec::new();
    match reader.take(ENOUGH).read_to_end(&mut plain) {
        Ok(_) if plain.len() as u64 == ENOUGH => None,
        Ok(_) => Some(Ok(plain)),
        Err(error) => Some(Err(error)),
    }
}

fn is_nearly_our_header(file: &[u8]) -> bool {
    let differs = file.iter().zip(HEADER).map(|(seen, ours)| (seen ^ ours).count_ones());
    differs.sum::<u32>() == 1
}

/// These bytes and then as many that compress like a session.
fn stretched(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut plain = bytes.to_vec();
    plain.extend(text(bytes.len() as u64, length.saturating_sub(bytes.len())));
    plain
}

fn flipped(file: &[u8], at: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    let length = file.len();
    file[at * 977 % length] ^= 1 << (at % 8);
    file
}
