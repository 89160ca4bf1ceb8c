//! The logs of all executions, live or ended, by execution. Knows where they are and how much of
//! them is kept; knows nothing of what the executions are.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::collect::scan;
use super::ended::{EndedLog, EndedLogs};
use super::error::LogError;
use super::limits::{LogLimits, Retention};
use super::log::Log;
use super::output_sync::OutputSync;
use super::writer::{Room, Writer, create_private_dir};
use crate::model::{ExecutionId, OutputSeal};

/// Seals that are remembered: those of logs that somebody may be about to open, since the command
/// was faster than whoever asked for it.
const SEALS_REMEMBERED: usize = 256;

/// Creates, opens and deletes the logs of executions. Cloning it is cheap, and clones are the same
/// store.
#[derive(Clone, Debug)]
pub struct OutputStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    limits: LogLimits,
    retention: Retention,
    /// Locked for a lookup, or for the creation of one log.
    logs: Mutex<Logs>,
    sync: OutputSync,
}

/// What is known of the logs.
#[derive(Debug, Default)]
struct Logs {
    /// Those that are written, or whose execution is not over.
    live: HashMap<ExecutionId, Log>,
    ended: EndedLogs,
    /// Seals of those that ended last, the newest at the end.
    seals: VecDeque<(ExecutionId, Arc<OutputSeal>)>,
    /// Somebody is about to collect old ones.
    collecting: bool,
}

/// The duty to collect old logs, on a thread that may wait for the disk.
#[derive(Debug)]
pub struct Collection(OutputStore);

impl OutputStore {
    /// Logs in directories of their own below `dir`, which is created when the first log is.
    #[must_use]
    pub fn new(dir: PathBuf, limits: LogLimits, retention: Retention) -> Self {
        let logs = Mutex::default();
        let sync = OutputSync::default();
        Self { shared: Arc::new(Shared { dir, limits, retention, logs, sync }) }
    }

    /// Creates the directory of an execution's log, for another file beside its output.
    ///
    /// # Errors
    ///
    /// When it can not be created.
    pub fn create_dir(&self, execution: ExecutionId) -> Result<PathBuf, LogError> {
        let dir = self.dir(execution);
        create_private_dir(&dir)?;
        Ok(dir)
    }

    fn dir(&self, execution: ExecutionId) -> PathBuf {
        self.shared.dir.join(execution.to_string())
    }

    /// Creates the log of an execution, live until it is [closed](Self::closed). There is nothing
    /// of it on disk until there is output.
    ///
    /// # Errors
    ///
    /// When its directory already exists, or the one for all of them can not be created.
    pub fn create(&self, execution: ExecutionId) -> Result<(Writer, Log), LogError> {
        // Somebody may have removed all of them to make room.
        create_private_dir(&self.shared.dir)?;
        // Under the lock, so that a scan finds no log that is not yet live.
        let mut logs = self.shared.lock();
        let (mut writer, log) = Writer::create(&self.dir(execution), self.shared.limits)?;
        let store = self.clone();
        writer.set_room(Room(Box::new(move || store.make_room())));
        logs.live.insert(execution, log.clone());
        Ok((writer.told_to(self.shared.sync.clone()), log))
    }

    /// Has output outlive a power cut.
    #[must_use]
    pub fn sync(&self) -> OutputSync {
        self.shared.sync.clone()
    }

    /// The log of an execution while it is live.
    #[must_use]
    pub fn live(&self, execution: ExecutionId) -> Option<Log> {
        self.shared.lock().live.get(&execution).cloned()
    }

    /// The seal of a log that was closed a moment ago.
    #[must_use]
    pub fn seal(&self, execution: ExecutionId) -> Option<Arc<OutputSeal>> {
        let logs = self.shared.lock();
        let found = logs.seals.iter().rev().find(|(sealed, _)| *sealed == execution);
        found.map(|(_, seal)| Arc::clone(seal))
    }

