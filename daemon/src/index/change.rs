//! What is reported of changes: the net difference between two moments, path by path.

use super::clock::Clock;
use std::path::PathBuf;

/// What kind of thing is, or was, at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryType {
    /// A regular file, or a socket, pipe or device.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
}

/// What became of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It was there and may have other contents or attributes now.
    Modified,
    /// It is not there any more.
    Removed,
    /// It was at this path before, and nothing is there now.
    Renamed {
        /// Path before, relative to the root.
        from: PathBuf,
    },
}

/// One path that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// Relative to the root.
    pub path: PathBuf,
    /// What became of it.
    pub kind: ChangeKind,
    /// What is there now; of what was removed, what was there.
    pub entry: EntryType,
}

/// What changed between two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The later moment: ask with it next time.
    pub clock: Clock,
    /// The earlier moment is not known here, so `changes` has everything there is, as added.
    pub fresh: bool,
    /// Sorted by path.
    pub changes: Vec<Change>,
}
