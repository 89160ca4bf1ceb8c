//! Events through the `notify` crate: the portable source. Its descriptor is hidden, so whether
//! all was reported is learned from a cookie: a file whose event comes behind all earlier ones.
//!
//! Directories are watched one by one where the system has it so, and as a whole on macOS. The
//! crate keeps watches by path: what is moved is watched anew.

use super::change_source::{ChangeSource, FsEvent, NameChange, WatchId};
use super::kind::SourceKind;
use super::waker::Waker;
use crate::watch::random::random_number;
use crate::watch::stat::device;
use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A cookie that takes longer does not come: its event was lost.
const COOKIE_PATIENCE: Duration = Duration::from_secs(5);

/// Events kept for a reader; beyond, it is cheaper to check everything.
const MAX_EVENTS: usize = 100_000;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct NotifySource {
    watcher: Mutex<RecommendedWatcher>,
    reported: Arc<Reported>,
    cookies: PathBuf,
}

#[derive(Debug)]
struct Reported {
    state: Mutex<WatchState>,
    cookie_came: Condvar,
    waker: Waker,
    cookies: PathBuf,
}

/// Device and number: a directory, whatever its path.
type Inode = (u64, u64);

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    dir: Inode,
}

#[derive(Debug, Default)]
struct WatchState {
    events: Vec<FsEvent>,
    ids: HashMap<PathBuf, WatchId>,
    watched: HashMap<WatchId, Watched>,
    /// The watches of each directory: two, while a move is on its way.
    dirs: BTreeSet<(Inode, WatchId)>,
    /// Paths that were watched, and have been moved since.
    stale: Vec<PathBuf>,
    next: u64,
    cookie_written: u64,
    cookie_seen: u64,
}

impl NotifySource {
    /// A source that writes its cookies below `private`, which is nobody's workspace, and has `waker`
    /// called when there is something to take.
    pub(super) fn new(private: &Path, waker: Waker) -> io::Result<Self> {
        let cookies = private.join(format!("cookies-{:x}", random_number()));
        fs::DirBuilder::new().recursive(true).create(&cookies)?;
        let cookies = cookies.canonicalize()?;
        let reported = Arc::new(Reported {
            state: Mutex::default(),
            cookie_came: Condvar::new(),
            waker,
            cookies: cookies.clone(),
        });
        let receiver = reported.clone();
        let receive = move |event: notify::Result<notify::Event>| receiver.receive(event);
        let config = notify::Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(receive, config).map_err(io_error)?;
        watcher.watch(&cookies, RecursiveMode::NonRecursive).map_err(io_error)?;
        let notify = Self { watcher: Mutex::new(watcher), reported, cookies };
        // Whether events come at all.
        notify.cookie()?;
        Ok(notify)
    }

    /// Returns when everything that was done before this call was reported.
    fn cookie(&self) -> io::Result<()> {
        let mut state = self.reported.lock();
        state.cookie_written += 1;
        let number = state.cookie_written;
        drop(state);
        let path = self.cookies.join(number.to_string());
        fs::write(&path, b"")?;
        let state = self.reported.lock();
        let waiting = |state: &mut WatchState| state.cookie_seen < number;
        let came = self.reported.cookie_came.wait_timeout_while(state, COOKIE_PATIENCE, waiting);
        let late = came.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        // One that stays is removed with the others.
        let _ = fs::remove_file(&path);
        if late {
            Err(io::Error::new(io::ErrorKind::TimedOut, "events do not come"))
        } else {
            Ok(())
        }
    }
}

impl Drop for NotifySource {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.cookies);
    }
}

impl ChangeSource for NotifySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Notify
    }

    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let stat = rustix::fs::fstat(dir)?;
        let dir = (device(&stat), stat.st_ino);
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.reported.lock();
        let stale = std::mem::take(&mut state.stale);
        let known = state.ids.get(path).copied();
        let first = state.ids.is_empty();
        drop(state);
        for stale in stale {
            // It is gone if its directory is.
            let _ = watcher.unwatch(&stale);
        }
        if let Some(known) = known {
            return Ok(known);
        }
        if cfg!(target_os = "macos") {
            if first {
                watcher.watch(path, RecursiveMode::Recursive).map_err(io_error)?;
            }
        } else {
            watcher.watch(path, RecursiveMode::NonRecursive).map_err(io_error)?;
        }
        Ok(self.reported.lock().add(Watched { path: path.to_path_buf(), dir }))
    }

    fn unwatch(&self, watch: WatchId) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.reported.lock();
        let Some(watched) = state.forget(watch) else { return };
        // The system has one watch for a directory, which would go for its other path too.
        let is_needed = state.of_dir(watched.dir).is_some();
        drop(state);
        if !is_needed && !cfg!(target_os = "macos") {
            // It ended by itself if its directory is gone.
            let _ = watcher.unwatch(&watched.path);
        }
    }

    fn take(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        events.append(&mut self.reported.lock().events);
        Ok(())
    }

    fn sync(&self, events: &mut Vec<FsEvent>) -> io::Result<()> {
        let came = self.cookie();
        self.take(events)?;
        came
    }
}

impl Reported {
    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the crate reports, on its thread.
    fn receive(&self, event: notify::Result<notify::Event>) {
        let mut state = self.lock();
        let before = state.events.len();
        match event {
            Ok(event) if event.need_rescan() => state.overflow(),
            Ok(event) => self.take(&mut state, &event),
            Err(_) => state.overflow(),
        }
        if state.events.len() > MAX_EVENTS {
            state.overflow();
        }
        let has_new = state.events.len() != before;
        drop(state);
        if has_new {
            self.waker.wake();
        }
    }

