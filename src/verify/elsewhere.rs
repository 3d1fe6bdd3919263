//! The copy elsewhere, asked only when it is needed, and once.

use anyhow::Result;

use crate::error::one_line;
use crate::repository::Repository;

/// Gets a fresh clone of the copy elsewhere; nothing where there is no such copy.
type Get<'a> = Box<dyn Fn() -> Result<Option<Repository>> + 'a>;

/// The copy elsewhere.
pub struct Elsewhere<'a> {
    get: Get<'a>,
    state: State,
}

/// What is known of it.
enum State {
    NotAsked,
    None,
    Unreachable(String),
    Here(Box<Repository>),
}

impl<'a> Elsewhere<'a> {
    /// A copy that `get` clones.
    #[must_use]
    pub fn new(get: impl Fn() -> Result<Option<Repository>> + 'a) -> Self {
        Self { get: Box::new(get), state: State::NotAsked }
    }

    /// The clone; nothing where there is none, or it cannot be reached.
    pub(super) fn clone(&mut self) -> Option<&Repository> {
        if matches!(self.state, State::NotAsked) {
            self.state = match (self.get)() {
                Ok(Some(repository)) => State::Here(Box::new(repository)),
                Ok(None) => State::None,
                Err(error) => State::Unreachable(one_line(&error)),
            };
        }
        match &self.state {
            State::Here(repository) => Some(repository),
            _ => None,
        }
    }

    /// In words for what nobody has.
    pub(super) fn verdict(&self) -> String {
        match &self.state {
            State::Here(_) => "neither this machine nor the copy elsewhere has it any more".into(),
            State::None | State::NotAsked => {
                "nothing on this machine has it any more, and there is no copy elsewhere".into()
            }
            State::Unreachable(error) => format!(
                "nothing on this machine has it any more, and the copy elsewhere could not be \
                 asked ({error}): run it again when it can be"
            ),
        }
    }
}
