//! Ends a daemon for certain: asks it, waits until its lock is free, and kills it when that takes
//! too long. Knows nothing of starting one.

use crate::upgrade::{self, ShutdownReply};
use crate::{Client, ClientError};
use bd_protocol::failure::codes;
use bd_protocol::hello::{OUR_RANGE, PRODUCT_VERSION, ShutdownWhen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a daemon may take to end by itself. `bdctl daemon stop` promises to end it within
/// five seconds; killing and looking again take the rest.
const GRACE: Duration = Duration::from_millis(4500);
/// How long the kernel may take to end a killed process.
const KILL_PATIENCE: Duration = Duration::from_millis(450);
/// Between two looks at the lock.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a daemon came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There was none.
    NotRunning,
    /// It ended as it was asked to.
    Ended,
    /// It did not, and was killed.
    Killed {
        /// Its process id.
        pid: i32,
    },
}

impl Client {
    /// Ends the daemon and waits until it is gone. One that does not end in time is killed, unless
    /// it was to end only when idle.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] when it is not idle and was to end only then;
    /// [`ClientError::Silent`] when it neither answers nor can be killed.
    pub fn stop(&self, when: ShutdownWhen) -> Result<Stopped, ClientError> {
        self.home().verify()?;
        let began = Instant::now();
        let deadline = began + GRACE;
        let lock = self.home().daemon_lock();
        let silent = || ClientError::Silent { waited: began.elapsed() };
        match upgrade::ask_to_end(self.home(), when, deadline, self.notes())? {
            ShutdownReply::NobodyListens if is_free(&lock)? => return Ok(Stopped::NotRunning),
            ShutdownReply::TimedOut if when == ShutdownWhen::Idle => return Err(silent()),
            // One that drains is on its way already.
            ShutdownReply::Refused(failure) if failure.code != codes::DRAINING => {
                let version = PRODUCT_VERSION.to_owned();
                return Err(ClientError::Refused { failure, protocol: OUR_RANGE, version });
            }
            _ => {}
        }
        if becomes_free(&lock, deadline)? {
            return Ok(Stopped::Ended);
        }
        if when == ShutdownWhen::Idle {
            return Err(silent());
        }
        // The lock is held, so whoever wrote this id is alive: it can not be another process's.
        let pid = fs::read_to_string(&lock)
            .map_err(ClientError::io("read the daemon's process id"))?
            .trim()
            .parse::<i32>()
            .ok()
            .filter(|pid| *pid > 1);
        let Some(pid) = pid else { return Err(silent()) };
        if !is_free(&lock)? {
            kill(Pid::from_raw(pid), Signal::SIGKILL)
                .map_err(|errno| ClientError::io("kill the daemon")(errno.into()))?;
        }
        if becomes_free(&lock, Instant::now() + KILL_PATIENCE)? {
            return Ok(Stopped::Killed { pid });
        }
        Err(silent())
    }

    /// Process id of the daemon that holds the lock of this home, whether it answers or not.
    /// `None` when there is no daemon, or when it has not written its id yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] when the lock can not be looked at.
    pub fn living_pid(&self) -> Result<Option<u32>, ClientError> {
        let lock = self.home().daemon_lock();
        if is_free(&lock)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&lock).unwrap_or_default();
        Ok(text.trim().parse().ok())
    }
}

/// Whether no daemon lives.
fn is_free(lock: &Path) -> Result<bool, ClientError> {
    let failed = ClientError::io("look at the daemon's lock");
    let file = match File::open(lock) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn becomes_free(lock: &Path, deadline: Instant) -> Result<bool, ClientError> {
    while !is_free(lock)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(true)
}
