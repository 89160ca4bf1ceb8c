//! The way to the store's thread. Writes are put into a queue and never waited for.

use super::health::StoreHealth;
use super::history_reader::HistoryReader;
use super::journal::{Entry, Journal};
use super::output_record::OutputRecord;
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord, Raw};
use super::recovery::Recovered;
use super::request::StoreRequest;
use super::snapshots_handle::SnapshotsHandle;
use super::state_records::StateRecords;
use super::store_sync::StoreSync;
use super::worker::{self, Place};
use crate::model::{AttemptId, AttemptResult, BuildId, BuildView, Digest, ExecutionId, OutputSeal};
use std::cell::RefCell;
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
    journal: RefCell<Journal>,
    records: StateRecords,
    sync: StoreSync,
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
        let journal_dir = dir.with_file_name("journal");
        let journal = Journal::behind(&journal_dir);
        let first = journal.number();
        let records = StateRecords::new(dir.with_file_name("records"));
        let sync = StoreSync::new(dir.clone(), journal_dir.clone());
        let (kept, synced) = (records.clone(), sync.clone());
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                let place = Place {
                    dir,
                    journal: journal_dir,
                    first_of_ours: first,
                    records: kept,
                    sync: synced,
                };
                worker::run(&place, now_ms, received, (&recovered, said));
                drop(alive);
            })
            .expect("a thread for the store");
        Self { requests, ended, health, journal: RefCell::new(journal), records, sync }
    }

    /// Writes a build as it is now. When this returns, what was written survives a kill: whoever
    /// asked may be told.
    pub fn put_build(&self, view: &BuildView) {
        let entry = Entry::Build(Box::new(BuildRecord::of(view)));
        let full = self.append(&entry);
        let Entry::Build(record) = entry else { unreachable!("BUG: it is a build") };
        self.send(StoreRequest::PutBuild(record));
        self.end_of_file(full);
    }

    /// Remembers which rules a workspace may run on change, by their digest; `None` for none. When
    /// this returns, that survives a kill.
    pub fn put_consent(&self, root: &Path, rules: Option<Digest>) {
        let bytes = rules.map(|Digest(bytes)| bytes);
        let (path, trusted) = (Raw::from_path(root), rules.is_some());
        let full = self.append(&Entry::Trust { root: path, trusted, rules: bytes });
        self.send(StoreRequest::SetConsent(root.to_path_buf(), rules));
        self.end_of_file(full);
    }

    fn append(&self, entry: &Entry) -> Option<u64> {
        let appended = self.journal.borrow_mut().append(entry);
        self.sync.wrote();
        // The store may still write it; whether it can is said by the store.
        appended.inspect_err(|error| tracing::debug!(%error, "no journal")).ok().flatten()
    }

    /// Behind everything in the journal's file that is full.
    fn end_of_file(&self, full: Option<u64>) {
        if let Some(number) = full {
            self.send(StoreRequest::JournalFull(number));
        }
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

    /// Has what was written outlive a power cut, from any thread.
    #[must_use]
    pub fn sync(&self) -> StoreSync {
        self.sync.clone()
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
        SnapshotsHandle::new(self.requests.clone(), self.records.clone())
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
