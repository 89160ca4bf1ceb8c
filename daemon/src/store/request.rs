//! What the handles ask of the store's thread.

use super::output_record::OutputRecord;
use super::query::{HistoryError, HistoryQuery};
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord};
use super::snapshots::StoredSnapshot;
use crate::model::{BuildView, Digest, ExecutionId, OutputSeal};
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Takes the builds that were found.
pub(super) type HistoryReply = oneshot::Sender<Result<Vec<BuildView>, HistoryError>>;

/// Takes the seal of an execution's output, if there is one.
pub(super) type SealReply = oneshot::Sender<Result<Option<OutputSeal>, HistoryError>>;

/// One message to the store's thread, which takes them in order.
pub(super) enum StoreRequest {
    PutBuild(Box<BuildRecord>),
    PutExecution(ExecutionRecord),
    PutAttempt(AttemptRecord),
    /// The output of an execution that was put before.
    PutOutput(ExecutionId, OutputRecord),
    FindBuilds(HistoryQuery, HistoryReply),
    FindSeal(ExecutionId, SealReply),
    /// Where it is the end of a saving: the number of the last file of records that are of before it.
    PutSnapshot(PathBuf, StoredSnapshot, Option<u64>),
    LoadSnapshot(PathBuf, mpsc::Sender<Option<StoredSnapshot>>),
    RemoveSnapshot(PathBuf),
    SetConsent(PathBuf, Option<Digest>),
    /// Everything in the journal before this file was requested before.
    JournalFull(u64),
    Close,
}

impl StoreRequest {
    /// Whether a caller waits for the answer.
    pub(super) fn is_question(&self) -> bool {
        matches!(self, Self::FindBuilds(..) | Self::FindSeal(..) | Self::LoadSnapshot(..))
    }
}
