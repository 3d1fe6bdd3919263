//! How a source's name is spelled where it is stored: what a git tree cannot have, what git obeys, and
//! what Windows takes for something else become `%XX`.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use crate::path_rules::{is_device, is_forbidden_name};

/// True for a name, as nearly all are, that is stored as it is; so it means nothing else anywhere.
pub(super) fn is_common(name: &[u8]) -> bool {
    name.first().is_some_and(|first| *first != b'.')
        && name.last() != Some(&b'.')
        && name.iter().all(|byte| COMMON[usize::from(*byte)])
        && !std::str::from_utf8(name).is_ok_and(is_device)
}

/// The letters of such names: each byte of each path of a home is looked up here.
const COMMON: [bool; 256] = {
    let mut common = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        common[byte] = letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
        byte += 1;
    }
    common
};

pub(super) fn push_escaped(stored: &mut String, relative: &Path) {
    for part in relative.components() {
        let Component::Normal(name) = part else { continue };
        if !stored.is_empty() && !stored.ends_with('/') {
            stored.push('/');
        }
        stored.push_str(&escape(&bytes_of(name)));
    }
}

pub(super) fn escape(name: &[u8]) -> Cow<'_, str> {
    if is_common(name)
        && let Ok(name) = std::str::from_utf8(name)
    {
        return name.into();
    }
    let escaped = escape_where(name, |c| matches!(c, '%' | '\\' | ':') || c.is_control());
    let escaped = if is_device(&escaped) { without_first(&escaped) } else { escaped };
    let Some(last) = escaped.strip_suffix(['.', ' ']) else { return Cow::Owned(escaped) };
    let mut ended = last.to_owned();
    escaped[last.len()..].bytes().for_each(|byte| push_escape(&mut ended, byte));
    Cow::Owned(ended)
}

/// As earlier versions spelled names: what only Windows takes for something else stayed as it was.
pub(super) fn escape_as_before(name: &[u8]) -> String {
    escape_where(name, |c| matches!(c, '%' | '\\') || c.is_control())
}

/// Escapes these characters, what is not UTF-8, and the beginning of what means `.git`.
fn escape_where(name: &[u8], is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (index, chunk) in name.utf8_chunks().enumerate() {
        for (at, c) in chunk.valid().char_indices() {
            let first = index == 0 && at == 0;
            if is_escaped(c) || (first && c == '.' && is_gits(name)) {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().for_each(|b| push_escape(&mut escaped, b));
            } else {
                escaped.push(c);
            }
        }
        chunk.invalid().iter().for_each(|&b| push_escape(&mut escaped, b));
    }
    if is_forbidden_name(&escaped) { without_first(&escaped) } else { escaped }
}

/// The name with its first character escaped, so that no file system takes it for `.git`.
fn without_first(name: &str) -> String {
    let mut escaped = String::new();
    let rest = name.chars().next().map_or(0, char::len_utf8);
    name[..rest].bytes().for_each(|b| push_escape(&mut escaped, b));
    escaped + &name[rest..]
}

pub(in crate::repository) fn push_escape(text: &mut String, byte: u8) {
    text.push_str(&format!("%{byte:02X}"));
}

/// Names that git refuses in a tree (`.git`) or obeys when it checks one out (`.gitattributes`).
fn is_gits(name: &[u8]) -> bool {
    name.len() >= 4 && name[..4].eq_ignore_ascii_case(b".git")
}

pub(super) fn unescape(name: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, hex_pair(after)) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                rest = &after[2..];
            }
            _ => {
                plain.push(first);
                rest = after;
            }
        }
    }
    plain
}

pub(in crate::repository) fn hex_pair(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(unix)]
fn bytes_of(name: &std::ffi::OsStr) -> Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    name.as_bytes().into()
}

#[cfg(not(unix))]
fn bytes_of(name: &std::ffi::OsStr) -> Cow<'_, [u8]> {
    name.to_string_lossy().into_owned().into_bytes().into()
}

#[cfg(unix)]
pub(super) fn path_of(name: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(name).into()
}

#[cfg(not(unix))]
pub(super) fn path_of(name: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&name).into_owned().into()
}
