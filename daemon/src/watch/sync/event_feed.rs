//! The events of a source up to a moment, and whether some were lost. Knows their order, not what
//! they lead to.

use crate::watch::source::{ChangeSource, FsEvent};
use crate::watch::stat::now_ns;
use std::io;
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct EventFeed {
    source: Arc<dyn ChangeSource>,
    /// When all events were last processed, in nanoseconds since 1970.
    processed_at: i64,
    /// Events were lost since then, or could not be followed up.
    is_lossy: bool,
    /// Events that were reported and not processed yet.
    buffered: Vec<FsEvent>,
}

impl EventFeed {
    pub(super) fn new(source: Arc<dyn ChangeSource>) -> Self {
        Self { source, processed_at: now_ns(), is_lossy: false, buffered: Vec::new() }
    }

    /// What was reported up to now, without waiting.
    pub(super) fn take(&mut self) -> Vec<FsEvent> {
        self.drain(|source, events| source.take(events))
    }

    /// What was reported up to now, and at least everything that was done before this call.
    pub(super) fn sync(&mut self) -> Vec<FsEvent> {
        self.drain(|source, events| source.sync(events))
    }

    /// Reads what was reported up to now into the buffer, which the next call takes.
    pub(super) fn peek(&mut self) {
        self.buffered = self.sync();
    }

    /// What was read and not taken yet.
    pub(super) fn buffered(&self) -> &[FsEvent] {
        &self.buffered
    }

    /// Adds what was reported since, while earlier events are being processed.
    pub(super) fn sync_more(&self, events: &mut Vec<FsEvent>) {
        if self.source.sync(events).is_err() {
            events.push(FsEvent::Overflow);
        }
    }

    /// A failure of the source is a loss, and so is one that was not followed up.
    fn drain(
        &mut self,
        ask: impl FnOnce(&dyn ChangeSource, &mut Vec<FsEvent>) -> io::Result<()>,
    ) -> Vec<FsEvent> {
        let mut events = std::mem::take(&mut self.buffered);
        if ask(&*self.source, &mut events).is_err() || self.is_lossy {
            events.push(FsEvent::Overflow);
        }
        events
    }

    /// Everything that was done before `moment`, in nanoseconds since 1970, has been processed.
    pub(super) fn mark_processed(&mut self, moment: i64) {
        (self.processed_at, self.is_lossy) = (moment, false);
    }

    /// Something was not followed up: the next events begin with a loss.
    pub(super) fn mark_lossy(&mut self) {
        self.is_lossy = true;
    }

    /// Whether something was lost that has not been made up for.
    pub(super) fn is_lossy(&self) -> bool {
        self.is_lossy
    }

    /// When all events were last processed, in nanoseconds since 1970.
    pub(super) fn processed_at(&self) -> i64 {
        self.processed_at
    }
}
