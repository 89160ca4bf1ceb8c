//! Events from Linux's inotify. Its queue is filled inside the system call that makes a change, so
//! what is in the queue at a moment is all that was done before: no cookie is needed.

use super::change_source::{ChangeSource, FsEvent, WatchId};
use super::event_router::{EventRouter, SourceId};
use super::inotify_event::parse;
use super::kind::SourceKind;
use super::waker::Waker;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Bytes read at once: some two thousand events.
const BUFFER_BYTES: usize = 64 << 10;

/// One instance of inotify, for all workspaces.
#[derive(Debug)]
pub(in crate::watch) struct InotifyHub {
    queue: OwnedFd,
    reader: Mutex<QueueReader>,
    /// Held by whoever adds a watch until it is known whose it is, and alone by whoever removes one:
    /// the system has one watch for a directory, whoever asks for it.
    removal: RwLock<()>,
}

/// Reads the queue. What is read is whose it is before anybody else can read on, so that each source
/// has its events in their order.
#[derive(Debug)]
struct QueueReader {
    buffer: Box<[u8]>,
    router: EventRouter,
}

/// The events of one workspace.
#[derive(Debug)]
pub(super) struct InotifySource {
    hub: Arc<InotifyHub>,
    id: SourceId,
}

impl InotifyHub {
    pub(super) fn new() -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let buffer = vec![0; BUFFER_BYTES].into();
        let reader = Mutex::new(QueueReader { buffer, router: EventRouter::default() });
        Ok(Self { queue, reader, removal: RwLock::new(()) })
    }

    /// Reads all there is, and wakes those whose it is.
    pub(in crate::watch) fn pump(&self) {
        // What failed has been handed to everybody as a loss.
        let _ = self.lock().read(&self.queue, u64::MAX, None);
    }

    fn lock(&self) -> MutexGuard<'_, QueueReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for InotifyHub {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl QueueReader {
    /// Reads so many bytes, or as many as there are. `own` is the source that takes its events at
    /// once. A failure is a loss for everybody.
    fn read(&mut self, queue: &OwnedFd, mut bytes: u64, own: Option<SourceId>) -> io::Result<()> {
        while bytes > 0 {
            let count = match rustix::io::read(queue, &mut *self.buffer) {
                Ok(count) => count,
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => {
                    self.router.overflow();
                    return Err(error.into());
                }
            };
            bytes = bytes.saturating_sub(count as u64);
            parse(&self.buffer[..count], |event| self.router.route(event, own));
        }
        Ok(())
    }
}

impl InotifySource {
    pub(super) fn new(hub: Arc<InotifyHub>, waker: Waker) -> Self {
        let id = hub.lock().router.add_source(waker);
        Self { hub, id }
    }

    /// What is watched for. Nothing that our own reading makes (rule 17); and what is written to
    /// files that have been removed, since they may have other names (rule 22).
    fn mask() -> WatchFlags {
        WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR
    }

    /// Removes watches that no source has any more.
    fn remove(&self, watches: impl IntoIterator<Item = WatchId>) {
        for watch in watches {
            if let Ok(watch) = i32::try_from(watch.0) {
                // It may have ended by itself, with its directory.
                let _ = inotify::remove_watch(&self.hub.queue, watch);
            }
        }
    }
}

impl Drop for InotifySource {
    fn drop(&mut self) {
        let _alone = self.hub.removal.write().unwrap_or_else(PoisonError::into_inner);
        let unused = self.hub.lock().router.remove_source(self.id);
        self.remove(unused);
    }
}

impl ChangeSource for InotifySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Inotify
    }

    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let _shared = self.hub.removal.read().unwrap_or_else(PoisonError::into_inner);
        // By the open directory, so that no rename can put another one in its place.
        let open = format!("/proc/self/fd/{}", dir.as_raw_fd());
        let watched = match inotify::add_watch(&self.hub.queue, open, Self::mask()) {
            Err(Errno::NOENT) => {
                let mask = Self::mask() | WatchFlags::DONT_FOLLOW;
                inotify::add_watch(&self.hub.queue, path, mask)?
            }
            watched => watched?,
        };
        let watch = WatchId(u64::try_from(watched).expect("BUG: a negative watch"));
        self.hub.lock().router.add_watch(self.id, watch);
        Ok(watch)
    }

    fn unwatch(&self, watch: WatchId) {
        let _alone = self.hub.removal.write().unwrap_or_else(PoisonError::into_inner);
        let unused = self.hub.lock().router.remove_watch(self.id, watch);
        self.remove(unused.then_some(watch));
    }

    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        self.sync(events)
    }

    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        let mut reader = self.hub.lock();
        let waiting = rustix::io::ioctl_fionread(&self.hub.queue)?;
        let read = reader.read(&self.hub.queue, waiting, Some(self.id));
        reader.router.take(self.id, events);
        read
    }
}
