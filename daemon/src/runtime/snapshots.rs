//! States of workspaces go into the store: joins what saves them to what keeps them.

use crate::store::{SnapshotsHandle, StoredSnapshot};
use crate::watch::{Saved, SnapshotStore};
use std::path::Path;

/// The store as a shelf.
#[derive(Debug)]
pub struct StoredSnapshots(pub SnapshotsHandle);

impl SnapshotStore for StoredSnapshots {
    fn load(&self, root: &Path, same_boot: &dyn Fn(&[u8]) -> bool) -> Option<Saved> {
        let StoredSnapshot { header, pages, safe } = self.0.load(root)?;
        (safe || same_boot(header.as_ref()?)).then_some(Saved { header, pages })
    }

    fn save(&self, root: &Path, Saved { header, pages }: Saved) {
        self.0.save(root, StoredSnapshot { header, pages, safe: false });
    }

    fn forget(&self, root: &Path) {
        self.0.forget(root);
    }
}
