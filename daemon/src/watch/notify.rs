//! Events through the `notify` crate: the portable source. Its descriptor is hidden, so whether
//! all was told is learned from a cookie: a file whose event comes behind all earlier ones.
//!
//! Directories are watched one by one where the system has it so, and as a whole on macOS. The
//! crate keeps watches by path: what is moved is watched anew.

use super::SourceKind;
use super::crawl;
use super::source::{Event, Source, WatchId, What};
use super::wake_pipe::{WakeReceiver, Waker, wake_pipe};
use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A cookie that takes longer does not come: its event was lost.
const COOKIE_PATIENCE: Duration = Duration::from_secs(5);

/// Events kept for a reader; beyond, it is cheaper to look at everything.
const MOST_EVENTS: usize = 100_000;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Notify {
    watcher: Mutex<RecommendedWatcher>,
    told: Arc<NameEvent>,
    wake_pipe: Mutex<WakeReceiver>,
    /// A second handle of the wake_pipe, to wait for.
    rung: WakeReceiver,
    cookies: PathBuf,
}

#[derive(Debug)]
struct NameEvent {
    state: Mutex<State>,
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
struct State {
    events: Vec<Event>,
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

impl Notify {
    /// A source that writes its cookies below `private`, which is nobody's workspace.
    pub(super) fn new(private: &Path) -> io::Result<Self> {
        let cookies = private.join(format!("cookies-{:x}", super::actor::new_instance().0));
        fs::DirBuilder::new().recursive(true).create(&cookies)?;
        let cookies = cookies.canonicalize()?;
        let (waker, wake_pipe) = wake_pipe()?;
        let told = Arc::new(NameEvent {
            state: Mutex::default(),
            cookie_came: Condvar::new(),
            waker,
            cookies: cookies.clone(),
        });
        let teller = told.clone();
        let tell = move |event: notify::Result<notify::Event>| teller.tell(event);
        let config = notify::Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(tell, config).map_err(io_error)?;
        watcher.watch(&cookies, RecursiveMode::NonRecursive).map_err(io_error)?;
        let rung = wake_pipe.second()?;
        let notify = Self {
            watcher: Mutex::new(watcher),
            told,
            wake_pipe: Mutex::new(wake_pipe),
            rung,
            cookies,
        };
        // Whether events come at all.
        notify.cookie()?;
        Ok(notify)
    }

    /// Returns when everything that was done before this call was told.
    fn cookie(&self) -> io::Result<()> {
        let mut state = self.told.lock();
        state.cookie_written += 1;
        let number = state.cookie_written;
        drop(state);
        let path = self.cookies.join(number.to_string());
        fs::write(&path, b"")?;
        let state = self.told.lock();
        let waiting = |state: &mut State| state.cookie_seen < number;
        let came = self.told.cookie_came.wait_timeout_while(state, COOKIE_PATIENCE, waiting);
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

impl Drop for Notify {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.cookies);
    }
}

impl Source for Notify {
    fn kind(&self) -> SourceKind {
        SourceKind::Notify
    }

    fn watch(&self, dir: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let stat = rustix::fs::fstat(dir)?;
        let dir = (crawl::device(&stat), stat.st_ino);
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.told.lock();
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
        Ok(self.told.lock().add(Watched { path: path.to_path_buf(), dir }))
    }

    fn unwatch(&self, watch: WatchId) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.told.lock();
        let Some(watched) = state.forget(watch) else { return };
        // The system has one watch for a directory, which would go for its other path too.
        let is_needed = state.of_dir(watched.dir).is_some();
        drop(state);
        if !is_needed && !cfg!(target_os = "macos") {
            // It ended by itself if its directory is gone.
            let _ = watcher.unwatch(&watched.path);
        }
    }

    fn take(&self, events: &mut Vec<Event>) -> io::Result<()> {
        self.wake_pipe.lock().unwrap_or_else(PoisonError::into_inner).quiet();
        events.append(&mut self.told.lock().events);
        Ok(())
    }

    fn sync(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let came = self.cookie();
        self.take(events)?;
        came
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.rung.as_fd())
    }
}

