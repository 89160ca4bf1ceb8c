//! The loop that does the work of a [`WorkList`], item by item, and whatever follows from it.

use super::synchronizer::Synchronizer;
use super::work_list::{WorkItem, WorkList};
use crate::watch::error::WorkspaceError;

/// Items done before it is given up for now. Each directory that turns out to be new while another
/// is listed makes one; a workspace in which so many come, one behind the other, is not read faster
/// than it changes.
const MAX_ITEMS: usize = 1024;

impl Synchronizer {
    pub(super) fn run(&mut self, mut work: WorkList) -> Result<(), WorkspaceError> {
        for _ in 0..MAX_ITEMS {
            let Some(item) = work.next() else { return Ok(()) };
            match item {
                WorkItem::List(list) => self.list(list, &mut work)?,
                WorkItem::StatLinked { inodes, evidence } => {
                    self.stat_linked(&inodes, evidence, &mut work)?;
                }
                WorkItem::StatWritten { inodes, evidence } => {
                    self.stat_written(&inodes, evidence, &mut work)?;
                }
                WorkItem::StatAll => self.stat_all(&mut work)?,
            }
        }
        // What is left to do is not known any more: everything is, next time.
        self.feed.mark_lossy();
        Err(WorkspaceError::KeepsChanging(self.root().to_path_buf()))
    }
}
