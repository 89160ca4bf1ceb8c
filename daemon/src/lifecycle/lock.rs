//! The lock that a daemon holds while it lives. The lock alone says whether a daemon is alive; the
//! pid in it is only for users who have to kill a daemon that hangs.

use bd_protocol::rendezvous::Home;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a process may hold the lock that only checks whether a daemon does.
const PROBE: Duration = Duration::from_millis(100);

/// Why the lock could not be taken. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon is alive.
    #[error("lock {}: another bdd is running", .0.display())]
    Held(PathBuf),
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
            Self::Held(_) => {
                "stop it with `bdctl daemon stop`, or set BD_HOME to another directory"
            }
            Self::Io { .. } => "check the path and its permissions, or set BD_HOME",
        }
    }
}

/// The held lock. Released when dropped, or when the process ends for whatever reason.
#[derive(Debug)]
pub struct DaemonLock {
    file: File,
    /// Whether the previous daemon was killed: then its builds may have left processes.
    pub unclean: bool,
}

impl DaemonLock {
    /// Takes the lock and writes our pid into it.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn take(home: &Home) -> Result<Self, LockError> {
        let path = home.daemon_lock();
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        let until = Instant::now() + PROBE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(path)),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        let mut left = String::new();
        // A file that can not be read was not left by a daemon that ended well.
        let unclean = file.read_to_string(&mut left).is_err() || !left.is_empty();
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(io)?;
        Ok(Self { file, unclean })
    }

    /// Records that all builds ended before the daemon did. The lock stays held until the process
    /// ends: whoever finds it free finds no daemon.
    pub fn mark_clean(&self) {
        // Should this fail, the next daemon searches for orphans in vain: that costs time only.
        let _ = self.file.set_len(0);
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
        assert!(matches!(DaemonLock::take(&home), Err(LockError::Held(_))));
        drop(first);
        let second = DaemonLock::take(&home).expect("free again");
        assert!(second.unclean, "the first one did not mark a clean end");
        second.mark_clean();
        assert!(matches!(DaemonLock::take(&home), Err(LockError::Held(_))));
        drop(second);
        assert!(!DaemonLock::take(&home).expect("free again").unclean);
    }
}
