//! The backup folder: its machines, what is stored of them, and the one way to change it.

pub mod cache;
pub mod find;
mod foreign;
mod frequency;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod hashing;
pub mod heal;
mod in_parts;
pub mod index;
mod integrate;
pub mod layout;
pub mod ledger;
mod lines;
pub mod lock;
mod locks;
pub mod lost;
pub mod manifest;
pub mod message_counts;
pub mod migrate;
mod older;
pub mod origin;
pub mod place;
mod reject;
mod rejection;
mod renamed;
pub mod revision;
mod run_log;
mod scratch;
pub mod settings;
mod sizes;
pub mod stage;
pub mod trust;
mod work_tree;

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

use self::cache::Cache;
use self::layout::{MACHINES, machine_folder};
use self::ledger::{Content, Entry};
use self::manifest::{MachineLine, Manifest};
use self::revision::Revision;
use self::sizes::Sizes;
use crate::archive::{ArchiveReader, read_tail};
use crate::env::Env;
use crate::fs::{PRIVATE_FILE, create_private_dir, read_if_exists, write_atomic_by_way_of};
use crate::session::MachineSlug;
use crate::vault::{Author, CommitInfo, ObjectId, Vault};

pub use self::frequency::Frequency;
pub use self::integrate::SEEN;
pub use self::locks::{MERGE, RemoteLock};
pub use self::reject::LeftOut;
pub use self::rejection::{INCOMING, Rejection};
pub use self::settings::SecretPolicy;

/// An open backup folder.
pub struct Repository {
    /// Its git side; shared with what speaks to its remote.
    pub vault: Arc<Vault>,
    /// This machine's folder below `machines/`.
    pub machine: MachineSlug,
    /// How large stored files may be.
    pub sizes: Sizes,
    /// Whether likely secrets may be pushed.
    pub secret_policy: SecretPolicy,
    env: Env,
    /// When this run began.
    begun: DateTime<Utc>,
    root: PathBuf,
    warnings: Mutex<Vec<String>>,
}

impl Repository {
    /// Opens the backup at `root`.
    ///
    /// # Errors
    /// [`ErrorKind::NoRepository`] where there is none.
    pub fn open(root: &Path, env: &Env) -> Result<Self> {
        match Self::find(root, env)? {
            Some(repository) => Ok(repository),
            None => Err(lost::no_repository(root).into()),
        }
    }

    /// Opens the backup at `root`, if there is one; a git repository of something else is none.
    ///
    /// # Errors
    /// Where there is one that cannot be opened.
    pub fn find(root: &Path, env: &Env) -> Result<Option<Self>> {
        let Some(vault) = Vault::open(root)? else { return Ok(None) };
        let repository = Self::of(vault, root, env)?;
        Ok(repository.is_of_a_backup()?.then_some(repository))
    }

    fn of(vault: Vault, root: &Path, env: &Env) -> Result<Self> {
        let machine = settings::machine(&vault, root, env)?;
        let repository = Self {
            vault: Arc::new(vault),
            machine,
            sizes: Sizes::default(),
            secret_policy: SecretPolicy::default(),
            env: env.clone(),
            begun: env.now(),
            root: root.to_path_buf(),
            warnings: Mutex::default(),
        };
        repository.tell_of_lost_history();
        Ok(repository)
    }

    /// Makes an empty backup for this machine at `root`; one that is there is opened.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn create(root: &Path, env: &Env) -> Result<Self> {
        Self::of(Vault::create(root)?, root, env)
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The machine it is opened on.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Where a file of a machine's folder lies in the work tree.
    #[must_use]
    pub fn work_file(&self, machine: &MachineSlug, name: &str) -> PathBuf {
        self.root.join(machine_folder(machine)).join(name)
    }

