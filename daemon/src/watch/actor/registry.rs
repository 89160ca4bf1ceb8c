//! Where the rest of the daemon asks about workspaces. Each has an actor, on threads that all share;
//! the registry only knows which.

use super::capacity::{Capacity, Load};
use super::query::{ChangesQuery, Summary, WorkspaceState};
use super::request::{Answer, Request};
use super::snapshot::{NoSnapshots, SnapshotStore};
use super::task::{ActorSlot, WorkspaceTask};
use super::worker_pool::{TaskId, WorkerPool};
use super::workspace_actor::{ActorConfig, OnRulesChanged};
use crate::index::{Changes, Clock};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::source::{SourcePreference, Waker};
use crate::watch::sync::Verified;
use crate::workspace::{Globs, TreeNames};
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long saving may take when the daemon ends: tens of milliseconds for the largest.
const SAVE_PATIENCE: Duration = Duration::from_secs(1);

/// Takes questions to the actors of workspaces. An answer comes on another thread, or at once on the
/// one that asks if that takes microseconds; so an answer must neither wait for anything nor ask the
/// registry. It covers every change that was made, by any process, before it was asked for.
///
/// Cheap to clone; all clones are the same registry.
#[derive(Clone)]
pub struct WorkspaceRegistry(Arc<Mutex<RegistryState>>);

/// Which workspaces there are, and how new ones are observed.
struct RegistryState {
    excluded: Vec<PathBuf>,
    preference: SourcePreference,
    snapshots: Arc<dyn SnapshotStore>,
    on_rules_changed: OnRulesChanged,
    workspaces: BTreeMap<PathBuf, WorkspaceHandle>,
    capacity: Capacity,
    /// None before there is a workspace.
    pool: Option<WorkerPool>,
    /// Whether nothing is observed any more.
    closed: bool,
}

impl Debug for WorkspaceRegistry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkspaceRegistry")
            .field("roots", &self.lock().workspaces.keys())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WorkspaceHandle {
    requests: mpsc::Sender<Request>,
    task: TaskId,
    slot: ActorSlot,
    summary: watch::Receiver<Option<Summary>>,
    asked: Instant,
    /// Ends when its task does.
    ended: mpsc::Receiver<()>,
}

impl WorkspaceRegistry {
    /// A registry whose workspaces do not include what is below `excluded`, directories of the daemon's
    /// own.
    #[must_use]
    pub fn new(excluded: Vec<PathBuf>) -> Self {
        Self(Arc::new(Mutex::new(RegistryState {
            excluded,
            preference: SourcePreference::default(),
            snapshots: Arc::new(NoSnapshots),
            on_rules_changed: Arc::new(|_, _| {}),
            workspaces: BTreeMap::new(),
            capacity: Capacity::of_machine(),
            pool: None,
            closed: false,
        })))
    }

    /// The same with a source of events of the caller's choice.
    #[must_use]
    pub fn with_source(self, preference: SourcePreference) -> Self {
        self.lock().preference = preference;
        self
    }

    /// The same with a store in which indexes are saved.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Arc<dyn SnapshotStore>) -> Self {
        self.lock().snapshots = snapshots;
        self
    }

    /// The same with a listener that learns what workspaces have run on change.
    #[must_use]
    pub fn with_rules_listener(self, on_rules_changed: OnRulesChanged) -> Self {
        self.lock().on_rules_changed = on_rules_changed;
        self
    }

    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        // What is in it is whole, whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the state of a workspace.
    pub fn state(
        &self,
        root: &Path,
        answer: impl FnOnce(Result<WorkspaceState, WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, Request::State);
    }

    /// Asks for the state of a workspace and for what leads out of it, with the names that it has in
    /// these directories, absolute.
    pub fn inputs(
        &self,
        root: &Path,
        dirs: Vec<PathBuf>,
        answer: impl FnOnce(Result<(WorkspaceState, TreeNames), WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, |answer| Request::Inputs(dirs, answer));
    }

    /// Asks what is known of a workspace, with the digest of it all.
    pub fn info(
        &self,
        root: &Path,
        answer: impl FnOnce(Result<Summary, WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, Request::Info);
    }

    /// Asks for the digest of a part of a workspace.
    pub fn digest(
        &self,
        root: &Path,
        on: Globs,
        answer: impl FnOnce(Result<(Clock, Digest), WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, |answer| Request::Digest(on, answer));
    }

    /// Asks what has changed in a workspace.
    pub fn changes(
        &self,
        root: &Path,
        query: ChangesQuery,
        answer: impl FnOnce(Result<Changes, WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, |answer| Request::Changes(query, answer));
    }

    /// Has what is believed of a workspace compared with a full walk that reads every file, and
    /// started again from nothing where it is wrong and `repair` says so.
    pub fn verify(
        &self,
        root: &Path,
        repair: bool,
        answer: impl FnOnce(Result<Verified, WorkspaceError>) + Send + 'static,
    ) {
        self.lock().ask(root, answer, |answer| Request::Verify(repair, answer));
    }

    /// Forgets a workspace, with its watches and what was saved of it. `false` when there was
    /// none.
    pub fn forget(&self, root: &Path) -> bool {
        let Some(workspace) = self.lock().workspaces.remove(root) else { return false };
        let (ended, snapshots) = {
            let state = self.lock();
            (state.end(workspace), state.snapshots.clone())
        };
        let _ = ended.recv_timeout(SAVE_PATIENCE);
        snapshots.forget(root);
        true
    }

    /// Saves all that is known and stops observing. Whoever asks from now on gets no answer: what
    /// waits for it is dropped at once.
    pub fn close(&self) {
        let until = Instant::now() + SAVE_PATIENCE;
        let ending = self.lock().end_all();
        for ended in ending {
            // What is not saved in time is read again by the next daemon.
            let _ = ended.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }

    /// The workspaces that are observed, sorted, as they were last published.
    #[must_use]
    pub fn known(&self) -> Vec<Summary> {
        let state = self.lock();
        state.workspaces.values().filter_map(|one| one.summary.borrow().clone()).collect()
    }
}

