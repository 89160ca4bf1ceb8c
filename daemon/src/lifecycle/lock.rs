//! The locks that a daemon holds while it lives: that of the place where it meets its clients, and that
//! of its store. The locks alone say whether a daemon is alive; the pid in them is only for users who
//! have to kill a daemon that hangs, and for clients that look for one that moved.

use bd_protocol::living::Holder;
use bd_protocol::rendezvous::Home;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a process may hold the lock that only checks whether a daemon does.
const PROBE: Duration = Duration::from_millis(100);

/// Why the lock could not be taken. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon is alive.
    #[error("lock {}: it is held by {holder}", path.display())]
    Held {
        /// The lock.
        path: PathBuf,
        /// The other daemon.
        holder: Holder,
    },
    /// The lock file can not be used.
    #[error("lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl LockError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Held { .. } => {
                "stop it with `bdctl daemon stop` or by its process id, or set BD_HOME to another \
                 directory"
            }
            Self::Io { .. } => "check the path and its permissions, or set BD_HOME",
        }
    }
}

/// The held locks. Released when dropped, or when the process ends for whatever reason.
#[derive(Debug)]
pub struct DaemonLock {
    /// That of the meeting place, which may move.
    place: Mutex<File>,
    store: File,
    /// Whether the previous daemon was killed: then its builds may have left processes.
    pub unclean: bool,
}

impl DaemonLock {
    /// Takes the locks and writes our pid into them.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn take(home: &Home) -> Result<Self, LockError> {
        let (place, store) = (home.daemon_lock(), home.store_lock());
        let place_file = hold(&place, &store)?;
        let store_file = hold(&store, &store)?;
        let unclean = [(&place, &place_file), (&store, &store_file)].iter().any(|(_, file)| {
            // One that cannot be asked was not left by a daemon that ended well.
            file.metadata().map_or(true, |found| found.len() > 0)
        });
        let lock = Self { place: Mutex::new(place_file), store: store_file, unclean };
        lock.say_where(home)?;
        Ok(lock)
    }

    /// Writes our pid and the place of the socket into the locks.
    fn say_where(&self, home: &Home) -> Result<(), LockError> {
        let own = Holder { pid: Some(std::process::id()), socket: None };
        let io = |path: PathBuf| move |source| LockError::Io { path, source };
        own.write(&self.place()).map_err(io(home.daemon_lock()))?;
        let with_socket = Holder { socket: Some(home.socket()), ..own };
        with_socket.write(&self.store).map_err(io(home.store_lock()))
    }

    /// Whether the store that is locked is the one at its path. Else it was removed, and perhaps
    /// another begun.
    pub(super) fn has_store(&self, home: &Home) -> bool {
        is_at(&self.store, &home.store_lock())
    }

    /// Takes the lock of a meeting place that was removed or has moved.
    ///
    /// # Errors
    ///
    /// [`LockError`]; the earlier lock is kept.
    pub(super) fn move_to(&self, home: &Home) -> Result<(), LockError> {
        let path = home.daemon_lock();
        if !is_at(&self.place(), &path) {
            let file = hold(&path, &home.store_lock())?;
            *self.place() = file;
        }
        self.say_where(home)
    }

    /// Records that all builds ended before the daemon did. The lock stays held until the process
    /// ends: whoever finds it free finds no daemon.
    pub fn mark_clean(&self) {
        // Should this fail, the next daemon searches for orphans in vain: that costs time only.
        let _ = self.place().set_len(0);
        let _ = self.store.set_len(0);
    }

    fn place(&self) -> std::sync::MutexGuard<'_, File> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an open file is the one at a path.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(found)) = (file.metadata(), path.symlink_metadata()) else { return false };
    (held.dev(), held.ino()) == (found.dev(), found.ino())
}

/// Opens a lock and holds it. Who else holds it is read from that of the store, which says more.
fn hold(path: &Path, store: &Path) -> Result<File, LockError> {
    let io = |source| LockError::Io { path: path.to_path_buf(), source };
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    let until = Instant::now() + PROBE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => {
                let holder = Holder::of(store).ok().flatten().unwrap_or_else(|| Holder::read(path));
                return Err(LockError::Held { path: path.to_path_buf(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_daemon_at_a_time_and_the_next_one_knows_how_the_last_one_ended() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::under(dir.path().join("home")).expect("absolute");
        home.prepare().expect("created");
        let first = DaemonLock::take(&home).expect("free");
        assert!(!first.unclean);
        assert!(matches!(DaemonLock::take(&home), Err(LockError::Held { .. })));
        drop(first);
        let second = DaemonLock::take(&home).expect("free again");
        assert!(second.unclean, "the first one did not mark a clean end");
        second.mark_clean();
        assert!(matches!(DaemonLock::take(&home), Err(LockError::Held { .. })));
        drop(second);
        assert!(!DaemonLock::take(&home).expect("free again").unclean);
    }

    #[test]
    fn a_second_daemon_on_a_store_learns_who_has_it_though_the_meeting_place_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::under(dir.path().join("home")).expect("absolute");
        home.prepare().expect("created");
        let first = DaemonLock::take(&home).expect("free");
        for gone in [false, true] {
            if gone {
                std::fs::remove_dir_all(home.runtime_dir()).expect("removed");
                home.prepare().expect("created");
            }
            let why = DaemonLock::take(&home).expect_err("it is held").to_string();
            assert!(why.contains(&format!("process id {}", std::process::id())), "{why}");
            assert!(why.contains(&home.socket().display().to_string()), "{why}");
        }
        first.move_to(&home).expect("the place is free");
        assert!(Holder::of(&home.daemon_lock()).expect("a lock").is_some());
        assert!(first.has_store(&home));
        std::fs::remove_dir_all(home.state_dir()).expect("removed");
        assert!(!first.has_store(&home));
        home.prepare().expect("created");
        let second = DaemonLock::take(&home);
        assert!(matches!(second, Err(LockError::Held { .. })), "the place is the first one's");
        assert!(!first.has_store(&home), "another store is not ours");
    }
}
