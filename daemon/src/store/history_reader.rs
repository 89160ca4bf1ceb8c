//! Reads the builds of the past, past the engine. Knows the store's queue, not its files: the
//! store's thread answers, and a reader that outlives it keeps nothing open.

use super::worker::{Message, Query};
use crate::model::{BuildId, BuildView};
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Why history could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The store is closed, which is the last thing a daemon does.
    #[error("the daemon is stopping")]
    Stopping,
    /// There is no database: it does not open, or is opened again at this moment.
    #[error("the store could not be opened; see bdctl status")]
    Unavailable,
}

/// Reads builds from the store of a [`StoreHandle`](super::StoreHandle). Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    queue: mpsc::Sender<Message>,
}

impl HistoryReader {
    pub(super) fn new(queue: mpsc::Sender<Message>) -> Self {
        Self { queue }
    }

    /// The newest builds, newest first, at most `limit`; where a directory is given, only those
    /// that ran in it or below it. Includes everything written before the call.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn newest(
        &self,
        limit: usize,
        under: Option<PathBuf>,
    ) -> Result<Vec<BuildView>, HistoryError> {
        self.query(Query::Newest { limit, under }).await
    }

    /// The builds whose ids lie in this inclusive range, newest first, at most two: one is the
    /// answer to a prefix of an id, two make it ambiguous.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    pub async fn between(
        &self,
        from: BuildId,
        to: BuildId,
    ) -> Result<Vec<BuildView>, HistoryError> {
        self.query(Query::Between(from, to)).await
    }

    async fn query(&self, query: Query) -> Result<Vec<BuildView>, HistoryError> {
        let (reply, found) = oneshot::channel();
        // A reader that has gone away needs no answer.
        let answer = move |result| drop(reply.send(result));
        self.queue
            .send(Message::Ask(query, Box::new(answer)))
            .map_err(|_| HistoryError::Stopping)?;
        // The queue is dropped, and the reply with it, when the store closes.
        found.await.map_err(|_| HistoryError::Stopping)?
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::ended;
    use super::super::worker::StoreHandle;
    use super::*;

    #[tokio::test]
    async fn what_was_written_before_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = StoreHandle::open(dir.path().join("store"), 99, |_| {});
        let reader = store.history();
        for id in 1..=5 {
            store.build(&ended(id));
        }
        assert_eq!(reader.newest(2, None).await, Ok(vec![ended(5), ended(4)]));
        assert_eq!(reader.between(BuildId(2), BuildId(2)).await, Ok(vec![ended(2)]));
        assert_eq!(reader.between(BuildId(1), BuildId(4)).await.map(|found| found.len()), Ok(2));
        assert!(store.close(), "closed in time");
    }

    #[tokio::test]
    async fn a_reader_neither_keeps_a_store_open_nor_waits_for_one_that_is_closed() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = StoreHandle::open(dir.path().join("store"), 99, |_| {});
        let reader = store.history();
        assert!(store.close(), "closed in time");
        assert_eq!(reader.newest(9, None).await, Err(HistoryError::Stopping));
        assert_eq!(reader.between(BuildId(1), BuildId(2)).await, Err(HistoryError::Stopping));
    }

    #[tokio::test]
    async fn a_store_that_does_not_open_is_unavailable() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let store = StoreHandle::open(file.join("store"), 99, |_| {});
        assert_eq!(store.history().newest(9, None).await, Err(HistoryError::Unavailable));
        assert!(store.close(), "closed in time");
    }
}
