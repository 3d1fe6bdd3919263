//! What can happen to a Claude home and to its backup.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::sandbox::conversation;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A file gets more bytes, or comes to be.
    Append(usize, Bytes),
    /// A file is cut to a part of its bytes, in 256ths.
    Cut(usize, u8),
    /// A file gets other bytes in place.
    Rewrite(usize, Bytes),
    /// A file is replaced by another one of its name.
    Replace(usize, Bytes),
    /// One byte of a file changes, at so many 256ths of it.
    Flip(usize, u8),
    /// A file goes.
    Delete(usize),
    /// A session moves to the other project with all that belongs to it.
    Move(usize),
    /// A session's file is copied over to the other project and deleted here.
    Carry(usize),
    /// One file goes, and another one comes to be on its inode.
    Reuse(usize, usize, Bytes),
    /// An earlier version of a session is restored over what stands there.
    RestoreVersion(usize, usize),
    /// A run.
    Sync,
    /// A run that reads everything.
    SyncFull,
    /// The cache is lost.
    LoseCache,
    /// A file of the backup's work tree is lost.
    LoseArchive(usize),
    /// The home is wiped, and everything is restored.
    WipeAndRestore,
    /// Everything is restored into another folder.
    RestoreElsewhere,
    /// A run that ends at one of these moments.
    Crash(Moment),
    /// A file of the backup's work tree is damaged, at so many 256ths of it, and mended.
    Mend(usize, u8),
    /// A look at what a run would do.
    DryRun,
    /// The clock is wrong from now on, by so many hours, or right again.
    JumpTo(i64),
    /// What is derived is lost: manifest and index of sessions, git's index, the private folder.
    LoseDerived(Derived),
    /// The backup gets a copy elsewhere.
    Connect,
    /// Another computer joins, and gives back what this one has sent.
    Join,
}

/// Where a run can end; what it has written until then is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// All is in git, but for the branch.
    BeforeTheBranch,
    /// The branch has moved, and no file of the work tree has.
    AfterTheBranch,
    /// Each other file of the work tree has its place.
    AmongTheFiles,
}

/// What can be made again of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    Papers,
    GitIndex,
    PrivateFolder,
}

/// Bytes as they may stand in a session, or not at all.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Any.
    Raw(Vec<u8>),
    /// Whole records from one number to another; the same numbers give the same bytes.
    Records(usize, usize),
    /// Records of which the last is torn, and ends in a carriage return and NULs.
    Torn(usize),
    /// More than a piece of an archive.
    Large(u8, usize),
}

impl Operation {
    /// Any of them, runs and appends more often than mishaps.
    pub fn any() -> impl Strategy<Value = Self> {
        let file = 0..crate::world::FILES.len();
        let session = 0..crate::world::SESSIONS;
        prop_oneof![
            6 => (file.clone(), Bytes::any()).prop_map(|(file, bytes)| Self::Append(file, bytes)),
            2 => (file.clone(), any::<u8>()).prop_map(|(file, at)| Self::Cut(file, at)),
            2 => (file.clone(), Bytes::any()).prop_map(|(file, bytes)| Self::Rewrite(file, bytes)),
            1 => (file.clone(), Bytes::any()).prop_map(|(file, bytes)| Self::Replace(file, bytes)),
            2 => (file.clone(), any::<u8>()).prop_map(|(file, at)| Self::Flip(file, at)),
            2 => file.clone().prop_map(Self::Delete),
            2 => session.clone().prop_map(Self::Move),
            1 => session.clone().prop_map(Self::Carry),
            1 => (file.clone(), file, Bytes::any())
                .prop_map(|(from, to, bytes)| Self::Reuse(from, to, bytes)),
            1 => (session, 0..4_usize).prop_map(|(session, n)| Self::RestoreVersion(session, n)),
            6 => Just(Self::Sync),
            1 => Just(Self::SyncFull),
            1 => Just(Self::LoseCache),
            1 => any::<usize>().prop_map(Self::LoseArchive),
            1 => Just(Self::WipeAndRestore),
            1 => Just(Self::RestoreElsewhere),
            2 => Moment::any().prop_map(Self::Crash),
            1 => (any::<usize>(), any::<u8>()).prop_map(|(file, at)| Self::Mend(file, at)),
            1 => Just(Self::DryRun),
            1 => (-9000..9000_i64).prop_map(Self::JumpTo),
            1 => Derived::any().prop_map(Self::LoseDerived),
            1 => Just(Self::Connect),
            1 => Just(Self::Join),
        ]
    }
}

impl Moment {
    fn any() -> impl Strategy<Value = Self> {
        let moments = [Self::BeforeTheBranch, Self::AfterTheBranch, Self::AmongTheFiles];
        prop::sample::select(moments.to_vec())
    }
}

impl Derived {
    fn any() -> impl Strategy<Value = Self> {
        prop::sample::select(vec![Self::Papers, Self::GitIndex, Self::PrivateFolder])
    }
}

impl Bytes {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            3 => vec(any::<u8>(), 0..40).prop_map(Self::Raw),
            4 => (0..6_usize, 1..5_usize).prop_map(|(from, count)| Self::Records(from, count)),
            1 => (0..6_usize).prop_map(Self::Torn),
            1 => (any::<u8>(), 60_000..140_000_usize).prop_map(|(b, n)| Self::Large(b, n)),
        ]
    }

    /// The bytes themselves.
    pub fn get(&self) -> Vec<u8> {
        match self {
            Self::Raw(bytes) => bytes.clone(),
            Self::Records(from, count) => conversation("any", *from..from + count).into_bytes(),
            Self::Torn(from) => {
                let mut bytes = conversation("any", *from..from + 2).into_bytes();
                bytes.truncate(bytes.len() - 30);
                bytes.extend(b"\r\n\0\0\xff");
                bytes
            }
            Self::Large(seed, length) => {
                let mut state = u32::from(*seed);
                let mut next = move || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"0123456789abcdef\n"[(state >> 24) as usize % 17]
                };
                (0..*length).map(|_| next()).collect()
            }
        }
    }
}
