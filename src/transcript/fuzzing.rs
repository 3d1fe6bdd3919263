//! What holds of transcripts, whatever the bytes.

use std::io::Read;

use super::{
    MessageIdScanner, MessageIds, Peek, Rehome, Scanner, ScannerState, Summary, peek, peek_at_ends,
};

/// Any bytes as a transcript, whole and in pieces: the same comes out, and never much.
pub(crate) fn transcript(bytes: &[u8]) {
    let piece = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    let whole = scanned([bytes]);
    assert_eq!(scanned(bytes.chunks(piece)), whole);
    assert_eq!(scanned_with_a_rest(bytes, bytes.len() / 2), whole);
    assert_eq!(scanned_with_a_rest(bytes, piece.min(bytes.len())), whole);

    let ids = MessageIds::read(bytes).expect("memory can be read");
    let mut scanner = MessageIdScanner::new();
    bytes.chunks(piece).for_each(|bytes| scanner.feed(bytes));
    assert_eq!(scanner.finish(), ids);
    assert_eq!(ids.missing_from(&ids), 0);

    for messages in [0, 2] {
        let seen = peek(bytes, messages).expect("memory can be read");
        assert_eq!(seen.uncompressed_bytes, bytes.len() as u64);
        assert_eq!(seen.summary, whole);
        is_short(&seen, messages);
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        let length = bytes.len() as u64;
        if let Some(seen) = peek_at_ends(head, tail, length, &whole, messages) {
            is_short(&seen, messages);
        }
    }
}

/// Any bytes as records that get another folder: line by line, all but that folder stays.
pub(crate) fn rehome(bytes: &[u8]) {
    let mut changed = Vec::new();
    let mut reader = Rehome::new("/old", "/new place").reader(bytes);
    reader.read_to_end(&mut changed).expect("memory can be read");
    let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (before, after) = (lines(bytes), lines(&changed));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after).filter(|(before, after)| before != after) {
        let same = |(one, other): &(&u8, &u8)| one == other;
        let head = before.iter().zip(after).take_while(same).count();
        let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(same);
        let new = String::from_utf8_lossy(&after[head..after.len() - tail.count()]);
        assert!(new.contains("new place"), "{new:?}");
    }
}

/// What a damaged cache may say of a transcript.
pub(crate) fn scanner_state(bytes: &[u8]) {
    let Ok(state) = postcard::from_bytes::<ScannerState>(bytes) else { return };
    if let Some(mut scanner) = Scanner::resume(state) {
        scanner.feed(b"{\"type\":\"user\",\"message\":{\"content\":\"a\"}}\n{");
        let _ = scanner.state();
        let _ = scanner.finish();
    }
}

fn scanned<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Summary {
    let mut scanner = Scanner::new();
    pieces.into_iter().for_each(|bytes| scanner.feed(bytes));
    scanner.finish()
}

/// As it is when the program ends in between, and a cache keeps what it knew.
fn scanned_with_a_rest(bytes: &[u8], cut: usize) -> Summary {
    let mut scanner = Scanner::new();
    scanner.feed(&bytes[..cut]);
    let kept = postcard::to_stdvec(&scanner.state()).expect("a state can be kept");
    let state: ScannerState = postcard::from_bytes(&kept).expect("it comes back");
    let position = usize::try_from(state.position).expect("it is in the bytes");
    assert!(position <= cut && (position == 0 || bytes[position - 1] == b'\n'));
    let mut scanner = Scanner::resume(state).expect("it is of this program");
    scanner.feed(&bytes[position..]);
    scanner.finish()
}

/// A list or a preview has room for so much.
fn is_short(seen: &Peek, messages: usize) {
    assert!(seen.first_messages.len() <= messages && seen.last_messages.len() <= messages);
    for message in seen.first_messages.iter().chain(&seen.last_messages) {
        assert!(message.preview.chars().count() <= 80, "{message:?}");
        assert!(matches!(message.role.as_str(), "user" | "assistant" | "unknown"), "{message:?}");
    }
    let Summary { title, first_prompt, cwd, branch, model, continued_in, .. } = &seen.summary;
    for (text, most) in [
        (title, 200),
        (first_prompt, 200),
        (branch, 4096),
        (model, 4096),
        (continued_in, 4096),
        (cwd, 4096),
    ] {
        let length = text.as_ref().map_or(0, |text| text.chars().count());
        assert!(length <= most, "{length} letters, and {most} are enough");
    }
}
