//! Likely secrets in content: found by kind and line, and never shown.
//!
//! Files that are secrets by their name are the deny list's business. This is for the token that
//! stands in settings, or that a transcript repeats. What is found is only named here; whether it may be
//! pushed is decided by `push_scan`.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexSet};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::rules::{RULES, Rule};

/// A longer line is looked at in parts.
const LONGEST_LINE: usize = 4 << 20;
/// A part begins with so many bytes of the one before, so that no secret is cut in two.
const OVERLAP: usize = 4096;

/// Something in a file that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Secret {
    /// From 1.
    pub line: u64,
    /// What it looks like, as in `GitHub token`.
    pub kind: &'static str,
}

/// Likely secrets in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Secrets {
    /// The name below the Claude home.
    pub path: String,
    /// Where in it, and what kinds.
    pub found: Vec<Secret>,
}

impl Secrets {
    /// Those in these bytes, if there are any, which are read to their end.
    ///
    /// # Errors
    /// As the reader says.
    pub fn of(path: &str, bytes: impl BufRead) -> io::Result<Option<Self>> {
        let found = scan(bytes)?;
        Ok((!found.is_empty()).then(|| Self { path: path.to_owned(), found }))
    }

    /// How many lines hold one; a line may hold several kinds.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.found.iter().map(|secret| secret.line).collect::<BTreeSet<_>>().len() as u64
    }
}

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(RULES.iter().map(Rule::pattern)).expect("the rules are our own")
});
static EACH: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let compiled = RULES.iter().map(|rule| Regex::new(&rule.pattern()));
    compiled.collect::<Result<_, _>>().expect("the rules are our own")
});

/// Something in a text that looks like a secret, told apart from others by a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// From 1.
    pub line: u64,
    /// What it looks like, as in `GitHub token`.
    pub kind: &'static str,
    /// The beginning of a salted hash of it, in hex.
    pub fingerprint: String,
}

/// What makes a backup's fingerprints its own: without it, nobody can try out what they stand for.
#[derive(Clone)]
pub struct Salt(String);

