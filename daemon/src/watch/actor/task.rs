//! Who runs the actor of a workspace: a thread of the pool, when there are events or requests; or, for
//! a moment, whoever asks for what takes less time than to wake such a thread.

use super::request::Request;
use super::worker_pool::{NextRun, Task};
use super::workspace_actor::{ActorConfig, WorkspaceActor};
use crate::watch::error::WorkspaceError;
use std::fmt::{self, Debug, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long it is tried to get the actor, whose thread may be processing an event: about as long as
/// that takes.
const LOCK_PATIENCE: Duration = Duration::from_micros(50);

/// See the [module](self). Empty before somebody has asked, and while the actor is started again.
#[derive(Clone, Default)]
pub(super) struct ActorSlot(Arc<Mutex<Option<Box<WorkspaceActor>>>>);

impl Debug for ActorSlot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorSlot").finish_non_exhaustive()
    }
}

impl ActorSlot {
    /// Hands a request to the actor, on the thread of whoever asks. Gives it back when the actor is
    /// busy, or not there.
    pub(super) fn answer_fast(&self, request: Request) -> Option<Request> {
        let Some(mut held) = self.lock_soon() else { return Some(request) };
        if held.is_none() {
            return Some(request);
        }
        // A panic ends the task of the workspace, as if that had answered; not this thread.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if let Some(actor) = held.as_mut() {
                actor.answer_fast(request);
            }
        }));
        None
    }

    fn lock_soon(&self) -> Option<MutexGuard<'_, Option<Box<WorkspaceActor>>>> {
        let started = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(held) => return Some(held),
                Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                    std::thread::yield_now();
                }
                Err(_) => return None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<WorkspaceActor>>> {
        self.0.lock().expect("BUG: a panic while a request was answered")
    }
}

/// Serves a workspace until nobody can ask any more. Nothing is listed before somebody asks.
pub(super) struct WorkspaceTask {
    slot: ActorSlot,
    state: Mutex<TaskState>,
}

struct TaskState {
    requests: Receiver<Request>,
    /// What the actor is made from, while there is none.
    config: Option<ActorConfig>,
    /// Ends with the task.
    _ending: Sender<()>,
}

/// What became of an actor that was run.
enum Served {
    /// It waits for more.
    Waits { until: Option<Instant>, sees_mounts: bool },
    /// Nobody can ask any more.
    Ended(Box<WorkspaceActor>),
    /// The workspace can not be observed any more.
    Failed(Box<WorkspaceActor>, WorkspaceError),
}

impl WorkspaceTask {
    pub(super) fn new(
        config: ActorConfig,
        requests: Receiver<Request>,
        slot: ActorSlot,
        ending: Sender<()>,
    ) -> Self {
        let state = TaskState { requests, config: Some(config), _ending: ending };
        Self { slot, state: Mutex::new(state) }
    }

    /// Runs the actor. Whoever asks meanwhile finds the slot empty.
    fn serve(&self, requests: &Receiver<Request>) -> Served {
        let mut held = self.slot.lock();
        let mut actor = held.take().expect("BUG: an actor that another thread has taken");
        let is_open = take_requests(requests, |request| actor.accept(request));
        if let Err(error) = actor.run_once() {
            return Served::Failed(actor, error);
        }
        if !is_open && !actor.has_requests() {
            return Served::Ended(actor);
        }
        let until = actor.plan_wake(Instant::now());
        let sees_mounts = actor.has_subscribers();
        *held = Some(actor);
        Served::Waits { until, sees_mounts }
    }
}

impl Task for WorkspaceTask {
    fn run(&self) -> NextRun {
        let mut state = self.state.lock().expect("BUG: a task that goes on after a panic");
        let mut pending = Vec::new();
        loop {
            if let Some(config) = state.config.take() {
                let is_open = take_requests(&state.requests, |request| pending.push(request));
                if pending.is_empty() {
                    state.config = Some(config);
                    return if is_open { NextRun::woken() } else { NextRun::Never };
                }
                match WorkspaceActor::begin(config) {
                    Ok(mut actor) => {
                        pending.drain(..).for_each(|request| actor.accept(request));
                        *self.slot.lock() = Some(Box::new(actor));
                    }
                    Err(failed) => {
                        let (config, error) = *failed;
                        state.config = Some(config);
                        pending.drain(..).for_each(|request| request.refuse(error.clone()));
                    }
                }
                continue;
            }
            match self.serve(&state.requests) {
                Served::Waits { until, sees_mounts } => return NextRun::At { until, sees_mounts },
                Served::Ended(mut actor) => {
                    actor.save_all();
                    return NextRun::Never;
                }
                Served::Failed(actor, error) => {
                    let config;
                    (config, pending) = actor.into_pending();
                    config.published.send_replace(None);
                    config.snapshots.forget(&config.root);
                    tracing::info!(root = %config.root.display(), "cannot {error}; what is known ends");
                    // Something else may be in its place: another epoch begins (rule 15).
                    if !(error.starts_again() && config.root.is_dir()) {
                        if matches!(error, WorkspaceError::RootGone(_)) {
                            (config.on_rules_changed)(&config.root, None);
                        }
                        pending.drain(..).for_each(|request| request.refuse(error.clone()));
                    }
                    state.config = Some(config);
                }
            }
        }
    }
}

/// Takes the requests that have come; `false` when no more can come.
fn take_requests(requests: &Receiver<Request>, mut take: impl FnMut(Request)) -> bool {
    loop {
        match requests.try_recv() {
            Ok(request) => take(request),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}