    /// The machines that have a folder, in the work tree or in git, now or before, this one first.
    ///
    /// # Errors
    /// Where `machines/` cannot be listed.
    pub fn machines(&self) -> Result<Vec<MachineSlug>> {
        let mut names = self.vault.folders_in(MACHINES)?;
        let folder = self.root.join(MACHINES);
        if folder.is_dir() {
            for entry in fs_err::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    names.extend(entry.file_name().into_string());
                }
            }
        }
        let slugs = names.into_iter().filter_map(|name| MachineSlug::new(name).ok());
        let mut machines: Vec<MachineSlug> = slugs.collect();
        machines.extend(self.kept_machines());
        machines.sort_by_key(|slug| (*slug != self.machine, slug.clone()));
        machines.dedup();
        Ok(machines)
    }

    /// The cache of this machine's files, if it is true to what is stored.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn cache(&self) -> Result<Option<Cache>> {
        let tree = self.machine_tree(&self.machine)?;
        Ok(Cache::load(&self.vault.private_dir()?, &tree))
    }

    /// What cache and index go by: the git tree of a machine's folder, or nothing.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn machine_tree(&self, machine: &MachineSlug) -> Result<String> {
        let folder = self.vault.folder(&machine_folder(machine))?;
        Ok(folder.map(|tree| tree.to_string()).unwrap_or_default())
    }

    /// Replaces a file of the work tree, all or nothing, leaving nothing beside it.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn write_file(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.write_file_in_pieces(path, &[bytes.into()], mode)
    }

    fn write_file_in_pieces(&self, path: &Path, pieces: &[Cow<'_, [u8]>], mode: u32) -> Result<()> {
        Ok(write_atomic_by_way_of(&self.stage_dir()?, path, pieces, mode)?)
    }

    /// The root manifest; a missing or damaged one is an empty one.
    #[must_use]
    pub fn root_manifest(&self) -> Manifest {
        self.manifest_at(&self.root.join("manifest.json"))
    }

    /// A machine's manifest; a missing or damaged one is taken from git, or is an empty one.
    #[must_use]
    pub fn machine_manifest(&self, machine: &MachineSlug) -> Manifest {
        let is_tip = self.view(machine).is_ok_and(|view| view.is_tip());
        let manifest = self.manifest_at(&self.work_file(machine, "manifest.json"));
        if is_tip && !manifest.machine_slug.is_empty() {
            return manifest;
        }
        let committed = self.committed_manifest(machine).ok().flatten();
        committed.and_then(|text| Manifest::parse(&text).ok()).unwrap_or(manifest)
    }

    /// A machine's manifest, put back first where the work tree lost or damaged it.
    ///
    /// # Errors
    /// Where git cannot be read or the file cannot be written.
    pub fn mended_manifest(&self, machine: &MachineSlug) -> Result<Manifest> {
        if !self.view(machine)?.is_tip() {
            return Ok(self.machine_manifest(machine));
        }
        let path = self.work_file(machine, "manifest.json");
        let present = read_if_exists(&path)?.and_then(|text| Manifest::parse(&text).ok());
        if let Some(manifest) = present {
            return Ok(manifest);
        }
        let name = format!("{}/manifest.json", machine_folder(machine));
        if let Some(text) = self.committed_manifest(machine)?
            && !heal::lies_behind_a_link(&self.root, &name)
        {
            self.write_file(&path, &text, PRIVATE_FILE)?;
        }
        Ok(self.machine_manifest(machine))
    }

    /// A line for each machine, sorted by name.
    ///
    /// # Errors
    /// Where a machine's manifest cannot be read.
    pub fn machine_lines(&self) -> Result<Vec<MachineLine>> {
        let mut lines = Vec::new();
        for machine in self.machines()? {
            // Whatever another machine sent must not keep this one from its work.
            let manifest = self.mended_manifest(&machine).unwrap_or_else(|error| {
                self.warn(format!("the manifest of machine `{machine}`: {error:#}"));
                let committed = self.committed_manifest(&machine).ok().flatten();
                committed.and_then(|text| Manifest::parse(&text).ok()).unwrap_or_default()
            });
            let signature = self.view(&machine)?.signature;
            let signature = Some(signature).filter(|signature| !signature.is_own());
            lines.push(MachineLine { signature, ..manifest.line(machine.as_str()) });
        }
        lines.sort_by(|a, b| a.slug.cmp(&b.slug));
        Ok(lines)
    }

    /// Replaces the root manifest.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn write_root_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write_file(&self.root.join("manifest.json"), &manifest.to_text()?, PRIVATE_FILE)
    }

    fn committed_manifest(&self, machine: &MachineSlug) -> Result<Option<Vec<u8>>> {
        let committed = match self.view(machine)?.folder() {
            Some(folder) => self.vault.file_in(folder, "manifest.json")?,
            None => None,
        };
        committed.map(|file| self.vault.read(file.id)).transpose()
    }

    fn manifest_at(&self, path: &Path) -> Manifest {
        match read_if_exists(path).map_err(Into::into).map(|text| text.map(|t| Manifest::parse(&t)))
        {
            Ok(Some(Ok(manifest))) => manifest,
            Ok(None) => Manifest::default(),
            Ok(Some(Err(error))) | Err(error) => {
                self.warn(format!("`{}` was damaged and is made anew: {error:#}", path.display()));
                Manifest::default()
            }
        }
    }

    /// Opens the bytes of a stored content: from the work tree where it is true, else from git.
    ///
    /// # Errors
    /// Where neither has all parts.
    pub fn open_content(
        &self,
        machine: &MachineSlug,
        path: &layout::EntryPath,
        content: &Content,
    ) -> Result<Box<dyn std::io::Read + Send>> {
        let is_tip = *machine == self.machine || self.view(machine)?.is_tip();
        let mut parts: Vec<Box<dyn std::io::Read + Send>> = Vec::new();
        for (name, part) in content.files(path) {
            let file = self.work_file(machine, &name);
            match is_tip {
                true => parts.push(self.open_part(&file, part)?),
                // What was accepted or kept is in git, whatever lies in the work tree now.
                false => parts.push(self.open_blob(&file, part)?),
            }
        }
        // What inflates to more than its line says is not what was stored: one byte tells.
        Ok(Box::new(content.form.open(parts)?.take(content.length.saturating_add(1))))
    }

    /// The first and the last so many bytes of a long stored content, without those between; nothing
    /// where the work tree does not have them as the ledger says.
    ///
    /// Only lengths are compared: for showing, not for giving back.
    #[must_use]
    pub fn ends_of_content(
        &self,
        machine: &MachineSlug,
        path: &layout::EntryPath,
        content: &Content,
        bytes: usize,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        if !self.view(machine).ok()?.is_tip() {
            return None;
        }
        let files = content.files(path);
        let (first, (last, part)) = (files.first()?, files.last()?);
        let is_long = |part: &ledger::StoredPart| part.uncompressed > 2 * bytes as u64;
        if content.form != layout::Form::Sectioned || !is_long(first.1) || !is_long(part) {
            return None;
        }
        let (begin, end) = (self.work_file(machine, &first.0), self.work_file(machine, last));
        if fs_err::metadata(&end).ok()?.len() != part.length {
            return None;
        }
        let mut head = Vec::new();
        let reader = ArchiveReader::open(vec![begin]);
        reader.take(bytes as u64).read_to_end(&mut head).ok()?;
        Some((head, read_tail(&end, bytes).ok()?))
    }

    /// Opens one stored file: from the work tree where it is true, else from git.
    ///
    /// # Errors
    /// Where neither has it.
    pub fn open_part(
        &self,
        path: &Path,
        part: &ledger::StoredPart,
    ) -> Result<Box<dyn std::io::Read + Send>> {
        if let Ok((id, _)) = ObjectId::of_file(path)
            && id == part.blob
        {
            return Ok(Box::new(std::io::BufReader::new(fs_err::File::open(path)?)));
        }
        let stored = self.open_blob(path, part)?;
        self.warn(format!("`{}` was damaged or missing; taken from git", path.display()));
        Ok(stored)
    }

    fn open_blob(
        &self,
        path: &Path,
        part: &ledger::StoredPart,
    ) -> Result<Box<dyn std::io::Read + Send>> {
        let bytes = self.vault.read(part.blob).with_context(|| {
            format!("`{}` is damaged, and git has no copy of it", path.display())
        })?;
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    /// The next version's number and place: another file may have had this name, and versions there.
    ///
    /// # Errors
    /// Where git cannot be read.
    pub fn place_for_version(&self, entry: &Entry) -> Result<(u32, String)> {
        let folder = machine_folder(&self.machine);
        let mut number = entry.next_version();
        loop {
            let at = format!("{}/{number}", entry.path.versions_folder());
            if self.vault.find(&format!("{folder}/{at}.gz"))?.is_none() {
                return Ok((number, at));
            }
            number += 1;
        }
    }

    /// Who commits, now, with this message.
    fn commit_info(&self, message: String) -> CommitInfo {
        let env = &self.env;
        let xdg = env.variable("XDG_CONFIG_HOME").map(Path::new);
        let author = Author::find(&env.home, xdg, &env.host);
        CommitInfo { message, author, time: env.local(env.now()) }
    }

    /// Begins a change of what is stored for this machine.
    #[must_use]
    pub fn revise(&self) -> Revision<'_> {
        Revision::begin(self)
    }

    /// A folder for files under way, on the same file system.
    ///
    /// # Errors
    /// As the file system says, with the path.
    pub fn stage_dir(&self) -> Result<PathBuf> {
        let folder = self.vault.private_dir()?.join("stage");
        create_private_dir(&folder)?;
        Ok(folder)
    }

    /// Notes something the user should know; the command at the end shows it.
    pub fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        let warnings = &mut self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        warnings.extend(self.vault.take_warnings());
        std::mem::take(warnings)
    }
}
