//! The `.jsonl.gz` archive: one gzip member per part, cut so that appending costs what is appended.
//!
//! The plain stream is cut into pieces of 64 KiB, 16 of which make a section of 1 MiB. Each piece
//! is deflated on its own, primed with the 32 KiB before it unless it begins a section, and ends on
//! a byte boundary with a full flush. The compressed bytes up to a boundary therefore depend on the
//! content alone: [`grow`] copies them, pieces compress in parallel, and [`read_tail`] starts at a
//! section without looking at what comes before.
//!
//! A stream is one or more *parts*, files that are each a complete gzip of their own range:
//!
//! ```text
//! part    = header, pieces, tail, trailer
//! header  = 1f 8b 08 00  00 00 00 00  00 ff
//! piece   = deflate of 64 KiB, ended by a full flush, so by 00 00 ff ff
//! tail    = deflate of the rest, shorter than a piece, ended by a final block; 03 00 if empty
//! trailer = CRC-32 and length modulo 2^32 of the part's plain bytes, little endian
//! ```
//!
//! Readers are lenient where writers are strict: any valid gzip can be read, only format 1 can be
//! grown.

mod common;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod inspect;
mod parts;
mod piece;
mod reader;
mod rest;
mod tail;
mod writer;

pub use format::{HISTORY, Limits, PART_LIMIT, PART_PLAIN_LIMIT, PIECE, Part, Resume, SECTION};
pub use inspect::inspect;
pub use parts::PartSink;
pub use reader::{ArchiveReader, check};
pub use rest::check_rest;
pub use tail::read_tail;
pub use writer::{Stored, Written, grow, grow_within, write, write_within};

#[cfg(any(test, fuzzing))]
mod testing;
