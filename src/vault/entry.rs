//! One entry of a pack: a header, for a delta the base's id, and a zlib stream.

use std::io::{self, Cursor, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use zlib_rs::adler32::adler32;

use super::object_id::{ObjectId, ObjectKind};

/// The longest header with a base's id.
pub(super) const LONGEST_HEADER: usize = 10 + 20;
/// The pack format's number for a delta that names its base by id.
const REF_DELTA: u8 = 7;
/// Deflate with a window of 32 KiB, as all of git's.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];
/// The most bytes one stored block of a zlib stream can have.
const LONGEST_BLOCK: usize = 0xffff;

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The object itself.
    Whole(ObjectKind),
    /// A delta on this object.
    Delta(ObjectId),
}

/// How an entry's bytes are packed.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// As they are: they are compressed already.
    Stored,
    /// With the fastest compression: texts and trees.
    Deflated,
}

/// The header of an entry whose unpacked length is `length`.
pub(super) fn header(form: Form, length: u64) -> Vec<u8> {
    let number = match form {
        Form::Whole(kind) => kind as u8,
        Form::Delta(_) => REF_DELTA,
    };
    let mut header = vec![number << 4 | (length & 15) as u8];
    let mut rest = length >> 4;
    while rest > 0 {
        *header.last_mut().expect("the header has a first byte") |= 0x80;
        header.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    if let Form::Delta(base) = form {
        header.extend_from_slice(base.as_bytes());
    }
    header
}

/// An entry's form, unpacked length and length of the header.
pub(super) fn parse_header(bytes: &[u8]) -> Result<(Form, u64, usize)> {
    let first = *bytes.first().context("an empty pack entry")?;
    let (mut length, mut shift, mut at, mut more) =
        (u64::from(first & 15), 4, 1, first & 0x80 != 0);
    while more {
        let byte = *bytes.get(at).filter(|_| shift < 60).context("a cut off pack entry")?;
        length |= u64::from(byte & 0x7f) << shift;
        (shift, at, more) = (shift + 7, at + 1, byte & 0x80 != 0);
    }
    let form = match first >> 4 & 7 {
        1 => Form::Whole(ObjectKind::Commit),
        2 => Form::Whole(ObjectKind::Tree),
        3 => Form::Whole(ObjectKind::Blob),
        4 => Form::Whole(ObjectKind::Tag),
        REF_DELTA => {
            let base = bytes.get(at..at + 20).context("a cut off pack entry")?;
            at += 20;
            Form::Delta(ObjectId::from_slice(base)?)
        }
        other => bail!("a pack entry of kind {other}, which this program never writes"),
    };
    Ok((form, length, at))
}

/// Writes one entry; returns its length and its CRC-32.
pub(super) fn write_entry(
    out: &mut impl Write,
    header: &[u8],
    packing: Packing,
    content: &mut dyn Read,
) -> io::Result<(u64, u32)> {
    let mut counted = Counted::new(out);
    counted.write_all(header)?;
    match packing {
        Packing::Stored => write_stored(&mut counted, content)?,
        Packing::Deflated => {
            let mut zlib = ZlibEncoder::new(&mut counted, Compression::fast());
            io::copy(content, &mut zlib)?;
            zlib.finish()?;
        }
    }
    Ok(counted.finish())
}

/// A zlib stream that only carries its bytes.
///
/// A compressor, even one that is told not to compress, takes more memory and time to set up than
/// most files are long.
fn write_stored(out: &mut dyn Write, content: &mut dyn Read) -> io::Result<()> {
    out.write_all(&ZLIB_HEADER)?;
    let mut block = vec![0; LONGEST_BLOCK];
    let mut sum = 1;
    loop {
        let filled = read_full(content, &mut block)?;
        let is_last = filled < LONGEST_BLOCK;
        let length = filled as u16;
        out.write_all(&[u8::from(is_last)])?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&(!length).to_le_bytes())?;
        out.write_all(&block[..filled])?;
        sum = adler32(sum, &block[..filled]);
        if is_last {
            return out.write_all(&sum.to_be_bytes());
        }
    }
}

/// An entry's form, its unpacked length and its unpacked bytes as a stream.
pub(super) fn open<R: Read>(mut raw: R) -> Result<(Form, u64, impl Read + use<R>)> {
    let mut head = Vec::with_capacity(LONGEST_HEADER);
    raw.by_ref().take(LONGEST_HEADER as u64).read_to_end(&mut head)?;
    let (form, length, start) = parse_header(&head)?;
    head.drain(..start);
    let zlib = ZlibDecoder::new(Cursor::new(head).chain(raw));
    // Asked for one byte more, it also checks the stream's sum.
    Ok((form, length, zlib.take(length + 1)))
}

/// An entry taken apart: its form and its unpacked bytes.
pub(super) fn unpack(raw: impl Read) -> Result<(Form, Vec<u8>)> {
    let (form, length, mut content) = open(raw)?;
    let length = usize::try_from(length).context("a pack entry too large for this machine")?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).context("a pack entry too large for this machine")?;
    content.read_to_end(&mut bytes).context("a pack entry that does not inflate")?;
    ensure!(bytes.len() == length, "a pack entry of the wrong length");
    Ok((form, bytes))
}

/// Fills the buffer as far as the stream goes; returns how far.
pub(super) fn read_full(stream: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Counts and sums what is written through it.
pub(super) struct Counted<W> {
    out: W,
    length: u64,
    crc: crc32fast::Hasher,
}

impl<W: Write> Counted<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, length: 0, crc: crc32fast::Hasher::new() }
    }

    /// The length and the CRC-32 of all that was written.
    pub(super) fn finish(self) -> (u64, u32) {
        (self.length, self.crc.finalize())
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_lengths_come_back() {
        let forms = [Form::Whole(ObjectKind::Blob), Form::Delta(ObjectId::of_bytes(b"x"))];
        for form in forms {
            for length in [0, 15, 16, 2047, 2048, 65_536, u64::from(u32::MAX) + 5, 1 << 45] {
                let bytes = header(form, length);
                assert!(bytes.len() <= LONGEST_HEADER);
                assert_eq!(parse_header(&bytes).unwrap(), (form, length, bytes.len()));
                assert!(parse_header(&bytes[..bytes.len() - 1]).is_err());
            }
        }
    }

    #[test]
    fn stored_and_deflated_entries_unpack() {
        let form = Form::Whole(ObjectKind::Tree);
        let text = b"some text, some text".repeat(9000);
        // No byte, one block, a full block, full blocks only, and a byte more.
        for length in [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, text.len()] {
            let bytes = &text[..length];
            for packing in [Packing::Stored, Packing::Deflated] {
                let mut raw = Vec::new();
                let header = header(form, bytes.len() as u64);
                let (length, _) = write_entry(&mut raw, &header, packing, &mut &bytes[..]).unwrap();
                assert_eq!(length, raw.len() as u64);
                assert_eq!(unpack(&raw[..]).unwrap(), (form, bytes.to_vec()));
                assert!(unpack(&raw[..raw.len() / 2]).is_err());
                assert!(unpack(&raw[..raw.len() - 1]).is_err());
                *raw.last_mut().unwrap() ^= 1;
                assert!(unpack(&raw[..]).is_err());
            }
        }
    }
}
