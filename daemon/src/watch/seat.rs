//! Who has the keeper of a workspace: the thread of the workspace, which waits for events and
//! requests; or, for a moment, whoever asks for what takes less time than to wake that thread.

use super::keeper::{Keeper, Post, Request};
use super::observer::Lost;
use super::source::Source;
use super::wake::Bell;
#[cfg(not(target_os = "linux"))]
use nix::poll::PollTimeout;
use nix::poll::{PollFd, PollFlags};
use std::fmt::{self, Debug, Formatter};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// How long it is tried to have the keeper, whose thread may be taking in an event: about as long as
/// that takes.
const PATIENCE: Duration = Duration::from_micros(50);

/// See the [module](self). Nobody is there before somebody has asked, and while it is begun anew.
#[derive(Clone, Default)]
pub(super) struct Seat(Arc<Mutex<Option<Box<Keeper>>>>);

/// How the thread of a workspace is called.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) requests: Receiver<Request>,
    pub(super) bell: Bell,
}

impl Debug for Seat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Seat {
    /// Hands a request to the keeper, on the thread of whoever asks. Gives it back when the keeper is
    /// busy, or nobody is there.
    pub(super) fn at_once(&self, request: Request) -> Option<Request> {
        let Some(mut held) = self.soon() else { return Some(request) };
        if held.is_none() {
            return Some(request);
        }
        // A panic ends the thread of the workspace, as if that had answered; not this one.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if let Some(keeper) = held.as_mut() {
                keeper.at_once(request);
            }
        }));
        None
    }

    fn soon(&self) -> Option<MutexGuard<'_, Option<Box<Keeper>>>> {
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

    fn hold(&self) -> MutexGuard<'_, Option<Box<Keeper>>> {
        self.0.lock().expect("BUG: a panic while somebody was answered")
    }
}

/// Serves a workspace until nobody can ask any more. Nothing is looked at before somebody asks.
pub(super) fn keep(mut post: Post, mut calls: Calls, seat: &Seat) {
    while let Ok(first) = calls.requests.recv() {
        let mut pending = vec![first];
        while !pending.is_empty() {
            let mut keeper = match Keeper::begin(post) {
                Ok(keeper) => keeper,
                Err(failed) => {
                    let (back, lost) = *failed;
                    post = back;
                    pending.drain(..).for_each(|request| request.refuse(&lost.to_string()));
                    break;
                }
            };
            pending.drain(..).for_each(|request| keeper.accept(request));
            *seat.hold() = Some(Box::new(keeper));
            let (mut keeper, lost) = attend(&mut calls, seat);
            let Some(lost) = lost else {
                return keeper.saving.save_all(&mut keeper.observer, &*keeper.post.shelf);
            };
            pending = keeper.pending();
            post = keeper.post;
            post.published.send_replace(None);
            post.shelf.forget(&post.root);
            tracing::info!(root = %post.root.display(), "the state of a workspace ends: {lost}");
            // Something else may be in its place: another epoch begins (rule 15).
            if !(matches!(lost, Lost::RootGone(_) | Lost::Distrusted) && post.root.is_dir()) {
                pending.drain(..).for_each(|request| request.refuse(&lost.to_string()));
            }
        }
    }
}

/// Returns when the workspace is lost, or with `None` when nobody can ask any more. Whoever asks at
/// that moment finds nobody.
fn attend(calls: &mut Calls, seat: &Seat) -> (Box<Keeper>, Option<Lost>) {
    loop {
        let mut held = seat.hold();
        let mut keeper = held.take().expect("BUG: somebody else took it away");
        let open = calls.take_in(&mut keeper);
        if let Err(lost) = keeper.look_around() {
            return (keeper, Some(lost));
        }
        if !open && !keeper.is_waited_for() {
            return (keeper, None);
        }
        let now = Instant::now();
        let left = keeper.plan(now).map(|next| next.saturating_duration_since(now));
        let source = keeper.observer.source.clone();
        *held = Some(keeper);
        drop(held);
        calls.wait(&*source, left);
    }
}

impl Calls {
    /// Takes the requests that have come; `false` when no more can come.
    fn take_in(&self, keeper: &mut Keeper) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(request) => keeper.accept(request),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Waits for a call or an event.
    fn wait(&mut self, source: &dyn Source, left: Option<Duration>) {
        let bell = PollFd::new(self.bell.as_fd(), PollFlags::POLLIN);
        let source = source.readable().map(|source| PollFd::new(source, PollFlags::POLLIN));
        let mut descriptors: Vec<_> = std::iter::once(bell).chain(source).collect();
        // A signal or a lack of memory makes us look around once more.
        let _ = wait_for(&mut descriptors, left);
        self.bell.quiet();
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
