//! What is asked and told of workspaces: which one, what it holds, what changed in it. Knows
//! nothing of how a daemon learns of changes.

use crate::OsText;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait of one `changes` request; longer ones are shortened to it. Whoever wants to wait
/// longer asks again, so that a daemon that went away is noticed.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// Which workspace is meant: the one that a directory is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceLocator {
    /// A directory in the workspace, absolute.
    pub dir: OsText,
    /// The asker's home directory: manifests in it or above it begin no workspace, as with the
    /// `HOME` of a command. Absent means that there is none.
    #[serde(default)]
    pub home: Option<OsText>,
}

/// What to tell of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesQuery {
    /// The workspace.
    pub place: WorkspaceLocator,
    /// Since when: a clock that the daemon gave; absent for the clock alone.
    #[serde(default)]
    pub since: Option<String>,
    /// Where nothing has changed since, how long to wait for something that has, in
    /// milliseconds; at most [`WAIT_MAX`], and less than the request's own deadline.
    #[serde(default)]
    pub wait_ms: Option<u64>,
    /// Only paths that sort behind this one: the next part of an answer that had `more`.
    #[serde(default)]
    pub after: Option<OsText>,
}

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It was there and may have other contents or attributes now.
    Modified,
    /// It is not there any more.
    Removed,
    /// It was at another path before.
    Renamed,
    /// A word that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What is at a path; for what was removed, what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryType {
    /// A file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A word that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One path that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the root.
    pub path: OsText,
    /// What became of it.
    pub kind: ChangeKind,
    /// What it is.
    #[serde(rename = "type")]
    pub entry: EntryType,
    /// Path before, where it was renamed.
    pub from: Option<OsText>,
}

/// What changed in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The workspace.
    pub root: OsText,
    /// The moment this is about: ask with it next time.
    pub clock: String,
    /// The clock asked with is not known here, so everything there is is told, as added.
    pub fresh: bool,
    /// Sorted by path.
    pub changes: Vec<Change>,
    /// Not all of them fit this answer; ask on with `after` the last one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A workspace that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Its root.
    pub root: OsText,
}

/// Digest of those files of a workspace that somebody takes as inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsDigest {
    /// The workspace.
    pub root: OsText,
    /// The moment.
    pub clock: String,
    /// Digest of a tree with these files, the directories they are in, and nothing else.
    pub digest: String,
}

/// What a comparison of a workspace's state with the disk came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The workspace.
    pub root: OsText,
    /// Digest of the state as it was.
    pub believed: String,
    /// Digest of what is on disk, by reading all of it.
    pub found: String,
    /// Files that were read.
    pub files: u64,
    /// Paths at which the state was wrong, sorted; only the first where there are very many.
    pub differences: Vec<OsText>,
    /// Whether the state was mended.
    pub repaired: bool,
}

impl Verification {
    /// Whether the state was what is on disk.
    #[must_use]
    pub fn equal(&self) -> bool {
        self.believed == self.found && self.differences.is_empty()
    }
}
