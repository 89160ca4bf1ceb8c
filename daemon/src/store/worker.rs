//! The thread that owns the store: writes what it is told in groups, and answers questions about
//! the past. The daemon never waits for it to open.

use super::database::{Store, StoreError};
use super::history_reader::{HistoryError, HistoryReader};
use super::record::{AttemptRecord, BuildRecord, ExecutionRecord, Raw};
use super::snapshots::StoredSnapshot;
use crate::model::{AttemptId, AttemptResult, BuildId, BuildView, Digest, ExecutionId, Phase};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Writes between two looks for what is too old.
const WRITES_BETWEEN_PRUNES: u32 = 2_000;

/// How long a write may wait for others to be flushed with it. A short build writes five times
/// within a few milliseconds, and each flush wakes all of the database's threads. What was written
/// is lost in that time only if the daemon is killed.
const GATHER: Duration = Duration::from_millis(10);

/// Builds whose durations are learned when the store is opened.
const REMEMBERED: usize = 2_000;

/// Between two tries to open a store that failed.
const RETRY: Duration = Duration::from_secs(1);

/// What a store needs to be opened: a few segments.
const ROOM_BYTES: usize = 256 << 10;

/// How long the store may take to close; it has a few megabytes to write at most.
const CLOSE_MOST: Duration = Duration::from_secs(3);

/// A state that takes longer to come is read anew.
const LOAD_PATIENCE: Duration = Duration::from_secs(2);

/// Builds kept for a store that failed, until it can be written again.
const MOST_UNWRITTEN: usize = 256;

/// Which builds are asked for.
#[derive(Clone, Debug)]
pub enum Query {
    /// The newest ones, at most so many, only those that ran below a directory if one is given.
    Newest {
        /// Most builds.
        limit: usize,
        /// The directory.
        under: Option<PathBuf>,
    },
    /// Those whose ids lie in this inclusive range, at most two: one is the answer, two are too
    /// many.
    Between(BuildId, BuildId),
}

/// What the store told when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// Durations of past builds, by command shape, in milliseconds, oldest first.
    pub durations: Vec<(Digest, u64)>,
    /// The largest number that any id has.
    pub last_id: u64,
    /// Whether the daemon before ended without closing the store.
    pub unclean: bool,
    /// Builds that were not ended and now are, as interrupted.
    pub interrupted: usize,
    /// Workspaces that may run things on change.
    pub trusted: Vec<PathBuf>,
    /// What the operator should know.
    pub warning: Option<String>,
}

pub(super) enum Message {
    Build(Box<BuildRecord>),
    Execution(ExecutionRecord),
    Attempt(AttemptRecord),
    Ask(Query, Box<dyn FnOnce(Result<Vec<BuildView>, HistoryError>) + Send>),
    SaveState(PathBuf, StoredSnapshot),
    LoadState(PathBuf, mpsc::Sender<Option<StoredSnapshot>>),
    ForgetState(PathBuf),
    Trust(PathBuf, bool),
    Close,
}