impl NameEvent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the crate tells, on its thread.
    fn tell(&self, event: notify::Result<notify::Event>) {
        let mut state = self.lock();
        let before = state.events.len();
        match event {
            Ok(event) if event.need_rescan() => state.lose(),
            Ok(event) => self.take(&mut state, &event),
            Err(_) => state.lose(),
        }
        if state.events.len() > MOST_EVENTS {
            state.lose();
        }
        let news = state.events.len() != before;
        drop(state);
        if news {
            self.waker.wake();
        }
    }

    fn take(&self, state: &mut State, event: &notify::Event) {
        let Some(what) = what(event) else { return };
        for path in &event.paths {
            let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if dir == self.cookies {
                let number = name.to_str().and_then(|name| name.parse().ok()).unwrap_or(0);
                state.cookie_seen = state.cookie_seen.max(number);
                self.cookie_came.notify_all();
                continue;
            }
            if let Some(&watch) = state.ids.get(path)
                && matches!(what, What::Gone | What::MovedFrom(_))
            {
                state.events.push(Event::SelfGone(watch));
                state.give_up_below(path);
            }
            if let Some(&watch) = state.ids.get(dir) {
                state.events.push(Event::At { watch, name: name.as_bytes().into(), what });
            }
        }
    }
}

impl State {
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
    fn lose(&mut self) {
        self.events = vec![Event::Overflow];
        self.watched.clear();
        self.dirs.clear();
        self.stale.extend(std::mem::take(&mut self.ids).into_keys());
    }

    fn give_up(&mut self, watch: WatchId) {
        let Some(watched) = self.forget(watch) else { return };
        self.events.push(Event::Ended(watch));
        // The crate drops the system's watch of what moves, even if it has another path by now.
        if let Some(by_another_path) = self.of_dir(watched.dir) {
            self.give_up(by_another_path);
        }
        self.stale.push(watched.path);
    }

    /// What was watched at and below a path that has moved is watched under a wrong name.
    fn give_up_below(&mut self, path: &Path) {
        let below = self.ids.iter().filter(|(watched, _)| watched.starts_with(path));
        let below: Vec<_> = below.map(|(_, watch)| *watch).collect();
        for watch in below {
            self.give_up(watch);
        }
    }
}

/// What an event says of a name; `None` for our own reading and for what is told twice.
fn what(event: &notify::Event) -> Option<What> {
    let cookie = event.tracker().and_then(|tracker| u32::try_from(tracker).ok());
    Some(match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => What::Written,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            return None;
        }
        EventKind::Create(_) => What::Made,
        EventKind::Remove(_) => What::Gone,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            cookie.map_or(What::Gone, What::MovedFrom)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            cookie.map_or(What::Made, What::MovedTo)
        }
        EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => return None,
        EventKind::Modify(ModifyKind::Metadata(_)) => What::Attributes,
        EventKind::Modify(_) => What::Modified,
        // Which end of a move it is, or anything else: look there.
        EventKind::Any | EventKind::Other => What::Attributes,
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

    fn watch(source: &Notify, path: &Path) -> WatchId {
        let dir = fs::File::open(path).expect("a directory");
        source.watch(dir.as_fd(), path).expect("a watch")
    }

    fn hears(source: &Notify, watch: WatchId, dir: &Path) {
        fs::write(dir.join("file"), b"").expect("a file");
        let mut events = Vec::new();
        source.sync(&mut events).expect("events");
        let heard = |event: &Event| matches!(event, Event::At { watch: at, .. } if *at == watch);
        assert!(events.iter().any(heard), "{events:?}");
    }

    #[test]
    fn a_directory_is_heard_by_its_last_path_when_an_earlier_one_is_given_up() {
        let place = tempfile::tempdir().expect("a directory");
        let source = Notify::new(&place.path().join("private")).expect("a source");
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("new")).expect("a directory");
        // One that is found at its new path before its move is told is known to the crate by two.
        std::os::unix::fs::symlink("new", at("old")).expect("a link");
        watch(&source, place.path());
        let old = watch(&source, &at("old"));
        let mut new = watch(&source, &at("new"));
        source.unwatch(old);
        hears(&source, new, &at("new"));
        let old = watch(&source, &at("old"));
        fs::rename(at("old"), at("gone")).expect("a rename");
        let mut events = Vec::new();
        source.sync(&mut events).expect("events");
        assert!(events.contains(&Event::Ended(old)), "{events:?}");
        if events.contains(&Event::Ended(new)) {
            new = watch(&source, &at("new"));
        }
        hears(&source, new, &at("new"));
    }
}
