//! How it is answered whether the files of a trigger are watched, and why not.

use crate::model::TriggerId;
use crate::watch::WorkspaceError;
use crate::workspace::GlobError;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Where the id of a trigger goes, or why there is none.
pub type TriggerReply = oneshot::Sender<Result<TriggerId, TriggerError>>;

/// Why the files of a trigger cannot be watched.
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