/// The way to the store.
#[derive(Debug)]
pub struct StoreHandle {
    send: mpsc::Sender<Message>,
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl StoreHandle {
    /// Starts to open the store in `dir`; `recovered` is called when that is done, and again with
    /// a warning should writing fail later.
    ///
    /// # Panics
    ///
    /// When the system gives no thread: there is no daemon without one.
    pub fn open(dir: PathBuf, now_ms: u64, recovered: impl Fn(Recovered) + Send + 'static) -> Self {
        let (send, inbox) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                serve(&dir, now_ms, &inbox, &recovered);
                drop(alive);
            })
            .expect("a thread for the store");
        Self { send, ended }
    }

    /// Writes a build as it is now.
    pub fn build(&self, view: &BuildView) {
        self.tell(Message::Build(Box::new(BuildRecord::of(view))));
    }

    /// Writes that an execution and its attempt have started.
    pub fn started(
        &self,
        execution: ExecutionId,
        attempt: AttemptId,
        build: BuildId,
        root: &Path,
        started_ms: u64,
    ) {
        self.tell(Message::Execution(ExecutionRecord {
            id: execution.0,
            build: build.0,
            root: Raw::from_path(root),
            started_ms,
        }));
        self.tell(Message::Attempt(AttemptRecord::of(attempt, execution, None)));
    }

    /// Writes what an attempt came to.
    pub fn attempt(&self, attempt: AttemptId, execution: ExecutionId, result: &AttemptResult) {
        self.tell(Message::Attempt(AttemptRecord::of(attempt, execution, Some(result))));
    }

    /// Asks for builds of the past, newest first; answered after everything written before.
    pub fn ask(
        &self,
        query: Query,
        answer: impl FnOnce(Result<Vec<BuildView>, HistoryError>) + Send + 'static,
    ) {
        if let Err(mpsc::SendError(Message::Ask(_, answer))) =
            self.send.send(Message::Ask(query, Box::new(answer)))
        {
            answer(Err(HistoryError::Stopping));
        }
    }

    /// Reads builds of the past, from any thread.
    #[must_use]
    pub fn history(&self) -> HistoryReader {
        HistoryReader::new(self.send.clone())
    }

    /// The way to the states of workspaces, from any thread.
    #[must_use]
    pub fn states(&self) -> SnapshotsHandle {
        SnapshotsHandle { send: self.send.clone() }
    }

    /// Writes all that was told and closes the store. Returns whether that is done: sled waits for
    /// ever for what it could not write, as when its directory was removed.
    ///
    /// It panics only where sled does; what it had is lost then, and that is logged.
    #[must_use]
    pub fn close(self) -> bool {
        self.tell(Message::Close);
        let ended = self.ended.recv_timeout(CLOSE_MOST);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the store does not close; what was told last may be lost");
        }
        ended == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// The thread ends early only when the store failed, which was told then.
    fn tell(&self, message: Message) {
        let _ = self.send.send(message);
    }
}

/// Snapshots of workspaces in the store of a [`StoreHandle`].
#[derive(Clone, Debug)]
pub struct SnapshotsHandle {
    send: mpsc::Sender<Message>,
}

impl SnapshotsHandle {
    /// What was saved last of a workspace; waits for the store to be open, not for ever.
    #[must_use]
    pub fn load(&self, root: &Path) -> Option<StoredSnapshot> {
        let (send, receive) = mpsc::channel();
        self.send.send(Message::LoadState(root.to_path_buf(), send)).ok()?;
        receive.recv_timeout(LOAD_PATIENCE).ok()?
    }

    /// Saves a header and the pages that changed.
    pub fn save(&self, root: &Path, state: StoredSnapshot) {
        // Without a store, the next daemon reads it all again.
        let _ = self.send.send(Message::SaveState(root.to_path_buf(), state));
    }

    /// Remembers that a workspace may run things on change.
    pub fn trust(&self, root: &Path) {
        let _ = self.send.send(Message::Trust(root.to_path_buf(), true));
    }

    /// Forgets that.
    pub fn distrust(&self, root: &Path) {
        let _ = self.send.send(Message::Trust(root.to_path_buf(), false));
    }

    /// Forgets what was saved of a workspace.
    pub fn forget(&self, root: &Path) {
        let _ = self.send.send(Message::ForgetState(root.to_path_buf()));
    }
}

