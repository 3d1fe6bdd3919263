//! Judging an archive as a whole before anything of it is written.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{MOST_BYTES, MOST_FILES, mode_of};
use crate::error::{ErrorKind, Failure};
use crate::profile;
use crate::repository::hashing::Hashing;
use crate::repository::ledger::Hash;
use crate::secrets::Secrets;
use crate::source::code::{MAX_JUDGED, StoredFile};
use crate::source::{Kind, deny, kind_of};

/// What an archive holds that may be imported.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Files, by their names below the Claude home.
    pub(super) files: BTreeMap<PathBuf, Held>,
    /// Entries that are no part of a profile, by name.
    pub ignored: Vec<String>,
    /// Likely secrets, by file.
    pub secrets: Vec<Secrets>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Of its bytes: an archive that changes while it is read is noticed.
    pub(super) hash: Hash,
    pub(super) length: u64,
    pub(super) mode: u32,
    /// Why it can execute code.
    pub(super) code: Option<String>,
}

/// Reads an archive to its end and judges each entry.
///
/// # Errors
/// Where it cannot be read to its end, or holds anything that no profile holds: a path that leads
/// out, a link, a device, a name that the deny list has, one name twice, more than a profile's size.
pub fn check(archive: &Path) -> Result<Checked> {
    let mut checked = Checked::default();
    for_each(archive, |relative, entry| {
        let name = relative.display().to_string();
        if !belongs(relative) {
            checked.ignored.push(name);
            return Ok(());
        }
        let mode = entry.header().mode().unwrap_or(0);
        let kind = kind_of(relative).unwrap_or(Kind::Config);
        let stored = StoredFile { relative, kind, mode };
        let reading = || format!("`{name}` in the archive");
        // Only the beginning is held in memory: a hostile one may be as large as all together.
        let (mut bytes, mut head) = (BufReader::new(Hashing::new(entry)), Vec::new());
        bytes.by_ref().take(MAX_JUDGED + 1).read_to_end(&mut head).with_context(reading)?;
        let code = stored.code_reason(|| Ok(&head[..]))?;
        let secrets = Secrets::of(&name, &mut (&head[..]).chain(&mut bytes));
        checked.secrets.extend(secrets.with_context(reading)?);
        let (hash, length) = bytes.into_inner().finish();
        let held = Held { hash, length, mode: mode_of(stored), code };
        match checked.files.insert(relative.to_owned(), held) {
            None => Ok(()),
            Some(_) => Err(refused(&name, "is there twice")),
        }
    })?;
    Ok(checked)
}

impl Held {
    /// True for the very bytes that were checked.
    pub(super) fn is(&self, bytes: impl Read) -> io::Result<bool> {
        Ok(Hash::of(bytes)? == (self.hash, self.length))
    }
}

/// Visits the files of an archive; what is no file of a plain name ends it.
pub(super) fn for_each(
    archive: &Path,
    mut visit: impl FnMut(&Path, &mut dyn FileEntry) -> Result<()>,
) -> Result<()> {
    let unreadable = || {
        let message = format!("`{}` is no archive of a config, or is cut off", archive.display());
        Failure::new(ErrorKind::Failed, message).hint("make one with `claude-backup export-config`")
    };
    let file = fs_err::File::open(archive)?;
    if !file.metadata()?.is_file() {
        return Err(unreadable().into());
    }
    // A bomb ends at this length, whatever its headers claim.
    let plain = MultiGzDecoder::new(BufReader::new(file)).take(MOST_BYTES + 1);
    let mut tar = Archive::new(plain);
    let mut count = 0;
    for entry in tar.entries().with_context(unreadable)? {
        let mut entry = entry.with_context(unreadable)?;
        count += 1;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if count > MOST_FILES || entry.raw_file_position() + entry.size() > MOST_BYTES {
            return Err(refused(&name, "is beyond what any config has"));
        }
        let relative = plain_name(&entry)?;
        match entry.header().entry_type() {
            EntryType::Directory => {}
            EntryType::Regular | EntryType::Continuous if relative.as_os_str().is_empty() => {
                return Err(refused(&name, "has no name"));
            }
            EntryType::Regular | EntryType::Continuous => visit(&relative, &mut entry)?,
            EntryType::Symlink | EntryType::Link => return Err(refused(&name, "is a link")),
            _ => return Err(refused(&name, "is no file")),
        }
    }
    // The last bytes carry the checksum of all.
    let mut rest = tar.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).with_context(unreadable)?;
    Ok(())
}

/// An entry as the visitor sees it.
pub(super) trait FileEntry: Read {
    fn header(&self) -> &tar::Header;
}

impl<R: Read> FileEntry for Entry<'_, R> {
    fn header(&self) -> &tar::Header {
        Entry::header(self)
    }
}

/// The name below the Claude home; one that leads anywhere else, or that is denied, is refused.
fn plain_name<R: Read>(entry: &Entry<'_, R>) -> Result<PathBuf> {
    let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let path = entry.path().map_err(|_| refused(&shown, "has an impossible name"))?;
    let mut relative = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) if !name.to_string_lossy().contains(char::is_control) => {
                relative.push(name);
            }
            _ => return Err(refused(&shown, "leads out of the config's folder")),
        }
    }
    if deny::is_denied(&relative) {
        return Err(refused(&shown, "may hold secrets and is never imported"));
    }
    Ok(relative)
}

/// True for what the profile keeps.
fn belongs(relative: &Path) -> bool {
    kind_of(relative).is_some_and(Kind::is_config) || profile::is_status_line_name(relative)
}

fn refused(name: &str, why: &str) -> anyhow::Error {
    let message = format!("the archive is refused: `{name}` {why}; nothing was written");
    Failure::new(ErrorKind::Refused, message).hint("look at it with `tar -tvzf`").into()
}
