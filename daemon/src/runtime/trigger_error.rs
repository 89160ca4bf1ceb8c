//! Why the files of a trigger cannot be watched.

use crate::watch::WorkspaceError;
use crate::workspace::GlobError;
use std::path::PathBuf;

/// See the [module](self).
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// Which files count cannot be understood.
    #[error("read on_change in {}: {source}", file.display())]
    Globs {
        /// The file that says so.
        file: PathBuf,
        /// What is wrong.
        source: GlobError,
    },
    /// The workspace cannot be observed.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}