fn serve(dir: &Path, now_ms: u64, inbox: &mpsc::Receiver<Message>, recovered: &dyn Fn(Recovered)) {
    let (store, warning) = match Store::open(dir) {
        Ok((store, warning)) => (Some(store), warning),
        Err(error) => (None, Some(format!("there is no history: {error}"))),
    };
    let mut facts = Recovered {
        durations: vec![],
        last_id: 0,
        unclean: true,
        interrupted: 0,
        trusted: vec![],
        warning,
    };
    if let Some(store) = &store {
        facts.unclean = store.unclean;
        facts.last_id = store.last_id();
        facts.durations = durations(store);
        facts.trusted = store.states.trusted();
        match end_unended(store, now_ms) {
            Ok(interrupted) => facts.interrupted = interrupted,
            Err(error) => facts.warning = Some(error.to_string()),
        }
    }
    recovered(facts);
    let say = |warning: String| {
        recovered(Recovered {
            durations: vec![],
            last_id: 0,
            unclean: false,
            interrupted: 0,
            trusted: vec![],
            warning: Some(warning),
        });
    };
    let failed = store.is_none().then(Instant::now);
    let unwritten = BTreeMap::new();
    let mut clerk = StoreWorker { dir, began_ms: now_ms, store, failed, unwritten, writes: 0 };
    while let Ok(first) = inbox.recv() {
        let mut open = true;
        let until = Instant::now() + GATHER;
        let mut next = Some(first);
        // All that comes meanwhile is one group, flushed once. Whoever asks does not wait for it.
        while let Some(message) = next {
            open = !matches!(message, Message::Close);
            let asked = matches!(message, Message::Ask(..) | Message::LoadState(..));
            clerk.take(message, &say);
            let left = until.saturating_duration_since(Instant::now());
            let more = open && !asked && !left.is_zero();
            next = if more { inbox.recv_timeout(left).ok() } else { None };
        }
        clerk.flush(&say);
        if !open {
            break;
        }
    }
    if clerk.failed.is_none()
        && let Some(store) = &clerk.store
        && let Err(error) = store.close()
    {
        tracing::warn!(%error, "the store was not closed");
    }
}

/// Builds of a daemon that was killed never ended; they are told apart from those of a drain.
fn end_unended(store: &Store, now_ms: u64) -> Result<usize, StoreError> {
    if !store.unclean {
        return Ok(0);
    }
    // Ours are there as well when the store is opened again.
    let theirs = |record: &BuildRecord| record.end.is_none() && record.submitted_ms < now_ms;
    let unended: Vec<_> = store.builds().filter(theirs).collect();
    let count = unended.len();
    for record in unended {
        store.put_build(&record.interrupted(now_ms))?;
    }
    store.flush()?;
    Ok(count)
}

fn durations(store: &Store) -> Vec<(Digest, u64)> {
    let mut durations: Vec<_> = store
        .builds()
        .take(REMEMBERED)
        .filter_map(|record| {
            let view = record.into_view();
            let Phase::Ended { outcome, .. } = &view.phase else { return None };
            let result = outcome.result.as_ref()?;
            matches!(result.exit, crate::model::Exit::Code(_))
                .then(|| (view.command.shape(), result.duration_ms))
        })
        .collect();
    durations.reverse();
    durations
}

struct StoreWorker<'a> {
    dir: &'a Path,
    /// When the daemon started.
    began_ms: u64,
    store: Option<Store>,
    /// Since when nothing was written: sled fails for good after the first failure, so the store
    /// is then only read, until it can be opened anew. A full disk fails every write.
    failed: Option<Instant>,
    /// Builds that are not on the disk for certain, as they are now.
    unwritten: BTreeMap<u64, Box<BuildRecord>>,
    writes: u32,
}

