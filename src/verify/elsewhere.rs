//! The remote's copy, as far as a repair knows it.

use anyhow::Result;

use crate::error::one_line;
use crate::repository::Repository;

/// The remote's copy. A repair holds the backup's lock, so it is cloned before one that needs it.
pub enum Elsewhere {
    /// There is none, or nothing of it is needed so far.
    Absent,
    /// It could not be cloned.
    Unreachable(String),
    /// A fresh clone.
    Cloned(Box<Repository>),
}

impl Elsewhere {
    /// What came of an attempt to clone it.
    #[must_use]
    pub fn of(cloned: Result<Repository>) -> Self {
        match cloned {
            Ok(clone) => Self::Cloned(Box::new(clone)),
            Err(error) => Self::Unreachable(one_line(&error)),
        }
    }

    pub(super) fn clone(&self) -> Option<&Repository> {
        match self {
            Self::Cloned(repository) => Some(repository),
            Self::Absent | Self::Unreachable(_) => None,
        }
    }

    /// In words for what nobody has.
    pub(super) fn verdict(&self) -> String {
        match self {
            Self::Cloned(_) => "neither this machine nor the copy elsewhere has it any more".into(),
            Self::Absent => {
                "nothing on this machine has it any more, and there is no copy elsewhere".into()
            }
            Self::Unreachable(error) => format!(
                "nothing on this machine has it any more, and the copy elsewhere could not be \
                 asked ({error}): run it again when it can be"
            ),
        }
    }
}
