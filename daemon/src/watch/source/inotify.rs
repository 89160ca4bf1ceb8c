//! Events from Linux's inotify. Its queue is filled inside the system call that makes a change, so
//! what is in the queue at a moment is all that was done before: no cookie is needed.

use super::change_source::{ChangeSource, FsEvent, NameChange, WatchId};
use super::kind::SourceKind;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Bytes read at once: some two thousand events.
const BUFFER_BYTES: usize = 64 << 10;

/// Bytes of an event before its name: watch, mask, cookie, length of the name.
const HEADER_BYTES: usize = 16;

/// inotify on this process's own queue.
#[derive(Debug)]
pub(super) struct InotifySource {
    queue: OwnedFd,
    reader: Mutex<QueueReader>,
}

#[derive(Debug)]
struct QueueReader {
    buffer: Box<[u8]>,
    /// Watches that were dropped, whose last events may still be in the queue.
    dropped: HashSet<WatchId>,
}

impl InotifySource {
    pub(super) fn new() -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let reader = QueueReader { buffer: vec![0; BUFFER_BYTES].into(), dropped: HashSet::new() };
        Ok(Self { queue, reader: Mutex::new(reader) })
    }

    /// What is watched for. Nothing that our own reading makes (rule 17).
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

    fn read(&self, events: &mut Vec<FsEvent>, mut bytes: u64) -> io::Result<()> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let QueueReader { buffer, dropped } = &mut *reader;
        while bytes > 0 {
            let count = match rustix::io::read(&self.queue, &mut **buffer) {
                Ok(count) => count,
                Err(Errno::WOULDBLOCK) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            bytes = bytes.saturating_sub(count as u64);
            parse(&buffer[..count], dropped, events);
        }
        Ok(())
    }
}

impl ChangeSource for InotifySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Inotify
    }

    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        // By the open directory, so that no rename can put another one in its place.
        let open = format!("/proc/self/fd/{}", dir.as_raw_fd());
        let watched = match inotify::add_watch(&self.queue, open, Self::mask()) {
            Err(Errno::NOENT) => {
                let mask = Self::mask() | WatchFlags::DONT_FOLLOW;
                inotify::add_watch(&self.queue, path, mask)?
            }
            watched => watched?,
        };
        Ok(id(watched))
    }

    fn unwatch(&self, watch: WatchId) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.dropped.insert(watch);
        if let Ok(watch) = i32::try_from(watch.0) {
            // It may have ended by itself, with its directory.
            let _ = inotify::remove_watch(&self.queue, watch);
        }
    }

    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        self.sync(events)
    }

    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        let waiting = rustix::io::ioctl_fionread(&self.queue)?;
        self.read(events, waiting)
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.queue.as_fd())
    }
}

fn id(watch: i32) -> WatchId {
    WatchId(u64::try_from(watch).expect("BUG: a negative watch"))
}

/// Reads events as the kernel lays them out: `struct inotify_event` and a name padded with zeros.
fn parse(mut bytes: &[u8], dropped: &mut HashSet<WatchId>, events: &mut Vec<FsEvent>) {
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let number = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (watch, mask, cookie) = (number(0), number(4), number(8));
        let length = (number(12) as usize).min(rest.len());
        let (name, rest) = rest.split_at(length);
        bytes = rest;
        let mask = ReadFlags::from_bits_retain(mask);
        if mask.contains(ReadFlags::QUEUE_OVERFLOW) {
            events.push(FsEvent::Overflow);
            continue;
        }
        let watch = WatchId(u64::from(watch));
        if mask.contains(ReadFlags::IGNORED) {
            if !dropped.remove(&watch) {
                events.push(FsEvent::WatchEnded(watch));
            }
            continue;
        }
        if dropped.contains(&watch) {
            continue;
        }
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        events.extend(event(watch, mask, cookie, &name[..end]));
    }
}

fn event(watch: WatchId, mask: ReadFlags, cookie: u32, name: &[u8]) -> Option<FsEvent> {
    let gone = ReadFlags::DELETE_SELF | ReadFlags::UNMOUNT;
    if mask.intersects(gone) {
        return Some(FsEvent::DirectoryGone(watch));
    }
    if name.is_empty() {
        // Of the directory itself; the directory above reports it as well.
        return None;
    }
    let change = if mask.contains(ReadFlags::MOVED_FROM) {
        NameChange::MovedFrom(cookie)
    } else if mask.contains(ReadFlags::MOVED_TO) {
        NameChange::MovedTo(cookie)
    } else if mask.contains(ReadFlags::CLOSE_WRITE) {
        NameChange::ClosedAfterWrite
    } else if mask.contains(ReadFlags::CREATE) {
        NameChange::Created
    } else if mask.contains(ReadFlags::DELETE) {
        NameChange::Removed
    } else if mask.contains(ReadFlags::MODIFY) {
        NameChange::Modified
    } else {
        NameChange::Attributes
    };
    Some(FsEvent::Name { watch, name: name.into(), change })
}
