//! States of workspaces go into the store: joins what saves them to what keeps them.

use crate::store::{SnapshotsHandle, StoredSnapshot};
use crate::watch::{Saved, SnapshotStore};
use std::path::Path;

/// The store as a shelf.
#[derive(Debug)]
pub struct StoredSnapshots(pub SnapshotsHandle);

impl SnapshotStore for StoredSnapshots {
    fn load(&self, root: &Path) -> Option<Saved> {
        let StoredSnapshot { header, pages } = self.0.load(root)?;
        Some(Saved { header, pages, records: self.0.records(root) })
    }

    fn save(&self, root: &Path, Saved { header, pages, .. }: Saved) {
        self.0.save(root, StoredSnapshot { header, pages });
    }

    fn record(&self, root: &Path, record: &[u8]) {
        self.0.record(root, record);
    }

    fn forget(&self, root: &Path) {
        self.0.forget(root);
    }
}
