//! This machine's folder under another name: by a command, or by hand.

use std::path::Path;

use anyhow::Result;

use super::Repository;
use super::layout::{MACHINES, machine_folder};
use super::manifest::Manifest;
use super::settings;
use super::trust::KnownKeys;
use crate::fs::{read_if_exists, remove_if_exists};
use crate::session::MachineSlug;
use crate::vault::{FileMode, ObjectId, TreeEdits};

impl Repository {
    /// Gives this machine's folder another name, here and in the branch. The caller holds the lock.
    ///
    /// # Errors
    /// If git cannot be read or written.
    pub fn rename_to(&mut self, slug: &MachineSlug) -> Result<()> {
        let (old, new) = (machine_folder(&self.machine), machine_folder(slug));
        settings::announce(&self.vault, &self.machine, slug)?;
        let head = self.vault.head()?;
        let folder = head.as_ref().map(|head| self.vault.folder_in(head.tree, &old)).transpose()?;
        if let (Some(head), Some(Some(folder))) = (head, folder) {
            let mut manifest = self.machine_manifest(&self.machine);
            manifest.machine_slug = slug.to_string();
            let text = self.vault.store_text(&manifest.to_text()?)?;
            let mut edits = TreeEdits::new();
            edits.put("manifest.json", text, FileMode::Plain);
            let folder = self.vault.edited_tree(folder, &edits)?;
            let mut edits = TreeEdits::new();
            edits.remove_folder(old);
            edits.put_folder(new, folder);
            let info = self.commit_info(format!("this machine is {slug} from now on"));
            let commit = self.vault.commit_on(head.commit, &edits, &info)?;
            self.follow(commit)?;
        }
        KnownKeys::rename_own(&self.vault, &self.machine, slug)?;
        self.machine = slug.clone();
        settings::settle_announced(&self.vault, slug)
    }

    /// Takes the name that somebody gave to this machine's folder by hand: it is known by the
    /// machine's id. The caller holds the lock.
    ///
    /// # Errors
    /// If git cannot be read or written.
    pub fn follow_renamed_folder(&mut self) -> Result<()> {
        let (Some(head), Some(id)) = (self.vault.head()?, self.vault.setting("machineId")?) else {
            return Ok(());
        };
        let committed = self.vault.subfolders(head.tree, MACHINES)?;
        if !committed.contains_key(self.machine.as_str()) {
            return self.follow_committed_name(&committed, head.tree, &id);
        }
        for entry in fs_err::read_dir(self.root().join(MACHINES)).into_iter().flatten() {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let Ok(slug) = MachineSlug::new(name.as_str()) else { continue };
            if !committed.contains_key(&name) && self.was_renamed_to(&slug, &id)? {
                // It was edited by hand; the commit has its own.
                remove_if_exists(&self.work_file(&slug, "manifest.json"))?;
                self.rename_to(&slug)?;
                self.warn(format!("this machine's folder was renamed: it is `{slug}` from now on"));
                return Ok(());
            }
        }
        Ok(())
    }

    /// The same where the new name was committed too, by the user's own git.
    fn follow_committed_name(
        &mut self,
        committed: &std::collections::BTreeMap<String, ObjectId>,
        tree: ObjectId,
        id: &str,
    ) -> Result<()> {
        for name in committed.keys() {
            let Ok(slug) = MachineSlug::new(name.as_str()) else { continue };
            if settings::machine_id_in(&self.vault, tree, &slug)?.as_deref() == Some(id) {
                self.vault.set_setting("former", self.machine.as_str())?;
                KnownKeys::rename_own(&self.vault, &self.machine, &slug)?;
                settings::settle_machine(&self.vault, &slug)?;
                self.machine = slug.clone();
                self.warn(format!("this machine's folder was renamed: it is `{slug}` from now on"));
                return Ok(());
            }
        }
        Ok(())
    }

    /// True if a folder of the work tree has our id, and a manifest names it as ours.
    fn was_renamed_to(&self, slug: &MachineSlug, id: &str) -> Result<bool> {
        let manifest = |path: &Path| -> Result<Manifest> {
            let text = read_if_exists(path)?;
            Ok(text.and_then(|text| Manifest::parse(&text).ok()).unwrap_or_default())
        };
        let own = manifest(&self.work_file(slug, "manifest.json"))?;
        let root = manifest(&self.root().join("manifest.json"))?;
        let is_named = [&own, &root].iter().any(|named| named.machine_slug == slug.as_str());
        Ok(own.machine_id == id && is_named)
    }

    /// True if a folder of a tree has this machine's id.
    ///
    /// # Errors
    /// If git cannot be read.
    pub(super) fn has_own_id(&self, tree: ObjectId, slug: &MachineSlug) -> Result<bool> {
        let own = self.vault.setting("machineId")?;
        Ok(own.is_some() && settings::machine_id_in(&self.vault, tree, slug)? == own)
    }
}
