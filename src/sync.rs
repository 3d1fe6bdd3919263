//! Back up: find, compare, compress what is new, commit.

mod apply;
mod plan;
mod put_back;
mod relist;
mod reunite;
mod side_by_side;
mod store;
mod survey;
mod totals;

use anyhow::Result;
use serde::Serialize;

pub use self::apply::{acknowledge, apply, store_again, store_displaced};
pub use self::plan::{Change, Found, SyncPlan};
pub use self::put_back::commit_again;
pub use self::relist::relist;
pub use self::reunite::{is_contained_in, reunite};
use self::survey::Checkpoints;
pub use self::totals::record_failure;
use crate::progress::Progress;
use crate::repository::cache::Cache;
use crate::repository::manifest::{ConfigTotals, SessionTotals};
use crate::repository::{Repository, place, settings};
use crate::source::{self, FileHistory, Listing, Options, Roots, Scope, Skipped, Unreadable};

/// Which files are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Those that look changed by size, times or inode.
    Changed,
    /// All; and every file of the work tree is compared with git.
    Everything,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncOutcome {
    /// Files of the config profile that were stored.
    pub config: ConfigCount,
    /// Sessions; nothing where only the config was asked for.
    pub sessions: Option<SessionCount>,
    /// All files, sessions and config included.
    pub files: FileCount,
    /// Sessions that became longer.
    pub grown: u64,
    /// Sessions that were cut or rewritten, and what the new bytes lack.
    pub new_versions: Vec<NewVersion>,
    /// Files that were cut back at the source, while the backup keeps all of them.
    pub cut: u64,
    /// Files that the source lacks and the backup keeps, in all.
    pub gone_at_source: u64,
    /// Of these, the ones that went missing since the last run.
    pub newly_gone: u64,
    /// Sessions whose transcript went missing since the last run.
    pub gone_sessions: Vec<String>,
    /// Sessions that were cut back since the last run.
    pub cut_sessions: Vec<String>,
    /// What could not be saved.
    pub unreadable: Vec<Unreadable>,
    /// What was kept out because it may hold secrets.
    pub denied: Vec<String>,
    /// Links that were not followed and files that an earlier home hides, with the reason.
    pub skipped: Vec<Skipped>,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Bytes that the repository's archives grew by.
    pub bytes_stored: u64,
    /// The commit, if anything was new.
    pub commit: Option<String>,
    /// Sessions in the backup of this machine.
    pub total_sessions: u64,
}

/// Counts of the config profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigCount {
    /// New or changed files.
    pub files_synced: u64,
}

/// Counts of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionCount {
    /// New ones.
    pub added: u64,
    /// Changed ones.
    pub updated: u64,
    /// Always 0: nothing is ever removed.
    pub removed: u64,
}

/// Counts of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileCount {
    /// New ones.
    pub added: u64,
    /// Changed ones.
    pub updated: u64,
    /// Those that moved to another name.
    pub moved: u64,
    /// Those that are as they were.
    pub unchanged: u64,
}

/// A session whose new bytes do not begin with the stored ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewVersion {
    /// The session's id, or the file's name where it is none.
    pub uuid: String,
    /// Messages that it had at some time and lacks now.
    pub lost_messages: u64,
    /// It is a session, which `versions` knows by this id.
    #[serde(skip)]
    pub is_session: bool,
    /// The user has taken note of the loss, or made it.
    #[serde(skip)]
    pub acknowledged: bool,
}

/// A plan and what it was made from.
pub struct Prepared {
    /// What is to be done.
    pub plan: SyncPlan,
    /// What the source has.
    pub listing: Listing,
    stored: Cache,
}

impl Prepared {
    /// What is stored of this machine, counted without its manifests.
    #[must_use]
    pub fn sums(&self) -> (ConfigTotals, SessionTotals) {
        totals::sums_of(&self.stored)
    }
}

/// Forgets what is known of the old bytes of files that grow: they are all hashed again.
///
/// # Errors
/// As the file system says, with the path.
pub fn forget_checkpoints(repository: &Repository) -> Result<()> {
    Checkpoints::new(&repository.vault.private_dir()?).clear()
}

/// Compares the source with what is stored; changes nothing.
///
/// # Errors
/// Where the repository cannot be read.
pub fn plan(
    repository: &Repository,
    roots: &Roots,
    scope: Scope,
    reading: Reading,
    progress: &dyn Progress,
) -> Result<Prepared> {
    let file_history = match settings::keeps_file_history(&repository.vault)? {
        true => FileHistory::Keep,
        false => FileHistory::Skip,
    };
    let options = Options { scope, file_history };
    if let Some(home) = place::home_around(repository.root(), roots) {
        repository.warn(format!(
            "the backup lies in `{}`, which is backed up, and is left out; move `{}` elsewhere and \
             name its place with --backup-dir or CLAUDE_BACKUP_DIR",
            home.display(),
            repository.root().display()
        ));
    }
    progress.start("listing", 0, 0);
    let listing = source::list(roots, &options, progress);
    progress.finish();
    let listing = listing?;
    let stored = apply::stored(repository)?;
    let plan = SyncPlan::new(&listing, &stored.files, options, reading);
    tell(&listing, &plan, roots, progress);
    Ok(Prepared { plan, listing, stored })
}

fn tell(listing: &Listing, plan: &SyncPlan, roots: &Roots, progress: &dyn Progress) {
    for home in roots.all() {
        progress.step(&format_args!("listed {}", home.display()));
    }
    for name in &listing.denied {
        progress.step(&format_args!("kept out, as it may hold secrets: {}", name.display()));
    }
    for link in &listing.skipped {
        progress.step(&format_args!("left out {}: {}", link.path.display(), link.reason));
    }
    for file in &listing.unreadable {
        progress.step(&format_args!("not readable {}: {}", file.path.display(), file.error));
    }
    let (found, changes) = (listing.files.len(), plan.changes.len());
    progress
        .step(&format_args!("found {found}; changes: {changes}, unchanged: {}", plan.unchanged));
}
