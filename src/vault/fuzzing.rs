//! What holds of git's own files, whatever the bytes.

use std::path::Path;

use sha1::{Digest, Sha1};

use super::content::Content;
use super::delta::{self, Inserts};
use super::entry::{self, Form, HeaderForm};
use super::object_id::{ObjectId, ObjectKind};
use super::pack_file::PackFile;
use super::pack_list::{self, Keep};
use super::{TreeEdits, Vault, pack_index, tree};
use crate::path_rules::check_path;

pub(crate) use super::transport::fuzzing::{addresses, remote_words, ssh_addresses};

/// More bytes than a small file is worth.
const ENOUGH: usize = 8 << 20;

/// Two texts and a delta that is anything: ours comes back, theirs is refused or keeps its word.
pub(crate) fn delta(bytes: &[u8]) {
    let (cut, rest) = bytes.split_first().unwrap_or((&0, bytes));
    let (base, target) = rest.split_at(rest.len() * usize::from(*cut) / 256);
    let ours = delta::encode(base, target);
    assert_eq!(delta::apply(base, &ours).expect("it is right"), target);
    let common = delta::common_prefix(base, target);
    let mut grown = delta::grown_head(base.len() as u64, target.len() as u64, common as u64);
    std::io::copy(&mut Inserts::new(&target[common..]), &mut grown).expect("memory can be read");
    assert_eq!(delta::apply(base, &grown).expect("it is right"), target);

    // The second text as a delta on the first, then as the deltas of a chain.
    if delta::parse(target).is_ok_and(|parsed| parsed.length < ENOUGH)
        && let Ok(made) = delta::apply(base, target)
    {
        let parsed = delta::parse(target).expect("it was applied");
        assert_eq!((made.len(), base.len()), (parsed.length, parsed.base_length));
    }
    chain(base, target);
}

/// A chain of deltas gives what applying one after the other gives.
fn chain(base: &[u8], deltas: &[u8]) {
    let deltas: Vec<&[u8]> =
        deltas.chunks(usize::from(deltas.first().copied().unwrap_or(0)) + 4).collect();
    let id = |at: usize| ObjectId::of_bytes(&at.to_be_bytes());
    let unpack = |wanted: ObjectId| {
        let at = (0..=deltas.len()).find(|at| id(*at) == wanted).expect("it is in the chain");
        Ok(match at.checked_sub(1) {
            None => (Form::Whole(ObjectKind::Blob), base.to_vec()),
            Some(older) => (Form::Delta(id(older)), deltas[older].to_vec()),
        })
    };
    let parsed: Vec<_> = deltas.iter().flat_map(|delta| delta::parse(delta)).collect();
    if parsed.iter().any(|delta| delta.length > ENOUGH) {
        return;
    }
    let step = |made: Option<Vec<u8>>, delta: &&[u8]| delta::apply(&made?, delta).ok();
    let slowly = deltas.iter().fold(Some(base.to_vec()), step);
    let content = Content::read(id(deltas.len()), unpack);
    assert_eq!(content.ok().map(|content| content.to_vec()), slowly);
}

/// An index and a pack that are anything, with sums that are right: they are read to their end.
///
/// The first two bytes are the length of the index.
pub(crate) fn pack(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (index, pack) = rest.split_at(length);
    let index = with_sum(index);
    let _ = pack_index::parse(bytes);
    let Ok(indexed) = pack_index::parse(&index) else { return };
    assert!(indexed.len() * 28 <= index.len());
    let mut again = Vec::new();
    if indexed.is_sorted_by(|one, other| one.id < other.id) {
        pack_index::write(&mut again, &indexed, [0; 20]).expect("memory can be written");
        assert_eq!(pack_index::parse(&again).expect("it reads what it wrote"), indexed);
    }

    let folder = tempfile::tempdir().expect("a folder can be made");
    let header = [&b"PACK\0\0\0\x02"[..], &(indexed.len() as u32).to_be_bytes()].concat();
    let pack = [&header[..], pack.get(header.len()..).unwrap_or_default()].concat();
    let name = "0".repeat(40);
    for (end, bytes) in [("idx", &index), ("pack", &pack)] {
        let path = folder.path().join(format!("pack-{name}.{end}"));
        fs_err::write(path, bytes).expect("a file can be written");
    }
    if let Ok(mut pack) = PackFile::open(folder.path(), &name) {
        read_all(&mut pack);
    }
}

