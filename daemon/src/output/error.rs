//! Why a log could not be used.

use std::io;
use std::path::{Path, PathBuf};

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
        /// The system's error.
        source: io::Error,
    },
    /// A record is not where the log has it: somebody else wrote to the file.
    #[error("read {}: it has no record at byte {offset}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Byte of the file.
        offset: u64,
    },
}

impl LogError {
    /// Whether there is no room for more.
    pub(super) fn is_full_disk(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}
