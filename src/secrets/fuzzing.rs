//! What holds of a search for secrets, whatever the text.

use super::scan;

/// Any bytes as a text: every find is on a line that there is, each kind once a line.
pub(crate) fn secrets(bytes: &[u8]) {
    let found = scan(bytes).expect("memory can be read");
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!(found.iter().all(|secret| (1..=lines).contains(&secret.line)));
    assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]));
    let quoted = serde_json::to_vec(&String::from_utf8_lossy(bytes)).expect("a text can be quoted");
    let quoted = scan(&quoted[..]).expect("memory can be read");
    assert!(quoted.iter().all(|secret| secret.line == 1));
}
