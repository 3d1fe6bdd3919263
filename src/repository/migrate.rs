//! Older layouts taken over in place, in one commit: what lies there gets its ledger lines.
//!
//! Flat `projects/` (versions 1 to 3.1), `machines/` with `config/` and `history.jsonl.gz` at the
//! root (3.2), and our own layout after its `.git` was lost. Archives are kept as they are. What is
//! damaged is taken from git's history where that has it whole, and left where it lies otherwise.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::Repository;
use super::layout::{EntryPath, Form, machine_folder};
use super::ledger::{Content, Entry, Hash, Ledger, StoredPart, Unknown};
use super::manifest::size_words;
use super::revision::{Origin, Revision, Staged};
use crate::archive::{self, ArchiveReader};
use crate::source::{self, Kind, Stat, deny};
use crate::transcript::Scanner;
use crate::vault::ObjectId;

/// What was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Files that got a ledger line.
    pub files: u64,
    /// Files that no version of could be read.
    pub damaged: u64,
}

/// Takes over whatever lies in this machine's places and has no ledger line.
///
/// Runs once for each backup; a fresh one has nothing to take.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn adopt(repository: &Repository) -> Result<Adopted> {
    let vault = &repository.vault;
    if vault.setting("layout")?.as_deref() == Some("4") {
        return Ok(Adopted::default());
    }
    let mut adoption = Adoption::begin(repository)?;
    adoption.take_ledgers()?;
    for file in adoption.candidates() {
        adoption.take(&file)?;
    }
    let adopted = adoption.finish()?;
    super::settings::settle_machine(vault, &repository.machine)?;
    vault.set_setting("layout", "4")?;
    Ok(adopted)
}

/// A file of an older layout, and what it is a copy of.
struct Candidate {
    /// Below the root.
    stored: PathBuf,
    /// Below the Claude home.
    source: PathBuf,
    form: Form,
    kind: Kind,
}

struct Adoption<'a> {
    repository: &'a Repository,
    revision: Revision<'a>,
    adopted: Adopted,
    bytes: u64,
    is_alone: bool,
    stage: PathBuf,
}

impl<'a> Adoption<'a> {
    fn begin(repository: &'a Repository) -> Result<Self> {
        let machines = repository.machines()?;
        let is_alone = machines.iter().all(|machine| *machine == repository.machine);
        let (revision, stage) = (repository.revise(), repository.stage_dir()?);
        Ok(Self { repository, revision, adopted: Adopted::default(), bytes: 0, is_alone, stage })
    }

    /// Lines of our own ledgers that git does not know, after `.git` was lost.
    fn take_ledgers(&mut self) -> Result<()> {
        let folder = self.repository.work_file(&self.repository.machine, "ledger");
        if !folder.is_dir() || !self.repository.ledger_names(&self.repository.machine)?.is_empty() {
            return Ok(());
        }
        for file in fs_err::read_dir(&folder)? {
            let (ledger, damaged) = Ledger::parse(&fs_err::read(file?.path())?);
            damaged.into_iter().for_each(|line| self.repository.warn(line));
            for entry in ledger.entries.into_values() {
                self.take_entry(entry)?;
            }
        }
        Ok(())
    }

    fn take_entry(&mut self, entry: Entry) -> Result<()> {
        let machine = &self.repository.machine;
        let files = entry.contents().flat_map(|content| content.files(&entry.path));
        let files: Vec<(String, StoredPart)> =
            files.map(|(name, part)| (name, part.clone())).collect();
        for (name, part) in &files {
            let path = self.repository.work_file(machine, name);
            if !ObjectId::of_file(&path).is_ok_and(|(id, _)| id == part.blob) {
                self.repository.warn(format!("`{}` is damaged or missing", path.display()));
                self.adopted.damaged += 1;
                return Ok(());
            }
        }
        for (name, part) in files {
            let path = self.repository.work_file(machine, &name);
            let mode = entry.content.file_mode();
            let staged = self.link(&path, part.blob, part.length)?;
            self.revision.put(&name, staged, mode)?;
        }
        self.adopted.files += 1;
        self.bytes += entry.content.stored_bytes();
        self.revision.set_entry(entry)
    }

    /// Every file in a place that older versions wrote to, in a fixed order.
    fn candidates(&self) -> Vec<Candidate> {
        let own = PathBuf::from(machine_folder(&self.repository.machine));
        let mut found = Vec::new();
        for (folder, below_home) in [
            (own.join("projects"), "projects"),
            (PathBuf::from("projects"), "projects"),
            (own.join("config"), ""),
        ] {
            self.walk(&folder, Path::new(below_home), &mut found);
        }
        found.extend(candidate(own.join("history.jsonl.gz"), Path::new("history.jsonl.gz")));
        // With several machines, what lies at the root may be anybody's: it stays as it is.
        if self.is_alone {
            self.walk(Path::new("config"), Path::new(""), &mut found);
            let history = Path::new("history.jsonl.gz");
            found.extend(candidate(history.to_path_buf(), history));
        }
        found
    }

    fn walk(&self, folder: &Path, below_home: &Path, found: &mut Vec<Candidate>) {
        let root = self.repository.root();
        for entry in WalkDir::new(root.join(folder)).sort_by_file_name().into_iter().flatten() {
            if !entry.file_type().is_file() {
                continue;
            }
            let Ok(name) = entry.path().strip_prefix(root.join(folder)) else { continue };
            found.extend(candidate(folder.join(name), &below_home.join(name)));
        }
    }

