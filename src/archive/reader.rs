//! Reading archives: every byte of every part in order, or an error that says which part is bad.

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::vec;

use crc32fast::Hasher;
use flate2::bufread::MultiGzDecoder;

use super::format::{HEADER, Part, invalid};

/// The plain bytes of a sequence of parts.
///
/// Any valid gzip is accepted, also one of several members. Reading ends with `InvalidData` or
/// `UnexpectedEof`, naming the part, at a truncated, damaged or empty part or one with more behind
/// its end, and stays with that error. Without any part there is an error too: an empty stream has
/// one.
///
/// Two kinds of damage leave the content whole and are not seen: the unused bits before a byte
/// boundary of the deflate stream, and a header that another encoder could have written.
pub struct ArchiveReader {
    waiting: vec::IntoIter<Source>,
    state: State,
}

impl ArchiveReader {
    /// Reads these files, each opened when the one before it has ended.
    #[must_use]
    pub fn open(paths: Vec<PathBuf>) -> Self {
        Self::new(paths.into_iter().map(Source::File).collect())
    }

    /// Reads these parts; errors call them `part 1` and so on.
    #[must_use]
    pub fn from_readers(readers: Vec<Box<dyn Read + Send>>) -> Self {
        let numbered = readers.into_iter().zip(1..);
        Self::new(numbered.map(|(reader, number)| Source::Reader(number, reader)).collect())
    }

    fn new(sources: Vec<Source>) -> Self {
        let state = if sources.is_empty() {
            State::Failed(io::ErrorKind::InvalidInput, "an archive without parts".into())
        } else {
            State::Between
        };
        Self { waiting: sources.into_iter(), state }
    }

    /// Reads from the open part, opening the next where there is none.
    fn step(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let State::Reading(open) = &mut self.state {
                match open.read(into)? {
                    0 => self.state = State::Between,
                    count => return Ok(count),
                }
            }
            match self.waiting.next() {
                Some(source) => self.state = State::Reading(Box::new(OpenPart::new(source)?)),
                None => return Ok(0),
            }
        }
    }
}

impl Read for ArchiveReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let State::Failed(kind, message) = &self.state {
            return Err(io::Error::new(*kind, message.clone()));
        }
        if into.is_empty() {
            return Ok(0);
        }
        let outcome = self.step(into);
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.state = State::Failed(error.kind(), error.to_string());
        }
        outcome
    }
}

/// Reads a part's file end to end and compares it with its trailer.
///
/// What is not seen is said at [`ArchiveReader`]; a hash of the file sees that as well.
///
/// # Errors
/// `InvalidData` or `UnexpectedEof` where the file is damaged, else as the file system says; all
/// name the path.
pub fn check(path: &Path) -> io::Result<Part> {
    let mut reader = ArchiveReader::open(vec![path.to_path_buf()]);
    let mut crc = Hasher::new();
    let mut length = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        crc.update(&buffer[..count]);
        length += count as u64;
    }
    let compressed = fs_err::metadata(path)?.len();
    Ok(Part { length, compressed, crc32: crc.finalize() })
}

enum Source {
    File(PathBuf),
    Reader(u32, Box<dyn Read + Send>),
}

enum State {
    Between,
    Reading(Box<OpenPart>),
    /// Kept, so that nobody who reads on mistakes the rest for the whole.
    Failed(io::ErrorKind, String),
}

type Bytes = BufReader<Box<dyn Read + Send>>;

/// The part that is being read.
struct OpenPart {
    name: String,
    decoder: MultiGzDecoder<Chain<Cursor<Vec<u8>>, Bytes>>,
}

impl OpenPart {
    fn new(source: Source) -> io::Result<Self> {
        let (name, reader): (String, Box<dyn Read + Send>) = match source {
            Source::File(path) => {
                (format!("`{}`", path.display()), Box::new(fs_err::File::open(path)?))
            }
            Source::Reader(number, reader) => (format!("part {number}"), reader),
        };
        let mut bytes = BufReader::with_capacity(1 << 16, reader);
        let mut header = Vec::with_capacity(HEADER.len());
        bytes.by_ref().take(HEADER.len() as u64).read_to_end(&mut header)?;
        check_header(&header).map_err(|error| named(&name, error))?;
        let decoder = MultiGzDecoder::new(Cursor::new(header).chain(bytes));
        Ok(Self { name, decoder })
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(into).map_err(|error| named(&self.name, error))
    }
}

/// Refuses a header of format 1 in which one bit was changed.
///
/// No checksum covers the header, and most such changes leave it valid. The compression hints 2
/// and 4 are let through: common encoders write them, with all other bytes as ours.
fn check_header(header: &[u8]) -> io::Result<()> {
    if header.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "is empty"));
    }
    let changed: u32 =
        header.iter().zip(HEADER).map(|(seen, ours)| (seen ^ ours).count_ones()).sum();
    let hint = header.get(8).copied();
    if header.len() == HEADER.len() && changed == 1 && !matches!(hint, Some(2 | 4)) {
        return Err(invalid("has a damaged header"));
    }
    Ok(())
}

