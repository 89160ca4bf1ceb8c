//! What the registry is asked and answers, in terms of a workspace's changes.

use crate::index::Clock;
use crate::model::{Digest, TreeVersion};
use crate::watch::source::SourceKind;
use std::path::PathBuf;
use std::time::Duration;

/// The state of a workspace at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkspaceState {
    /// What distinguishes it from other states.
    pub id: TreeVersion,
    /// The moment.
    pub clock: Clock,
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
    /// The moment this is about; `None` before it was listed.
    pub clock: Option<Clock>,
    /// Digest of it all; `None` where nobody has asked for it.
    pub tree_digest: Option<Digest>,
    /// How long the last synchronisation took, in milliseconds.
    pub last_sync_ms: Option<u64>,
    /// What limits the trust in the above, and what to do about it.
    pub warnings: Vec<String>,
}

/// Which changes to report.
#[derive(Clone, Debug, Default)]
pub struct ChangesQuery {
    /// Since when, as [`Clock`] prints it; `None` for the clock alone.
    pub since: Option<Clock>,
    /// Where nothing has changed since, wait so long for something that has.
    pub wait: Option<Duration>,
}
