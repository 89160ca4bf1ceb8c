//! Where the rest of the daemon asks about workspaces. Each has an actor with a thread of its own; the
//! registry only knows which.

use super::query::{ChangesQuery, Summary};
use super::snapshot::{NoSnapshots, SnapshotStore};
use super::thread::{ActorInbox, ActorSlot, keep};
use super::workspace_actor::{ActorConfig, Answer, OnRulesChanged, Request, State};
use crate::index::{Changes, Clock};
use crate::model::Digest;
use crate::watch::source::SourcePreference;
use crate::watch::source::{Waker, wake_pipe};
use crate::watch::sync::Verified;
use crate::workspace::Globs;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Workspaces that are observed; the one not asked for longest makes room.
const MOST_WORKSPACES: usize = 32;

/// How long saving may take when the daemon ends: tens of milliseconds for the largest.
const SAVING: Duration = Duration::from_secs(1);

/// Takes questions to the actors of workspaces. An answer comes on another thread, or at once on the
/// one that asks if that takes microseconds; so an answer must neither wait for anything nor ask the
/// registry. It has seen every change that was made, by any process, before it was asked for.
///
/// Cheap to clone; all clones are the same registry.
#[derive(Clone)]
pub struct WorkspaceRegistry(Arc<Mutex<Directory>>);

/// Which workspaces there are, and how new ones are observed.
struct Directory {
    excluded: Vec<PathBuf>,
    preference: SourcePreference,
    snapshots: Arc<dyn SnapshotStore>,
    on_rules_changed: OnRulesChanged,
    workspaces: BTreeMap<PathBuf, WorkspaceHandle>,
    /// Whether nothing is observed any more.
    closed: bool,
}

impl Debug for WorkspaceRegistry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkspaceRegistry")
            .field("roots", &self.directory().workspaces.keys())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WorkspaceHandle {
    requests: mpsc::Sender<Request>,
    waker: Waker,
    slot: ActorSlot,
    summary: watch::Receiver<Option<Summary>>,
    asked: Instant,
    /// Ends when its thread does.
    left: mpsc::Receiver<()>,
}

impl WorkspaceRegistry {
    /// A registry whose workspaces do not include what is below `excluded`, directories of the daemon's
    /// own.
    #[must_use]
    pub fn new(excluded: Vec<PathBuf>) -> Self {
        Self(Arc::new(Mutex::new(Directory {
            excluded,
            preference: SourcePreference::default(),
            snapshots: Arc::new(NoSnapshots),
            on_rules_changed: Arc::new(|_, _| {}),
            workspaces: BTreeMap::new(),
            closed: false,
        })))
    }

    /// The same with a source of events of the caller's choice.
    #[must_use]
    pub fn with_source(self, preference: SourcePreference) -> Self {
        self.directory().preference = preference;
        self
    }

