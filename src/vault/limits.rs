//! How much another machine can make this one read. What this program stores itself stays far below.

/// The most bytes of a file's content in git; hosts refuse more, and no machine commits more.
pub const LARGEST_BLOB: u64 = 100_000_000;
/// The most bytes of one folder's listing: some hundred thousand names.
pub const LARGEST_TREE: u64 = 8 << 20;
/// The most bytes of a commit, its message included, or of a tag.
pub const LARGEST_COMMIT: u64 = 1 << 20;
/// The most files in one folder of the top level or one machine's folder, all below it counted.
pub const MOST_FILES: u64 = 300_000;
/// The most folders within folders.
pub const DEEPEST: usize = 128;
/// The most bytes of a path.
pub const LONGEST_PATH: usize = 4096;
/// The most folders that are looked into at once, of all commits that are new.
pub const MOST_TREES: usize = 1_000_000;
/// The most commits that are looked at at once.
pub const MOST_COMMITS: usize = 1_000_000;
/// The most objects that one fetch brings.
pub const MOST_OBJECTS: u64 = 2_000_000;
