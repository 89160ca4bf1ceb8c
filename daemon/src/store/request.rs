//! What the handles ask of the store's thread.

use super::query::{HistoryError, Query};
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord};
use super::snapshots::StoredSnapshot;
use crate::model::BuildView;
use std::path::PathBuf;
use std::sync::mpsc;

/// Called on the store's thread with the builds that were found.
pub(super) type Answer = Box<dyn FnOnce(Result<Vec<BuildView>, HistoryError>) + Send>;

/// One message to the store's thread, which takes them in order.
pub(super) enum StoreRequest {
    PutBuild(Box<BuildRecord>),
    PutExecution(ExecutionRecord),
    PutAttempt(AttemptRecord),
    FindBuilds(Query, Answer),
    PutSnapshot(PathBuf, StoredSnapshot),
    LoadSnapshot(PathBuf, mpsc::Sender<Option<StoredSnapshot>>),
    RemoveSnapshot(PathBuf),
    SetTrust(PathBuf, bool),
    Close,
}

impl StoreRequest {
    /// Whether a caller waits for the answer.
    pub(super) fn is_question(&self) -> bool {
        matches!(self, Self::FindBuilds(..) | Self::LoadSnapshot(..))
    }
}
