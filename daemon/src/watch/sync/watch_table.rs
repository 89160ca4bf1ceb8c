//! How each directory is observed: which watch it has, or why it has none and is polled. Knows no
//! rules and no files.

use crate::index::NodeId;
use crate::watch::source::{ChangeSource, WatchId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct WatchTable {
    source: Arc<dyn ChangeSource>,
    watch_of: HashMap<NodeId, WatchId>,
    dir_of: HashMap<WatchId, NodeId>,
    /// Directories without a watch, which are listed each time, and why they have none.
    polled: HashMap<NodeId, String>,
    /// While listings are merged, the watches that seem not to be needed any more.
    released: Option<Vec<WatchId>>,
}

impl WatchTable {
    pub(super) fn new(source: Arc<dyn ChangeSource>) -> Self {
        Self {
            source,
            watch_of: HashMap::new(),
            dir_of: HashMap::new(),
            polled: HashMap::new(),
            released: None,
        }
    }

    pub(super) fn watch_of(&self, dir: NodeId) -> Option<WatchId> {
        self.watch_of.get(&dir).copied()
    }

    pub(super) fn dir_of(&self, watch: WatchId) -> Option<NodeId> {
        self.dir_of.get(&watch).copied()
    }

    /// Number of watches.
    pub(super) fn watch_count(&self) -> usize {
        self.watch_of.len()
    }

    /// Number of directories that have a watch or are polled.
    pub(super) fn covered_count(&self) -> usize {
        self.watch_of.len() + self.polled.len()
    }

    /// Whether a directory has a watch or is polled.
    pub(super) fn covers(&self, dir: NodeId) -> bool {
        self.watch_of.contains_key(&dir) || self.polled.contains_key(&dir)
    }

    /// Directories that are polled.
    pub(super) fn polled_dirs(&self) -> BTreeSet<NodeId> {
        self.polled.keys().copied().collect()
    }

    /// Number of directories that are polled.
    pub(super) fn polled_count(&self) -> usize {
        self.polled.len()
    }

    /// Why one of them has no watch.
    pub(super) fn polled_reason(&self) -> Option<&str> {
        self.polled.values().next().map(String::as_str)
    }

    /// A directory has this watch from now on, and no other directory has it.
    pub(super) fn set_watch(&mut self, dir: NodeId, watch: WatchId) {
        if let Some(before) = self.dir_of.insert(watch, dir)
            && before != dir
        {
            self.watch_of.remove(&before);
        }
        if let Some(before) = self.watch_of.insert(dir, watch)
            && before != watch
        {
            self.dir_of.remove(&before);
            self.release(before);
        }
        self.polled.remove(&dir);
    }

    /// A directory has no watch, for this reason.
    pub(super) fn set_polled(&mut self, dir: NodeId, reason: String) {
        self.drop_watch(dir);
        self.polled.insert(dir, reason);
    }

    /// A watch has ended by itself; returns the directory that had it.
    pub(super) fn end_watch(&mut self, watch: WatchId) -> Option<NodeId> {
        let dir = self.dir_of.remove(&watch)?;
        self.watch_of.remove(&dir);
        Some(dir)
    }

    /// A directory is gone.
    pub(super) fn remove(&mut self, dir: NodeId) {
        self.drop_watch(dir);
        self.polled.remove(&dir);
    }

    fn drop_watch(&mut self, dir: NodeId) {
        if let Some(watch) = self.watch_of.remove(&dir) {
            self.dir_of.remove(&watch);
            self.release(watch);
        }
    }

    /// Gives a watch back that no directory has. While listings are merged, the next one may be of
    /// the same directory at another place.
    pub(super) fn release(&mut self, watch: WatchId) {
        match &mut self.released {
            Some(released) => released.push(watch),
            None => self.source.unwatch(watch),
        }
    }

    /// Watches that are released from now on are kept until [`Self::end_merge`].
    pub(super) fn begin_merge(&mut self) {
        self.released = Some(Vec::new());
    }

    /// Gives back what was released, unless a directory has it after all.
    pub(super) fn end_merge(&mut self) {
        for watch in self.released.take().unwrap_or_default() {
            if !self.dir_of.contains_key(&watch) {
                self.source.unwatch(watch);
            }
        }
    }
}
