//! What makes two requests the same work.

use super::digest::{Digest, FieldHasher};

/// The state a workspace was seen in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeVersion {
    /// Digest of all files that are not ignored.
    pub tree: Digest,
    /// Counts the changes that were seen. A file that was changed and changed back leaves the
    /// digest as it was, but whoever ran in between may have seen either.
    pub epoch: u64,
}

/// Key of an execution that may be shared: equal keys, same work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActionKey {
    /// Digest of command and files.
    pub action: Digest,
    /// See [`TreeVersion::epoch`].
    pub epoch: u64,
}

impl ActionKey {
    /// The key of the command with this [identity](super::Command::identity) on this state.
    #[must_use]
    pub fn new(identity: Digest, state: TreeVersion) -> Self {
        let mut hasher = FieldHasher::new("bd 2026 action v1");
        hasher.field(&identity.0).field(&state.tree.0);
        Self { action: hasher.finish(), epoch: state.epoch }
    }
}
