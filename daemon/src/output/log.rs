//! The handle of one log, live or ended: its state, and new readers.

use std::sync::Arc;

use super::reader::Reader;
use super::shared::SharedLog;
use crate::model::OutputSeal;

/// A log that is being written or has ended. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<SharedLog>,
}

impl Log {
    pub(super) fn new(shared: Arc<SharedLog>) -> Self {
        Self { shared }
    }

    /// A reader that begins at a position; 0 for everything. Beyond the end it waits for the log
    /// to get there.
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        let id = self.shared.lock().segments.add_reader(from);
        Reader::new(Arc::clone(&self.shared), id, from)
    }

    /// Position after the last byte so far, what was lost included.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.shared.lock().end
    }

    /// Nothing more will come.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.shared.lock().finished
    }

    /// What it consists of, once it has ended; `None` also where it was opened from disk.
    #[must_use]
    pub fn seal(&self) -> Option<Arc<OutputSeal>> {
        self.shared.lock().seal.clone()
    }

    /// Bytes of output that could not be written.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.shared.lock().lost_bytes
    }

    /// Why output could not be written, the first time; for people.
    #[must_use]
    pub fn first_error(&self) -> Option<String> {
        self.shared.lock().first_error.clone()
    }

    /// Bytes of its files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.shared.lock().segments.bytes()
    }
}
