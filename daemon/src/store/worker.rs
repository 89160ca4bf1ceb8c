//! The thread that owns the database: writes in groups, answers questions in between, and opens a
//! database that failed again. The daemon never waits for it to open.

use super::database::Database;
use super::error::{StoreError, Warning};
use super::health::StoreHealth;
use super::journal::{self, Entry};
use super::lost;
use super::query::HistoryError;
use super::recovery::{Recovered, interrupt_unfinished};
use super::request::StoreRequest;
use super::state_records::StateRecords;
use super::store_sync::StoreSync;
use super::unwritten::Unwritten;
use crate::model::{Digest, StoreState, StoreStatus};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Writes between two prunes of what is too old.
const WRITES_BETWEEN_PRUNES: u32 = 2_000;

/// How long a write may wait for others to be flushed with it. A short build writes five times
/// within a few milliseconds, and each flush wakes all of the database's threads. What was written
/// in that time and lost by a kill is in the journal, if somebody may have been told of it.
const GROUP_FLUSH: Duration = Duration::from_millis(10);

/// Between two tries to open a store that failed.
const RETRY: Duration = Duration::from_secs(1);

/// How often that time is doubled while it goes on failing: up to a minute.
const MOST_DOUBLINGS: u32 = 6;

/// Bytes of disk that a store needs to be opened: a few segments.
const ROOM_BYTES: usize = 256 << 10;

/// Opens the store in `dir` and serves requests until [`StoreRequest::Close`], or until every
/// handle is gone.
pub(super) fn run(
    place: &Place,
    started_ms: u64,
    requests: mpsc::Receiver<StoreRequest>,
    (report, health): (&dyn Fn(Recovered), StoreHealth),
) {
    let mut worker = StoreWorker::open(place, started_ms, report, health);
    worker.serve(&requests);
    // Readers that come now learn at once that there is no more history.
    drop(requests);
    worker.close();
}

/// Where the store is.
pub(super) struct Place {
    /// Of the database.
    pub(super) dir: PathBuf,
    pub(super) journal: PathBuf,
    /// Number of this daemon's first file in it; those before are of daemons that were killed.
    pub(super) first_of_ours: u64,
    /// What is recorded of workspaces between two snapshots.
    pub(super) records: StateRecords,
    pub(super) sync: StoreSync,
}

struct StoreWorker<'a> {
    place: &'a Place,
    /// When the daemon started, in wall time.
    started_ms: u64,
    report: &'a dyn Fn(Recovered),
    health: StoreHealth,
    /// How it is when it can be written.
    healthy: StoreStatus,
    database: Option<Database>,
    /// Since when nothing was written: sled fails for good after the first failure, so the store
    /// is then only read, until it can be opened again. A full disk fails every write.
    failed: Option<Instant>,
    /// What is not on the disk for certain.
    unwritten: Unwritten,
    /// Tries to open it since then.
    tries: u32,
    /// Whether the operator was told.
    warned: bool,
    writes: u32,
    /// What is in the database after the next flush.
    superseded: Superseded,
}

/// Files beside the database whose contents are in it after the next flush.
#[derive(Default)]
struct Superseded {
    /// All of the journal before this file.
    journaled: Option<u64>,
    /// Records of workspaces, of before their snapshots, up to these files.
    records: Vec<(PathBuf, u64)>,
}

impl<'a> StoreWorker<'a> {
    fn open(
        place: &'a Place,
        started_ms: u64,
        report: &'a dyn Fn(Recovered),
        health: StoreHealth,
    ) -> Self {
        let (mut healthy, mut failure) = (StoreStatus::default(), None);
        let opened = open_with_journal(place, place.first_of_ours).and_then(|mut opened| {
            opened.warnings.extend(lost::mend(&opened.database, &place.journal, started_ms)?);
            opened.database.flush()?;
            Ok(opened)
        });
        let (database, recovered) = match opened {
            Ok(Opened { database, warnings }) => {
                place.sync.journaled(place.first_of_ours);
                let mut recovered = Recovered::from_database(&database);
                if let Some(warning) = warnings.iter().find(|warning| warning.is_loss()) {
                    healthy = status(StoreState::SetAside, warning);
                }
                recovered.warnings = warnings.into_iter().map(Into::into).collect();
                match interrupt_unfinished(&database, started_ms) {
                    Ok(interrupted) => recovered.interrupted = interrupted,
                    Err(error) => {
                        recovered.warnings.push(Warning::NotInterrupted(error).into());
                    }
                }
                (Some(database), recovered)
            }
            Err(error) => {
                let warning = Warning::Unavailable(error);
                failure = Some(status(StoreState::Degraded, &warning));
                (None, Recovered { unclean: true, ..Recovered::warning(warning) })
            }
        };
        health.set(failure.unwrap_or_else(|| healthy.clone()));
        report(recovered);
        let failed = database.is_none().then(Instant::now);
        let unwritten = Unwritten::default();
        let warned = failed.is_some();
        Self {
            place,
            started_ms,
            report,
            health,
            healthy,
            database,
            failed,
            unwritten,
            tries: 0,
            warned,
            writes: 0,
            superseded: Superseded::default(),
        }
    }

