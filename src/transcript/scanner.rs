//! Sums a transcript up while its bytes pass by.

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::summary::Summary;
use super::tally::{Sums, Tally, hash};

/// Sums a transcript up while its bytes pass by.
///
/// It may be fed in pieces cut anywhere, inside a character as well. Memory is bounded by the
/// longest line (lines above 64 MiB are passed over) and some ten bytes for each message, forty
/// more for each answer of a model.
pub struct Scanner {
    lines: Lines,
    tally: Tally,
    position: u64,
}

/// What a scanner knows at the end of a line, to go on from there another time.
///
/// Only for a cache: another build of the program may hash otherwise, and takes none of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScannerState {
    /// The place behind that line.
    pub position: u64,
    hashes_like: u64,
    sums: Sums,
}

/// Any text: what its hash is tells whether ids are hashed as they were before.
const PROBE: &str = "1b9342d9-1e35-4d3e-ab6c-c5e977eb2105";

impl Scanner {
    /// A scanner at the beginning of a transcript.
    #[must_use]
    pub fn new() -> Self {
        Self { lines: Lines::new(), tally: Tally::default(), position: 0 }
    }

    /// A scanner that goes on at [`ScannerState::position`]; `None` where it cannot.
    #[must_use]
    pub fn resume(state: ScannerState) -> Option<Self> {
        let tally = Tally::of_sums(state.sums)?;
        let is_known = state.hashes_like == hash(PROBE);
        is_known.then(|| Self { lines: Lines::new(), tally, position: state.position })
    }

    /// What is known at the end of the last whole line.
    #[must_use]
    pub fn state(&self) -> ScannerState {
        let position = self.position - self.lines.pending();
        ScannerState { position, hashes_like: hash(PROBE), sums: self.tally.sums() }
    }

