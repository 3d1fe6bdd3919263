//! Git's history: everything that was ever committed is there, with the bytes that it had.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::{Line, Problem, ProblemKind};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::repository::layout::MACHINES;
use crate::session::MachineSlug;
use crate::vault::{Lacking, ObjectId, ObjectKind};

/// Where git's commits are.
const COMMITS: &str = ".git/objects";
/// Git's own file of the branch.
pub(super) const BRANCH: &str = ".git/refs/heads/main";

/// Names what is lacking of history, one problem for each place; what the lines speak of is looked
/// at by itself.
pub(super) fn check(
    repository: &Repository,
    lines: &[Line],
    problems: &mut Vec<Problem>,
    progress: &dyn Progress,
) -> Result<()> {
    let soundness = match repository.vault.soundness(progress) {
        Ok(soundness) => soundness,
        Err(error) => {
            problems.push(Problem::of_history(&repository.machine, &error));
            return Ok(());
        }
    };
    let contents = lines.iter().flat_map(|line| line.entry.contents());
    let present: HashSet<ObjectId> =
        contents.flat_map(|content| content.parts.iter().map(|part| part.blob)).collect();
    let mut places: BTreeMap<(MachineSlug, String), Vec<&Lacking>> = BTreeMap::new();
    // Where not even the newest commit can be read, that was said already.
    let has_head = repository.vault.head().is_ok();
    let is_told = |lacking: &&Lacking| {
        present.contains(&lacking.id) || (lacking.kind == ObjectKind::Commit && !has_head)
    };
    for lacking in soundness.lacking.iter().filter(|lacking| !is_told(lacking)) {
        places.entry(place_of(repository, lacking)).or_default().push(lacking);
    }
    for ((machine, path), lacking) in places {
        problems.push(Problem::new(&machine, path, ProblemKind::HistoryDamaged, words(&lacking)));
    }
    if soundness.lacking.is_empty() {
        for name in soundness.damaged_packs {
            let path = format!(".git/objects/pack/pack-{name}.pack");
            let error = "some of its bytes are not those that were written; other packs have them";
            let kind = ProblemKind::HistoryDamaged;
            problems.push(Problem::new(&repository.machine, path, kind, error));
        }
    }
    Ok(())
}

/// Whose the file or folder is, and its name below that machine's folder.
pub(super) fn place_of(repository: &Repository, lacking: &Lacking) -> (MachineSlug, String) {
    if lacking.kind == ObjectKind::Commit {
        return (repository.machine.clone(), COMMITS.into());
    }
    let path = lacking.path.as_str();
    let below = path.strip_prefix(MACHINES).and_then(|rest| rest.strip_prefix('/'));
    let split = below.map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match split.and_then(|(slug, name)| Some((MachineSlug::new(slug).ok()?, name))) {
        Some((slug, name)) => (slug, name.to_owned()),
        None => (repository.machine.clone(), path.to_owned()),
    }
}

/// What of one place is lacking: the newest comes first.
fn words(lacking: &[&Lacking]) -> String {
    let Some(newest) = lacking.first() else { return String::new() };
    let more = match lacking.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more like it"),
    };
    match newest.kind {
        ObjectKind::Commit | ObjectKind::Tag => {
            format!("git cannot read the commit {}{more}", newest.id)
        }
        ObjectKind::Tree => {
            format!("git cannot read what this folder had {}{more}", as_of(newest.time))
        }
        ObjectKind::Blob => {
            format!("git has lost what this file had in it {}{more}", as_of(newest.time))
        }
    }
}

fn as_of(time: Option<DateTime<Utc>>) -> String {
    let time = time.map(|time| time.format("of %Y-%m-%d %H:%M UTC").to_string());
    format!("in the backup {}", time.unwrap_or_default()).trim_end().to_owned()
}