fn read_all(pack: &mut PackFile) {
    let _ = pack.verify();
    for id in pack.ids_by_offset() {
        let _ = pack.kind(id);
        let unpack = |id| entry::unpack(pack.raw(id)?);
        let content = Content::read(id, unpack).ok().filter(|content| content.length() < ENOUGH);
        let _ = content.map(|content| content.to_vec());
        let mut copy = Vec::new();
        if let Ok((length, crc)) = pack.copy_entry(id, &mut copy) {
            assert_eq!((length, crc), (copy.len() as u64, crc32fast::hash(&copy)));
        }
    }
    assert!(pack.contains_all_of(pack));
}

/// Any bytes as an entry of a pack and as a tree.
pub(crate) fn objects(bytes: &[u8]) {
    if let Ok(header) = entry::parse_header(bytes) {
        assert!(header.size <= entry::LONGEST_HEADER.min(bytes.len()));
        if let HeaderForm::Plain(form) = header.form {
            let again = entry::parse_header(&entry::header(form, header.length));
            let again = again.expect("it reads what it wrote");
            assert_eq!((again.form, again.length), (header.form, header.length));
        }
    }
    let _ = entry::unpack(bytes);
    let id = ObjectId::of_bytes(b"a tree");
    let names = tree::parse(bytes)
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| String::from_utf8(name).ok());
    let is_one = |name: &String| check_path(name).is_ok() && !name.contains('/');
    for name in names.filter(is_one).take(3) {
        let mut edits = TreeEdits::new();
        edits.put(name.clone(), id, super::FileMode::Plain);
        let edited = tree::apply(Some(id), &edits, &mut |_| Ok(bytes.to_vec()));
        let written = edited.ok().and_then(|edited| edited.trees.into_iter().next());
        if let Some(tree) = written {
            assert_eq!(
                tree::parse(&tree.bytes).expect("it reads what it wrote")[name.as_bytes()].id,
                id
            );
        }
    }
}

/// Any text as what is noted beside packs.
pub(crate) fn notes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(keep) = Keep::parse(&text) {
        assert_eq!(Keep::parse(&keep.text()), Some(keep));
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("packs");
    fs_err::write(&path, bytes).expect("a file can be written");
    let list = pack_list::read(&path).expect("the file can be read");
    assert!(list.keys().all(|name| pack_list::is_pack_name(name)));
    let _ = text.parse::<ObjectId>().map(|id| assert_eq!(id.to_string(), text));
}

/// Any bytes as git's index: it is true after the next run, or it is said why not.
pub(crate) fn index_file(bytes: &[u8]) {
    thread_local! {
        static VAULT: (tempfile::TempDir, Vault) = vault_with_a_file();
    }
    VAULT.with(|(_, vault)| {
        let index = vault.root().join(".git/index");
        for bytes in [bytes, &with_sum(bytes)] {
            fs_err::write(&index, bytes).expect("a file can be written");
            let refresh = vault.refresh_index(&TreeEdits::new());
            assert_eq!(refresh.problem, None);
            assert!(vault.index_is_true().expect("the vault can be read"));
        }
    });
}

/// Any text as a setting: it is kept as it is, or refused.
pub(crate) fn settings(bytes: &[u8]) {
    thread_local! {
        static VAULT: (tempfile::TempDir, Vault) = vault_with_a_file();
    }
    let text = String::from_utf8_lossy(bytes);
    VAULT.with(|(_, vault)| {
        vault.set_setting("machine", "mac").expect("a plain word can be kept");
        let kept = vault.set_setting("machine", &text);
        let expected = if kept.is_ok() { &text } else { "mac" };
        assert_eq!(
            vault.setting("machine").expect("settings can be read").as_deref(),
            Some(expected)
        );
        assert_eq!(vault.setting("other").expect("settings can be read"), None);
    });
}

fn vault_with_a_file() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let vault = Vault::create(&folder.path().join("backup")).expect("a vault can be made");
    let file: &Path = &vault.root().join("file");
    fs_err::write(file, b"text").expect("a file can be written");
    let id = ObjectId::of_bytes(b"text");
    let mut batch = vault.begin().expect("a batch can begin");
    batch.add_file(file, id, 4).expect("a file can be added");
    let mut edits = TreeEdits::new();
    edits.put("file", id, super::FileMode::Plain);
    let author = super::Author { name: "Tom".into(), email: "tom@example.org".into() };
    let time = chrono::DateTime::UNIX_EPOCH.fixed_offset();
    let info = super::CommitInfo { message: "a file".into(), author, time };
    batch.commit(&edits, &info).expect("it can be committed");
    (folder, vault)
}

/// The bytes with the sum that git puts at the end of its files.
fn with_sum(bytes: &[u8]) -> Vec<u8> {
    let content = &bytes[..bytes.len().saturating_sub(20)];
    let sum: [u8; 20] = Sha1::digest(content).into();
    [content, &sum].concat()
}
