//! One entry of a pack: a header, for a delta the base's id, and a zlib stream.

use std::io::{self, Cursor, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use zlib_rs::adler32::adler32;

use super::object_id::{ObjectId, ObjectKind};

/// The longest header with a base's id; one with a base's place is shorter.
pub(super) const LONGEST_HEADER: usize = 10 + 20;
/// The pack format's number for a delta that says how far before it its base begins.
const OFS_DELTA: u8 = 6;
/// The pack format's number for a delta that names its base by id.
const REF_DELTA: u8 = 7;
/// Deflate with a window of 32 KiB, as all of git's.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];
/// Few entries are longer.
const USUAL_LENGTH: usize = 16 << 20;
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

/// What the header of an entry says, whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) form: HeaderForm,
    /// How long the entry is unpacked.
    pub(super) length: u64,
    /// The header's own bytes.
    pub(super) size: usize,
}

/// An entry's form in the words of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderForm {
    /// As this program writes it: what the entry holds needs no other to be understood.
    Plain(Form),
    /// A delta as git and libgit2 write them: its base begins so many bytes earlier in the pack.
    DeltaOnEarlier(u64),
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

/// Takes the header at the beginning of an entry apart.
pub(super) fn parse_header(bytes: &[u8]) -> Result<Header> {
    let first = *bytes.first().context("an empty pack entry")?;
    let (mut length, mut shift, mut at, mut more) =
        (u64::from(first & 15), 4, 1, first & 0x80 != 0);
    while more {
        let byte = *bytes.get(at).filter(|_| shift < 60).context("a cut off pack entry")?;
        length |= u64::from(byte & 0x7f) << shift;
        (shift, at, more) = (shift + 7, at + 1, byte & 0x80 != 0);
    }
    let form = match first >> 4 & 7 {
        1 => HeaderForm::Plain(Form::Whole(ObjectKind::Commit)),
        2 => HeaderForm::Plain(Form::Whole(ObjectKind::Tree)),
        3 => HeaderForm::Plain(Form::Whole(ObjectKind::Blob)),
        4 => HeaderForm::Plain(Form::Whole(ObjectKind::Tag)),
        OFS_DELTA => HeaderForm::DeltaOnEarlier(take_distance(bytes, &mut at)?),
        REF_DELTA => {
            let base = bytes.get(at..at + 20).context("a cut off pack entry")?;
            at += 20;
            HeaderForm::Plain(Form::Delta(ObjectId::from_slice(base)?))
        }
        other => bail!("a pack entry of kind {other}, which the format does not have"),
    };
    Ok(Header { form, length, size: at })
}

/// A number of seven bits in each byte, the highest first; each further byte also counts one.
fn take_distance(bytes: &[u8], at: &mut usize) -> Result<u64> {
    let mut distance: u64 = 0;
    loop {
        let byte = *bytes.get(*at).context("a cut off pack entry")?;
        *at += 1;
        distance |= u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(distance);
        }
        let next = (distance + 1).checked_mul(0x80);
        distance = next.context("a delta whose base lies before all packs")?;
    }
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

/// An entry's form, its unpacked length and its unpacked bytes as a stream; the header must be as
/// this program writes it.
pub(super) fn open<R: Read>(mut raw: R) -> Result<(Form, u64, impl Read + use<R>)> {
    let mut head = Vec::with_capacity(LONGEST_HEADER);
    raw.by_ref().take(LONGEST_HEADER as u64).read_to_end(&mut head)?;
    let Header { form, length, size } = parse_header(&head)?;
    let HeaderForm::Plain(form) = form else {
        bail!("a delta that names its base by its place, out of its pack");
    };
    head.drain(..size);
    let zlib = ZlibDecoder::new(Cursor::new(head).chain(raw));
    // Asked for one byte more, it also checks the stream's sum.
    Ok((form, length, zlib.take(length + 1)))
}

/// An entry taken apart: its form and its unpacked bytes.
pub(super) fn unpack(raw: impl Read) -> Result<(Form, Vec<u8>)> {
    let (form, length, mut content) = open(raw)?;
    let length = usize::try_from(length).context("a pack entry too large for this machine")?;
    // A damaged header can claim any length, so room is made at once for a usual one only.
    let mut bytes = Vec::with_capacity(length.min(USUAL_LENGTH));
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

/// The CRC-32 of some bytes and what follows them, given that one's length and CRC-32.
pub(super) fn crc_of(head: &[u8], (length, crc): (u64, u32)) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.combine(&crc32fast::Hasher::new_with_initial_len(crc, length));
    sum.finalize()
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
                let parsed = Header { form: HeaderForm::Plain(form), length, size: bytes.len() };
                assert_eq!(parse_header(&bytes).unwrap(), parsed);
                assert!(parse_header(&bytes[..bytes.len() - 1]).is_err());
            }
        }
    }

    #[test]
    fn a_base_before_a_delta_is_found_at_any_distance() {
        // As git's own `pack-format` has them: each length begins where the shorter one ends.
        let known: [(u64, &[u8]); 6] = [
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0x80, 0]),
            (16_511, &[0xff, 0x7f]),
            (16_512, &[0x80, 0x80, 0]),
            (2_113_664, &[0x80, 0x80, 0x80, 0]),
        ];
        for (distance, bytes) in known {
            let bytes = [&[0x65], bytes].concat();
            let header = parse_header(&bytes).unwrap();
            let form = HeaderForm::DeltaOnEarlier(distance);
            assert_eq!(header, Header { form, length: 5, size: bytes.len() });
            assert!(parse_header(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(parse_header(&[&[0x65][..], &[0xff; 20]].concat()).is_err());
        assert!(unpack(&[0x65, 1][..]).is_err());
    }

    #[test]
    fn the_sum_of_a_whole_comes_from_the_sums_of_its_parts() {
        let rest = b"the rest";
        let sum = crc_of(b"head", (rest.len() as u64, crc32fast::hash(rest)));
        assert_eq!(sum, crc32fast::hash(b"headthe rest"));
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