    /// Takes the next bytes of the uncompressed transcript.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        self.lines.feed(bytes, |line| self.tally.add_line(line));
    }

    /// Messages in the lines that have ended.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.tally.messages()
    }

    /// The result; a last line without its line feed counts if it is whole JSON.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        self.lines.finish(|line| self.tally.add_line(line));
        self.tally.finish()
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::Tokens;
    use super::*;

    fn scan(lines: &[&str]) -> Summary {
        let mut scanner = Scanner::new();
        scanner.feed(lines.join("\n").as_bytes());
        scanner.finish()
    }

    fn time(text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
        Some(text.parse().unwrap())
    }

    /// A session of today: streamed answers, program notes, names at the end.
    const MODERN: &[&str] = &[
        r#"{"type":"mode","mode":"normal"}"#,
        r#"{"type":"file-history-snapshot","snapshot":{"timestamp":"2026-11-16T09:00:04.000Z"}}"#,
        r#"{"type":"user","isMeta":true,"cwd":"/w/alpha-app","gitBranch":"main","uuid":"1","timestamp":"2026-11-16T09:00:05.000Z","message":{"role":"user","content":"<local-command-caveat>x"}}"#,
        r#"{"type":"user","cwd":"/w/alpha-app","uuid":"2","message":{"role":"user","content":"<command-name>/model</command-name>"}}"#,
        r#"{"type":"user","cwd":"/w/other","uuid":"3","message":{"role":"user","content":"Why does\n\"1h30m\" fail? 時間"}}"#,
        r#"{"type":"assistant","uuid":"4","message":{"id":"m1","model":"opus","role":"assistant","content":[{"type":"thinking","thinking":""}],"usage":{"input_tokens":3,"output_tokens":1,"cache_creation_input_tokens":50,"cache_read_input_tokens":900}}}"#,
        r#"{"type":"assistant","uuid":"5","message":{"id":"m1","model":"opus","role":"assistant","content":[{"type":"text","text":"So."}],"usage":{"input_tokens":3,"output_tokens":70,"cache_creation_input_tokens":50,"cache_read_input_tokens":900}}}"#,
        r#"{"type":"user","uuid":"6","message":{"role":"user","content":[{"type":"tool_result","content":"ok"}]}}"#,
        r#"{"type":"assistant","uuid":"7","message":{"id":"m2","model":"haiku","role":"assistant","content":[],"usage":{"input_tokens":2,"output_tokens":5}}}"#,
        r#"{"type":"assistant","uuid":"8","message":{"id":"m1","model":"opus","role":"assistant","content":[]}}"#,
        r#"{"type":"assistant","uuid":"9","gitBranch":"fix","timestamp":"2026-11-16T09:00:30.000Z","message":{"id":"m3","model":"<synthetic>","role":"assistant","content":[],"usage":{"input_tokens":99}}}"#,
        r#"{"type":"ai-title","aiTitle":"Made title"}"#,
        r#"{"type":"custom-title","customTitle":"alpha:  parser"}"#,
        r#"{"type":"from-the-future","payload":{"n":12345678901234567890123}}"#,
    ];

    #[test]
    fn a_modern_session_is_summed_up() {
        let expected = Summary {
            title: Some("alpha: parser".into()),
            first_prompt: Some("Why does \"1h30m\" fail? 時間".into()),
            cwd: Some("/w/alpha-app".into()),
            branch: Some("fix".into()),
            model: Some("opus".into()),
            messages: 7,
            answers: 2,
            records: 14,
            first_record: time("2026-11-16T09:00:04Z"),
            last_record: time("2026-11-16T09:00:30Z"),
            tokens: Tokens { input: 5, output: 75, cache_write: 50, cache_read: 900 },
            continued_in: None,
        };
        assert_eq!(scan(MODERN), expected);
    }

    #[test]
    fn titles_have_an_order_and_the_last_of_a_kind_counts() {
        let mut lines = vec![
            r#"{"type":"custom-title","customTitle":"custom"}"#,
            r#"{"type":"ai-title","aiTitle":"made"}"#,
            r#"{"type":"last-prompt","lastPrompt":"last\nprompt"}"#,
            r#"{"type":"summary","summary":"old summary"}"#,
            r#"{"type":"summary","summary":"summary"}"#,
            r#"{"type":"user","message":{"content":"first"}}"#,
            r#"{"type":"user","customTitle":"of no title row","message":{"content":"second"}}"#,
        ];
        for title in ["custom", "made", "last prompt"] {
            assert_eq!(scan(&lines).title.as_deref(), Some(title));
            lines.remove(0);
        }
        assert_eq!(scan(&lines).title.as_deref(), Some("summary"));
        assert_eq!(scan(&lines[2..]).title.as_deref(), Some("first"));
        assert_eq!(scan(&[]), Summary::default());
    }

    #[test]
    fn an_emptied_title_gives_way_to_the_next_kind() {
        let title = scan(&[
            r#"{"type":"custom-title","customTitle":"gone"}"#,
            r#"{"type":"ai-title","aiTitle":"made"}"#,
            r#"{"type":"custom-title","customTitle":""}"#,
        ]);
        assert_eq!(title.title.as_deref(), Some("made"));
    }

    #[test]
    fn a_stub_of_a_cut_session_has_a_title_and_no_messages() {
        let stub = scan(&[
            r#"{"type":"custom-title","customTitle":"gamma: long night"}"#,
            r#"{"type":"last-prompt","lastPrompt":"go on"}"#,
        ]);
        assert_eq!(stub.title.as_deref(), Some("gamma: long night"));
        assert_eq!((stub.messages, stub.records, stub.first_prompt), (0, 2, None));
    }

    #[test]
    fn a_session_that_moved_is_where_it_last_moved_to() {
        let moved = scan(&[
            r#"{"type":"user","cwd":"/w/a","gitBranch":"HEAD"}"#,
            r#"{"type":"relocated","relocatedCwd":"/w/b"}"#,
            r#"{"type":"relocated","relocatedCwd":"/w/c"}"#,
            r#"{"type":"user","cwd":"/w/a"}"#,
            r#"{"type":"user","cwd":"/to"#,
        ]);
        assert_eq!((moved.cwd.as_deref(), moved.branch.as_deref()), (Some("/w/c"), Some("HEAD")));
        assert_eq!(moved.records, 4);
    }

    #[test]
    fn the_session_that_goes_on_is_named() {
        let row = r#"{"type":"continued-in","timestamp":"2026-11-16T09:30:00.000Z","continuedInSessionId":"0af1"}"#;
        let old = scan(&[row]);
        assert_eq!(old.continued_in.as_deref(), Some("0af1"));
        assert_eq!(old.last_record, time("2026-11-16T09:30:00Z"));
    }

    #[test]
    fn a_torn_last_line_counts_only_if_it_is_whole() {
        let whole = r#"{"type":"user","uuid":"a"}"#;
        assert_eq!(scan(&[whole, whole]).records, 2);
        assert_eq!(scan(&[whole, &whole[..20]]).records, 1);
    }

    #[test]
    fn the_last_record_is_the_last_that_has_a_time() {
        let summary = scan(&[
            r#"{"type":"user","timestamp":"2026-11-16T09:00:00Z"}"#,
            r#"{"type":"user","timestamp":"2026-11-16T10:00:00+01:00"}"#,
            r#"{"type":"user","timestamp":"soon"}"#,
            r#"{"type":"file-history-snapshot","snapshot":{"timestamp":"2026-11-16T12:00:00Z"}}"#,
            r#"{"type":"mode"}"#,
        ]);
        assert_eq!(summary.last_record, time("2026-11-16T09:00:00Z"));
    }

    #[test]
    fn what_hashes_otherwise_is_not_gone_on_from() {
        let state = ScannerState { hashes_like: 1, ..Scanner::new().state() };
        assert!(Scanner::resume(state).is_none());
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        fn scan_in_cuts(bytes: &[u8], cuts: &[usize]) -> Summary {
            let mut scanner = Scanner::new();
            let mut rest = bytes;
            for cut in cuts {
                let (piece, after) = rest.split_at(cut % (rest.len() + 1));
                scanner.feed(piece);
                rest = after;
            }
            scanner.feed(rest);
            scanner.finish()
        }

        /// Real lines, some of them with bytes written over.
        fn damaged_transcript() -> impl Strategy<Value = Vec<u8>> {
            let lines = prop::collection::vec(prop::sample::select(MODERN), 0..20);
            let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
            (lines, damage).prop_map(|(lines, damage)| {
                let mut bytes = lines.join("\n").into_bytes();
                for (place, byte) in damage.iter().filter(|_| !lines.is_empty()) {
                    let place = place.index(bytes.len());
                    bytes[place] = *byte;
                }
                bytes
            })
        }

        fn resumed(bytes: &[u8], until: usize) -> Summary {
            let mut scanner = Scanner::new();
            scanner.feed(&bytes[..until]);
            let state = postcard::to_stdvec(&scanner.state()).unwrap();
            let state: ScannerState = postcard::from_bytes(&state).unwrap();
            let from = usize::try_from(state.position).unwrap();
            let mut scanner = Scanner::resume(state).unwrap();
            scanner.feed(&bytes[from..]);
            scanner.finish()
        }

        proptest! {
            #[test]
            fn going_on_gives_what_one_pass_gives(
                bytes in damaged_transcript(),
                until in any::<prop::sample::Index>(),
            ) {
                let until = until.index(bytes.len() + 1);
                prop_assert_eq!(resumed(&bytes, until), scan_in_cuts(&bytes, &[]));
            }

            #[test]
            fn cuts_never_change_the_summary(
                bytes in damaged_transcript(),
                cuts in prop::collection::vec(0_usize..400, 0..40),
            ) {
                prop_assert_eq!(scan_in_cuts(&bytes, &cuts), scan_in_cuts(&bytes, &[]));
            }

            #[test]
            fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
                prop_assert_eq!(scan_in_cuts(&bytes, &[cut]), scan_in_cuts(&bytes, &[]));
            }
        }
    }
}
