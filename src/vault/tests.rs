//! The vault as a whole, looked at through libgit2 and the real git.

mod crashes;
mod everyday;
mod fetched;
mod growth;
mod mending;
mod packs;
mod replay;
mod sequences;
mod surroundings;
