//! Snapshots of workspaces, and what is recorded between them, from any thread.

use super::request::StoreRequest;
use super::snapshots::StoredSnapshot;
use super::state_records::StateRecords;
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
    records: StateRecords,
}

impl SnapshotsHandle {
    pub(super) fn new(requests: mpsc::Sender<StoreRequest>, records: StateRecords) -> Self {
        Self { requests, records }
    }

    /// The last saved snapshot of a workspace. Waits for the store to be open, two seconds at
    /// most.
    #[must_use]
    pub fn load(&self, root: &Path) -> Option<StoredSnapshot> {
        let (reply, loaded) = mpsc::channel();
        self.requests.send(StoreRequest::LoadSnapshot(root.to_path_buf(), reply)).ok()?;
        loaded.recv_timeout(LOAD_PATIENCE).ok()?
    }

    /// What was recorded of a workspace, oldest first: since its snapshot, and some of before.
    #[must_use]
    pub fn records(&self, root: &Path) -> Vec<Vec<u8>> {
        self.records.read(root)
    }

    /// Saves a header and the pages that changed. Once a header is on the disk, the records of before
    /// are removed.
    pub fn save(&self, root: &Path, snapshot: StoredSnapshot) {
        let covered = snapshot.header.is_some().then(|| self.records.rotate(root));
        self.send(StoreRequest::PutSnapshot(root.to_path_buf(), snapshot, covered));
    }

    /// Appends a record, by one write. When this returns it survives a kill, unless the disk fails.
    pub fn record(&self, root: &Path, record: &[u8]) {
        if let Err(error) = self.records.append(root, record) {
            tracing::debug!(root = %root.display(), %error, "a change is not recorded");
        }
    }

    /// Removes the snapshot of a workspace, and its records.
    pub fn forget(&self, root: &Path) {
        self.records.remove(root);
        self.send(StoreRequest::RemoveSnapshot(root.to_path_buf()));
    }

    /// Without a store nothing is saved, and the next daemon reads the workspace anew.
    fn send(&self, request: StoreRequest) {
        let _ = self.requests.send(request);
    }
}
