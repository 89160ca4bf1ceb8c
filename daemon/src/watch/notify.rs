//! Events through the `notify` crate: the portable source. Its descriptor is hidden, so whether
//! all was told is learned from a cookie: a file whose event comes behind all earlier ones.
//!
//! Directories are watched one by one where the system has it so, and as a whole on macOS. The
//! crate keeps watches by path: what is moved is watched anew.

use super::SourceKind;
use super::source::{Event, Source, WatchId, What};
use super::wake::{Bell, Waker, bell};
use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::HashMap;
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
    told: Arc<Told>,
    bell: Mutex<Bell>,
    /// A second handle of the bell, to wait for.
    rung: Bell,
    cookies: PathBuf,
}

#[derive(Debug)]
struct Told {
    state: Mutex<State>,
    cookie_came: Condvar,
    waker: Waker,
    cookies: PathBuf,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    ids: HashMap<PathBuf, WatchId>,
    paths: HashMap<WatchId, PathBuf>,
    /// Paths that were watched, and have been moved since.
    stale: Vec<PathBuf>,
    next: u64,
    cookie_written: u64,
    cookie_seen: u64,
}

impl Notify {
    /// A source that writes its cookies below `private`, which is nobody's workspace.
    pub(super) fn new(private: &Path) -> io::Result<Self> {
        let cookies = private.join(format!("cookies-{:x}", super::keeper::new_instance().0));
        fs::DirBuilder::new().recursive(true).create(&cookies)?;
        let cookies = cookies.canonicalize()?;
        let (waker, bell) = bell()?;
        let told = Arc::new(Told {
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
        let rung = bell.second()?;
        let notify =
            Self { watcher: Mutex::new(watcher), told, bell: Mutex::new(bell), rung, cookies };
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

    fn watch(&self, _: BorrowedFd<'_>, path: &Path) -> io::Result<WatchId> {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.told.lock();
        let stale = std::mem::take(&mut state.stale);
        let known = state.ids.get(path).copied();
        let first = state.ids.is_empty();
        drop(state);
        for path in stale {
            // It is gone if its directory is.
            let _ = watcher.unwatch(&path);
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
        let mut state = self.told.lock();
        state.next += 1;
        let id = WatchId(state.next);
        state.ids.insert(path.to_path_buf(), id);
        state.paths.insert(id, path.to_path_buf());
        Ok(id)
    }

    fn unwatch(&self, watch: WatchId) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = self.told.lock().forget(watch) else { return };
        if !cfg!(target_os = "macos") {
            // It ended by itself if its directory is gone.
            let _ = watcher.unwatch(&path);
        }
    }

    fn take(&self, events: &mut Vec<Event>) -> io::Result<()> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).quiet();
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

impl Told {
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
    fn forget(&mut self, watch: WatchId) -> Option<PathBuf> {
        let path = self.paths.remove(&watch)?;
        self.ids.remove(&path);
        Some(path)
    }

    /// Events were lost, and with them where watched directories were moved to: all are watched
    /// anew.
    fn lose(&mut self) {
        self.events = vec![Event::Lost];
        self.paths.clear();
        self.stale.extend(std::mem::take(&mut self.ids).into_keys());
    }

    /// What was watched at and below a path that has moved is watched under a wrong name.
    fn give_up_below(&mut self, path: &Path) {
        let below = self.ids.iter().filter(|(watched, _)| watched.starts_with(path));
        let below: Vec<_> = below.map(|(_, watch)| *watch).collect();
        for watch in below {
            self.events.push(Event::Ended(watch));
            self.stale.extend(self.paths.remove(&watch));
        }
        self.ids.retain(|watched, _| !watched.starts_with(path));
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