impl RegistryState {
    fn ask<T>(
        &mut self,
        root: &Path,
        answer: impl FnOnce(Result<T, WorkspaceError>) + Send + 'static,
        request: impl FnOnce(Answer<T>) -> Request,
    ) {
        if self.closed {
            return;
        }
        let mut request = request(Box::new(answer));
        if let Some(workspace) = self.workspaces.get_mut(root) {
            workspace.asked = Instant::now();
            let Some(request_back) = workspace.slot.answer_fast(request) else { return };
            match workspace.requests.send(request_back) {
                Ok(()) => {
                    let task = workspace.task;
                    return self.wake(task);
                }
                // Its workspace was gone.
                Err(mpsc::SendError(unsent)) => request = unsent,
            }
        }
        self.make_room();
        match self.start(root) {
            Ok(workspace) => {
                // It waits for its first request.
                let _ = workspace.requests.send(request);
                self.wake(workspace.task);
                self.workspaces.insert(root.to_path_buf(), workspace);
            }
            Err(error) => {
                let (root, source) = (root.to_path_buf(), Arc::new(error));
                request.refuse(WorkspaceError::Unobservable { root, source });
            }
        }
    }

    fn start(&mut self, root: &Path) -> std::io::Result<WorkspaceHandle> {
        let pool = match &self.pool {
            Some(pool) => pool.clone(),
            None => self.pool.insert(WorkerPool::new()?).clone(),
        };
        let (requests, inbox) = mpsc::channel();
        let (published, summary) = watch::channel(None);
        let task = pool.announce();
        let config = ActorConfig {
            root: root.to_path_buf(),
            excluded: self.excluded.clone(),
            waker: Waker::new(pool.waker(task)),
            published,
            sources: pool.sources(),
            preference: self.preference,
            private: self.excluded.first().cloned().unwrap_or_else(std::env::temp_dir),
            snapshots: self.snapshots.clone(),
            on_rules_changed: self.on_rules_changed.clone(),
        };
        let (ending, ended) = mpsc::channel();
        let slot = ActorSlot::default();
        pool.add(task, Arc::new(WorkspaceTask::new(config, inbox, slot.clone(), ending)))?;
        Ok(WorkspaceHandle { requests, task, slot, summary, asked: Instant::now(), ended })
    }

    fn make_room(&mut self) {
        loop {
            let loads: Vec<_> = self.workspaces.values().map(WorkspaceHandle::load).collect();
            let Some(oldest) = self.capacity.gives_way(&loads) else { return };
            let Some(root) = self.workspaces.keys().nth(oldest).cloned() else { return };
            tracing::info!(root = %root.display(), "makes room for another workspace");
            if let Some(workspace) = self.workspaces.remove(&root) {
                // Its requests are answered before it notices that nobody can ask any more.
                drop(self.end(workspace));
            }
        }
    }

    /// Lets the task of a workspace end; the receiver ends with it.
    fn end(&self, workspace: WorkspaceHandle) -> mpsc::Receiver<()> {
        let WorkspaceHandle { requests, task, ended, .. } = workspace;
        drop(requests);
        self.wake(task);
        ended
    }

    fn wake(&self, task: TaskId) {
        if let Some(pool) = &self.pool {
            pool.wake(task);
        }
    }

    /// Lets all end, and their threads with them. Nothing is observed from now on.
    fn end_all(&mut self) -> Vec<mpsc::Receiver<()>> {
        self.closed = true;
        let workspaces = std::mem::take(&mut self.workspaces).into_values();
        let ending = workspaces.map(|workspace| self.end(workspace)).collect();
        self.pool.iter().for_each(WorkerPool::close);
        ending
    }
}

impl WorkspaceHandle {
    /// What it takes, as far as is known before it is listed.
    fn load(&self) -> Load {
        let (entries, watches) = match &*self.summary.borrow() {
            Some(summary) => (summary.files + summary.dirs, summary.watches),
            None => (0, 0),
        };
        Load { unasked: self.asked.elapsed(), entries, watches }
    }
}

impl Drop for RegistryState {
    fn drop(&mut self) {
        drop(self.end_all());
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
