//! The thread that owns the database: writes in groups, answers questions in between, and opens a
//! database that failed again. The daemon never waits for it to open.

use super::database::Database;
use super::error::{StoreError, Warning};
use super::query::HistoryError;
use super::record::BuildRecord;
use super::recovery::{Recovered, interrupt_unfinished};
use super::request::StoreRequest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Writes between two prunes of what is too old.
const WRITES_BETWEEN_PRUNES: u32 = 2_000;

/// How long a write may wait for others to be flushed with it. A short build writes five times
/// within a few milliseconds, and each flush wakes all of the database's threads. What was written
/// is lost in that time only if the daemon is killed.
const GROUP_FLUSH: Duration = Duration::from_millis(10);

/// Between two tries to open a store that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Bytes of disk that a store needs to be opened: a few segments.
const ROOM_BYTES: usize = 256 << 10;

/// Builds kept for a store that failed, until it can be written again.
const MOST_UNWRITTEN: usize = 256;

/// Opens the store in `dir` and serves requests until [`StoreRequest::Close`], or until every
/// handle is gone.
pub(super) fn run(
    dir: &Path,
    started_ms: u64,
    requests: mpsc::Receiver<StoreRequest>,
    report: &dyn Fn(Recovered),
) {
    let mut worker = StoreWorker::open(dir, started_ms, report);
    worker.serve(&requests);
    // Readers that come now learn at once that there is no more history.
    drop(requests);
    worker.close();
}

struct StoreWorker<'a> {
    dir: &'a Path,
    /// When the daemon started, in wall time.
    started_ms: u64,
    report: &'a dyn Fn(Recovered),
    database: Option<Database>,
    /// Since when nothing was written: sled fails for good after the first failure, so the store
    /// is then only read, until it can be opened again. A full disk fails every write.
    failed: Option<Instant>,
    /// Builds that are not on the disk for certain, as they are now.
    unwritten: BTreeMap<u64, Box<BuildRecord>>,
    writes: u32,
}

impl<'a> StoreWorker<'a> {
    fn open(dir: &'a Path, started_ms: u64, report: &'a dyn Fn(Recovered)) -> Self {
        let (database, recovered) = match Database::open(dir) {
            Ok((database, set_aside)) => {
                let mut recovered = Recovered::from_database(&database);
                recovered.warning = set_aside.map(Into::into);
                match interrupt_unfinished(&database, started_ms) {
                    Ok(interrupted) => recovered.interrupted = interrupted,
                    Err(error) => recovered.warning = Some(Warning::NotInterrupted(error).into()),
                }
                (Some(database), recovered)
            }
            Err(error) => {
                let warning = Recovered::warning(Warning::Unavailable(error));
                (None, Recovered { unclean: true, ..warning })
            }
        };
        report(recovered);
        let failed = database.is_none().then(Instant::now);
        let unwritten = BTreeMap::new();
        Self { dir, started_ms, report, database, failed, unwritten, writes: 0 }
    }

    fn serve(&mut self, requests: &mpsc::Receiver<StoreRequest>) {
        while let Ok(first) = requests.recv() {
            let mut open = true;
            let until = Instant::now() + GROUP_FLUSH;
            let mut next = Some(first);
            // Requests that come meanwhile are one group, flushed once. A question ends the group, so
            // that its answer does not wait for more.
            while let Some(request) = next {
                open = !matches!(request, StoreRequest::Close);
                let asked = request.is_question();
                self.handle(request);
                let left = until.saturating_duration_since(Instant::now());
                let more = open && !asked && !left.is_zero();
                next = if more { requests.recv_timeout(left).ok() } else { None };
            }
            self.flush();
            if !open {
                break;
            }
        }
    }

