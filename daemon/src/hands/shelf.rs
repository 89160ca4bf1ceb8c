//! States of workspaces go into the store: joins what saves them to what keeps them.

use crate::persist::{JournalStates, StoredState};
use crate::watch::{Saved, Shelf};
use std::path::Path;

/// The store as a shelf.
#[derive(Debug)]
pub struct StateShelf(pub JournalStates);

impl Shelf for StateShelf {
    fn load(&self, root: &Path, same_boot: &dyn Fn(&[u8]) -> bool) -> Option<Saved> {
        let StoredState { header, pages, safe } = self.0.load(root)?;
        (safe || same_boot(header.as_ref()?)).then_some(Saved { header, pages })
    }

    fn save(&self, root: &Path, Saved { header, pages }: Saved) {
        self.0.save(root, StoredState { header, pages, safe: false });
    }

    fn forget(&self, root: &Path) {
        self.0.forget(root);
    }
}
