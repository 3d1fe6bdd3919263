//! A session's `.jsonl` read as a conversation: what a list shows, a preview, what got lost.
//!
//! The format belongs to another program and changes with its releases, so nothing in here fails on
//! content: a line that is no JSON object is passed over, and a field of an unexpected type counts
//! as absent. Text is handed on as it stands; escaping it for a terminal is the printer's work.

mod content;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod lines;
mod message_ids;
mod peek;
mod prompt;
mod record;
mod rehome;
mod repair;
mod scanner;
mod summary;
mod tally;
mod text;

pub use message_ids::{MessageIdScanner, MessageIds};
pub use peek::{Peek, Preview, peek, peek_at_ends};
pub use rehome::Rehome;
pub use scanner::{Scanner, ScannerState};
pub use summary::{Summary, Tokens};