    fn serve(&mut self, requests: &mpsc::Receiver<StoreRequest>) {
        while let Some(first) = self.first(requests) {
            let mut open = true;
            let until = Instant::now() + GROUP_FLUSH;
            let mut next = Some(first);
            // Requests that come meanwhile are one group, flushed once. A question ends the group, so
            // that its answer does not wait for more.
            while let Some(request) = next {
                open = !matches!(request, StoreRequest::Close);
                let asked = request.is_question();
                self.guarded(|worker| worker.handle(request));
                let left = until.saturating_duration_since(Instant::now());
                let more = open && !asked && !left.is_zero();
                next = if more { requests.recv_timeout(left).ok() } else { None };
            }
            self.guarded(Self::flush);
            if !open {
                break;
            }
        }
    }

    /// Does something by the database, which panics on some damage. It is opened anew then, and set
    /// aside if that shows what is wrong; whoever asked gets no answer.
    fn guarded(&mut self, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            self.note(Err(StoreError::Panicked(self.place.dir.clone())));
        }
    }

    /// Waits for a request. A store that failed is tried again meanwhile.
    fn first(&mut self, requests: &mpsc::Receiver<StoreRequest>) -> Option<StoreRequest> {
        loop {
            if self.failed.is_none() {
                return requests.recv().ok();
            }
            match requests.recv_timeout(RETRY * (1 << self.tries.min(MOST_DOUBLINGS))) {
                Ok(request) => return Some(request),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let _ = self.reopen();
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn handle(&mut self, request: StoreRequest) {
        let last = matches!(request, StoreRequest::Close);
        if self.failed.is_some_and(|at| last || at.elapsed() >= RETRY) {
            let _ = self.reopen();
        }
        let database = self.database.as_ref();
        let writable = database.filter(|_| self.failed.is_none());
        let written = match request {
            StoreRequest::PutBuild(record) => {
                let written = writable.map(|database| database.put_build(&record));
                self.unwritten.keep_build(record);
                written
            }
            StoreRequest::PutExecution(record) => writable.map(|db| db.put_execution(&record)),
            StoreRequest::PutAttempt(record) => writable.map(|db| db.put_attempt(&record)),
            StoreRequest::PutOutput(execution, output) => {
                writable.map(|db| db.put_output(execution, output))
            }
            StoreRequest::PutSnapshot(root, snapshot, covered) => {
                let written = writable.map(|db| db.snapshots.put(&root, &snapshot));
                if let (Some(Ok(())), Some(number)) = (&written, covered) {
                    self.superseded.records.push((root, number));
                }
                written
            }
            StoreRequest::RemoveSnapshot(root) => writable.map(|db| db.snapshots.remove(&root)),
            StoreRequest::SetConsent(root, rules) => {
                let written = writable.map(|db| db.snapshots.put_consent(&root, rules));
                self.unwritten.keep_consent(root, rules);
                written
            }
            StoreRequest::FindBuilds(query, reply) => {
                let found = database
                    .map(|db| query.run(db, self.unwritten.builds()))
                    .ok_or(HistoryError::Unavailable);
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
            StoreRequest::JournalFull(number) => {
                self.superseded.journaled = Some(number + 1);
                return;
            }
            StoreRequest::Close => return,
        };
        self.writes += 1;
        self.note(written.unwrap_or(Ok(())));
        if self.failed.is_some() {
            self.health.set_unsaved(self.unwritten.unsaved_builds());
        }
    }

    /// Opens the store that failed, and writes what it missed. False when it fails still.
    fn reopen(&mut self) -> bool {
        self.failed = Some(Instant::now());
        self.tries += 1;
        if let Err(error) = has_room(&self.place.dir) {
            tracing::debug!(%error, "there is no room for the store");
            return false;
        }
        // Only one at a time may have it open.
        drop_quietly(self.database.take());
        let opened = || {
            let Opened { database, mut warnings } = open_with_journal(self.place, u64::MAX)?;
            for record in self.unwritten.builds().values() {
                database.put_build(record)?;
            }
            for (root, rules) in self.unwritten.consents() {
                database.snapshots.put_consent(root, rules)?;
            }
            warnings.extend(lost::mend(&database, &self.place.journal, self.started_ms)?);
            interrupt_unfinished(&database, self.started_ms)?;
            database.flush()?;
            Ok::<_, StoreError>((database, warnings))
        };
        let opened = catch_unwind(AssertUnwindSafe(opened))
            .unwrap_or_else(|_| Err(StoreError::Panicked(self.place.dir.clone())));
        match opened {
            Ok((database, warnings)) => {
                self.database = Some(database);
                self.place.sync.journaled(self.place.first_of_ours);
                (self.failed, self.tries) = (None, 0);
                self.unwritten.clear();
                if let Some(warning) = warnings.iter().find(|warning| warning.is_loss()) {
                    self.healthy = status(StoreState::SetAside, warning);
                }
                self.healthy.unsaved_builds = self.unwritten.unsaved_builds();
                self.health.set(self.healthy.clone());
                let told = std::mem::take(&mut self.warned);
                let again = told.then_some(Warning::WrittenAgain);
                warnings.into_iter().chain(again).for_each(|warning| self.warn(warning));
            }
            Err(error) => {
                tracing::debug!(%error, "the store was not opened again");
                return false;
            }
        }
        true
    }

    fn flush(&mut self) {
        let Some(database) = self.database.as_ref().filter(|_| self.failed.is_none()) else {
            return;
        };
        let mut done = Ok(());
        if self.writes >= WRITES_BETWEEN_PRUNES {
            self.writes = 0;
            let roots = database.prune().and_then(|()| database.snapshots.prune());
            done = roots.map(|roots| self.place.records.prune(&roots));
        }
        let done = done.and_then(|()| database.flush());
        if done.is_ok() {
            self.place.sync.wrote();
            self.unwritten.clear();
            if let Some(before) = self.superseded.journaled.take() {
                self.place.sync.journaled(before);
            }
            for (root, number) in self.superseded.records.drain(..) {
                self.place.records.remove_until(&root, number);
            }
        }
        self.note(done);
    }

    /// A write that failed is tried once more at once, with all that is not written: what failed
    /// for a moment is no matter. sled fails for good, so that means opening it anew.
    fn note(&mut self, done: Result<(), StoreError>) {
        let Err(error) = done else { return };
        // The snapshots that took their place are lost.
        self.superseded.records.clear();
        self.failed = Some(Instant::now());
        if self.reopen() {
            tracing::info!(%error, "a write to the store failed, and succeeded when tried again");
            return;
        }
        let warning = Warning::NotWritten(error);
        self.health.set(StoreStatus {
            unsaved_builds: self.unwritten.unsaved_builds(),
            ..status(StoreState::Degraded, &warning)
        });
        self.warned = true;
        self.warn(warning);
    }

    fn warn(&self, warning: Warning) {
        (self.report)(Recovered::warning(warning));
    }

    fn close(mut self) {
        if self.failed.is_none()
            && let Some(database) = &self.database
        {
            let closed = database.close().and_then(|()| {
                let synced = self.place.sync.sync();
                let path = self.place.dir.clone();
                synced.map_err(|source| StoreError::Sync { path, source })
            });
            match closed {
                // Nothing is appended any more.
                Ok(()) => journal::retire(&self.place.journal, u64::MAX),
                Err(error) => tracing::warn!(%error, "the store was not closed"),
            }
        }
        drop_quietly(self.database.take());
    }
}

/// sled panics when the disk fails while it is dropped, which costs nothing: everything was flushed, or
/// that failed and was said.
fn drop_quietly(database: Option<Database>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

/// Opens the database, and writes to it what the journal has before a file: what a daemon that was
/// killed had told somebody, and what the database that failed may not have.
fn open_with_journal(place: &Place, before: u64) -> Result<Opened, StoreError> {
    let (mut database, set_aside) = Database::open(&place.dir)?;
    let (entries, damaged) = journal::entries(&place.journal, before)
        .map_err(|source| StoreError::Read { path: place.journal.clone(), source })?;
    let damaged = (damaged > 0).then_some(Warning::JournalDamaged(damaged));
    if !entries.is_empty() {
        // Whoever left it was killed, even if the database was closed by another since.
        database.unclean = true;
        tracing::info!(entries = entries.len(), "the journal is written to the store");
    }
    for entry in entries {
        match entry {
            Entry::Build(record) => database.put_again(&record)?,
            Entry::Trust { root, trusted: true, rules: None } => {
                database.snapshots.put_trust(&root.into_path())?;
            }
            Entry::Trust { root, rules, .. } => {
                database.snapshots.put_consent(&root.into_path(), rules.map(Digest))?;
            }
        }
    }
    database.flush()?;
    Ok(Opened { database, warnings: set_aside.into_iter().chain(damaged).collect() })
}

/// The database, and what is to be said of it.
struct Opened {
    database: Database,
    warnings: Vec<Warning>,
}

fn status(state: StoreState, warning: &Warning) -> StoreStatus {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    StoreStatus {
        state,
        since_ms: Some(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        message: Some(warning.to_string()),
        unsaved_builds: 0,
    }
}

/// Whether the disk has as much room as a store needs to be opened.
fn has_room(store: &Path) -> std::io::Result<()> {
    let probe = store.with_file_name("room");
    let written = std::fs::write(&probe, vec![0; ROOM_BYTES]);
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}