    fn handle(&mut self, request: StoreRequest) {
        let last = matches!(request, StoreRequest::Close);
        if self.failed.is_some_and(|at| last || at.elapsed() >= RETRY) {
            self.reopen();
        }
        let database = self.database.as_ref();
        let writable = database.filter(|_| self.failed.is_none());
        let written = match request {
            StoreRequest::PutBuild(record) => {
                let written = writable.map(|database| database.put_build(&record));
                self.keep(record);
                written
            }
            StoreRequest::PutExecution(record) => writable.map(|db| db.put_execution(&record)),
            StoreRequest::PutAttempt(record) => writable.map(|db| db.put_attempt(&record)),
            StoreRequest::PutOutput(execution, output) => {
                writable.map(|db| db.put_output(execution, output))
            }
            StoreRequest::PutSnapshot(root, snapshot) => {
                writable.map(|db| db.snapshots.put(&root, &snapshot))
            }
            StoreRequest::RemoveSnapshot(root) => writable.map(|db| db.snapshots.remove(&root)),
            StoreRequest::SetTrust(root, trusted) => {
                writable.map(|db| db.snapshots.trust(&root, trusted))
            }
            StoreRequest::FindBuilds(query, reply) => {
                let found = database.map(|db| query.run(db)).ok_or(HistoryError::Unavailable);
                // A reader that has gone away needs no answer.
                let _ = reply.send(found);
                return;
            }
            StoreRequest::FindSeal(execution, reply) => {
                let found = database.map(|db| db.seal(execution));
                let _ = reply.send(found.ok_or(HistoryError::Unavailable));
                return;
            }
            StoreRequest::LoadSnapshot(root, reply) => {
                // Nobody receives it when it has taken too long.
                let _ = reply.send(database.and_then(|db| db.snapshots.get(&root)));
                return;
            }
            StoreRequest::Close => return,
        };
        self.writes += 1;
        self.note(written.unwrap_or(Ok(())));
    }

    fn keep(&mut self, record: Box<BuildRecord>) {
        self.unwritten.insert(record.id, record);
        if self.unwritten.len() > MOST_UNWRITTEN {
            self.unwritten.pop_first();
        }
    }

    /// Opens the store that failed, and writes the builds it missed. Why it failed was reported
    /// then.
    fn reopen(&mut self) {
        self.failed = Some(Instant::now());
        if let Err(error) = has_room(self.dir) {
            tracing::debug!(%error, "there is no room for the store");
            return;
        }
        // Only one at a time may have it open.
        self.database = None;
        let opened = || {
            let (database, set_aside) = Database::open(self.dir)?;
            interrupt_unfinished(&database, self.started_ms)?;
            for record in self.unwritten.values() {
                database.put_build(record)?;
            }
            database.flush()?;
            Ok::<_, StoreError>((database, set_aside))
        };
        match opened() {
            Ok((database, set_aside)) => {
                self.database = Some(database);
                self.failed = None;
                self.unwritten.clear();
                self.warn(set_aside.unwrap_or(Warning::WrittenAgain));
            }
            Err(error) => tracing::debug!(%error, "the store was not opened again"),
        }
    }

    fn flush(&mut self) {
        let Some(database) = self.database.as_ref().filter(|_| self.failed.is_none()) else {
            return;
        };
        let mut done = Ok(());
        if self.writes >= WRITES_BETWEEN_PRUNES {
            self.writes = 0;
            done = database.prune().and_then(|()| database.snapshots.prune()).map(drop);
        }
        let done = done.and_then(|()| database.flush());
        if done.is_ok() {
            self.unwritten.clear();
        }
        self.note(done);
    }

    fn note(&mut self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            self.failed = Some(Instant::now());
            self.warn(Warning::NotWritten(error));
        }
    }

    fn warn(&self, warning: Warning) {
        (self.report)(Recovered::warning(warning));
    }

    fn close(self) {
        if self.failed.is_none()
            && let Some(database) = &self.database
            && let Err(error) = database.close()
        {
            tracing::warn!(%error, "the store was not closed");
        }
    }
}

/// Whether the disk has as much room as a store needs to be opened.
fn has_room(store: &Path) -> std::io::Result<()> {
    let probe = store.with_file_name("room");
    let written = std::fs::write(&probe, vec![0; ROOM_BYTES]);
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}