    /// The same with a place where states are kept.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Arc<dyn SnapshotStore>) -> Self {
        self.directory().snapshots = snapshots;
        self
    }

    /// The same with somebody who learns what workspaces have run on change.
    #[must_use]
    pub fn with_rules_listener(self, on_rules_changed: OnRulesChanged) -> Self {
        self.directory().on_rules_changed = on_rules_changed;
        self
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        // What is in it is whole, whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the state of a workspace.
    pub fn state(&self, root: &Path, answer: impl FnOnce(Result<State, String>) + Send + 'static) {
        self.directory().ask(root, answer, Request::State);
    }

    /// Asks what is known of a workspace, with the digest of it all.
    pub fn info(&self, root: &Path, answer: impl FnOnce(Result<Summary, String>) + Send + 'static) {
        self.directory().ask(root, answer, Request::Info);
    }

    /// Asks for the digest of a part of a workspace.
    pub fn digest(
        &self,
        root: &Path,
        on: Globs,
        answer: impl FnOnce(Result<(Clock, Digest), String>) + Send + 'static,
    ) {
        self.directory().ask(root, answer, |answer| Request::Digest(on, answer));
    }

    /// Asks what has changed in a workspace.
    pub fn changes(
        &self,
        root: &Path,
        query: ChangesQuery,
        answer: impl FnOnce(Result<Changes, String>) + Send + 'static,
    ) {
        self.directory().ask(root, answer, |answer| Request::Changes(query, answer));
    }

    /// Has what is believed of a workspace compared with a full walk that reads every file, and
    /// begun anew where it is wrong and `repair` says so.
    pub fn verify(
        &self,
        root: &Path,
        repair: bool,
        answer: impl FnOnce(Result<Verified, String>) + Send + 'static,
    ) {
        self.directory().ask(root, answer, |answer| Request::Verify(repair, answer));
    }

    /// Forgets a workspace, with its watches and what was saved of it. `false` when there was
    /// none.
    pub fn forget(&self, root: &Path) -> bool {
        let Some(workspace) = self.directory().workspaces.remove(root) else { return false };
        workspace.dismiss(SAVING);
        let snapshots = self.directory().snapshots.clone();
        snapshots.forget(root);
        true
    }

    /// Saves all that is known and stops observing. Whoever asks from now on gets no answer: what
    /// waits for it is dropped at once.
    pub fn close(&self) {
        let until = Instant::now() + SAVING;
        let workspaces = {
            let mut directory = self.directory();
            directory.closed = true;
            std::mem::take(&mut directory.workspaces)
        };
        let leaving: Vec<_> = workspaces.into_values().map(WorkspaceHandle::leave).collect();
        for left in leaving {
            // What is not saved in time is read again by the next daemon.
            let _ = left.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }

    /// The workspaces that are observed, sorted, as they were last seen.
    #[must_use]
    pub fn known(&self) -> Vec<Summary> {
        let directory = self.directory();
        directory.workspaces.values().filter_map(|one| one.summary.borrow().clone()).collect()
    }
}

impl Directory {
    fn ask<T>(
        &mut self,
        root: &Path,
        answer: impl FnOnce(Result<T, String>) + Send + 'static,
        request: impl FnOnce(Answer<T>) -> Request,
    ) {
        if self.closed {
            return;
        }
        let mut request = request(Box::new(answer));
        if let Some(workspace) = self.workspaces.get_mut(root) {
            workspace.asked = Instant::now();
            let Some(left) = workspace.slot.at_once(request) else { return };
            match workspace.requests.send(left) {
                Ok(()) => return workspace.waker.wake(),
                // Its workspace was gone.
                Err(mpsc::SendError(unsent)) => request = unsent,
            }
        }
        self.make_room();
        match self.open(root) {
            Ok(workspace) => {
                // It waits for its first request.
                let _ = workspace.requests.send(request);
                self.workspaces.insert(root.to_path_buf(), workspace);
            }
            Err(error) => request.refuse(&format!("cannot observe {}: {error}", root.display())),
        }
    }

    fn open(&self, root: &Path) -> std::io::Result<WorkspaceHandle> {
        let (requests, inbox) = mpsc::channel();
        let (waker, wake_pipe) = wake_pipe()?;
        let (inbox, slot) = (ActorInbox { requests: inbox, wake_pipe }, ActorSlot::default());
        let (published, summary) = watch::channel(None);
        let config = ActorConfig {
            root: root.to_path_buf(),
            excluded: self.excluded.clone(),
            waker: waker.clone(),
            published,
            preference: self.preference,
            private: self.excluded.first().cloned().unwrap_or_else(std::env::temp_dir),
            snapshots: self.snapshots.clone(),
            on_rules_changed: self.on_rules_changed.clone(),
        };
        let (leaving, left) = mpsc::channel();
        let theirs = slot.clone();
        std::thread::Builder::new().name("workspace".into()).spawn(move || {
            keep(config, inbox, &theirs);
            drop::<mpsc::Sender<()>>(leaving);
        })?;
        Ok(WorkspaceHandle { requests, waker, slot, summary, asked: Instant::now(), left })
    }

    fn make_room(&mut self) {
        while self.workspaces.len() >= MOST_WORKSPACES {
            let oldest = self.workspaces.iter().min_by_key(|(_, workspace)| workspace.asked);
            let Some(root) = oldest.map(|(root, _)| root.clone()) else { return };
            if let Some(workspace) = self.workspaces.remove(&root) {
                // Its requests are answered before it notices that nobody can ask any more.
                drop(workspace.leave());
            }
        }
    }
}

impl WorkspaceHandle {
    /// Lets its thread end; the receiver ends with it.
    fn leave(self) -> mpsc::Receiver<()> {
        let Self { requests, waker, left, .. } = self;
        drop(requests);
        waker.wake();
        left
    }

    fn dismiss(self, patience: Duration) {
        let _ = self.leave().recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::ChangeKind;
    use std::fs;

    fn asked<T: Send + 'static>(ask: impl FnOnce(mpsc::Sender<Result<T, String>>)) -> T {
        let (send, receive) = mpsc::channel();
        ask(send);
        receive.recv().expect("an answer").expect("a good one")
    }

    fn state(registry: &WorkspaceRegistry, root: &Path) -> State {
        asked(|send| registry.state(root, move |state| send.send(state).expect("somebody waits")))
    }

    fn since(registry: &WorkspaceRegistry, root: &Path, clock: Clock) -> Changes {
        let query = ChangesQuery { since: Some(clock), wait: None };
        asked(|send| {
            registry.changes(root, query, move |told| send.send(told).expect("somebody waits"))
        })
    }

    #[test]
    fn every_answer_has_seen_what_was_written_before_the_question() {
        for preference in
            [SourcePreference::Native, SourcePreference::Notify, SourcePreference::Poll]
        {
            every_answer_is_fresh(preference);
        }
    }

    fn every_answer_is_fresh(preference: SourcePreference) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let registry = WorkspaceRegistry::new(vec![]).with_source(preference);
        for round in 0..100 {
            fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
            let seen = state(&registry, dir.path());
            fs::write(dir.path().join("file"), format!("round {round}.")).expect("write");
            let again = state(&registry, dir.path());
            assert_ne!(seen.id, again.id, "round {round}");
            assert_eq!(again, state(&registry, dir.path()), "round {round}");
            let told = since(&registry, dir.path(), seen.clock);
            assert_eq!(told.changes.len(), 1, "round {round}: {told:?}");
        }
    }

    #[test]
    fn what_takes_little_is_answered_by_whoever_asks() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let registry = WorkspaceRegistry::new(vec![]).with_source(SourcePreference::Native);
        let mut clock = state(&registry, dir.path()).clock;
        let (mut own, me) = (0, std::thread::current().id());
        for round in 0..200 {
            fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
            let query = ChangesQuery { since: Some(clock), wait: None };
            let (told, by) = asked(|send| {
                registry.changes(dir.path(), query, move |told| {
                    let by = std::thread::current().id();
                    send.send(told.map(|told| (told, by))).expect("somebody waits");
                });
            });
            assert_eq!(told.changes.len(), 1, "round {round}: {told:?}");
            clock = told.clock;
            own += usize::from(by == me);
        }
        // Now and then the workspace's own thread is at it.
        assert!(!cfg!(target_os = "linux") || own > 0, "woke another thread each time");
    }

    #[test]
    fn what_was_done_when_somebody_asked_is_told_to_those_who_wait() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let registry = WorkspaceRegistry::new(vec![]);
        for round in 0..100 {
            let clock = state(&registry, dir.path()).clock;
            let query = ChangesQuery { since: Some(clock), wait: Some(Duration::from_secs(60)) };
            let (send, receive) = mpsc::channel();
            registry
                .changes(dir.path(), query, move |told| send.send(told).expect("somebody waits"));
            fs::write(dir.path().join("file"), format!("round {round}")).expect("write");
            // It may find the change first.
            assert_eq!(since(&registry, dir.path(), clock).changes.len(), 1, "round {round}");
            let told = receive.recv_timeout(Duration::from_secs(30)).expect("told in time");
            assert_eq!(told.expect("a good one").changes.len(), 1, "round {round}");
        }
    }

    #[test]
    fn a_panic_while_answering_costs_the_workspace_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let registry = WorkspaceRegistry::new(vec![]);
        let before = state(&registry, dir.path());
        let query = ChangesQuery { since: None, wait: None };
        registry.changes(dir.path(), query, |_| panic!("of the test"));
        let deadline = Instant::now() + Duration::from_secs(30);
        let after = loop {
            let (send, receive) = mpsc::channel();
            registry.state(dir.path(), move |state| send.send(state).expect("somebody waits"));
            // Whoever asks while the thread ends is not answered.
            match receive.recv() {
                Ok(state) => break state.expect("a good one"),
                Err(_) => assert!(Instant::now() < deadline, "nobody answers any more"),
            }
        };
        assert_ne!(after.clock.instance, before.clock.instance);
    }

    #[test]
    fn nobody_waits_for_a_registry_that_is_closed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let registry = WorkspaceRegistry::new(vec![]);
        state(&registry, dir.path());
        registry.clone().close();
        let (send, receive) = mpsc::channel();
        registry.state(dir.path(), move |state| send.send(state).expect("somebody waits"));
        assert_eq!(
            receive.recv_timeout(Duration::from_secs(30)),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
        assert!(registry.known().is_empty());
    }

    #[test]
    fn a_renamed_directory_is_told_with_all_in_it_and_an_edit_below_it_is_seen() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("a/deep/er")).expect("directories");
        fs::write(dir.path().join("a/deep/er/file"), "1").expect("a file");
        let registry = WorkspaceRegistry::new(vec![]);
        let before = state(&registry, dir.path());
        fs::rename(dir.path().join("a"), dir.path().join("b")).expect("renamed");
        let told = since(&registry, dir.path(), before.clock);
        let paths: Vec<_> = told.changes.iter().map(|c| c.path.to_str().expect("UTF-8")).collect();
        assert_eq!(paths, ["b", "b/deep", "b/deep/er", "b/deep/er/file"]);
        assert!(
            told.changes.iter().all(|c| matches!(c.kind, ChangeKind::Renamed { .. })),
            "{told:?}"
        );
        fs::write(dir.path().join("b/deep/er/file"), "2").expect("an edit");
        let later = since(&registry, dir.path(), told.clock);
        assert_eq!(later.changes.len(), 1, "{later:?}");
    }

    #[test]
    fn more_workspaces_than_are_kept_are_all_answered() {
        let registry = WorkspaceRegistry::new(vec![]);
        let dirs: Vec<_> =
            (0..MOST_WORKSPACES + 5).map(|_| tempfile::tempdir().expect("a directory")).collect();
        for dir in &dirs {
            state(&registry, dir.path());
        }
        assert!(registry.directory().workspaces.len() <= MOST_WORKSPACES);
    }

    #[test]
    fn a_root_that_is_gone_is_named_and_one_that_is_back_is_served() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().join("root");
        let registry = WorkspaceRegistry::new(vec![]);
        let ask = |registry: &WorkspaceRegistry| {
            let (send, receive) = mpsc::channel();
            registry.state(&root, move |state| send.send(state).expect("somebody waits"));
            receive.recv().expect("an answer")
        };
        let why = ask(&registry).expect_err("nothing there");
        assert!(why.contains(root.to_str().expect("UTF-8")), "{why}");
        fs::create_dir(&root).expect("made");
        let first = ask(&registry).expect("there");
        fs::remove_dir(&root).expect("removed");
        assert!(ask(&registry).is_err());
        fs::create_dir(&root).expect("made again");
        let second = ask(&registry).expect("there again");
        assert_ne!(first.clock.instance, second.clock.instance);
    }
}
