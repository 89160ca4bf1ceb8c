//! The handle of one log, shared by its writer and its readers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::reader::Reader;
use super::segments::{Segment, Segments};

/// How large a log may be. All in bytes of files.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Size of a segment; at most an eighth of `kept_bytes`.
    pub segment_bytes: u64,
    /// What is kept of an ended log: a quarter of this from its start, the rest from its end.
    pub kept_bytes: u64,
    /// What is kept for readers that have not read it yet, while the log is written.
    pub live_bytes: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, kept_bytes: 64 << 20, live_bytes: 8 << 30 }
    }
}

impl LogLimits {
    pub(super) fn segment(&self) -> u64 {
        self.segment_bytes.min(self.kept_bytes / 8)
    }
}

/// Why a log could not be used. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file or directory could not be used.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record is not where the log says: somebody else wrote to the file.
    #[error("read {}: it has no record at byte {offset}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Byte of the file.
        offset: u64,
    },
}

impl LogError {
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// A log that is being written or has ended. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) limits: LogLimits,
    state: Mutex<State>,
    /// Readers that have everything wait for this.
    pub(super) more: Notify,
}

/// What the writer has published. Locked for moments only, never over a system call on data.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) segments: Segments,
    /// Position after everything that was appended, written or lost.
    pub(super) end: u64,
    pub(super) finished: bool,
    pub(super) lost_bytes: u64,
    pub(super) first_error: Option<String>,
    /// A reader waits for `more`. Cleared by who wakes it, so that a fast writer wakes a reader
    /// once each time it has fallen asleep, and not for each record.
    pub(super) waiting: bool,
}

impl Log {
    pub(super) fn new(dir: PathBuf, limits: LogLimits, state: State) -> Self {
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { dir, limits, state, more: Notify::new() }) }
    }

    /// A reader that begins at a position; 0 for everything. Beyond the end it waits for the log
    /// to get there.
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        let id = self.shared.lock().segments.join(from);
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

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it held it for an assignment or two.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Removes what an ended log need not keep and no reader needs.
    pub(super) fn trim_ended(&self, mut state: MutexGuard<'_, State>) {
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
