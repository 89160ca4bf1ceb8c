//! What is left to check: one list of work, of which one item is done after the other. Doing it adds
//! to the list and never calls itself, so that its depth and its length are bounded.

use crate::index::{Evidence, Index, NodeId};
use crate::watch::stat::now_ns;
use std::collections::BTreeSet;

/// How often a directory that was to be listed and was not there is looked for again.
const LIST_RETRIES: usize = 2;

/// Something to be checked.
#[derive(Debug)]
pub(super) enum WorkItem {
    /// Directories are to be listed.
    List(ListWork),
    /// Files with these inodes turned out to have several names: under their other names, nothing
    /// was reported of them.
    StatLinked { inodes: BTreeSet<u64>, evidence: Evidence },
    /// Files with these inodes, which have several names, were written under one of them.
    StatWritten { inodes: BTreeSet<u64>, evidence: Evidence },
    /// Any file may be the one that was written to.
    StatAll,
}

/// Directories to be listed.
#[derive(Debug)]
pub(super) struct ListWork {
    pub(super) dirs: BTreeSet<NodeId>,
    /// Whether all below them is listed as well.
    pub(super) deep: bool,
    /// How often those that are not there are looked for again.
    pub(super) retries: usize,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct WorkList {
    /// Directories that the last listing found, to be listed before anything else is done.
    found: Option<ListWork>,
    /// Directories to list, without what is below them.
    shallow: BTreeSet<NodeId>,
    /// Directories to list, with all below them.
    deep: BTreeSet<NodeId>,
    linked: BTreeSet<u64>,
    written: BTreeSet<u64>,
    /// Inodes that were in `written` and are done.
    written_done: BTreeSet<u64>,
    /// Every file is to be checked.
    all: bool,
}

impl WorkList {
    /// Directories are to be listed, and where `deep` says so all below them.
    pub(super) fn of_dirs(dirs: BTreeSet<NodeId>, deep: bool) -> Self {
        match deep {
            true => Self { deep: dirs, ..Self::default() },
            false => Self { shallow: dirs, ..Self::default() },
        }
    }

    pub(super) fn list_alone(&mut self, dirs: impl IntoIterator<Item = NodeId>) {
        self.shallow.extend(dirs);
    }

    pub(super) fn list_tree(&mut self, dir: NodeId) {
        self.deep.insert(dir);
    }

    /// Everything is to be listed.
    pub(super) fn list_everything(&mut self) {
        // What is below another one is listed with that.
        self.deep.insert(Index::ROOT);
    }

    /// Directories that a listing has found, or has not found where they were, are to be listed.
    pub(super) fn list_found(&mut self, found: ListWork) {
        self.found = Some(found);
    }

    pub(super) fn stat_linked(&mut self, inodes: impl IntoIterator<Item = u64>) {
        self.linked.extend(inodes);
    }

    pub(super) fn stat_written(&mut self, inode: u64) {
        // To check them because one of them was written finds that one written once more.
        if !self.written_done.contains(&inode) {
            self.written.insert(inode);
        }
    }

    /// A file was written to by a name that says nothing of which.
    pub(super) fn stat_all(&mut self) {
        self.all = true;
    }

    /// What to do next, in an order in which later work finds what earlier work has found out.
    pub(super) fn next(&mut self) -> Option<WorkItem> {
        if let Some(found) = self.found.take() {
            return Some(WorkItem::List(found));
        }
        if !self.shallow.is_empty() {
            let dirs = std::mem::take(&mut self.shallow);
            return Some(WorkItem::List(ListWork { dirs, deep: false, retries: LIST_RETRIES }));
        }
        if !self.linked.is_empty() {
            let inodes = std::mem::take(&mut self.linked);
            return Some(WorkItem::StatLinked { inodes, evidence: Evidence::Unwatched(now_ns()) });
        }
        if !self.written.is_empty() {
            let inodes = std::mem::take(&mut self.written);
            self.written_done.extend(&inodes);
            return Some(WorkItem::StatWritten { inodes, evidence: Evidence::Written });
        }
        if !self.deep.is_empty() {
            let dirs = std::mem::take(&mut self.deep);
            return Some(WorkItem::List(ListWork { dirs, deep: true, retries: LIST_RETRIES }));
        }
        std::mem::take(&mut self.all).then_some(WorkItem::StatAll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_listing_found_comes_first_and_a_written_inode_once() {
        let mut work = WorkList::default();
        work.list_everything();
        work.stat_all();
        work.stat_written(7);
        work.stat_linked([8]);
        work.list_alone([Index::ROOT]);
        assert!(matches!(work.next(), Some(WorkItem::List(ListWork { deep: false, .. }))));
        work.list_found(ListWork { dirs: BTreeSet::from([Index::ROOT]), deep: true, retries: 1 });
        let Some(WorkItem::List(found)) = work.next() else { panic!("no listing") };
        assert_eq!((found.deep, found.retries), (true, 1));
        assert!(matches!(
            work.next(),
            Some(WorkItem::StatLinked { evidence: Evidence::Unwatched(_), .. })
        ));
        assert!(matches!(
            work.next(),
            Some(WorkItem::StatWritten { evidence: Evidence::Written, .. })
        ));
        // The check of its names reports that it was written.
        work.stat_written(7);
        assert!(matches!(work.next(), Some(WorkItem::List(ListWork { deep: true, .. }))));
        assert!(matches!(work.next(), Some(WorkItem::StatAll)));
        assert!(work.next().is_none());
    }
}
