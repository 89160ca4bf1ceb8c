//! The logs of all executions, live or ended, by execution. Knows where they are and how much of
//! them is kept; knows nothing of what the executions are.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::collect::{Collected, collect};
use super::error::LogError;
use super::limits::{LogLimits, Retention};
use super::log::Log;
use super::writer::Writer;
use crate::model::ExecutionId;

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
    /// Logs that are written, or whose execution is not over. Locked for a lookup, or for the
    /// creation of one directory.
    live: Mutex<HashMap<ExecutionId, Log>>,
}

impl OutputStore {
    /// Logs in directories of their own below `dir`, which is created when the first log is.
    #[must_use]
    pub fn new(dir: PathBuf, limits: LogLimits, retention: Retention) -> Self {
        let live = Mutex::default();
        Self { shared: Arc::new(Shared { dir, limits, retention, live }) }
    }

    /// The directory of an execution's log.
    #[must_use]
    pub fn dir(&self, execution: ExecutionId) -> PathBuf {
        self.shared.dir.join(execution.to_string())
    }

    /// Creates the log of an execution, live until it is [closed](Self::closed).
    ///
    /// # Errors
    ///
    /// When its directory can not be created or already exists.
    pub fn create(&self, execution: ExecutionId) -> Result<(Writer, Log), LogError> {
        // Somebody may have removed all of them to make room.
        let dir: &Path = &self.shared.dir;
        let created = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        created.map_err(LogError::io("create", dir))?;
        // Under the lock, so that a collection finds no log that is not yet live.
        let mut live = self.shared.live();
        let (writer, log) = Writer::create(&self.dir(execution), self.shared.limits)?;
        live.insert(execution, log.clone());
        Ok((writer, log))
    }

    /// The log of an execution while it is live.
    #[must_use]
    pub fn live(&self, execution: ExecutionId) -> Option<Log> {
        self.shared.live().get(&execution).cloned()
    }

    /// The log of an execution: the live one, else that on disk, which is read on a thread for
    /// blocking work. `None` when there is none any more or it can not be read.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(&self, execution: ExecutionId) -> Option<Log> {
        if let Some(log) = self.live(execution) {
            return Some(log);
        }
        let (dir, limits) = (self.dir(execution), self.shared.limits);
        let opened = tokio::task::spawn_blocking(move || Log::open(&dir, limits)).await;
        opened.ok()?.ok()
    }

    /// An execution is over: its log is no longer live. Readers of it read on.
    pub fn closed(&self, execution: ExecutionId) {
        self.shared.live().remove(&execution);
    }

    /// Deletes ended logs that are older or more than is kept. Blocks for as long as the file
    /// system takes.
    ///
    /// # Errors
    ///
    /// When the directory of the logs can not be read.
    pub fn collect(&self) -> Result<Collected, LogError> {
        let Retention { total_bytes, max_age } = self.shared.retention;
        let is_live = |name: &str| {
            name.parse().is_ok_and(|execution| self.shared.live().contains_key(&execution))
        };
        collect(&self.shared.dir, total_bytes, max_age, &is_live)
    }
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, HashMap<ExecutionId, Log>> {
        // A map is whole between any two of its operations.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Next, StreamKind};
    use super::*;
    use std::time::Duration;

    const EXECUTION: ExecutionId = ExecutionId(7);

    /// A store that keeps no ended log.
    fn store(dir: &Path) -> OutputStore {
        let retention = Retention { total_bytes: 0, max_age: Duration::MAX };
        OutputStore::new(dir.join("output"), LogLimits::default(), retention)
    }

    #[tokio::test]
    async fn a_log_is_found_live_and_then_on_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path());
        assert!(store.open(EXECUTION).await.is_none(), "there is no log yet");
        let (mut writer, _) = store.create(EXECUTION).expect("a log");
        writer.append(StreamKind::Stdout, b"said");
        let live = store.clone().open(EXECUTION).await.expect("the live log");
        assert!(!live.is_finished(), "the log on disk was opened");
        drop(writer);
        store.closed(EXECUTION);
        assert!(store.live(EXECUTION).is_none(), "a closed log is live");
        let ended = store.open(EXECUTION).await.expect("the log on disk");
        assert!(ended.is_finished());
        let mut frame = Vec::new();
        let next = ended.reader(0).next(&mut frame).await.expect("read");
        assert_eq!((next, frame.ends_with(b"said")), (Next::Records, true));
    }

    #[tokio::test]
    async fn only_logs_that_are_not_live_are_collected() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path());
        assert_eq!(store.collect().expect("nothing to do").logs, 0);
        let (mut writer, _) = store.create(EXECUTION).expect("a log");
        writer.append(StreamKind::Stderr, b"said");
        assert_eq!(store.collect().expect("collected").logs, 0);
        drop(writer);
        store.closed(EXECUTION);
        assert_eq!(store.collect().expect("collected").logs, 1);
        assert!(store.open(EXECUTION).await.is_none(), "the log is still there");
    }

    #[test]
    fn a_log_is_created_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = store(dir.path());
        let _first = store.create(EXECUTION).expect("a log");
        let error = store.create(EXECUTION).expect_err("the log is there").to_string();
        assert!(
            error.contains("create the log") && error.contains(&EXECUTION.to_string()),
            "{error}"
        );
        assert!(store.live(EXECUTION).is_some(), "the first log is no longer live");
    }
}
