//! Reads the builds of the past, past the engine. Knows the store's queue, not its files: the
//! store's thread answers, and a reader that outlives it keeps nothing open.

use super::history_scope::HistoryScope;
use super::query::{HistoryError, HistoryQuery};
use super::request::StoreRequest;
use crate::model::{BuildId, BuildView, ExecutionId, OutputSeal};
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Reads builds from the store of a [`StoreHandle`](super::StoreHandle). Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    requests: mpsc::Sender<StoreRequest>,
}

impl HistoryReader {
    pub(super) fn new(requests: mpsc::Sender<StoreRequest>) -> Self {
        Self { requests }
    }

    /// The newest builds, newest first, at most `limit`; where a directory is given, only those
    /// that ran in it or below it, and only those older than `before`, if that is given. Includes
    /// everything written before the call.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn newest(
        &self,
        limit: usize,
        scope: HistoryScope,
        before: Option<BuildId>,
    ) -> Result<Vec<BuildView>, HistoryError> {
        self.query(HistoryQuery::Newest { limit, scope, before }).await
    }

    /// The builds whose ids lie in this inclusive range, newest first, at most two: one is an
    /// answer, two make it ambiguous.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn between(
        &self,
        from: BuildId,
        to: BuildId,
    ) -> Result<Vec<BuildView>, HistoryError> {
        self.query(HistoryQuery::Between(from, to)).await
    }

    /// The builds whose ids begin with this text, newest first, at most two.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn beginning(&self, text: &str) -> Result<Vec<BuildView>, HistoryError> {
        self.query(HistoryQuery::Beginning(text.to_owned())).await
    }

    /// What the output of an execution consists of; `None` when it has not ended, or was recorded
    /// by a daemon that did not know yet.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn seal(&self, execution: ExecutionId) -> Result<Option<OutputSeal>, HistoryError> {
        let (reply, found) = oneshot::channel();
        self.requests
            .send(StoreRequest::FindSeal(execution, reply))
            .map_err(|_| HistoryError::Stopping)?;
        found.await.map_err(|_| HistoryError::Stopping)?
    }

    async fn query(&self, query: HistoryQuery) -> Result<Vec<BuildView>, HistoryError> {
        let (reply, found) = oneshot::channel();
        self.requests
            .send(StoreRequest::FindBuilds(query, reply))
            .map_err(|_| HistoryError::Stopping)?;
        // The queue is dropped, and the reply with it, when the store closes.
        found.await.map_err(|_| HistoryError::Stopping)?
    }
}