    fn take(&mut self, candidate: &Candidate) -> Result<()> {
        let path = EntryPath::from_source(&candidate.source, candidate.kind);
        let stored = self.repository.root().join(&candidate.stored);
        if deny::is_denied(&candidate.source) {
            let stored = stored.display();
            self.repository.warn(format!("`{stored}` may hold secrets: it is no longer published, but earlier commits have it"));
            self.revision.forget(&candidate.stored);
            return Ok(());
        }
        if self.revision.entry(&path)?.is_some() || !stored.is_file() {
            return Ok(());
        }
        let (file, content) = match self.inspect(&stored, candidate) {
            Ok(content) => (stored.clone(), content),
            Err(error) => match self.whole_in_history(candidate)? {
                Some(found) => found,
                None => {
                    let stored = stored.display();
                    self.repository
                        .warn(format!("`{stored}` is damaged and stays where it is: {error:#}"));
                    self.adopted.damaged += 1;
                    return Ok(());
                }
            },
        };
        self.record(path, candidate, &file, content)
    }

    fn record(
        &mut self,
        path: EntryPath,
        candidate: &Candidate,
        file: &Path,
        content: Content,
    ) -> Result<()> {
        let (name, part) = content.files(&path).into_iter().next().context("one part")?;
        let staged = self.link(file, part.blob, part.length)?;
        let mode = content.file_mode();
        let in_machine = Path::new(&machine_folder(&self.repository.machine)).join(&name);
        self.revision.put(&name, staged, mode)?;
        if in_machine != candidate.stored {
            self.revision.forget_and_remove(&candidate.stored);
        }
        self.adopted.files += 1;
        self.bytes += content.stored_bytes();
        self.revision.set_entry(Entry {
            path,
            kind: candidate.kind,
            first_seen: content.modified,
            last_seen: content.modified,
            gone_since: None,
            cut_to: None,
            acknowledged: false,
            versions: Vec::new(),
            unknown: Unknown::new(),
            content,
        })
    }

    /// A second name for a file, so that it can be put in place like any other.
    fn link(&self, file: &Path, id: ObjectId, length: u64) -> Result<Staged> {
        let path = self.stage.join(format!("adopt-{id}"));
        crate::fs::remove_if_exists(&path)?;
        if fs_err::hard_link(file, &path).is_err() {
            fs_err::copy(file, &path)?;
        }
        Ok(Staged { path, id, length, origin: Origin::New })
    }

    /// The newest whole copy that git's history has of a damaged file.
    fn whole_in_history(&self, candidate: &Candidate) -> Result<Option<(PathBuf, Content)>> {
        let Some(name) = candidate.stored.to_str() else { return Ok(None) };
        for (blob, _) in self.repository.vault.history_of(name)? {
            let file = self.stage.join(format!("history-{blob}"));
            fs_err::write(&file, self.repository.vault.read(blob)?)?;
            if let Ok(content) = self.inspect(&file, candidate) {
                let stored = candidate.stored.display();
                self.repository
                    .warn(format!("`{stored}` was damaged; an earlier commit has it whole"));
                return Ok(Some((file, content)));
            }
        }
        Ok(None)
    }

    /// Reads a stored file end to end.
    fn inspect(&self, file: &Path, candidate: &Candidate) -> Result<Content> {
        let (blob, length) = ObjectId::of_file(file)?;
        let metadata = fs_err::metadata(file)?;
        let mut reader: Box<dyn Read> = match candidate.form {
            Form::Plain => Box::new(fs_err::File::open(file)?),
            _ => Box::new(ArchiveReader::open(vec![file.to_path_buf()])),
        };
        let mut scanner = (candidate.kind == Kind::Transcript).then(Scanner::new);
        let mut hasher = Sha256::new();
        let mut uncompressed = 0;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            uncompressed += count as u64;
            if let Some(scanner) = &mut scanner {
                scanner.feed(&buffer[..count]);
            }
        }
        let form = match candidate.form {
            Form::Gzip if archive::inspect(file, 1, 0)?.is_some() => Form::Sectioned,
            form => form,
        };
        let is_plain = form == Form::Plain;
        Ok(Content {
            length: uncompressed,
            sha256: Hash::from(hasher),
            form,
            parts: vec![StoredPart::new(length, uncompressed, blob)],
            at: None,
            // The old tool gave archives the umask's bits; the sessions themselves are private.
            mode: if is_plain { Stat::of(&metadata).mode } else { crate::fs::PRIVATE_FILE },
            modified: metadata.modified().map_or(DateTime::UNIX_EPOCH, DateTime::<Utc>::from),
            session: scanner.map(Scanner::finish),
        })
    }

    fn finish(mut self) -> Result<Adopted> {
        let tracks_manifest = self.repository.vault.find("manifest.json")?.is_some();
        if self.is_alone && tracks_manifest {
            self.revision.forget(Path::new("manifest.json"));
        }
        if !self.revision.is_empty() {
            let manifest = self.repository.machine_manifest(&self.repository.machine);
            self.revision.commit(&manifest, &size_words(self.bytes))?;
        }
        if !self.is_alone && tracks_manifest {
            self.repository.vault.hide_from_status("manifest.json")?;
        }
        Ok(self.adopted)
    }
}

fn candidate(stored: PathBuf, source: &Path) -> Option<Candidate> {
    let name = source.to_str();
    let archived = name.and_then(|name| name.strip_suffix(".gz")).filter(|n| n.ends_with(".jsonl"));
    let (source, form) = match archived {
        Some(name) => (PathBuf::from(name), Form::Gzip),
        None => (source.to_path_buf(), Form::Plain),
    };
    let kind = source::kind_of(&source).unwrap_or(match source.starts_with("projects") {
        true => Kind::Sidecar,
        false => Kind::Config,
    });
    Some(Candidate { stored, source, form, kind })
}
