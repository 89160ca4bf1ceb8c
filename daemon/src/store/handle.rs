//! The way to the store's thread. Writes are put into a queue and never waited for.

use super::health::StoreHealth;
use super::history_reader::HistoryReader;
use super::output_record::OutputRecord;
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord, Raw};
use super::recovery::Recovered;
use super::request::StoreRequest;
use super::snapshots_handle::SnapshotsHandle;
use super::worker;
use crate::model::{AttemptId, AttemptResult, BuildId, BuildView, ExecutionId, OutputSeal};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// How long the store may take to close; it has a few megabytes to write at most.
const CLOSE_MOST: Duration = Duration::from_secs(3);

/// Writes to the store, and closes it. Dropping it without [`close`](Self::close) leaves the store
/// to end by itself.
#[derive(Debug)]
pub struct StoreHandle {
    requests: mpsc::Sender<StoreRequest>,
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<()>,
    health: StoreHealth,
}

impl StoreHandle {
    /// Starts to open the store in `dir`; `recovered` is called when that is done, and again with
    /// a warning should writing fail later. `now_ms` is the wall time at which the daemon started:
    /// unfinished builds from before it are interrupted ones.
    ///
    /// # Panics
    ///
    /// When the system gives no thread: there is no daemon without one.
    pub fn open(dir: PathBuf, now_ms: u64, recovered: impl Fn(Recovered) + Send + 'static) -> Self {
        let (requests, received) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        let health = StoreHealth::default();
        let said = health.clone();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                worker::run(&dir, now_ms, received, (&recovered, said));
                drop(alive);
            })
            .expect("a thread for the store");
        Self { requests, ended, health }
    }

    /// Writes a build as it is now.
    pub fn put_build(&self, view: &BuildView) {
        self.send(StoreRequest::PutBuild(Box::new(BuildRecord::of(view))));
    }

    /// Writes that an execution and its attempt have started.
    pub fn put_started(
        &self,
        execution: ExecutionId,
        attempt: AttemptId,
        build: BuildId,
        root: &Path,
        started_ms: u64,
    ) {
        self.send(StoreRequest::PutExecution(ExecutionRecord {
            id: execution.0,
            build: build.0,
            root: Raw::from_path(root),
            started_ms,
            output: None,
        }));
        self.send(StoreRequest::PutAttempt(AttemptRecord::of(attempt, execution, None)));
    }

    /// Writes the result of an attempt, and what its output consists of if that is known.
    pub fn put_result(
        &self,
        attempt: AttemptId,
        execution: ExecutionId,
        result: &AttemptResult,
        output: Option<&OutputSeal>,
    ) {
        self.send(StoreRequest::PutAttempt(AttemptRecord::of(attempt, execution, Some(result))));
        if let Some(seal) = output {
            self.send(StoreRequest::PutOutput(execution, OutputRecord::of(seal)));
        }
    }

    /// Says whether what happens is saved, from any thread.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Reads builds of the past, from any thread.
    #[must_use]
    pub fn history(&self) -> HistoryReader {
        HistoryReader::new(self.requests.clone())
    }

    /// Saves and loads snapshots of workspaces, from any thread.
    #[must_use]
    pub fn snapshots(&self) -> SnapshotsHandle {
        SnapshotsHandle::new(self.requests.clone())
    }

    /// Writes what is in the queue and closes the store. Returns whether that is done: sled waits
    /// for ever for what it could not write, as when its directory was removed.
    ///
    /// The store's thread panics only where sled does; its unwritten data is lost then, and that
    /// is logged.
    #[must_use]
    pub fn close(self) -> bool {
        self.send(StoreRequest::Close);
        let ended = self.ended.recv_timeout(CLOSE_MOST);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the store does not close; the last writes may be lost");
        }
        ended == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// The thread ends early only when the store panicked, which was logged then.
    fn send(&self, request: StoreRequest) {
        let _ = self.requests.send(request);
    }
}
