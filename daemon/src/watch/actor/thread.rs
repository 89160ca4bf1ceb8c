//! Who runs the actor of a workspace: the thread of the workspace, which waits for events and
//! requests; or, for a moment, whoever asks for what takes less time than to wake that thread.

use super::request::Request;
use super::workspace_actor::{ActorConfig, WorkspaceActor};
use crate::watch::error::WorkspaceError;
use crate::watch::source::{ChangeSource, WakeReceiver};
#[cfg(not(target_os = "linux"))]
use nix::poll::PollTimeout;
use nix::poll::{PollFd, PollFlags};
use std::fmt::{self, Debug, Formatter};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long it is tried to get the actor, whose thread may be processing an event: about as long as
/// that takes.
const LOCK_PATIENCE: Duration = Duration::from_micros(50);

/// See the [module](self). Empty before somebody has asked, and while the actor is started again.
#[derive(Clone, Default)]
pub(super) struct ActorSlot(Arc<Mutex<Option<Box<WorkspaceActor>>>>);

/// How the thread of a workspace is reached.
#[derive(Debug)]
pub(super) struct ActorInbox {
    pub(super) requests: Receiver<Request>,
    pub(super) wake_pipe: WakeReceiver,
}

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
        // A panic ends the thread of the workspace, as if that had answered; not this one.
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
pub(super) fn run_actor(mut config: ActorConfig, mut inbox: ActorInbox, slot: &ActorSlot) {
    while let Ok(first) = inbox.requests.recv() {
        let mut pending = vec![first];
        while !pending.is_empty() {
            let mut actor = match WorkspaceActor::begin(config) {
                Ok(actor) => actor,
                Err(failed) => {
                    let (back, error) = *failed;
                    config = back;
                    pending.drain(..).for_each(|request| request.refuse(error.clone()));
                    break;
                }
            };
            pending.drain(..).for_each(|request| actor.accept(request));
            *slot.lock() = Some(Box::new(actor));
            let (mut actor, error) = serve(&mut inbox, slot);
            let Some(error) = error else { return actor.save_all() };
            (config, pending) = actor.into_pending();
            config.published.send_replace(None);
            config.snapshots.forget(&config.root);
            tracing::info!(root = %config.root.display(), "cannot {error}; what is known ends");
            // Something else may be in its place: another epoch begins (rule 15).
            if !(error.starts_again() && config.root.is_dir()) {
                pending.drain(..).for_each(|request| request.refuse(error.clone()));
            }
        }
    }
}

/// Returns when the workspace can not be observed any more, or with `None` when nobody can ask any
/// more. Whoever asks at that moment finds the slot empty.
fn serve(
    inbox: &mut ActorInbox,
    slot: &ActorSlot,
) -> (Box<WorkspaceActor>, Option<WorkspaceError>) {
    loop {
        let mut held = slot.lock();
        let mut actor = held.take().expect("BUG: an actor that another thread has taken");
        let is_open = inbox.take_requests(&mut actor);
        if let Err(error) = actor.run_once() {
            return (actor, Some(error));
        }
        if !is_open && !actor.has_requests() {
            return (actor, None);
        }
        let now = Instant::now();
        let left = actor.plan_wake(now).map(|due| due.saturating_duration_since(now));
        let source = actor.synchronizer().source().clone();
        *held = Some(actor);
        drop(held);
        inbox.wait(&*source, left);
    }
}

impl ActorInbox {
    /// Takes the requests that have come; `false` when no more can come.
    fn take_requests(&self, actor: &mut WorkspaceActor) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(request) => actor.accept(request),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Waits until it is woken, an event comes, or no time is left.
    fn wait(&mut self, source: &dyn ChangeSource, left: Option<Duration>) {
        let wake_pipe = PollFd::new(self.wake_pipe.as_fd(), PollFlags::POLLIN);
        let source = source.readable().map(|source| PollFd::new(source, PollFlags::POLLIN));
        let mut descriptors: Vec<_> = std::iter::once(wake_pipe).chain(source).collect();
        // A signal or a lack of memory only makes the loop go round once more.
        let _ = wait_for(&mut descriptors, left);
        self.wake_pipe.clear();
    }
}

/// To the microsecond where the system can: a save is reported after two milliseconds, not three.
#[cfg(target_os = "linux")]
fn wait_for(descriptors: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    nix::poll::ppoll(descriptors, left.map(Into::into), None)
}

#[cfg(not(target_os = "linux"))]
fn wait_for(descriptors: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    let up = |left: Duration| left + Duration::from_micros(999);
    let timeout =
        left.map_or(PollTimeout::NONE, |left| up(left).try_into().unwrap_or(PollTimeout::MAX));
    nix::poll::poll(descriptors, timeout)
}
