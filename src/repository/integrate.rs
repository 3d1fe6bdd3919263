//! What other machines published: our commits on top of theirs, their files in the work tree.
//!
//! Each machine writes below its own folder alone, so there is nothing to merge: a commit of ours
//! becomes *their tree with our folder replaced*. The branch moves once, and a journal lets the
//! next run finish the work tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Repository;
use super::heal::{self, Journal};
use super::layout::{MACHINES, machine_folder};
use super::revision::missing_ignore_lines;
use super::settings;
use crate::session::MachineSlug;
use crate::vault::{Changed, FileMode, Listed, ObjectId, TreeEdits};

/// Where the remote's branch was when it was last seen.
pub const SEEN: &str = "refs/remotes/origin/main";
/// Commits that the remote gave up are kept here.
const GIVEN_UP: &str = "refs/claude-backup/given-up";

impl Repository {
    /// True where our branch has all that a commit has.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn contains(&self, commit: ObjectId) -> Result<bool> {
        match self.vault.head()? {
            Some(head) => self.vault.is_ancestor(commit, head.commit),
            None => Ok(false),
        }
    }

    /// True where a commit is a backup's, this program's or the shell tool's, or has no files.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn is_backup(&self, commit: ObjectId) -> Result<bool> {
        let tree = self.vault.tree_of(commit)?;
        for slug in self.vault.folder_names(tree, MACHINES)? {
            if self.vault.file_in(tree, &format!("{MACHINES}/{slug}/manifest.json"))?.is_some() {
                return Ok(true);
            }
        }
        Ok(self.has_flat_sessions(commit)? || self.vault.is_empty_tree(tree)?)
    }

    /// True where a commit has sessions in the place of the shell tool's first versions, below
    /// `projects/`: they are one machine's, and do not say whose.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn has_flat_sessions(&self, commit: ObjectId) -> Result<bool> {
        let tree = self.vault.tree_of(commit)?;
        let Some(folder) = self.vault.folder_in(tree, "projects")? else { return Ok(false) };
        for (_, listed) in self.vault.valid_entries(folder)? {
            let Listed::Folder(project) = listed else { continue };
            let sessions = self.vault.valid_entries(project)?;
            if sessions.iter().any(|(name, _)| name.ends_with(".jsonl.gz")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// True where a commit has this machine's folder.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn has_folder_in(&self, commit: ObjectId) -> Result<bool> {
        let tree = self.vault.tree_of(commit)?;
        let own = self.vault.folder_in(tree, &machine_folder(&self.machine))?;
        Ok(own.is_some() && self.is_ours(commit)?)
    }

    /// Lets this machine give way where `theirs` has a folder of its name that is another machine's.
    ///
    /// # Errors
    /// Where git cannot be read or written.
    pub fn give_way(&mut self, theirs: ObjectId) -> Result<()> {
        if self.is_ours(theirs)? {
            return Ok(());
        }
        let taken = self.machine.clone();
        let free = self.free_slug(self.vault.tree_of(theirs)?)?;
        self.rename_to(&free)?;
        self.warn(format!(
            "another machine is called `{taken}` in this backup; this one is `{free}` from now on"
        ));
        if self.vault.head()?.is_none() {
            self.warn(format!(
                "if it is that one, reinstalled: remove `{}` and start again with `--machine {taken}`",
                self.root().display()
            ));
        }
        Ok(())
    }

    /// Takes a name; a folder that `theirs`, or else our branch, has under it is this machine's from
    /// now on.
    ///
    /// # Errors
    /// Where git cannot be read or its settings not be written.
    pub fn take_name(&mut self, slug: MachineSlug, theirs: Option<ObjectId>) -> Result<()> {
        let head = self.vault.head()?.map(|head| head.commit);
        if let Some(commit) = theirs.or(head) {
            self.note_adopted(commit, &slug)?;
        }
        if let Some(theirs) = theirs.or(head)
            && let Some(id) =
                settings::machine_id_in(&self.vault, self.vault.tree_of(theirs)?, &slug)?
        {
            self.vault.set_setting("machineId", &id)?;
        }
        settings::settle_machine(&self.vault, &slug)?;
        self.machine = slug;
        Ok(())
    }

    /// The tree of our folder in `theirs`, where it is not the one that we published.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn changed_elsewhere(&self, theirs: ObjectId) -> Result<Option<ObjectId>> {
        let Some(head) = self.vault.head()? else { return Ok(None) };
        let base = self.vault.common_ancestor(head.commit, theirs)?;
        if base == Some(theirs) {
            return Ok(None);
        }
        let folder = machine_folder(&self.machine);
        let there = self.vault.folder_in(self.vault.tree_of(theirs)?, &folder)?;
        let published = match base {
            Some(base) => self.vault.folder_in(self.vault.tree_of(base)?, &folder)?,
            None => None,
        };
        let here = self.vault.folder_in(head.tree, &folder)?;
        Ok(there.filter(|there| Some(*there) != published && Some(*there) != here))
    }

    /// True where `theirs` has every commit of ours.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn is_behind(&self, theirs: ObjectId) -> Result<bool> {
        match self.vault.head()? {
            Some(head) => self.vault.is_ancestor(head.commit, theirs),
            None => Ok(true),
        }
    }

    /// Brings our branch on top of `theirs`, and the work tree up to it.
    ///
    /// # Errors
    /// Before the branch moves: nothing has changed. After: the next run finishes the rest.
    pub fn integrate(&self, theirs: ObjectId) -> Result<()> {
        if self.contains(theirs)? {
            return Ok(());
        }
        let Some(head) = self.vault.head()? else { return self.follow(theirs) };
        let folder = machine_folder(&self.machine);
        let mut ours = self.vault.commits_between(Some(theirs), head.commit)?;
        if ours.is_empty() {
            let here = self.vault.folder_in(head.tree, &folder)?;
            let there = self.vault.folder_in(self.vault.tree_of(theirs)?, &folder)?;
            if here.is_none() || here == there {
                return self.follow(theirs);
            }
            self.warn(format!("somebody changed `{folder}` at the remote; it is put back"));
            ours.push(head.commit);
        }
        let beside = self.beside(theirs, head.commit)?;
        let former = settings::former(&self.vault)?.map(|slug| machine_folder(&slug));
        let names: Vec<&str> =
            [Some(folder.as_str()), former.as_deref()].into_iter().flatten().collect();
        let tip = self.vault.replay(&ours, theirs, &names, &beside)?;
        self.follow(tip)
    }

    /// What is derived from all machines, brought up to what the work tree has now.
    ///
    /// # Errors
    /// Where the ledgers cannot be read or the files not be written.
    pub fn refresh_derived(&self) -> Result<()> {
        self.write_index(self.index_lines()?)?;
        let mut root = self.root_manifest();
        root.machines = Some(self.machine_lines()?);
        self.write_root_manifest(&root)
    }

    /// Changes outside our folder: our lines in `.gitignore`, and what only our side still has.
    fn beside(&self, theirs: ObjectId, ours: ObjectId) -> Result<TreeEdits> {
        let mut edits = TreeEdits::new();
        let tree = self.vault.tree_of(theirs)?;
        if let Some(text) = self.ignore_lines_for(tree)? {
            edits.put(".gitignore", text, FileMode::Plain);
        }
        if let Some(former) = settings::former(&self.vault)?
            && former != self.machine
            && self.has_own_id(tree, &former)?
        {
            edits.remove_folder(machine_folder(&former));
        }
        let seen = self.vault.reference(SEEN)?;
        if let Some(seen) = seen
            && self.vault.is_ancestor(seen, theirs)?
        {
            return Ok(edits);
        }
        let kept = format!("{GIVEN_UP}/{ours}");
        self.vault.set_reference(&kept, ours)?;
        if seen.is_some() {
            self.warn(format!(
                "the remote's history was rewritten; what it no longer has is kept here as `{kept}`"
            ));
        }
        let our_tree = self.vault.tree_of(ours)?;
        let there = self.vault.folder_names(tree, MACHINES)?;
        for name in self.vault.folder_names(our_tree, MACHINES)? {
            let folder = format!("{MACHINES}/{name}");
            if !there.contains(&name)
                && name != self.machine.as_str()
                && let Some(tree) = self.vault.folder_in(our_tree, &folder)?
            {
                self.warn(format!("the remote lacks `{folder}`; it is put back"));
                edits.put_folder(folder, tree);
            }
        }
        Ok(edits)
    }

    /// Their `.gitignore` with our lines, as a blob; nothing where they have them all.
    fn ignore_lines_for(&self, tree: ObjectId) -> Result<Option<ObjectId>> {
        let present = self.vault.file_in(tree, ".gitignore")?;
        let text = present.map(|file| self.vault.read(file.id)).transpose()?;
        let Some(text) = missing_ignore_lines(text.as_deref()) else { return Ok(None) };
        self.vault.store_text(text.as_bytes()).map(Some)
    }

    /// Moves the branch to a commit that has all of ours, then makes the work tree what it says; only
    /// what differs is touched.
    ///
    /// # Errors
    /// As [`Self::integrate`].
    pub fn follow(&self, commit: ObjectId) -> Result<()> {
        let head = self.vault.head()?;
        let (from, old) = (head.as_ref().map(|head| head.commit), head.map(|head| head.tree));
        let changed = self.vault.difference(old, Some(self.vault.tree_of(commit)?))?;
        self.set_strays_aside(&changed)?;
        Journal::new(self.journaled(&changed)).write(self)?;
        // There may be very many, and the files themselves are still to come.
        drop(changed);
        let info = self.commit_info("sync: what other machines published".into());
        self.vault.advance(from, commit, &info)?;
        heal::by_journal(self)
    }

    /// A file that git does not know may be the only copy of something.
    fn set_strays_aside(&self, changed: &[Changed]) -> Result<()> {
        for new in changed.iter().filter(|changed| changed.was.is_none()) {
            let (Some(name), Some(is)) = (self.placed_name(new), &new.is) else { continue };
            let path = self.root().join(&name);
            let is_stray = ObjectId::of_file(&path).is_ok_and(|(id, _)| id != is.id);
            if is_stray && !heal::lies_behind_a_link(self.root(), &name) {
                let aside = free_name(&path);
                fs_err::rename(&path, &aside)?;
                let (path, aside) = (path.display(), aside.display());
                self.warn(format!("`{path}` was not part of the backup; it is `{aside}` now"));
            }
        }
        Ok(())
    }

    /// Whether the folder of our name in `theirs`, if there is one, is this machine's.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn is_ours(&self, theirs: ObjectId) -> Result<bool> {
        let tree = self.vault.tree_of(theirs)?;
        let folder = machine_folder(&self.machine);
        if self.vault.folder_in(tree, &folder)?.is_none() {
            return Ok(true);
        }
        // What somebody does to a folder that we published does not make it theirs.
        if self.has_published_folder(theirs)? {
            return Ok(true);
        }
        let own = self.vault.setting("machineId")?;
        let id = settings::machine_id_in(&self.vault, tree, &self.machine)?;
        if let (Some(own), Some(id)) = (own, id) {
            return Ok(own == id);
        }
        // The shell tool made no ids: the folder is ours if our history had it before.
        let Some(head) = self.vault.head()? else {
            // Before anything was saved here, only the user can have given a name.
            return Ok(self.vault.setting("machine")?.is_some());
        };
        let Some(base) = self.vault.common_ancestor(head.commit, theirs)? else {
            return Ok(false);
        };
        Ok(self.vault.folder_in(self.vault.tree_of(base)?, &folder)?.is_some())
    }

    /// True if our folder was part of what both sides have.
    fn has_published_folder(&self, theirs: ObjectId) -> Result<bool> {
        let (Some(head), Some(id)) = (self.vault.head()?, self.vault.setting("machineId")?) else {
            return Ok(false);
        };
        let Some(base) = self.vault.common_ancestor(head.commit, theirs)? else {
            return Ok(false);
        };
        let tree = self.vault.tree_of(base)?;
        Ok(settings::machine_id_in(&self.vault, tree, &self.machine)? == Some(id))
    }

    /// This machine's name with the first number that neither side has used.
    fn free_slug(&self, tree: ObjectId) -> Result<MachineSlug> {
        let mut taken = self.vault.folder_names(tree, MACHINES)?;
        taken.extend(self.machines()?.iter().map(ToString::to_string));
        settings::free_slug(&settings::without_number(&self.machine, &self.env().host), &taken)
    }

    /// What the work tree takes over: plain files whose names lead nowhere else.
    fn journaled(&self, changed: &[Changed]) -> BTreeMap<String, Option<ObjectId>> {
        let named =
            changed.iter().filter_map(|changed| Some((self.placed_name(changed)?, changed)));
        named.map(|(name, changed)| (name, changed.is.as_ref().map(|file| file.id))).collect()
    }

    /// The name of a file that the work tree has before or after the change.
    fn placed_name(&self, changed: &Changed) -> Option<String> {
        let file = changed.is.as_ref().or(changed.was.as_ref())?;
        self.has_place(file).then(|| file.text_path().map(str::to_owned)).flatten()
    }
}

/// A name beside this one that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { "%stray".to_owned() } else { format!("%stray-{number}") });
        PathBuf::from(name)
    };
    (1..).map(name).find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| name(1))
}
