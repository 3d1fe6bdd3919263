//! What git notes beside its objects, and from which lost ones can be made again: the index has the
//! names and ids of all files of the newest commit, the reflog who committed what, when.

use super::Vault;
use super::branch::MAIN;
use super::mending::Object;
use super::object_id::{ObjectId, ObjectKind};
use super::tree::{self, FileMode, TreeEdits};

impl Vault {
    /// All files of the commit that the index was last written for; nothing where it cannot be read.
    #[must_use]
    pub fn files_of_index(&self) -> Option<TreeEdits> {
        let index = git2::Index::open(&self.git_dir.join("index")).ok()?;
        let mut files = TreeEdits::new();
        for entry in index.iter() {
            let mode = match entry.mode {
                0o100_644 => FileMode::Plain,
                0o100_755 => FileMode::Executable,
                _ => continue,
            };
            files.put(String::from_utf8(entry.path).ok()?, entry.id.into(), mode);
        }
        Some(files)
    }

    /// The folders that hold these files and nothing else, the top one last; nothing of it is stored.
    #[must_use]
    pub fn trees_of(&self, files: &TreeEdits) -> Vec<Object> {
        let edited = tree::apply(None, files, &mut |id| anyhow::bail!("{id} is not wanted"));
        let trees = edited.map(|edited| edited.trees).unwrap_or_default();
        trees.into_iter().map(|tree| Object::new(ObjectKind::Tree, tree.bytes)).collect()
    }

    /// A commit of ours, from what the reflog says of it and the folder that it must have had.
    #[must_use]
    pub fn commit_of_reflog(&self, id: ObjectId, folders: &[ObjectId]) -> Option<Object> {
        let line = self.reflog().into_iter().rev().find(|line| line.to == id)?;
        let parent = line.from.map(|from| format!("parent {from}\n")).unwrap_or_default();
        let Noted { who, message, .. } = &line;
        let texts = folders.iter().flat_map(|folder| {
            let text =
                format!("tree {folder}\n{parent}author {who}\ncommitter {who}\n\n{message}\n");
            let text = text.into_bytes();
            // The same key gives the same signature. Version 4.0 did not sign.
            [self.signed(text.clone()).ok(), Some(text)]
        });
        let mut commits = texts.flatten().map(|text| Object::new(ObjectKind::Commit, text));
        commits.find(|commit| commit.id() == id)
    }

    /// Lets the branch point to where it last was, where that was lost and the commit is there; true
    /// where it does now. The caller holds the backup's lock; until then it is read from the reflog.
    ///
    /// # Errors
    /// Where the reference cannot be written.
    pub fn branch_of_reflog(&self) -> anyhow::Result<bool> {
        let Some(newest) = self.newest_of_reflog() else { return Ok(false) };
        self.set_reference(MAIN, newest)?;
        Ok(true)
    }

    /// True where the branch cannot be read, or is not there although it once was.
    #[must_use]
    pub fn branch_is_lost(&self) -> bool {
        let found = self.repository().refname_to_id(MAIN);
        match found {
            Ok(_) => false,
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                !self.reflog().is_empty() || self.branch().and_then(|b| b.tip(self)).is_err()
            }
            Err(_) => true,
        }
    }

    /// Where the branch points, or where it last did if it is lost, whether or not that is there.
    pub(super) fn newest_named(&self) -> Option<ObjectId> {
        let found = self.repository().refname_to_id(MAIN);
        found.map_or_else(|_| self.last_noted(), |id| Some(id.into()))
    }

    /// Where the branch last was by its own log, if that commit is there.
    pub(super) fn newest_of_reflog(&self) -> Option<ObjectId> {
        self.last_noted().filter(|id| self.read_kind(*id, ObjectKind::Commit).is_ok())
    }

    /// What the last line of the branch's log moved it to; nothing where that line is damaged, as an
    /// earlier one would lead behind the newest backup, and forget what only that one has.
    fn last_noted(&self) -> Option<ObjectId> {
        Noted::parse(self.reflog_text().lines().last()?).map(|line| line.to)
    }

    /// The moves of the branch, the oldest first.
    fn reflog(&self) -> Vec<Noted> {
        self.reflog_text().lines().filter_map(Noted::parse).collect()
    }

    fn reflog_text(&self) -> String {
        let bytes = fs_err::read(self.git_dir.join("logs").join(MAIN)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// One move of the branch.
struct Noted {
    from: Option<ObjectId>,
    to: ObjectId,
    /// `Name <address> seconds zone`.
    who: String,
    /// The commit's message, of which we write one line.
    message: String,
}

impl Noted {
    fn parse(line: &str) -> Option<Self> {
        let (head, reason) = line.split_once('\t')?;
        let mut words = head.splitn(3, ' ');
        let (from, to, who) = (words.next()?, words.next()?, words.next()?);
        let from = if from.bytes().all(|byte| byte == b'0') { None } else { from.parse().ok() };
        let message = reason.strip_prefix("commit: ").unwrap_or(reason);
        Some(Self { from, to: to.parse().ok()?, who: who.into(), message: message.into() })
    }
}