    /// The log of an execution: the live one, else that on disk, which is read on a thread for
    /// blocking work: by its seal, so that nothing is lost or changed without a gap, or as it is
    /// where it has none. `None` when there is neither a seal nor a log.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(&self, execution: ExecutionId, seal: Option<OutputSeal>) -> Option<Log> {
        if let Some(log) = self.live(execution) {
            return Some(log);
        }
        let (dir, limits) = (self.dir(execution), self.shared.limits);
        match seal {
            // There is no file to read.
            Some(seal) if seal.segments.is_empty() => Some(Log::open_sealed(&dir, &seal)),
            Some(seal) => {
                let opened = tokio::task::spawn_blocking(move || Log::open_sealed(&dir, &seal));
                opened.await.ok()
            }
            None => {
                let opened = tokio::task::spawn_blocking(move || Log::open(&dir, limits)).await;
                opened.ok()?.ok()
            }
        }
    }

    /// An execution is over: its log is no longer live. Readers of it read on. When there are logs
    /// that need not be kept any more, whoever gets the collection is to run it.
    #[must_use]
    pub fn closed(&self, execution: ExecutionId) -> Option<Collection> {
        let mut logs = self.shared.lock();
        if let Some(log) = logs.live.remove(&execution) {
            if let Some(seal) = log.seal() {
                logs.seals.push_back((execution, seal));
                let surplus = logs.seals.len().saturating_sub(SEALS_REMEMBERED);
                logs.seals.drain(..surplus);
            }
            let bytes = log.file_bytes();
            if bytes > 0 || self.dir(execution).exists() {
                logs.ended.push(EndedLog { execution, bytes, written: SystemTime::now() });
            }
        }
        let wanted = !logs.ended.scanned || self.shared.is_due(&logs);
        let free = !logs.collecting;
        logs.collecting |= wanted;
        (wanted && free).then(|| Collection(self.clone()))
    }

    /// Deletes ended logs that are older or more than is kept. Blocks for as long as the file
    /// system takes: the first time for a look at every log, later for the deletion only.
    fn collect(&self) -> Result<(), LogError> {
        if !self.shared.lock().ended.scanned {
            let is_live = |execution| self.shared.lock().live.contains_key(&execution);
            let found = scan(&self.shared.dir, &is_live)?;
            self.shared.lock().ended.add_scanned(found);
        }
        while let Some(log) = self.shared.take_due() {
            self.remove(log);
        }
        Ok(())
    }

    /// Deletes the oldest ended log, though it is to be kept: the disk is full. False when there is
    /// none. Blocks as [`Collection::run`] does.
    fn make_room(&self) -> bool {
        if !self.shared.lock().ended.scanned {
            let is_live = |execution| self.shared.lock().live.contains_key(&execution);
            let Ok(found) = scan(&self.shared.dir, &is_live) else { return false };
            self.shared.lock().ended.add_scanned(found);
        }
        let oldest = self.shared.lock().ended.pop();
        oldest.is_some_and(|log| {
            tracing::warn!(execution = %log.execution, "old output makes room on a full disk");
            self.remove(log)
        })
    }

    /// Deletes a log; whether that was possible.
    fn remove(&self, log: EndedLog) -> bool {
        let dir = self.dir(log.execution);
        let removed = std::fs::remove_dir_all(&dir).or_else(unless_gone);
        if let Err(error) = &removed {
            tracing::warn!(path = %dir.display(), %error, "old output can not be removed");
        }
        removed.is_ok()
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

impl Collection {
    /// Deletes ended logs that are older or more than is kept. Blocks for as long as the file
    /// system takes.
    ///
    /// # Errors
    ///
    /// When the directory of the logs can not be read.
    pub fn run(self) -> Result<(), LogError> {
        self.0.collect()
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.0.shared.lock().collecting = false;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Logs> {
        // It is whole between any two of its operations.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, logs: &Logs) -> bool {
        let live_bytes = logs.live.values().map(Log::file_bytes).sum();
        logs.ended.is_due(self.retention, live_bytes, SystemTime::now())
    }

    fn take_due(&self) -> Option<EndedLog> {
        let mut logs = self.lock();
        if self.is_due(&logs) { logs.ended.pop() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Next, StreamKind};
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    const EXECUTION: ExecutionId = ExecutionId(7);

    /// A store that keeps no ended log, or all of them.
    fn store(dir: &Path, total_bytes: u64) -> OutputStore {
        let retention = Retention { total_bytes, max_age: Duration::MAX };
        OutputStore::new(dir.join("output"), LogLimits::default(), retention)
    }

    /// The directories of logs, by name.
    fn dirs(dir: &Path) -> Vec<String> {
        super::super::oracle::files(&dir.join("output"))
    }

    #[tokio::test]
    async fn a_log_is_found_live_and_then_on_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path(), u64::MAX);
        assert!(store.open(EXECUTION, None).await.is_none(), "there is no log yet");
        let (mut writer, _) = store.create(EXECUTION).expect("a log");
        writer.append(StreamKind::Stdout, b"said");
        let live = store.clone().open(EXECUTION, None).await.expect("the live log");
        assert!(!live.is_finished(), "the log on disk was opened");
        drop(writer);
        assert!(store.seal(EXECUTION).is_none(), "it is not closed");
        let _ = store.closed(EXECUTION);
        assert!(store.live(EXECUTION).is_none(), "a closed log is live");
        let seal = store.seal(EXECUTION).expect("a seal");
        for seal in [None, Some((*seal).clone())] {
            let ended = store.open(EXECUTION, seal).await.expect("the log on disk");
            assert!(ended.is_finished());
            let mut frame = Vec::new();
            let next = ended.reader(0).next(&mut frame).await.expect("read");
            assert_eq!((next, frame.ends_with(b"said")), (Next::Records, true));
        }
    }

    #[tokio::test]
    async fn only_logs_that_are_not_live_are_collected() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path(), 0);
        let (mut writer, _) = store.create(EXECUTION).expect("a log");
        writer.append(StreamKind::Stderr, b"said");
        let (mut other, _) = store.create(ExecutionId(8)).expect("a log");
        other.append(StreamKind::Stderr, b"said");
        drop(writer);
        store.closed(EXECUTION).expect("something to collect").run().expect("collected");
        assert_eq!(dirs(dir.path()), ["x00000000008"], "only that which is written");
        drop(other);
        store.closed(ExecutionId(8)).expect("something to collect").run().expect("collected");
        assert_eq!(dirs(dir.path()), [""; 0]);
        assert!(store.closed(ExecutionId(8)).is_none(), "there is nothing to collect");
    }

    #[test]
    fn what_an_earlier_daemon_left_is_collected_and_empty_directories_go_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        for (id, bytes) in [(1, 100), (2, 100), (3, 0), (4, 100)] {
            let log = dir.path().join("output").join(ExecutionId(id).to_string());
            std::fs::create_dir_all(&log).expect("a directory");
            if bytes > 0 {
                std::fs::write(log.join("a"), vec![0; bytes]).expect("a file");
                let written = SystemTime::UNIX_EPOCH + Duration::from_secs(id);
                for path in [log.join("a"), log] {
                    let file = std::fs::File::open(path).expect("open");
                    file.set_modified(written).expect("set");
                }
            }
        }
        std::fs::write(dir.path().join("output/no log"), "").expect("a file");
        let store = store(dir.path(), 200);
        let first = store.closed(EXECUTION).expect("the first look");
        assert!(store.closed(EXECUTION).is_none(), "one at a time");
        first.run().expect("collected");
        assert_eq!(dirs(dir.path()), ["no log", "x00000000002", "x00000000004"]);
    }

    #[test]
    fn an_execution_without_output_leaves_nothing_on_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path(), 0);
        let (writer, _) = store.create(EXECUTION).expect("a log");
        drop(writer);
        let _ = store.closed(EXECUTION);
        assert_eq!(dirs(dir.path()), [""; 0]);
        assert_eq!(store.seal(EXECUTION).map(|seal| seal.end), Some(0));
    }

    #[test]
    fn a_log_is_created_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path(), u64::MAX);
        let (mut writer, _) = store.create(EXECUTION).expect("a log");
        writer.append(StreamKind::Stdout, b"said");
        let error = store.create(EXECUTION).expect_err("the log is there").to_string();
        assert!(
            error.contains("create the log") && error.contains(&EXECUTION.to_string()),
            "{error}"
        );
        assert!(store.live(EXECUTION).is_some(), "the first log is no longer live");
    }
}
