//! Why a workspace can not be observed.

use super::scan::MAX_ENTRIES;
use super::source::limit_hint;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is no answer about a workspace.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The root is not there, or is something else than it was.
    #[error("observe {}: it is gone", .0.display())]
    RootGone(PathBuf),
    /// The root can not be read.
    #[error("read {}: {source}", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// The system's own words.
        source: Arc<io::Error>,
    },
    /// The system has no descriptor or memory left to read it now. The workspace stays; another
    /// try may succeed.
    #[error("read {} now: {source}{}", path.display(), limit_hint(source))]
    ResourceExhausted {
        /// What.
        path: PathBuf,
        /// The system's own words.
        source: Arc<io::Error>,
    },
    /// There are more entries than a workspace may have.
    #[error(
        "observe {}: it has more than {MAX_ENTRIES} files; ignore what is no input, in .bdignore",
        .0.display()
    )]
    TooManyEntries(PathBuf),
    /// It changes faster than it is read.
    #[error("read {}: it keeps changing", .0.display())]
    KeepsChanging(PathBuf),
    /// It is large, and has not been read for the first time.
    #[error("read all of {} yet: {left} files are left, and the next time goes on from there",
        root.display())]
    StillReading {
        /// The root.
        root: PathBuf,
        /// Files that are not read.
        left: usize,
    },
    /// What was known of it was wrong. Everything is read again.
    #[error("trust what was known of {}: it was found to be wrong", .0.display())]
    Distrusted(PathBuf),
    /// There is no thread or pipe to be had for it.
    #[error("observe {}: {source}", root.display())]
    Unobservable {
        /// The root.
        root: PathBuf,
        /// The system's own words.
        source: Arc<io::Error>,
    },
}

impl WorkspaceError {
    pub(super) fn exhausted(path: PathBuf, source: impl Into<io::Error>) -> Self {
        Self::ResourceExhausted { path, source: Arc::new(source.into()) }
    }

    /// Whether another try may succeed though nothing changes in the workspace.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::ResourceExhausted { .. } | Self::KeepsChanging(_) | Self::StillReading { .. }
        )
    }

    /// Whether the workspace can be observed from nothing again, if a directory is at its root.
    pub(super) fn starts_again(&self) -> bool {
        matches!(self, Self::RootGone(_) | Self::Distrusted(_))
    }
}
