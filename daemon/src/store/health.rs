//! Whether what happens is saved, for whoever asks. Knows nothing of how it is saved.

use crate::model::StoreStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the store's thread says how it is. Cheap to clone; all clones say the same.
#[derive(Clone, Debug, Default)]
pub struct StoreHealth(Arc<Mutex<StoreStatus>>);

impl StoreHealth {
    /// The store as it is now. Never waits for the store.
    #[must_use]
    pub fn now(&self) -> StoreStatus {
        self.lock().clone()
    }

    pub(super) fn set(&self, status: StoreStatus) {
        *self.lock() = status;
    }

    pub(super) fn set_unsaved(&self, builds: u64) {
        self.lock().unsaved_builds = builds;
    }

    fn lock(&self) -> MutexGuard<'_, StoreStatus> {
        // It is assigned whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
