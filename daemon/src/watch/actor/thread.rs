//! Who has the actor of a workspace: the thread of the workspace, which waits for events and
//! requests; or, for a moment, whoever asks for what takes less time than to wake that thread.

use super::workspace_actor::{ActorConfig, Request, WorkspaceActor};
use crate::watch::error::WorkspaceError;
use crate::watch::source::ChangeSource;
use crate::watch::source::WakeReceiver;
#[cfg(not(target_os = "linux"))]
use nix::poll::PollTimeout;
use nix::poll::{PollFd, PollFlags};
use std::fmt::{self, Debug, Formatter};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long it is tried to have the actor, whose thread may be taking in an event: about as long as
/// that takes.
const PATIENCE: Duration = Duration::from_micros(50);

/// See the [module](self). Nobody is there before somebody has asked, and while it is begun anew.
#[derive(Clone, Default)]
pub(super) struct ActorSlot(Arc<Mutex<Option<Box<WorkspaceActor>>>>);

/// How the thread of a workspace is called.
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
    /// busy, or nobody is there.
    pub(super) fn at_once(&self, request: Request) -> Option<Request> {
        let Some(mut held) = self.soon() else { return Some(request) };
        if held.is_none() {
            return Some(request);
        }
        // A panic ends the thread of the workspace, as if that had answered; not this one.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if let Some(actor) = held.as_mut() {
                actor.at_once(request);
            }
        }));
        None
    }

    fn soon(&self) -> Option<MutexGuard<'_, Option<Box<WorkspaceActor>>>> {
        let begun = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(held) => return Some(held),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::yield_now();
                }
                Err(_) => return None,
            }
        }
    }

    fn hold(&self) -> MutexGuard<'_, Option<Box<WorkspaceActor>>> {
        self.0.lock().expect("BUG: a panic while somebody was answered")
    }
}

/// Serves a workspace until nobody can ask any more. Nothing is looked at before somebody asks.
pub(super) fn keep(mut config: ActorConfig, mut inbox: ActorInbox, slot: &ActorSlot) {
    while let Ok(first) = inbox.requests.recv() {
        let mut pending = vec![first];
        while !pending.is_empty() {
            let mut actor = match WorkspaceActor::begin(config) {
                Ok(actor) => actor,
                Err(failed) => {
                    let (back, lost) = *failed;
                    config = back;
                    pending.drain(..).for_each(|request| request.refuse(&lost.to_string()));
                    break;
                }
            };
            pending.drain(..).for_each(|request| actor.accept(request));
            *slot.hold() = Some(Box::new(actor));
            let (mut actor, lost) = attend(&mut inbox, slot);
            let Some(lost) = lost else {
                return actor.saving.save_all(&mut actor.synchronizer, &*actor.config.snapshots);
            };
            pending = actor.pending();
            config = actor.config;
            config.published.send_replace(None);
            config.snapshots.forget(&config.root);
            tracing::info!(root = %config.root.display(), "the state of a workspace ends: {lost}");
            // Something else may be in its place: another epoch begins (rule 15).
            if !(lost.begins_anew() && config.root.is_dir()) {
                pending.drain(..).for_each(|request| request.refuse(&lost.to_string()));
            }
        }
    }
}

/// Returns when the workspace is lost, or with `None` when nobody can ask any more. Whoever asks at
/// that moment finds nobody.
fn attend(
    inbox: &mut ActorInbox,
    slot: &ActorSlot,
) -> (Box<WorkspaceActor>, Option<WorkspaceError>) {
    loop {
        let mut held = slot.hold();
        let mut actor = held.take().expect("BUG: somebody else took it away");
        let open = inbox.process_event(&mut actor);
        if let Err(lost) = actor.look_around() {
            return (actor, Some(lost));
        }
        if !open && !actor.is_waited_for() {
            return (actor, None);
        }
        let now = Instant::now();
        let left = actor.plan(now).map(|next| next.saturating_duration_since(now));
        let source = actor.synchronizer.source.clone();
        *held = Some(actor);
        drop(held);
        inbox.wait(&*source, left);
    }
}

impl ActorInbox {
    /// Takes the requests that have come; `false` when no more can come.
    fn process_event(&self, actor: &mut WorkspaceActor) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(request) => actor.accept(request),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Waits for a call or an event.
    fn wait(&mut self, source: &dyn ChangeSource, left: Option<Duration>) {
        let wake_pipe = PollFd::new(self.wake_pipe.as_fd(), PollFlags::POLLIN);
        let source = source.readable().map(|source| PollFd::new(source, PollFlags::POLLIN));
        let mut descriptors: Vec<_> = std::iter::once(wake_pipe).chain(source).collect();
        // A signal or a lack of memory makes us look around once more.
        let _ = wait_for(&mut descriptors, left);
        self.wake_pipe.clear();
    }
}

/// To the microsecond where the system can: a save is told after two milliseconds, not three.
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