impl StoreWorker<'_> {
    fn take(&mut self, message: Message, say: &dyn Fn(String)) {
        let last = matches!(message, Message::Close);
        if self.failed.is_some_and(|at| last || at.elapsed() >= RETRY) {
            self.open_anew(say);
        }
        let store = self.store.as_ref();
        let writable = store.filter(|_| self.failed.is_none());
        let written = match message {
            Message::Build(record) => {
                let written = writable.map(|store| store.put_build(&record));
                self.keep(record);
                written
            }
            Message::Execution(record) => writable.map(|store| store.put_execution(&record)),
            Message::Attempt(record) => writable.map(|store| store.put_attempt(&record)),
            Message::Ask(query, answer) => {
                answer(store.map(|store| find(store, &query)).ok_or(HistoryError::Unavailable));
                return;
            }
            Message::SaveState(root, state) => {
                writable.map(|store| store.states.put(&root, &state))
            }
            Message::ForgetState(root) => writable.map(|store| store.states.remove(&root)),
            Message::Trust(root, trusted) => {
                writable.map(|store| store.states.trust(&root, trusted))
            }
            Message::LoadState(root, answer) => {
                // Whoever has gone has waited long enough.
                let _ = answer.send(store.and_then(|store| store.states.get(&root)));
                return;
            }
            Message::Close => return,
        };
        self.writes += 1;
        self.note(written.unwrap_or(Ok(())), say);
    }

    fn keep(&mut self, record: Box<BuildRecord>) {
        self.unwritten.insert(record.id, record);
        if self.unwritten.len() > MOST_UNWRITTEN {
            self.unwritten.pop_first();
        }
    }

    /// Opens the store that failed, and writes what it missed. Why it failed was told then.
    fn open_anew(&mut self, say: &dyn Fn(String)) {
        self.failed = Some(Instant::now());
        if let Err(error) = has_room(self.dir) {
            tracing::debug!(%error, "the store");
            return;
        }
        // One at a time may have it open.
        self.store = None;
        let opened = || {
            let (store, warning) = Store::open(self.dir)?;
            end_unended(&store, self.began_ms)?;
            for record in self.unwritten.values() {
                store.put_build(record)?;
            }
            store.flush()?;
            Ok::<_, StoreError>((store, warning))
        };
        match opened() {
            Ok((store, warning)) => {
                self.store = Some(store);
                self.failed = None;
                self.unwritten.clear();
                say(warning.unwrap_or_else(|| "history is written again".to_owned()));
            }
            Err(error) => tracing::debug!(%error, "the store"),
        }
    }

    fn flush(&mut self, say: &dyn Fn(String)) {
        let Some(store) = self.store.as_ref().filter(|_| self.failed.is_none()) else { return };
        let mut done = Ok(());
        if self.writes >= WRITES_BETWEEN_PRUNES {
            self.writes = 0;
            done = store.prune().and_then(|()| store.states.prune()).map(drop);
        }
        let done = done.and_then(|()| store.flush());
        if done.is_ok() {
            self.unwritten.clear();
        }
        self.note(done, say);
    }

    fn note(&mut self, done: Result<(), StoreError>, say: &dyn Fn(String)) {
        if let Err(error) = done {
            self.failed = Some(Instant::now());
            say(format!("history is not written: {error}"));
        }
    }
}

/// Whether the disk takes as much as a store needs to be opened.
fn has_room(store: &Path) -> std::io::Result<()> {
    let probe = store.with_file_name("room");
    let written = std::fs::write(&probe, vec![0; ROOM_BYTES]);
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}

fn find(store: &Store, query: &Query) -> Vec<BuildView> {
    match query {
        Query::Newest { limit, under } => store
            .builds()
            .filter(|record| under.as_deref().is_none_or(|dir| record.under(dir)))
            .take(*limit)
            .map(BuildRecord::into_view)
            .collect(),
        Query::Between(from, to) => {
            store.builds_between(from.0, to.0).take(2).map(BuildRecord::into_view).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::ended;
    use super::*;
    use crate::model::Status;

    fn history(journal: &StoreHandle) -> Vec<BuildView> {
        let (send, receive) = mpsc::channel();
        let query = Query::Newest { limit: 9, under: None };
        journal.ask(query, move |found| send.send(found).expect("the test listens"));
        receive.recv().expect("an answer").expect("a store")
    }

    #[test]
    fn a_build_that_a_killed_daemon_left_is_interrupted() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store");
        let (store, _) = Store::open(&path).expect("a store");
        let running = BuildView { phase: Phase::Running { started_ms: 11 }, ..ended(2) };
        store.put_build(&BuildRecord::of(&ended(1))).expect("written");
        store.put_build(&BuildRecord::of(&running)).expect("written");
        store.flush().expect("flushed");
        drop(store);
        let (send, receive) = mpsc::channel();
        let journal = StoreHandle::open(path, 99, move |facts| {
            send.send(facts).expect("the test listens");
        });
        let facts = receive.recv().expect("recovered");
        assert_eq!((facts.unclean, facts.interrupted, facts.last_id), (true, 1, 2));
        let [newest, oldest] = &history(&journal)[..] else { panic!("two builds") };
        assert_eq!(newest.outcome().map(|outcome| outcome.status), Some(Status::Interrupted));
        assert_eq!(oldest, &ended(1));
        assert!(journal.close(), "it is closed in time");
    }

    #[test]
    fn questions_see_what_was_told_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = StoreHandle::open(dir.path().join("store"), 99, |_| {});
        for id in 1..=5 {
            journal.build(&ended(id));
        }
        assert_eq!(history(&journal).len(), 5);
        assert!(journal.close(), "it is closed in time");
    }
}
