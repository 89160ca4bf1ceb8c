//! Snapshots of workspaces, and the trust in them, from any thread. Knows the store's queue only.

use super::request::StoreRequest;
use super::snapshots::StoredSnapshot;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// A snapshot that takes longer to load is not waited for: the workspace is read anew.
const LOAD_PATIENCE: Duration = Duration::from_secs(2);

/// Snapshots of workspaces in the store of a [`StoreHandle`](super::StoreHandle). Cloning it is
/// cheap.
#[derive(Clone, Debug)]
pub struct SnapshotsHandle {
    requests: mpsc::Sender<StoreRequest>,
}

impl SnapshotsHandle {
    pub(super) fn new(requests: mpsc::Sender<StoreRequest>) -> Self {
        Self { requests }
    }

    /// The last saved snapshot of a workspace. Waits for the store to be open, two seconds at
    /// most.
    #[must_use]
    pub fn load(&self, root: &Path) -> Option<StoredSnapshot> {
        let (reply, loaded) = mpsc::channel();
        self.requests.send(StoreRequest::LoadSnapshot(root.to_path_buf(), reply)).ok()?;
        loaded.recv_timeout(LOAD_PATIENCE).ok()?
    }

    /// Saves a header and the pages that changed.
    pub fn save(&self, root: &Path, snapshot: StoredSnapshot) {
        self.send(StoreRequest::PutSnapshot(root.to_path_buf(), snapshot));
    }

    /// Removes the snapshot of a workspace.
    pub fn forget(&self, root: &Path) {
        self.send(StoreRequest::RemoveSnapshot(root.to_path_buf()));
    }

    /// Without a store nothing is saved, and the next daemon reads the workspace anew.
    fn send(&self, request: StoreRequest) {
        let _ = self.requests.send(request);
    }
}