    fn take(&self, state: &mut WatchState, event: &notify::Event) {
        let Some(change) = name_change(event) else { return };
        for path in &event.paths {
            let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if dir == self.cookies {
                let number = name.to_str().and_then(|name| name.parse().ok()).unwrap_or(0);
                state.cookie_seen = state.cookie_seen.max(number);
                self.cookie_came.notify_all();
                continue;
            }
            if let Some(&watch) = state.ids.get(path)
                && matches!(change, NameChange::Removed | NameChange::MovedFrom(_))
            {
                state.events.push(FsEvent::DirectoryGone(watch));
                state.end_watches_below(path);
            }
            if let Some(&watch) = state.ids.get(dir) {
                state.events.push(FsEvent::Name { watch, name: name.as_bytes().into(), change });
            }
        }
    }
}

impl WatchState {
    fn add(&mut self, watched: Watched) -> WatchId {
        self.next += 1;
        let id = WatchId(self.next);
        self.ids.insert(watched.path.clone(), id);
        self.dirs.insert((watched.dir, id));
        self.watched.insert(id, watched);
        id
    }

    fn forget(&mut self, watch: WatchId) -> Option<Watched> {
        let watched = self.watched.remove(&watch)?;
        self.ids.remove(&watched.path);
        self.dirs.remove(&(watched.dir, watch));
        Some(watched)
    }

    fn of_dir(&self, dir: Inode) -> Option<WatchId> {
        let mut watches = self.dirs.range((dir, WatchId(0))..=(dir, WatchId(u64::MAX)));
        watches.next().map(|(_, watch)| *watch)
    }

    /// Events were lost, and with them where watched directories were moved to: all are watched
    /// anew.
    fn overflow(&mut self) {
        self.events = vec![FsEvent::Overflow];
        self.watched.clear();
        self.dirs.clear();
        self.stale.extend(std::mem::take(&mut self.ids).into_keys());
    }

    fn end_watch(&mut self, watch: WatchId) {
        let Some(watched) = self.forget(watch) else { return };
        self.events.push(FsEvent::WatchEnded(watch));
        // The crate drops the system's watch of what moves, even if it has another path by now.
        if let Some(by_another_path) = self.of_dir(watched.dir) {
            self.end_watch(by_another_path);
        }
        self.stale.push(watched.path);
    }

    /// What was watched at and below a path that has moved is watched under a wrong name.
    fn end_watches_below(&mut self, path: &Path) {
        let below = self.ids.iter().filter(|(watched, _)| watched.starts_with(path));
        let below: Vec<_> = below.map(|(_, watch)| *watch).collect();
        for watch in below {
            self.end_watch(watch);
        }
    }
}

/// What an event says of a name; `None` for our own reading and for what is reported twice.
fn name_change(event: &notify::Event) -> Option<NameChange> {
    let cookie = event.tracker().and_then(|tracker| u32::try_from(tracker).ok());
    Some(match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => NameChange::ClosedAfterWrite,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            return None;
        }
        EventKind::Create(_) => NameChange::Created,
        EventKind::Remove(_) => NameChange::Removed,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            cookie.map_or(NameChange::Removed, NameChange::MovedFrom)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            cookie.map_or(NameChange::Created, NameChange::MovedTo)
        }
        EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => return None,
        EventKind::Modify(ModifyKind::Metadata(_)) => NameChange::Attributes,
        EventKind::Modify(_) => NameChange::Modified,
        // Which end of a move it is, or anything else: only a check shows.
        EventKind::Any | EventKind::Other => NameChange::Attributes,
    })
}

fn io_error(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        notify::ErrorKind::MaxFilesWatch => io::Error::from(nix::errno::Errno::ENOSPC),
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    fn watch(source: &NotifySource, path: &Path) -> WatchId {
        let dir = fs::File::open(path).expect("a directory");
        source.watch(dir.as_fd(), path).expect("a watch")
    }

    fn assert_reports(source: &NotifySource, watch: WatchId, dir: &Path) {
        fs::write(dir.join("file"), b"").expect("a file");
        let mut events = Vec::new();
        source.sync(&mut events).expect("events");
        let is_of_watch =
            |event: &FsEvent| matches!(event, FsEvent::Name { watch: at, .. } if *at == watch);
        assert!(events.iter().any(is_of_watch), "{events:?}");
    }

    #[test]
    fn a_directory_is_reported_by_its_last_path_when_the_watch_of_an_earlier_one_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let source =
            NotifySource::new(&dir.path().join("private"), Waker::new(|| {})).expect("a source");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("new")).expect("a directory");
        // One that is found at its new path before its move is reported is known to the crate by two.
        std::os::unix::fs::symlink("new", at("old")).expect("a link");
        watch(&source, dir.path());
        let old = watch(&source, &at("old"));
        let mut new = watch(&source, &at("new"));
        source.unwatch(old);
        assert_reports(&source, new, &at("new"));
        let old = watch(&source, &at("old"));
        fs::rename(at("old"), at("gone")).expect("a rename");
        let mut events = Vec::new();
        source.sync(&mut events).expect("events");
        assert!(events.contains(&FsEvent::WatchEnded(old)), "{events:?}");
        if events.contains(&FsEvent::WatchEnded(new)) {
            new = watch(&source, &at("new"));
        }
        assert_reports(&source, new, &at("new"));
    }
}
