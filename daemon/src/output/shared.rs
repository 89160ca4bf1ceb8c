//! What the writer and the readers of one log share. Knows nothing of what either of them does.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::limits::LogLimits;
use super::segments::{Segment, Segments};
use super::unwritten::Unwritten;
use crate::model::OutputSeal;

#[derive(Debug)]
pub(super) struct SharedLog {
    pub(super) dir: PathBuf,
    pub(super) limits: LogLimits,
    state: Mutex<LogState>,
    /// Readers that have everything wait for this.
    pub(super) more: Notify,
    /// Something was written that may not outlive a power cut.
    pub(super) unsynced: AtomicBool,
}

/// What the writer has published. Locked for moments only, never over a system call on data.
#[derive(Debug, Default)]
pub(super) struct LogState {
    pub(super) segments: Segments,
    /// Position after everything that was appended, written or lost.
    pub(super) end: u64,
    pub(super) finished: bool,
    pub(super) lost_bytes: u64,
    pub(super) first_error: Option<String>,
    /// A reader waits for `more`. Cleared by the writer that wakes it, so that a fast writer wakes
    /// a reader once each time it has fallen asleep, and not for each record.
    pub(super) waiting: bool,
    /// What the log consists of, once it has ended.
    pub(super) seal: Option<Arc<OutputSeal>>,
    pub(super) missing: Missing,
    /// What is before this position outlives a power cut.
    pub(super) synced: u64,
    /// What could not be written.
    pub(super) unwritten: Unwritten,
}

/// Positions that were sealed and whose output is no longer there.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) ranges: Vec<Range<u64>>,
    /// Nothing of the log is there.
    pub(super) all: bool,
}

impl Missing {
    /// Whether it has a position of this range.
    pub(super) fn touches(&self, range: Range<u64>) -> bool {
        self.ranges.iter().any(|lost| lost.start < range.end && range.start < lost.end)
    }
}

impl SharedLog {
    pub(super) fn new(dir: PathBuf, limits: LogLimits, state: LogState) -> Arc<Self> {
        Arc::new(Self {
            dir,
            limits,
            state: Mutex::new(state),
            more: Notify::new(),
            unsynced: AtomicBool::new(false),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, LogState> {
        // Whoever panicked with it held it for an assignment or two.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what an ended log need not keep and no reader needs.
    pub(super) fn trim_ended(&self, mut state: MutexGuard<'_, LogState>) {
        let unlimited = LogLimits { live_bytes: u64::MAX, ..self.limits };
        let (free, _) = state.segments.trim(&unlimited);
        drop(state);
        self.remove(&free);
    }

    pub(super) fn remove(&self, segments: &[Segment]) {
        for segment in segments {
            // One that can not be removed now goes with its log.
            let _ = std::fs::remove_file(segment.path(&self.dir));
        }
    }
}
