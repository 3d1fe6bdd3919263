//! Which key signed what: what of other machines' folders is accepted, and what of our own.
//!
//! Each machine signs its commits, so a commit vouches for the folder of the machine that signed
//! it, and for no other. The first key that a machine signs with is the one that counts (trust on
//! first use). The newest commit that vouches for a machine's folder stays reachable, and lists and
//! restores read that one: what somebody else puts into the folder is shown as unverified.

mod examine;
mod known;
mod lost;
mod manage;
mod own;
mod view;

use serde::{Deserialize, Serialize};

use super::layout::escape::{hex_pair, push_escape};
use crate::session::MachineSlug;

pub use self::examine::SignedFolders;
pub use self::known::KnownKeys;
pub use self::manage::{KeyChange, MachineStatus, Offer};
pub use self::own::{Acceptance, OwnFolder};
pub use self::view::View;

/// The newest commit of a remote whose signatures were looked at.
pub(super) const EXAMINED: &str = "refs/claude-backup/examined";
/// For each machine the newest commit that its key signed.
const ACCEPTED: &str = "refs/claude-backup/machines";
/// States of machines' folders that have what later ones lack.
const REMOVED: &str = "refs/claude-backup/removed";
/// Commits with a state of our own folder that our key did not sign.
const UNVERIFIED: &str = "refs/claude-backup/unverified";
/// Commits whose unsigned state of our own folder the user accepted.
const ACCEPTED_UNSIGNED: &str = "refs/claude-backup/accepted-unsigned";

/// So many earlier states of a machine's folder are kept.
const MOST_REMOVED: usize = 256;

/// Who vouches for what is stored, the least trusted first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// The key that is known for the machine did not sign it.
    Unverified,
    /// The machine does not sign: it runs version 4.0 or the shell tool.
    Unsigned,
    /// The key that is known for the machine signed it.
    Verified,
    /// This machine stored it.
    #[default]
    Own,
}

impl Signature {
    /// True for what this machine stored.
    #[must_use]
    pub fn is_own(&self) -> bool {
        *self == Self::Own
    }

    /// The word in lists and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Unsigned => "unsigned",
            Self::Verified => "verified",
            Self::Own => "own",
        }
    }
}

/// A machine's name as a part of a reference's name, and as a principal of an allowed-signers file.
fn reference_part(machine: &MachineSlug) -> String {
    let mut part = String::new();
    for byte in machine.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => part.push(char::from(byte)),
            _ => push_escape(&mut part, byte),
        }
    }
    part
}

/// The machine of such a part.
fn machine_of_part(part: &str) -> Option<MachineSlug> {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => bytes.push(hex_pair(&[rest.next()?, rest.next()?])?),
            _ => bytes.push(byte),
        }
    }
    MachineSlug::new(String::from_utf8(bytes).ok()?).ok()
}

fn accepted_reference(machine: &MachineSlug) -> String {
    format!("{ACCEPTED}/{}", reference_part(machine))
}

fn removed_references(machine: &MachineSlug) -> String {
    format!("{REMOVED}/{}/", reference_part(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_name_makes_a_valid_reference() {
        for name in ["mac", "My Mac", "a..b", "x.lock", "~^:?*[", "é", "%41", "-", "A"] {
            let machine = MachineSlug::new(name).unwrap();
            let reference = accepted_reference(&machine);
            assert!(git2::Reference::is_valid_name(&reference), "{reference}");
            assert_eq!(machine_of_part(&reference_part(&machine)), Some(machine));
        }
        assert_eq!(machine_of_part("%4"), None);
        assert_eq!(machine_of_part("%2F"), None);
    }
}
