//! Claude Code's `settings.json`, read as Claude Code reads it: strict JSON, with or without a byte order mark.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::{Roots, SourceFile};

/// Settings are some kilobytes; what has more bytes is not a settings file.
pub const MAX_SETTINGS: u64 = 4 << 20;

/// What PowerShell 5 writes before the first character.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The settings in a file; `None` if there is no such file.
///
/// # Errors
/// Why they cannot be read, with the path.
pub fn read(path: &Path) -> Result<Option<Value>> {
    let found = match fs_err::metadata(path) {
        Err(error) if crate::fs::is_missing(&error) => return Ok(None),
        found => found?,
    };
    let shown = path.display();
    ensure!(found.is_file(), "`{shown}` is not a file");
    ensure!(found.len() <= MAX_SETTINGS, "`{shown}` is too large: {} bytes", found.len());
    let settings = parse(&fs_err::read(path)?);
    settings.map(Some).with_context(|| format!("`{shown}` is not valid JSON"))
}

/// The settings in a file that a walk listed; `None` if they cannot be read, which
/// [`warnings`] reports.
pub(super) fn read_listed(file: &SourceFile) -> Option<Value> {
    let mut bytes = Vec::new();
    file.open().ok()?.take(MAX_SETTINGS + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MAX_SETTINGS {
        return None;
    }
    parse(&bytes).ok()
}

fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii();
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(text)
}

/// A warning for each settings file that cannot be read.
#[must_use]
pub fn warnings(roots: &Roots) -> Vec<String> {
    let files = roots.all().iter().map(|home| home.join("settings.json"));
    let errors = files.filter_map(|file| read(&file).err());
    let warning =
        |error| format!("{error:#}; its cleanupPeriodDays and status-line script are not known");
    errors.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Option<Value>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        fs_err::write(&file, bytes).unwrap();
        read(&file)
    }

    #[test]
    fn a_byte_order_mark_and_line_ends_of_windows_do_not_matter() {
        for bytes in [&b"\xef\xbb\xbf{\"a\":1}\r\n"[..], b"{\r\n\"a\":1}", b"\n {\"a\":1}"] {
            assert_eq!(read_bytes(bytes).unwrap().unwrap()["a"], 1, "{bytes:?}");
        }
        for bytes in [&b""[..], b"\xef\xbb\xbf", b" \r\n"] {
            assert_eq!(read_bytes(bytes).unwrap(), Some(serde_json::json!({})), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_named_with_its_place() {
        for bytes in [&b"{\n// why\n\"a\":1}"[..], b"{\"a\":1,}", b"\xff\xfe{\0}\0", b"null x"] {
            let error = format!("{:#}", read_bytes(bytes).unwrap_err());
            assert!(error.contains("not valid JSON") && error.contains("line"), "{error}");
        }
        assert_eq!(read(Path::new("/nowhere/settings.json")).unwrap(), None);
    }
}
