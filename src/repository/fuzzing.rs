//! What holds of ledgers, manifests and the other papers of a backup, whatever stands in them.

use std::ffi::OsStr;
use std::path::{Component, Path};

use serde_json::Value;

use super::cache::Cache;
use super::heal::Journal;
use super::index::{Index, Lines};
use super::layout::{EntryPath, Form, LedgerName, part_name};
use super::ledger::{Entry, Ledger};
use super::manifest::{Manifest, parse_stamp};
use crate::session::{MachineSlug, ProjectId, SessionId};
use crate::source::Kind;

/// Any bytes as a ledger: each line is read or named, and nothing of it is lost by writing it.
pub(crate) fn ledger(bytes: &[u8]) {
    let (ledger, damaged) = Ledger::parse(bytes);
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
    assert!(ledger.entries.len() + damaged.len() <= lines.len());
    assert!(ledger.unread.len() <= damaged.len());
    assert!(damaged.iter().all(|line| line.starts_with("line ")));
    for line in ledger.unread.values() {
        assert!(lines.contains(&&line[..]));
    }

    let text = ledger.to_text().expect("a ledger can be written");
    let (again, damaged) = Ledger::parse(&text);
    assert_eq!(damaged.len(), ledger.unread.len());
    assert_eq!(again, ledger);
    assert!(again.to_text().expect("a ledger can be written") == text);
    for line in lines {
        keeps_each_field(line, &ledger);
    }
    ledger.entries.values().for_each(is_of_use);
}

/// Any bytes as a manifest or a session index: what was read once reads the same ever after.
pub(crate) fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let text = manifest.to_text().expect("a manifest can be written");
        let again = Manifest::parse(&text).expect("it reads what it wrote");
        assert_eq!(again, manifest);
        assert!(again.to_text().expect("a manifest can be written") == text);
        assert_eq!(manifest.line("slug").session_count, manifest.sessions.files);
        let _ = parse_stamp(&manifest.last_sync);
    }
    if let Ok(index) = Index::parse(bytes) {
        let text = written(&index);
        let again = Index::parse(&text).expect("it reads what it wrote");
        assert_eq!(again.sessions.len(), index.sessions.len());
        assert!(written(&again) == text);
        for session in &index.sessions {
            let _ = session.weight();
            let _ = LedgerName::of_project(&session.project_hash);
        }
    }
}

fn written(index: &Index) -> Vec<u8> {
    let lines = Lines::of(index.clone()).expect("an index can be written");
    lines.pieces().expect("an index can be written").concat()
}

/// Any bytes as the papers that this machine alone reads: they are read or void.
pub(crate) fn private_papers(bytes: &[u8]) {
    if let Ok(cache) = postcard::from_bytes::<Cache>(bytes) {
        let kept = postcard::to_stdvec(&cache).expect("a cache can be kept");
        assert_eq!(postcard::from_bytes::<Cache>(&kept).expect("it comes back"), cache);
        for (_, known) in cache.files.iter() {
            let _ = known.stat.map(|stat| stat.modified());
        }
    }
    if let Ok(journal) = serde_json::from_slice::<Journal>(bytes) {
        let kept = serde_json::to_vec(&journal).expect("a journal can be written");
        let again: Journal = serde_json::from_slice(&kept).expect("it reads what it wrote");
        assert!(serde_json::to_vec(&again).expect("a journal can be written") == kept);
    }
}

/// Any text as a name: where it is taken it leads nowhere else, and comes back as it was.
pub(crate) fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(path) = EntryPath::parse(text.as_ref()) {
        stays_inside(&path);
    }
    let known = [Kind::Transcript, Kind::Config];
    for (kind, source) in known.into_iter().zip([path_of(bytes), Path::new("rules").join(&*text)]) {
        let path = EntryPath::from_source(&source, kind);
        let normal = source.components().all(|part| matches!(part, Component::Normal(_)));
        // A file of the home that lies in a folder `config` is not kept, so its name has no way back.
        let is_kept = normal && source != Path::new("") && !source.starts_with("config");
        if is_kept && !bytes.contains(&0) {
            assert_eq!(EntryPath::parse(path.as_str()).ok().as_ref(), Some(&path));
            assert_eq!(path.to_source(), source);
            stays_inside(&path);
        }
    }
    for name in [
        SessionId::new(text.as_ref()).map(|id| id.to_string()),
        ProjectId::new(text.as_ref()).map(|project| project.to_string()),
        MachineSlug::new(text.as_ref()).map(|slug| slug.to_string()),
    ] {
        assert!(name.is_err() || is_one_name(text.as_ref()));
    }
    assert!(MachineSlug::new(MachineSlug::from_host(&text).as_str()).is_ok());
    assert!(LedgerName::of_project(&text).file().len() <= "ledger/.jsonl".len() + 240);
}

/// What stood in a line stands in the line that is written, but for what means nothing by its absence.
fn keeps_each_field(line: &[u8], ledger: &Ledger) {
    const OPTIONAL: [&str; 5] = ["at", "session", "cutTo", "acknowledged", "versions"];
    let Ok(Value::Object(before)) = serde_json::from_slice(line) else { return };
    let path = before.get("path").and_then(Value::as_str).unwrap_or_default();
    let Some(entry) = ledger.entries.get(path) else { return };
    let Ok(Value::Object(after)) = serde_json::to_value(entry) else { panic!("an object") };
    for (key, value) in &before {
        let is_absent = value.is_null() || *value == false || *value == Value::Array(vec![]);
        assert!(after.contains_key(key) || (is_absent && OPTIONAL.contains(&&**key)), "{key}");
    }
}

/// Whoever asks a line anything gets an answer.
fn is_of_use(entry: &Entry) {
    stays_inside(&entry.path);
    for content in entry.contents() {
        for (name, _) in content.files(&entry.path) {
            assert!(name.split('/').all(is_one_name), "{name}");
        }
        let _ = (content.stored_bytes(), content.messages(), content.file_mode());
    }
    let _ = (entry.next_version(), entry.lost_messages(), entry.preferred().is_some());
    let _ = (entry.fullest().is_some(), entry.most_missed().is_some());
    let _ = (entry.path.project(), entry.path.session(), entry.path.ledger());
}

fn stays_inside(path: &EntryPath) {
    let source = path.to_source();
    assert!(source.components().all(|part| matches!(part, Component::Normal(_))), "{path}");
    assert!(source != Path::new(""));
    for form in [Form::Plain, Form::Sectioned] {
        for number in [1, 2] {
            let stored = part_name(path.as_str(), form, number);
            assert!(stored.split('/').all(is_one_name), "{stored}");
        }
    }
    assert!(path.versions_folder().split('/').all(is_one_name), "{path}");
}

fn is_one_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> std::path::PathBuf {
    OsStr::new(&*String::from_utf8_lossy(bytes)).into()
}
