//! Stored files made again from what still has their content: the same bytes always give the same
//! archive, and what a session was is the beginning of what it is.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use anyhow::Result;

use super::Origin;
use super::history::place_of;
use crate::archive;
use crate::fs::open_real;
use crate::progress::Silent;
use crate::repository::Repository;
use crate::repository::layout::{EntryPath, Form, machine_folder};
use crate::repository::ledger::{Content, Entry, Hash, Ledger};
use crate::repository::stage::StageFiles;
use crate::session::MachineSlug;
use crate::source::{self, FileHistory, Options, Roots, Scope};
use crate::vault::{Lacking, Object, ObjectId};

/// What can be made again, and from what.
pub(super) struct Remake<'a> {
    repository: &'a Repository,
    roots: &'a Roots,
    /// The source's files by stored name, once they were asked for.
    live: Option<BTreeMap<String, PathBuf>>,
}

impl<'a> Remake<'a> {
    pub(super) fn new(repository: &'a Repository, roots: &'a Roots) -> Self {
        Self { repository, roots, live: None }
    }

    /// The lacking file, made from the source, or from what is stored of it now.
    pub(super) fn blob(&mut self, lacking: &Lacking) -> Option<(Object, Origin)> {
        let (machine, _) = place_of(self.repository, lacking);
        let (entry, content) = self.line_of(&machine, lacking)?;
        let make = |open: &dyn Fn() -> Result<Box<dyn Read>>| {
            self.repository.stage_dir().ok().and_then(|stage| {
                made(&StageFiles::new(&stage), &content, lacking.id, open).ok().flatten()
            })
        };
        if machine == self.repository.machine
            && let Some(live) = self.live_file(&entry.path)
            && let Some(object) = make(&|| Ok(Box::new(open_real(&live)?)))
        {
            return Some((object, Origin::Source));
        }
        let present = self.present(&machine, &entry.path)?;
        present.contents().find_map(|stored| {
            let open = || -> Result<Box<dyn Read>> {
                Ok(self.repository.open_content(&machine, &present.path, stored)?)
            };
            Some((make(&open)?, Origin::Git))
        })
    }

    /// The line that speaks of it: in the ledger that was committed along with it.
    fn line_of(&self, machine: &MachineSlug, lacking: &Lacking) -> Option<(Entry, Content)> {
        let vault = &self.repository.vault;
        let folder = format!("{}/ledger", machine_folder(machine));
        let tree = vault.tree_of(lacking.commit).ok()?;
        let ledgers = vault.folder_in(tree, &folder).ok()??;
        for file in vault.files_of(ledgers).ok()? {
            let Ok(text) = vault.read(file.id) else { continue };
            let id = lacking.id.to_string();
            if !text.windows(id.len()).any(|window| window == id.as_bytes()) {
                continue;
            }
            for entry in Ledger::parse(&text).0.entries.into_values() {
                let has_it =
                    |content: &&Content| content.parts.iter().any(|p| p.blob == lacking.id);
                let content = entry.contents().find(has_it).cloned();
                if let Some(content) = content {
                    return Some((entry, content));
                }
            }
        }
        None
    }

    /// What is stored under that name now.
    fn present(&self, machine: &MachineSlug, path: &EntryPath) -> Option<Entry> {
        self.repository.lines(machine, &path.ledger()).ok()?.entries.remove(path)
    }

    fn live_file(&mut self, path: &EntryPath) -> Option<PathBuf> {
        let roots = self.roots;
        let live = self.live.get_or_insert_with(|| {
            let options = Options { scope: Scope::All, file_history: FileHistory::Keep };
            let files = source::list(roots, &options, &Silent).map(|listing| listing.files);
            let files = files.unwrap_or_default().into_iter();
            files
                .map(|file| {
                    (EntryPath::from_source(&file.relative, file.kind).to_string(), file.path)
                })
                .collect()
        });
        live.get(path.as_str()).cloned()
    }
}

/// The file of this id that a content has, made from bytes that begin with the content's.
fn made(
    files: &StageFiles,
    content: &Content,
    id: ObjectId,
    open: &dyn Fn() -> Result<Box<dyn Read>>,
) -> Result<Option<Object>> {
    let length = content.length;
    if Hash::of(open()?.take(length))? != (content.sha256, length) {
        return Ok(None);
    }
    if content.form == Form::Plain {
        let mut bytes = Vec::new();
        open()?.take(length).read_to_end(&mut bytes)?;
        return Ok(Some(Object::blob(bytes)).filter(|object| object.id() == id));
    }
    let written = archive::write(open()?.take(length), length, &mut files.sink(), &mut |_| {})?;
    let mut found = None;
    for (_, number) in written.parts.iter().zip(written.first_part..) {
        let path = files.path(number);
        if ObjectId::of_file(&path)?.0 == id {
            found = Some(Object::blob(fs_err::read(&path)?));
        }
        crate::fs::remove_if_exists(&path)?;
    }
    Ok(found)
}