/// The decoder's complaint with the part's name and one kind for every damage.
fn named(name: &str, error: io::Error) -> io::Error {
    let kind = match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => io::ErrorKind::InvalidData,
        io::ErrorKind::UnexpectedEof => io::ErrorKind::UnexpectedEof,
        _ => return error,
    };
    io::Error::new(kind, format!("failed to read archive {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use flate2::{Compression, GzBuilder};

    use super::super::format::{Limits, PIECE, SECTION};
    use super::super::testing::{archive, text, written};
    use super::*;

    fn read(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let boxed = |part: &&[u8]| -> Box<dyn Read + Send> { Box::new(Cursor::new(part.to_vec())) };
        let mut reader = ArchiveReader::from_readers(parts.iter().map(boxed).collect());
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn checked(file: &[u8]) -> io::Result<Part> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.gz");
        fs_err::write(&path, file).unwrap();
        check(&path)
    }

    fn foreign(builder: GzBuilder, level: u32, plain: &[u8]) -> Vec<u8> {
        let mut encoder: GzEncoder<Vec<u8>> = builder.write(Vec::new(), Compression::new(level));
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_parts_of_a_stream_are_read_in_order() {
        let plain = text(1, 2 * SECTION + 5);
        let limits = Limits { compressed: 1, plain: 1 };
        let (files, written) = written(limits, &plain);
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        assert!(read(&files).unwrap() == plain);
        for (file, part) in files.iter().zip(written.parts) {
            assert_eq!(checked(file).unwrap(), part);
        }
        assert_eq!(read(&[&archive(&[])]).unwrap(), b"");
    }

    #[test]
    fn archives_of_other_tools_are_read() {
        let plain = text(2, PIECE);
        let named = foreign(GzBuilder::new().filename("a.jsonl").mtime(1_700_000_000), 6, &plain);
        let commented =
            foreign(GzBuilder::new().comment("c").extra("x").operating_system(3), 1, &plain);
        let unix = foreign(GzBuilder::new().operating_system(3), 6, &plain);
        let best = foreign(GzBuilder::new(), 9, &plain);
        let fast = foreign(GzBuilder::new(), 1, &plain);
        for file in [&named, &commented, &unix, &best, &fast] {
            assert!(read(&[file]).unwrap() == plain);
            assert_eq!(checked(file).unwrap().crc32, crc32fast::hash(&plain));
        }
        let members = [&named[..], &archive(b"middle"), &unix].concat();
        let whole = [&plain[..], b"middle", &plain].concat();
        assert!(read(&[&members]).unwrap() == whole);
        let part = checked(&members).unwrap();
        assert_eq!((part.length, part.crc32), (whole.len() as u64, crc32fast::hash(&whole)));
    }

    /// True where a damaged file gives an error of the right kind; panics on other content.
    fn is_found(file: &[u8], plain: &[u8]) -> bool {
        match read(&[file]) {
            Ok(read) => {
                assert!(read == plain, "other content");
                false
            }
            Err(error) => {
                let known = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
                assert!(known.contains(&error.kind()), "{error:?}");
                assert!(error.to_string().contains("part 1"), "{error}");
                true
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_found_or_leaves_the_content_whole() {
        let plain = text(3, PIECE + 700);
        let file = archive(&plain[..700]);
        let missed: Vec<usize> = (0..file.len() * 8)
            .filter(|bit| {
                let mut damaged = file.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let found = is_found(&damaged, &plain[..700]);
                assert_eq!(checked(&damaged).is_err(), found, "bit {bit}");
                !found
            })
            .collect();
        // The compression hints 2 and 4 of other encoders, and the unused bits of the last byte.
        let last_byte = file.len() - 9;
        let harmless = |bit: &usize| [8 * 8 + 1, 8 * 8 + 2].contains(bit) || bit / 8 == last_byte;
        assert!(missed.iter().all(harmless), "{missed:?}");
        assert!(missed.len() <= 2 + 7, "{missed:?}");

        // A larger one, of two pieces: no flip gives other bytes, wherever it is.
        let file = archive(&plain);
        let step = 101;
        let missed = (0..file.len() * 8).step_by(step).filter(|bit| {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            !is_found(&damaged, &plain)
        });
        assert!(missed.count() <= 2);
    }

    #[test]
    fn a_truncated_or_lengthened_file_is_found() {
        let plain = text(4, 700);
        let file = archive(&plain);
        for length in 0..file.len() {
            assert!(is_found(&file[..length], &plain), "{length}");
            assert!(checked(&file[..length]).is_err(), "{length}");
        }
        for junk in [&[0][..], b"x", &[0; 20], &HEADER, &file[..file.len() - 1]] {
            let longer = [&file[..], junk].concat();
            assert!(is_found(&longer, &plain), "{junk:?}");
            assert!(checked(&longer).is_err(), "{junk:?}");
        }
    }

    #[test]
    fn an_error_names_the_part_and_stays() {
        let file = archive(b"content");
        let mut reader = ArchiveReader::from_readers(vec![
            Box::new(Cursor::new(file.clone())),
            Box::new(Cursor::new(file[..file.len() - 1].to_vec())),
            Box::new(Cursor::new(file)),
        ]);
        let mut plain = Vec::new();
        let first = reader.read_to_end(&mut plain).unwrap_err();
        assert!(first.to_string().contains("part 2"), "{first}");
        let again = reader.read_to_end(&mut plain).unwrap_err();
        assert_eq!(again.to_string(), first.to_string());
        assert_eq!(plain, b"contentcontent");
    }

    #[test]
    fn a_missing_file_an_empty_file_and_no_file_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone.gz");
        let error = check(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("gone.gz"));
        fs_err::write(&path, "").unwrap();
        let error = check(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("gone.gz"));
        assert!(ArchiveReader::open(Vec::new()).read(&mut [0]).is_err());
    }
}