impl Salt {
    /// Uses a random text as salt.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    fn fingerprint(&self, secret: &[u8]) -> String {
        let hash = Sha256::new().chain_update(&self.0).chain_update([0]).chain_update(secret);
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Looks at a text line by line, each as it stands and as a JSON string would be read.
///
/// Each kind counts once a line.
///
/// # Errors
/// As the reader says.
pub fn scan(text: impl BufRead) -> io::Result<Vec<Secret>> {
    let mut found = BTreeSet::new();
    visit(text, &mut |line, kind, _| {
        found.insert(Secret { line, kind });
    })?;
    Ok(found.into_iter().collect())
}

/// Finds each likely secret, as [`scan`] does.
///
/// # Errors
/// As the reader says.
pub fn find(text: impl BufRead, salt: &Salt) -> io::Result<Vec<Finding>> {
    let mut found = BTreeSet::new();
    visit(text, &mut |line, kind, secret| {
        let fingerprint = salt.fingerprint(secret);
        found.insert(Finding { line, kind, fingerprint });
    })?;
    Ok(found.into_iter().collect())
}

/// Shows each likely secret with its line and kind.
fn visit(mut text: impl BufRead, show: &mut dyn FnMut(u64, &'static str, &[u8])) -> io::Result<()> {
    let mut part = Vec::new();
    let mut line = 1;
    loop {
        let ended = read_part(&mut text, &mut part)?;
        matches_in(&part, &mut |kind, secret| show(line, kind, secret));
        if part.contains(&b'\\') {
            matches_in(&unescaped(&part), &mut |kind, secret| show(line, kind, secret));
        }
        if !ended {
            part.drain(..part.len().saturating_sub(OVERLAP));
            continue;
        }
        if part.is_empty() {
            return Ok(());
        }
        line += 1;
        part.clear();
    }
}

/// Adds the rest of a line to what is there, but not more than a part; true at the line's end.
fn read_part(text: &mut impl BufRead, part: &mut Vec<u8>) -> io::Result<bool> {
    let begun = part.len();
    loop {
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            // What overlaps with the part before was looked at.
            if part.len() == begun {
                part.clear();
            }
            return Ok(true);
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        part.extend_from_slice(&bytes[..taken]);
        text.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
        if part.len() >= LONGEST_LINE {
            return Ok(false);
        }
    }
}

/// Of matches that overlap, the one of the first rule counts: it says best what it is.
fn matches_in(text: &[u8], show: &mut dyn FnMut(&'static str, &[u8])) {
    let mut ends = BTreeMap::new();
    for at in SET.matches(text) {
        let (rule, regex): (&Rule, &Regex) = (&RULES[at], &EACH[at]);
        for found in regex.captures_iter(text) {
            let Some(secret) = found.get(1).or_else(|| found.get(0)) else { continue };
            let before = ends.range(..secret.end()).next_back();
            let overlaps = before.is_some_and(|(_, end)| *end > secret.start());
            if !overlaps && rule.fits(secret.as_bytes()) {
                ends.insert(secret.start(), secret.end());
                show(rule.kind, secret.as_bytes());
            }
        }
    }
}

/// The text with JSON's escapes taken away, twice where a document stands in a document.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let once = unescaped_once(text);
    if once.contains(&b'\\') { unescaped_once(&once) } else { once }
}

fn unescaped_once(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\\', b'n' | b'r', rest @ ..] => {
                plain.push(b'\n');
                rest
            }
            [b'\\', b't', rest @ ..] => {
                plain.push(b'\t');
                rest
            }
            [b'\\', letter, rest @ ..] | [letter, rest @ ..] => {
                plain.push(*letter);
                rest
            }
            [] => return plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never a whole token in these papers: what looks like one is put together here.
    fn token(start: &str, length: usize) -> String {
        let letters = "aB3dE5gH7jK9mN2pQ4sT6vW8xY0z";
        start.to_owned() + &letters.chars().cycle().take(length).collect::<String>()
    }

    fn kinds(text: &str) -> Vec<(u64, &'static str)> {
        let text = io::BufReader::new(text.as_bytes());
        scan(text).unwrap().into_iter().map(|found| (found.line, found.kind)).collect()
    }

    #[test]
    fn each_kind_is_found_where_it_stands() {
        for (start, length, kind) in [
            ("sk-ant-api03-", 93, "Anthropic API key"),
            ("sk-ant-oat01-", 80, "Claude login token"),
            ("sk-ant-ort01-", 80, "Claude refresh token"),
            ("sk-ant-sid01-", 80, "Claude session key"),
            ("ghp_", 36, "GitHub token"),
            ("github_pat_", 60, "GitHub token"),
            ("glpat-", 20, "GitLab token"),
            ("npm_", 36, "npm token"),
            ("xoxb-", 40, "Slack token"),
            ("sk_live_", 24, "Stripe key"),
        ] {
            let token = token(start, length);
            let text = format!("nothing\nexport X={token}\n");
            assert_eq!(kinds(&text), [(2, kind)], "{start}");
            let escaped = serde_json::json!({"text": format!("a\tb\"{token}\"\n")}).to_string();
            assert!(kinds(&escaped).contains(&(1, kind)), "{start} in a document");
            let twice = serde_json::json!({"result": escaped}).to_string();
            assert!(kinds(&twice).contains(&(1, kind)), "{start} in a document in a document");
        }
    }

    #[test]
    fn a_telling_name_with_a_random_value_is_enough() {
        let value = token("", 32);
        for text in [
            format!("FOO_TOKEN={value}"),
            format!("\"apiKey\": \"{value}\""),
            format!("password = '{value}'"),
            format!("{{\"env\":{{\"MY_SECRET\":\"{value}\"}}}}"),
        ] {
            assert_eq!(kinds(&text), [(1, "secret by its name")], "{text}");
        }
        for text in ["token: aaaaaaaaaaaaaaaaaaaaaa", "the password is long", "max_tokens = 4096"] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn a_short_key_in_a_script_and_two_keys_on_one_line_are_seen() {
        let (one, other) = (token("sk-ant-", 24), token("sk-ant-api03-", 93));
        let line = format!("{{\"env\":{{\"A\":\"{one}\",\"B\":\"{other}\"}}}}");
        let salt = Salt::new("salt".into());
        assert_eq!(find(line.as_bytes(), &salt).unwrap().len(), 2);
        assert_eq!(kinds(&format!("#!/bin/sh\necho {one}\n")), [(2, "Anthropic API key")]);
    }

    #[test]
    fn a_secret_counts_once_and_under_its_best_name() {
        let token = token("ghp_", 36);
        assert_eq!(kinds(&format!("API_TOKEN={token}")), [(1, "GitHub token")]);
        let twice = serde_json::json!({"a": format!("\"{token}\""), "b": token}).to_string();
        let found = find(twice.as_bytes(), &Salt::new("salt".into())).unwrap();
        assert_eq!(found.len(), 1);
        let elsewhere = find(twice.as_bytes(), &Salt::new("other".into())).unwrap();
        assert_ne!(found[0].fingerprint, elsewhere[0].fingerprint);
        assert_eq!(found[0].fingerprint.len(), 16);
    }

    #[test]
    fn placeholders_and_names_of_variables_are_not_secrets() {
        for text in [
            "ANTHROPIC_API_KEY=sk-ant-api03-your-key-goes-in-this-place-if-you-have-one",
            "export AWS_KEY=AKIAIOSFODNN7EXAMPLE",
            "apiKey: process.env.MY_VERY_OWN_API_KEY,",
            "secret = os.environ.get.SOMETHING_ELSE",
            "token: \"xxxxxxxxxxxxxxxxxxxx1234567890ab\"",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn keys_and_addresses_with_passwords_are_seen() {
        let begin = format!("-----BEGIN {} KEY-----", "OPENSSH PRIVATE");
        assert_eq!(kinds(&begin), [(1, "private key")]);
        assert_eq!(kinds("postgres://me:hunter22@db.example/x"), [(1, "password in an address")]);
        assert_eq!(kinds("https://example.org:8080/a@b"), []);
    }

    #[test]
    fn a_line_longer_than_a_part_hides_nothing() {
        let token = token("ghp_", 36);
        let at = [LONGEST_LINE - 100, LONGEST_LINE - 10, LONGEST_LINE, 3 * LONGEST_LINE - 20];
        for before in at {
            let text = format!("{} {token} {}\nlast {token}", " ".repeat(before), " ".repeat(99));
            assert_eq!(kinds(&text), [(1, "GitHub token"), (2, "GitHub token")]);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_looked_at() {
        assert_eq!(scan(&[0xff, 0, b'\\', b'\n', b'\\'][..]).unwrap(), []);
    }
}
