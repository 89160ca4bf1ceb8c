//! Stops a daemon in every case: asks it to end, waits until its lock is free, and kills it if that
//! takes too long. Knows nothing of starting one.

use crate::upgrade::{self, ShutdownReply};
use crate::{Client, ClientError};
use bd_protocol::failure::codes;
use bd_protocol::hello::{OUR_RANGE, PRODUCT_VERSION, ShutdownWhen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a daemon may take to end by itself. `bdctl daemon stop` promises to end it within five
/// seconds; killing it and checking again take the rest.
const GRACE: Duration = Duration::from_millis(4500);
/// How long the kernel may take to end a killed process.
const KILL_PATIENCE: Duration = Duration::from_millis(450);
/// Between two checks of the lock.
const CHECK_EVERY: Duration = Duration::from_millis(5);

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// None was running.
    NotRunning,
    /// It ended by itself.
    Ended,
    /// It did not end in time and was killed.
    Killed {
        /// Its process id.
        pid: i32,
    },
}

impl Client {
    /// Stops the daemon and waits for its end. If it does not end in time it is killed, unless it was
    /// to end only when idle.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if it is not idle and was to end only then; [`ClientError::Silent`] if
    /// it neither answers nor can be killed.
    pub fn stop(&self, when: ShutdownWhen) -> Result<Stopped, ClientError> {
        self.home().verify()?;
        let began = Instant::now();
        let deadline = began + GRACE;
        let lock = self.home().daemon_lock();
        let silent = || ClientError::Silent { waited: began.elapsed() };
        match upgrade::ask_to_end(self.home(), when, deadline, self.notes())? {
            ShutdownReply::NobodyListens if is_free(&lock)? => return Ok(Stopped::NotRunning),
            ShutdownReply::TimedOut if when == ShutdownWhen::Idle => return Err(silent()),
            // A daemon that drains is about to end.
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
        // The lock is held, so the process that wrote this id lives: the id is not reused.
        let pid = fs::read_to_string(&lock)
            .map_err(ClientError::io("read the process id of the daemon"))?
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
    /// `None` if there is no daemon, or if it has not written its id yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] if the lock cannot be checked.
    pub fn living_pid(&self) -> Result<Option<u32>, ClientError> {
        let lock = self.home().daemon_lock();
        if is_free(&lock)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&lock).unwrap_or_default();
        Ok(text.trim().parse().ok())
    }
}

/// Whether no daemon is running.
fn is_free(lock: &Path) -> Result<bool, ClientError> {
    let failed = ClientError::io("check the lock of the daemon");
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
        std::thread::sleep(CHECK_EVERY);
    }
    Ok(true)
}
