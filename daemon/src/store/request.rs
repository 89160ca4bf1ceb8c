//! What the handles ask of the store's thread.

use super::query::{HistoryError, HistoryQuery};
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord};
use super::snapshots::StoredSnapshot;
use crate::model::BuildView;
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Takes the builds that were found.
pub(super) type HistoryReply = oneshot::Sender<Result<Vec<BuildView>, HistoryError>>;

/// One message to the store's thread, which takes them in order.
pub(super) enum StoreRequest {
    PutBuild(Box<BuildRecord>),
    PutExecution(ExecutionRecord),
    PutAttempt(AttemptRecord),
    FindBuilds(HistoryQuery, HistoryReply),
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
