//! Which entries of an index changed since what was last written of it. Knows no entries.

use super::node::NodeId;
use crate::index::clock::Clock;

/// Entries that are remembered: what takes some hundred microseconds to write. Where more have changed,
/// the pages are saved.
const MAX_TOUCHED: usize = 4096;

/// What changed since the index was last saved or recorded.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// The clock of what was written. Without it there is nothing that a record could follow.
    pub(super) until: Option<Clock>,
    /// Entries of the log until then.
    pub(super) logged: u64,
    /// Entries of the index that changed since, some of them more than once.
    pub(super) touched: Vec<u32>,
    pub(super) has_overflowed: bool,
}

impl Recording {
    /// From now on, everything up to this clock, with so many entries of the log, is written.
    pub(super) fn begin(&mut self, until: Clock, logged: u64) {
        *self = Self { until: Some(until), logged, ..Self::default() };
    }

    /// An entry changes.
    pub(super) fn touch(&mut self, node: NodeId) {
        if self.until.is_none() || self.has_overflowed || self.touched.last() == Some(&node.0) {
            return;
        }
        if self.touched.len() == 2 * MAX_TOUCHED {
            self.touched.sort_unstable();
            self.touched.dedup();
            self.has_overflowed = self.touched.len() > MAX_TOUCHED;
        }
        match self.has_overflowed {
            true => self.touched = Vec::new(),
            false => self.touched.push(node.0),
        }
    }
}
