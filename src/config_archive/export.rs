//! Writing a profile into an archive: the files that a backup would keep, and no others.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::{LeftOut, mode_of};
use crate::error::{ErrorKind, Failure};
use crate::fs::{PRIVATE_FILE, new_beside, set_mode};
use crate::secrets::Secrets;
use crate::source::code::StoredFile;
use crate::source::{Listing, SourceFile};

/// What an export put into its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files.
    pub files: u64,
    /// Bytes of the archive.
    pub bytes: u64,
    /// Likely secrets in them, by file.
    pub secrets: Vec<Secrets>,
    /// What could not be read.
    pub left_out: Vec<LeftOut>,
}

/// Writes the listed files into a new archive, which takes its place when it is whole.
///
/// The same files give the same bytes. The archive is its owner's alone.
///
/// # Errors
/// If there is nothing to export, the archive exists already, or it cannot be written.
pub fn export(listing: &Listing, target: &Path) -> Result<Exported> {
    let mut exported = Exported::default();
    let unreadable = listing.unreadable.iter();
    exported.left_out = unreadable
        .map(|lost| LeftOut { path: lost.path.display().to_string(), reason: lost.error.clone() })
        .collect();
    if listing.files.is_empty() {
        let message = "there is no config to export";
        return Err(Failure::new(ErrorKind::NotFound, message)
            .hint("name the Claude home with --claude-dir")
            .into());
    }
    let mut file = new_beside(target)?;
    set_mode(file.path(), PRIVATE_FILE)?;
    let writing = || format!("failed to write `{}`", target.display());
    let gzip = GzBuilder::new().write(file.as_file_mut(), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for found in &listing.files {
        match add(&mut tar, found) {
            Ok(secrets) => {
                exported.files += 1;
                exported.secrets.extend(secrets);
            }
            Err(Trouble::Reading(error)) => exported.left_out.push(LeftOut {
                path: found.relative.display().to_string(),
                reason: format!("{error:#}"),
            }),
            Err(Trouble::Writing(error)) => return Err(error).with_context(writing),
        }
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).with_context(writing)?;
    file.as_file().sync_all().with_context(writing)?;
    exported.bytes = file.as_file().metadata().with_context(writing)?.len();
    // It may have come to exist since its name was chosen.
    file.persist_noclobber(target).map_err(|error| error.error).with_context(writing)?;
    Ok(exported)
}

enum Trouble {
    Reading(anyhow::Error),
    Writing(anyhow::Error),
}

/// The bytes are read first: a file that grows meanwhile would not fit its header.
fn add(tar: &mut tar::Builder<impl Write>, file: &SourceFile) -> Result<Option<Secrets>, Trouble> {
    let name = file.relative.to_str().context("its name is not UTF-8");
    let name = name.map_err(Trouble::Reading)?;
    let mut bytes = Vec::new();
    let read = file.open().and_then(|mut opened| opened.read_to_end(&mut bytes));
    read.map_err(|error| Trouble::Reading(error.into()))?;
    let secrets = Secrets::of(name, &bytes[..]).map_err(|error| Trouble::Reading(error.into()))?;
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.len() as u64);
    let stored = StoredFile { relative: &file.relative, kind: file.kind, mode: file.stat.mode };
    header.set_mode(mode_of(stored));
    header.set_mtime(u64::try_from(file.stat.modified().timestamp()).unwrap_or(0));
    let added = tar.append_data(&mut header, format!("./{name}"), &bytes[..]);
    added.map_err(|error| Trouble::Writing(error.into()))?;
    Ok(secrets)
}
