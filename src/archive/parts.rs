//! Deflated pieces go in, complete part files come out.

use std::io::{self, BufWriter, Read, Write};

use crc32fast::Hasher;

use super::common::Common;
use super::format::{EMPTY_TAIL, HEADER, Limits, PIECE, Part, Resume, SECTION, trailer};
use super::piece::Piece;

/// Compressed bytes that are written at once.
const AT_ONCE: usize = 128 << 10;

/// Where parts go: the caller decides what a part's file is and when it gets its name.
pub trait PartSink {
    /// Takes the compressed bytes of one part, in order.
    type Writer: Write;

    /// Begins the part of this number, from 1. The part before it is finished.
    ///
    /// # Errors
    /// As the place says; the whole call ends with it.
    fn begin(&mut self, number: u32) -> io::Result<Self::Writer>;

    /// The part is complete and its writer flushed.
    ///
    /// # Errors
    /// As the place says; the whole call ends with it.
    fn finish(&mut self, number: u32, writer: Self::Writer) -> io::Result<()>;
}

/// What came out.
pub(super) struct Finished {
    pub(super) parts: Vec<Part>,
    pub(super) common: u64,
    pub(super) resume: Resume,
}

/// The parts written so far and the one that is open.
pub(super) struct Parts<'a, S: PartSink> {
    sink: &'a mut S,
    limits: Limits,
    done: Vec<Part>,
    open: Open<S::Writer>,
    common: Common,
}

impl<'a, S: PartSink> Parts<'a, S> {
    /// Begins a stream with its first part: even an empty stream has one.
    pub(super) fn begin(sink: &'a mut S, limits: Limits) -> io::Result<Self> {
        let mut common = Common::default();
        let open = Open::begin(sink, 1, 0, &mut common)?;
        Ok(Self { sink, limits, done: Vec::new(), open, common })
    }

    /// Begins with the last part's file as it is stored, up to its last boundary.
    pub(super) fn resume(
        sink: &'a mut S,
        limits: Limits,
        stored: impl Read,
        resume: &Resume,
    ) -> io::Result<Self> {
        let length = resume.boundary - resume.start;
        let boundary = Boundary { length, compressed: resume.offset, crc32: resume.crc_boundary };
        let mut writer = BufWriter::with_capacity(AT_ONCE, sink.begin(resume.part)?);
        let common = Common::copy(stored, resume, &mut writer)?;
        let open = Open {
            writer,
            number: resume.part,
            start: resume.start,
            length,
            compressed: resume.offset,
            crc: Hasher::new_with_initial_len(resume.crc_boundary, length),
            boundary,
        };
        Ok(Self { sink, limits, done: Vec::new(), open, common })
    }

    /// Appends a piece; a shorter one than [`PIECE`] must be the last.
    pub(super) fn push(mut self, piece: &Piece) -> io::Result<Self> {
        if self.is_full() {
            self = self.next_part()?;
        }
        let open = &mut self.open;
        open.put(&piece.bytes, &mut self.common)?;
        open.length += piece.length as u64;
        open.crc.combine(&piece.crc);
        if piece.length == PIECE {
            open.boundary = open.here();
        }
        Ok(self)
    }

    /// Ends the stream.
    pub(super) fn finish(mut self) -> io::Result<Finished> {
        let Open { number, start, boundary, .. } = self.open;
        let part = self.open.close(self.sink, &mut self.common)?;
        let resume = Resume {
            part: number,
            start,
            boundary: start + boundary.length,
            offset: boundary.compressed,
            crc_boundary: boundary.crc32,
            crc_end: part.crc32,
            length: start + part.length,
            compressed: part.compressed,
        };
        self.done.push(part);
        Ok(Finished { parts: self.done, common: self.common.length, resume })
    }

    /// True at a section boundary where the open part has reached a limit.
    ///
    /// Asked only when there is something to put behind it, so that a stream which ends there has
    /// no empty part; the full part's file is the same in both cases, for its tail is empty.
    fn is_full(&self) -> bool {
        let Open { length, compressed, .. } = self.open;
        let between_sections = length > 0 && length.is_multiple_of(SECTION as u64);
        between_sections && (compressed >= self.limits.compressed || length >= self.limits.plain)
    }

    /// Closes the open part with an empty tail; the next begins unprimed, with a CRC of its own.
    fn next_part(mut self) -> io::Result<Self> {
        let number = self.open.number + 1;
        let start = self.open.start + self.open.length;
        self.done.push(self.open.close(self.sink, &mut self.common)?);
        self.common.end();
        self.open = Open::begin(self.sink, number, start, &mut self.common)?;
        Ok(self)
    }
}

/// The part that is being written.
struct Open<W: Write> {
    writer: BufWriter<W>,
    number: u32,
    start: u64,
    length: u64,
    compressed: u64,
    crc: Hasher,
    boundary: Boundary,
}

/// A piece boundary, counted from the beginning of its part.
#[derive(Clone, Copy)]
struct Boundary {
    length: u64,
    compressed: u64,
    crc32: u32,
}

impl<W: Write> Open<W> {
    fn begin<S: PartSink<Writer = W>>(
        sink: &mut S,
        number: u32,
        start: u64,
        common: &mut Common,
    ) -> io::Result<Self> {
        let mut open = Self {
            writer: BufWriter::with_capacity(AT_ONCE, sink.begin(number)?),
            number,
            start,
            length: 0,
            compressed: 0,
            crc: Hasher::new(),
            boundary: Boundary { length: 0, compressed: HEADER.len() as u64, crc32: 0 },
        };
        open.put(&HEADER, common)?;
        Ok(open)
    }

    fn put(&mut self, bytes: &[u8], common: &mut Common) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.compressed += bytes.len() as u64;
        common.see(bytes);
        Ok(())
    }

    fn here(&self) -> Boundary {
        let crc32 = self.crc.clone().finalize();
        Boundary { length: self.length, compressed: self.compressed, crc32 }
    }

    /// Writes what ends a gzip member and hands the complete file over.
    fn close<S: PartSink<Writer = W>>(
        mut self,
        sink: &mut S,
        common: &mut Common,
    ) -> io::Result<Part> {
        // No shorter piece came last, so nothing has ended the deflate stream yet.
        if self.length == self.boundary.length {
            self.put(&EMPTY_TAIL, common)?;
        }
        let crc32 = self.crc.clone().finalize();
        self.put(&trailer(crc32, self.length), common)?;
        let mut writer = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        writer.flush()?;
        sink.finish(self.number, writer)?;
        Ok(Part { length: self.length, compressed: self.compressed, crc32 })
    }
}
