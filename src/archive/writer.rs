//! Compressing a stream from its beginning, or on from where the stored archive ends.

use std::io::{self, Read};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::format::{HEADER, HISTORY, Limits, PIECE, Part, Resume, SECTION};
use super::parts::{PartSink, Parts};
use super::piece::{self, Piece};

/// Plain bytes in a batch: enough pieces to keep every core busy, few enough to forget their cost.
const BATCH: usize = 4 * SECTION;

/// What a call wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Plain bytes of the whole stream; less than the limit where the source ended early.
    pub length: u64,
    /// The parts that this call wrote; the first of them has the number `first_part`.
    pub parts: Vec<Part>,
    /// Number of the first written part, from 1.
    pub first_part: u32,
    /// Leading bytes in which the first part's new file equals its old one; 0 for a new stream.
    pub common: u64,
    /// Where the stream can be continued.
    pub resume: Resume,
}

/// What is stored of a stream that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a, R> {
    /// The last part's present file, from its first byte.
    pub file: R,
    /// The state that belongs to that file.
    pub resume: &'a Resume,
    /// The [`HISTORY`] plain bytes before the boundary; unused, so may be empty, between sections.
    pub history: &'a [u8],
}

/// Compresses at most `limit` bytes of `source` from its beginning.
///
/// Nothing behind the limit is read, so a live file may hold more; one that ends early is no
/// error. `observe` sees every plain byte once and in order, beside the compression.
///
/// # Errors
/// As the source and the sink say.
pub fn write<S: PartSink>(
    source: impl Read,
    limit: u64,
    sink: &mut S,
    observe: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Written> {
    write_within(Limits::default(), source, limit, sink, observe)
}

/// Continues a stored stream: the files become what [`write`] makes of the whole.
///
/// `source` begins at the boundary of the resume state and is read until the stream has `limit`
/// bytes in all. The stored file is copied up to that boundary, never compressed again. `observe`
/// sees the plain bytes from the boundary on.
///
/// # Errors
/// As source, stored file and sink say. `InvalidInput` where limit, state or history cannot be
/// continued from, `InvalidData` or `UnexpectedEof` where the file does not belong to the state.
pub fn grow<S: PartSink>(
    stored: Stored<'_, impl Read>,
    source: impl Read,
    limit: u64,
    sink: &mut S,
    observe: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Written> {
    grow_within(Limits::default(), stored, source, limit, sink, observe)
}

/// As [`write`], with other limits for the size of a part.
///
/// # Errors
/// As [`write`].
pub fn write_within<S: PartSink>(
    limits: Limits,
    source: impl Read,
    limit: u64,
    sink: &mut S,
    observe: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Written> {
    let parts = Parts::begin(sink, limits)?;
    encode(Batch::new(0, &[]), source.take(limit), parts, 1, observe)
}

/// As [`grow`], with other limits for the size of a part.
///
/// # Errors
/// As [`grow`].
pub fn grow_within<S: PartSink>(
    limits: Limits,
    stored: Stored<'_, impl Read>,
    source: impl Read,
    limit: u64,
    sink: &mut S,
    observe: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Written> {
    let resume = stored.resume;
    let history = check_state(resume, stored.history, limit)?;
    let parts = Parts::resume(sink, limits, stored.file, resume)?;
    let source = source.take(limit - resume.boundary);
    encode(Batch::new(resume.boundary, history), source, parts, resume.part, observe)
}

/// Refuses what cannot be continued and gives the history that the next piece is primed with.
fn check_state<'a>(resume: &Resume, history: &'a [u8], limit: u64) -> io::Result<&'a [u8]> {
    let refuse = |message: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    let aligned =
        resume.start.is_multiple_of(SECTION as u64) && resume.boundary.is_multiple_of(PIECE as u64);
    let ordered = resume.start <= resume.boundary && resume.boundary <= resume.length;
    let header = HEADER.len() as u64;
    if resume.part == 0 || !aligned || !ordered || resume.offset < header {
        return refuse("the resume state contradicts itself");
    }
    // Nothing lies before the boundary exactly where the part holds nothing but its header.
    if (resume.boundary == resume.start) != (resume.offset == header) {
        return refuse("the resume state contradicts itself");
    }
    if limit < resume.boundary {
        return refuse("a stream cannot grow to less than what is stored");
    }
    if resume.boundary.is_multiple_of(SECTION as u64) {
        return Ok(&[]);
    }
    match history.len().checked_sub(HISTORY) {
        Some(from) => Ok(&history[from..]),
        None => refuse("the history before the boundary is too short"),
    }
}

/// Reads, compresses and writes batch after batch.
fn encode<S: PartSink>(
    mut batch: Batch,
    mut source: impl Read,
    mut parts: Parts<'_, S>,
    first_part: u32,
    observe: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Written> {
    loop {
        batch.fill(&mut source)?;
        for piece in batch.deflate(observe)? {
            parts = parts.push(&piece)?;
        }
        if !batch.is_full() {
            break;
        }
        batch = batch.next();
    }
    let done = parts.finish()?;
    Ok(Written {
        length: done.resume.length,
        parts: done.parts,
        first_part,
        common: done.common,
        resume: done.resume,
    })
}

/// Some consecutive pieces. A batch ends on a section boundary, so the next needs no history.
struct Batch {
    /// History of the first piece, then the plain bytes.
    bytes: Vec<u8>,
    /// Length of that history.
    history: usize,
    /// Plain offset of the first piece in the stream.
    position: u64,
}

impl Batch {
    fn new(position: u64, history: &[u8]) -> Self {
        Self { bytes: history.to_vec(), history: history.len(), position }
    }

    /// The batch behind this one, in the same memory.
    fn next(mut self) -> Self {
        let position = self.position + self.plain().len() as u64;
        self.bytes.clear();
        Self { bytes: self.bytes, history: 0, position }
    }

    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        let room = self.room() as u64;
        source.by_ref().take(room).read_to_end(&mut self.bytes)?;
        Ok(())
    }

    /// False where the source has ended.
    fn is_full(&self) -> bool {
        self.plain().len() == self.room()
    }

    fn plain(&self) -> &[u8] {
        &self.bytes[self.history..]
    }

    /// Plain bytes up to the section boundary where the batch ends.
    fn room(&self) -> usize {
        let section = SECTION as u64;
        let into = usize::try_from(self.position % section).expect("less than a section");
        BATCH - into
    }

    /// Deflates the pieces in parallel while `observe` looks at the plain bytes.
    fn deflate(&self, observe: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<Vec<Piece>> {
        let plain = self.plain();
        if plain.is_empty() {
            return Ok(Vec::new());
        }
        let count = plain.len().div_ceil(PIECE);
        if plain.len() <= SECTION {
            // Most files are this small, and waiting in the pool would start other work.
            observe(plain);
            let mut scratch = piece::scratch();
            return (0..count).map(|at| self.deflate_piece(at, &mut scratch)).collect();
        }
        let (pieces, ()) = rayon::join(
            || {
                let pieces = (0..count).into_par_iter();
                let deflated =
                    pieces.map_init(piece::scratch, |scratch, at| self.deflate_piece(at, scratch));
                deflated.collect()
            },
            || observe(plain),
        );
        pieces
    }

    fn deflate_piece(&self, index: usize, scratch: &mut [u8]) -> io::Result<Piece> {
        let from = self.history + index * PIECE;
        let to = self.bytes.len().min(from + PIECE);
        let offset = self.position + (index * PIECE) as u64;
        let begins_section = offset.is_multiple_of(SECTION as u64);
        let history = (!begins_section).then(|| &self.bytes[from - HISTORY..from]);
        piece::deflate(&self.bytes[from..to], history, scratch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::format::{BLOCK, EMPTY_TAIL};
    use super::super::testing::{Memory, archive, decoded, noise, text, written};
    use super::*;

    /// A part for each section.
    const SMALL: Limits = Limits { compressed: 1, plain: u64::MAX };

    /// Grows stored files to the first `length` bytes of `plain`, as a caller would.
    fn appended(limits: Limits, files: &mut Vec<Vec<u8>>, last: &Written, plain: &[u8]) -> Written {
        let resume = &last.resume;
        let boundary = usize::try_from(resume.boundary).unwrap();
        let history = &plain[boundary.saturating_sub(HISTORY)..boundary];
        let old = files.pop().unwrap();
        let stored = Stored { file: &old[..], resume, history };
        let mut sink = Memory::default();
        let mut seen = Vec::new();
        let mut observe = |bytes: &[u8]| seen.extend_from_slice(bytes);
        let source = &plain[boundary..];
        let limit = plain.len() as u64;
        let grown = grow_within(limits, stored, source, limit, &mut sink, &mut observe).unwrap();
        assert!(seen == source);
        assert_eq!(grown.first_part, resume.part);

        let new = sink.files(resume.part);
        let equal = old.iter().zip(&new[0]).take_while(|(old, new)| old == new).count() as u64;
        assert_eq!(grown.common, equal);
        assert!(equal >= resume.offset);
        files.extend(new);
        grown
    }

    /// Writes the first cut, appends up to each further one, and compares with the whole.
    fn assert_appends_to(limits: Limits, plain: &[u8], cuts: &[usize]) {
        let (mut files, mut last) = written(limits, &plain[..cuts[0]]);
        for &cut in &cuts[1..] {
            last = appended(limits, &mut files, &last, &plain[..cut]);
        }
        last = appended(limits, &mut files, &last, plain);
        let (expected, whole) = written(limits, plain);
        assert!(files == expected, "{cuts:?} of {}", plain.len());
        assert_eq!(last.resume, whole.resume);
        assert_eq!(last.length, whole.length);
    }

    fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn every_length_beside_a_boundary_reads_back_as_one_member() {
        let plain = text(1, SECTION + PIECE + 1);
        for around in [0, PIECE, 2 * PIECE, SECTION, SECTION + PIECE] {
            for length in [around.saturating_sub(1), around, around + 1] {
                let (files, written) = written(Limits::default(), &plain[..length]);
                assert_eq!(files.len(), 1);
                assert!(decoded(&files[0]) == plain[..length], "{length}");
                let resume = written.resume;
                assert_eq!(written.length, length as u64);
                assert_eq!(resume.boundary, (length / PIECE * PIECE) as u64);
                assert_eq!(resume.compressed, files[0].len() as u64);
                assert_eq!(resume.crc_end, crc32fast::hash(&plain[..length]));
                let boundary = usize::try_from(resume.boundary).unwrap();
                assert_eq!(resume.crc_boundary, crc32fast::hash(&plain[..boundary]));
            }
        }
    }

    #[test]
    fn an_empty_stream_is_a_part_with_an_empty_tail() {
        let bytes = [&HEADER[..], &EMPTY_TAIL, &[0; 8]].concat();
        assert_eq!(archive(&[]), bytes);
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        let plain = text(2, BATCH + SECTION + 12_345);
        let one = in_pool(1, || archive(&plain));
        let three = in_pool(3, || archive(&plain));
        assert!(one == three);
        assert!(decoded(&one) == plain);
    }

    #[test]
    fn a_grown_archive_is_the_archive_of_the_whole_at_every_kind_of_cut() {
        let plain = text(3, 2 * SECTION + PIECE + 77);
        for around in [1, PIECE, SECTION, SECTION + PIECE, 2 * SECTION] {
            for cut in [around - 1, around, around + 1] {
                assert_appends_to(Limits::default(), &plain, &[cut]);
            }
        }
        assert_appends_to(Limits::default(), &plain, &[plain.len()]);
        assert_appends_to(Limits::default(), &noise(3, 3 * PIECE), &[PIECE + 1, 2 * PIECE]);
    }

    #[test]
    fn growing_over_several_batches_keeps_to_section_boundaries() {
        let plain = text(4, 2 * BATCH + 3 * PIECE);
        assert_appends_to(Limits::default(), &plain, &[3 * PIECE + 5]);
        assert_appends_to(Limits::default(), &plain, &[BATCH - 1, BATCH + PIECE - 1]);
    }

    #[test]
    fn growth_inside_a_piece_leaves_its_full_blocks_as_they_were() {
        let plain = text(11, PIECE);
        for blocks in 1..PIECE / BLOCK {
            let (_, block) = written(Limits::default(), &plain[..blocks * BLOCK]);
            let (mut files, before) = written(Limits::default(), &plain[..blocks * BLOCK + 100]);
            let grown = appended(Limits::default(), &mut files, &before, &plain);
            // The last byte of a block may have bits of what follows.
            assert!(grown.common + 20 > block.resume.compressed, "{blocks}");
        }
    }

    #[test]
    fn a_part_is_closed_at_the_first_section_boundary_behind_its_limit() {
        let plain = text(5, 5 * SECTION + 10);
        let one = archive(&plain[..SECTION]).len() as u64;
        // The section that reaches the limit exactly, without tail and trailer, is the last.
        let exact = Limits { compressed: one - 10, plain: u64::MAX };
        let above = Limits { compressed: one - 9, plain: u64::MAX };
        let short = Limits { compressed: u64::MAX, plain: 2 * SECTION as u64 };
        let sections = |limits| -> Vec<u64> {
            let (files, written) = written(limits, &plain);
            let whole: Vec<u8> = files.iter().flat_map(|file| decoded(file)).collect();
            assert!(whole == plain);
            let sizes: Vec<u64> = files.iter().map(|file| file.len() as u64).collect();
            assert_eq!(written.parts.iter().map(|p| p.compressed).collect::<Vec<_>>(), sizes);
            written.parts.iter().map(|part| part.length / SECTION as u64).collect()
        };
        assert_eq!(sections(exact)[0], 1);
        assert_eq!(sections(above)[0], 2);
        assert_eq!(sections(short), [2, 2, 1]);
        assert_eq!(sections(SMALL), [1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn a_stream_that_ends_where_a_part_is_full_has_no_empty_part() {
        let plain = text(6, 2 * SECTION);
        let (files, written) = written(SMALL, &plain);
        assert_eq!(files.len(), 2);
        assert_eq!(written.resume.part, 2);
        assert_eq!(written.resume.start, SECTION as u64);
        assert_eq!(written.resume.boundary, written.length);
    }

    #[test]
    fn growing_over_the_end_of_a_part_leaves_the_full_part_as_it_is() {
        let plain = text(7, 3 * SECTION + 1);
        for cut in [0, 1, SECTION - 1, SECTION, SECTION + 1, 2 * SECTION, 3 * SECTION] {
            assert_appends_to(SMALL, &plain, &[cut]);
        }
        let (files, first) = written(SMALL, &plain[..SECTION]);
        let mut grown = files.clone();
        let second = appended(SMALL, &mut grown, &first, &plain);
        assert!(grown[0] == files[0]);
        assert_eq!(second.common, files[0].len() as u64);
    }

    #[test]
    fn nothing_behind_the_limit_is_read_and_an_early_end_is_no_error() {
        let plain = text(8, PIECE + 100);
        let mut source = &plain[..];
        let mut sink = Memory::default();
        let limited = write(&mut source, PIECE as u64 + 1, &mut sink, &mut |_| ()).unwrap();
        assert_eq!(limited.length, PIECE as u64 + 1);
        assert_eq!(source.len(), 99);
        assert_eq!(written(Limits::default(), &plain).1.length, plain.len() as u64);
    }

    #[test]
    fn a_stored_file_of_another_state_is_refused() {
        let plain = text(9, PIECE + 10);
        let (files, last) = written(Limits::default(), &plain);
        let grown = |file: &[u8], resume: &Resume, history: &[u8], limit: u64| {
            let stored = Stored { file, resume, history };
            let sink = &mut Memory::default();
            grow(stored, &plain[PIECE..], limit, sink, &mut |_| ()).unwrap_err().kind()
        };
        let history = &plain[PIECE - HISTORY..PIECE];
        let (file, good) = (&files[0][..], last.resume);
        let other = archive(&text(10, PIECE + 10));
        let longer = [file, &[0]].concat();
        for bad in [&file[..file.len() - 1], &other, &longer, &file[1..]] {
            assert_eq!(grown(bad, &good, history, u64::MAX), io::ErrorKind::InvalidData);
        }
        assert_eq!(grown(&file[..5], &good, history, u64::MAX), io::ErrorKind::UnexpectedEof);
        let refused = io::ErrorKind::InvalidInput;
        assert_eq!(grown(file, &good, &history[1..], u64::MAX), refused);
        assert_eq!(grown(file, &good, history, PIECE as u64 - 1), refused);
        assert_eq!(grown(file, &Resume { boundary: 5, ..good }, history, u64::MAX), refused);
        assert_eq!(grown(file, &Resume { offset: 10, ..good }, history, u64::MAX), refused);
        assert_eq!(grown(file, &Resume { length: 9, ..good }, history, u64::MAX), refused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_bytes_and_any_appends_give_the_archive_of_the_whole(
            kind in 0..3_u8,
            seed in any::<u64>(),
            small in proptest::collection::vec(any::<u8>(), 0..300),
            length in 0..5 * PIECE,
            cuts in proptest::collection::vec(0.0..=1.0_f64, 1..5),
        ) {
            let plain = match kind {
                0 => small,
                1 => text(seed, length),
                _ => [noise(seed, length / 2), small, text(seed, length / 2)].concat(),
            };
            #[expect(
                clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "a share of the length, rounded down"
            )]
            let mut cuts: Vec<usize> =
                cuts.iter().map(|share| (plain.len() as f64 * share) as usize).collect();
            cuts.sort_unstable();
            assert_appends_to(Limits::default(), &plain, &cuts);
            prop_assert!(decoded(&archive(&plain)) == plain);
        }
    }
}
