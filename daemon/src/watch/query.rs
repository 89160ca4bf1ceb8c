//! What the registry answers, in terms of a workspace's changes.

use crate::index::Clock;
use crate::model::Digest;
use std::path::PathBuf;
use std::time::Duration;

/// Most paths named in [`Verified::differences`].
pub const MAX_DIFFERENCES: usize = 100;

/// How the changes of a workspace are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Linux's inotify.
    Inotify,
    /// Whatever the `notify` crate uses on this system.
    Notify,
    /// By looking at every file each time.
    Poll,
    /// Events for a part, looking for the rest.
    Mixed,
}

/// What is known of a workspace.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its root.
    pub root: PathBuf,
    /// Files, links and others that are not ignored.
    pub files: u64,
    /// Directories that are not ignored, without the root.
    pub dirs: u64,
    /// Bytes in those files.
    pub bytes: u64,
    /// Watches held in the operating system.
    pub watches: u64,
    /// How changes are learned.
    pub source: SourceKind,
    /// The moment this is about; `None` before the first look.
    pub clock: Option<Clock>,
    /// Digest of it all; `None` where nobody has asked for it.
    pub tree_digest: Option<Digest>,
    /// How long the last synchronisation took, in milliseconds.
    pub last_sync_ms: Option<u64>,
    /// What limits the trust in the above, and what to do about it.
    pub warnings: Vec<String>,
}

/// What to tell of changes.
#[derive(Clone, Debug, Default)]
pub struct ChangesQuery {
    /// Since when, as [`Clock`] prints it; `None` for the clock alone.
    pub since: Option<Clock>,
    /// Where nothing has changed since, wait so long for something that has.
    pub wait: Option<Duration>,
}

/// What a comparison with the disk came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The state's digest before.
    pub believed: Digest,
    /// Digest by a full walk that trusts nothing.
    pub found: Digest,
    /// Files that were read.
    pub files: u64,
    /// Paths at which the state was wrong, sorted; at most [`MAX_DIFFERENCES`].
    pub differences: Vec<PathBuf>,
    /// Whether the state was mended.
    pub repaired: bool,
}

/// Which source of events to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourcePreference {
    /// The best that works there.
    #[default]
    Auto,
    /// The system's own: inotify on Linux.
    Native,
    /// What the `notify` crate has.
    Notify,
    /// None: look at everything each time.
    Poll,
}
