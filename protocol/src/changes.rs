//! Workspaces on the wire: which one, its contents, its changes. Knows nothing of how the daemon
//! detects changes.

use crate::OsText;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait of one `changes` request; longer ones are shortened to it. A client that waits longer
/// asks again, and so notices a daemon that has ended.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// Identifies a workspace: the one that a directory is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceLocator {
    /// A directory in the workspace, absolute.
    pub dir: OsText,
    /// The home directory of the client: manifests in it or above it mark no workspace, as with the
    /// `HOME` of a command. Absent means that there is none.
    #[serde(default)]
    pub home: Option<OsText>,
}

/// Which changes a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesQuery {
    /// The workspace.
    pub place: WorkspaceLocator,
    /// Since when: a clock that the daemon returned; absent for the clock alone.
    #[serde(default)]
    pub since: Option<String>,
    /// How long to wait for a change if there is none yet, in milliseconds; at most [`WAIT_MAX`], and
    /// less than the deadline of the request.
    #[serde(default)]
    pub wait_ms: Option<u64>,
    /// Only paths that sort after this one: the next part of an answer that had `more`.
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
    /// The clock of this answer, for the next query.
    pub clock: String,
    /// The clock of the query is unknown, so everything is listed, as added.
    pub fresh: bool,
    /// Sorted by path.
    pub changes: Vec<Change>,
    /// The list is incomplete; ask again with `after` set to the last path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A workspace that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Its root.
    pub root: OsText,
}

/// Digest of a selection of files of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsDigest {
    /// The workspace.
    pub root: OsText,
    /// The clock of this digest.
    pub clock: String,
    /// Digest of a tree with these files, the directories they are in, and nothing else.
    pub digest: String,
}

/// The result of comparing the index of a workspace with the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The workspace.
    pub root: OsText,
    /// Digest of the index before the comparison.
    pub believed: String,
    /// Digest of the files on disk, all of which were read.
    pub found: String,
    /// Files that were read.
    pub files: u64,
    /// Paths at which the index was wrong, sorted; only the first ones if there are very many.
    pub differences: Vec<OsText>,
    /// Whether the index was corrected.
    pub repaired: bool,
}

impl Verification {
    /// Whether the index matched the disk.
    #[must_use]
    pub fn equal(&self) -> bool {
        self.believed == self.found && self.differences.is_empty()
    }
}
