//! Files that can execute code and come from elsewhere: found, and held back unless wanted.

use rayon::prelude::*;

use super::item::{Item, State};
use super::{HeldBack, RestorePlan};
use crate::repository::Repository;
use crate::source::code::StoredFile;
use crate::source::kind_of;

/// Whether a restore may install files that can execute code and that this machine did not commit
/// itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignCode {
    /// It holds them back.
    #[default]
    HoldBack,
    /// It writes them like any other file.
    Install,
}

impl RestorePlan {
    /// Finds the files to be written that can execute code and that this machine did not commit
    /// itself. A file that cannot be read is one of them.
    pub fn find_foreign_code(&mut self, repository: &Repository) {
        let origin = repository.origin();
        self.items.par_iter_mut().filter(|item| item.is_to_be_written()).for_each(|item| {
            let is_own = origin.committed_here(&item.machine, &item.entry.path, &item.content);
            item.code = if is_own { None } else { code_reason(repository, item) };
        });
    }

    /// The files that [`Self::find_foreign_code`] found, by machine and name.
    #[must_use]
    pub fn foreign_code(&self) -> Vec<HeldBack> {
        let found = |item: &Item| item.code.as_ref().map(|reason| HeldBack::of(item, reason));
        let mut files: Vec<HeldBack> = self.items.iter().filter_map(found).collect();
        files.sort();
        files
    }

    /// Leaves them out, or in.
    pub fn decide_on_code(&mut self, decision: ForeignCode) {
        if decision == ForeignCode::Install {
            return;
        }
        for item in &mut self.items {
            if let Some(reason) = item.code.take() {
                item.state = State::HeldBack(reason);
            }
        }
    }
}

fn code_reason(repository: &Repository, item: &Item) -> Option<String> {
    let own = (item.entry.path.to_source(), item.entry.kind);
    let real = (item.place.clone(), kind_of(&item.place).unwrap_or(item.entry.kind));
    let places = if own == real { vec![own] } else { vec![own, real] };
    places.iter().find_map(|(relative, kind)| {
        let file = StoredFile { relative, kind: *kind, mode: item.content.mode };
        let reason = file.code_reason(|| item.open(repository));
        reason.unwrap_or_else(|error| Some(format!("cannot be checked: {error:#}")))
    })
}
