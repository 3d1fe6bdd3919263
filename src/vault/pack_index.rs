//! The `.idx` file beside a pack, version 2: ids in order, where each lies, its CRC-32.

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha1::{Digest, Sha1};

use super::object_id::ObjectId;

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT: usize = 256 * 4;
/// Offsets from here on are kept in a table of their own.
const LARGE: u64 = 0x8000_0000;

/// Where an object lies in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) id: ObjectId,
    pub(super) offset: u64,
    pub(super) crc: u32,
}

/// Writes the index for entries sorted by id, each id once.
pub(super) fn write(
    out: &mut impl Write,
    entries: &[Indexed],
    pack_sum: [u8; 20],
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + FANOUT + entries.len() * 28 + 40);
    bytes.extend_from_slice(&MAGIC);
    let mut counted = 0;
    for first in 0..=255u8 {
        counted += entries[counted..].iter().take_while(|e| e.id.as_bytes()[0] == first).count();
        bytes.extend_from_slice(&(counted as u32).to_be_bytes());
    }
    for entry in entries {
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    for entry in entries {
        bytes.extend_from_slice(&entry.crc.to_be_bytes());
    }
    let mut large = Vec::new();
    for entry in entries {
        let short = if entry.offset < LARGE {
            entry.offset as u32
        } else {
            large.push(entry.offset);
            LARGE as u32 | (large.len() - 1) as u32
        };
        bytes.extend_from_slice(&short.to_be_bytes());
    }
    for offset in large {
        bytes.extend_from_slice(&offset.to_be_bytes());
    }
    bytes.extend_from_slice(&pack_sum);
    let own_sum: [u8; 20] = Sha1::digest(&bytes).into();
    out.write_all(&bytes)?;
    out.write_all(&own_sum)
}

/// True for an index of the version that [`parse`] reads.
pub(super) fn is_known(path: &Path) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    fs_err::File::open(path)?.read_exact(&mut start)?;
    Ok(start == MAGIC)
}

/// Reads an index whole and checks its sum; sorted by id.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Indexed>> {
    let start = MAGIC.len() + FANOUT;
    ensure!(bytes.len() >= start + 40 && bytes.starts_with(&MAGIC), "no pack index of version 2");
    let (content, sum) = bytes.split_at(bytes.len() - 20);
    ensure!(Sha1::digest(content).as_slice() == sum, "a damaged pack index");
    let count = number(content, start - 4)? as usize;
    let (crcs, offsets) = (start + 20 * count, start + 24 * count);
    let large = start + 28 * count;
    (0..count)
        .map(|at| {
            let id = content.get(start + 20 * at..start + 20 * at + 20).context("cut off")?;
            let short = u64::from(number(content, offsets + 4 * at)?);
            let offset = if short < LARGE {
                short
            } else {
                let place = large + 8 * (short - LARGE) as usize;
                let high = u64::from(number(content, place)?);
                high << 32 | u64::from(number(content, place + 4)?)
            };
            let crc = number(content, crcs + 4 * at)?;
            Ok(Indexed { id: ObjectId::from_slice(id)?, offset, crc })
        })
        .collect()
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).context("a pack index that is cut off")?;
    Ok(u32::from_be_bytes(four.try_into().context("four bytes")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_beyond_2_gib_come_back() {
        let offsets = [12, LARGE - 1, LARGE, LARGE * 5 + 3];
        let mut entries: Vec<Indexed> = offsets
            .into_iter()
            .map(|offset| Indexed {
                id: ObjectId::of_bytes(&offset.to_be_bytes()),
                offset,
                crc: offset as u32 ^ 0x5555,
            })
            .collect();
        entries.sort_by_key(|entry| entry.id);
        let mut bytes = Vec::new();
        write(&mut bytes, &entries, [9; 20]).unwrap();
        assert_eq!(parse(&bytes).unwrap(), entries);
        bytes[1100] ^= 1;
        assert!(parse(&bytes).is_err());
    }
}
