//! What holds of the answers of git.

use super::child::Answer;
use super::report::{references, sent};
use super::version::Version;

/// Any words as those that git prints for programs.
pub(crate) fn answers(said: &str) {
    for (name, _) in references(said).into_iter().flat_map(|references| references.list) {
        assert!(name.starts_with("refs/"));
    }
    let (out, err) = said.split_once("\n\n").unwrap_or((said, ""));
    for success in [true, false] {
        let answer = Answer { success, out: out.into(), err: err.into() };
        let _ = sent(&answer, "refs/heads/main", str::to_owned);
    }
    let _ = Version::parse(said);
}
