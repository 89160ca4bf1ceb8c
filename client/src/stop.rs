//! Stops a daemon in every case: asks it to end, waits until its lock is free, and kills it if that
//! takes too long. Knows nothing of starting one.

use crate::upgrade::{self, ShutdownReply};
use crate::{Client, ClientError};
use bd_protocol::failure::codes;
use bd_protocol::hello::{OUR_RANGE, PRODUCT_VERSION, ShutdownWhen};
use bd_protocol::living::Holder;
use bd_protocol::rendezvous::Home;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// How long a daemon may take to end by itself. `bdctl daemon stop` promises to end it within five
/// seconds; killing it and checking again take the rest.
const GRACE: Duration = Duration::from_millis(4500);
/// How long a daemon that lives may take to listen; asking it and its end take the rest.
const LISTEN_PATIENCE: Duration = Duration::from_secs(2);
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
        let home = self.home();
        let silent = || ClientError::Silent { waited: began.elapsed() };
        let mut alive = false;
        let reply = loop {
            match upgrade::ask_to_end(home, when, deadline, self.notes())? {
                ShutdownReply::NobodyListens if is_free(home)? => {
                    return Ok(if alive { Stopped::Ended } else { Stopped::NotRunning });
                }
                // It starts, it ends, or it binds its socket again.
                ShutdownReply::NobodyListens if began.elapsed() < LISTEN_PATIENCE => {
                    alive = true;
                    std::thread::sleep(CHECK_EVERY);
                }
                reply => break reply,
            }
        };
        match reply {
            ShutdownReply::TimedOut if when == ShutdownWhen::Idle => return Err(silent()),
            // A daemon that drains is about to end.
            ShutdownReply::Refused(failure) if failure.code != codes::DRAINING => {
                let version = PRODUCT_VERSION.to_owned();
                return Err(ClientError::Refused { failure, protocol: OUR_RANGE, version });
            }
            _ => {}
        }
        if becomes_free(home, deadline)? {
            return Ok(Stopped::Ended);
        }
        if when == ShutdownWhen::Idle {
            return Err(silent());
        }
        // The lock is held, so the process that wrote this id lives: the id is not reused.
        let pid = self.living_pid()?.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1);
        let Some(pid) = pid else { return Err(silent()) };
        if !is_free(home)? {
            kill(Pid::from_raw(pid), Signal::SIGKILL)
                .map_err(|errno| ClientError::io("kill the daemon")(errno.into()))?;
        }
        if becomes_free(home, Instant::now() + KILL_PATIENCE)? {
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
        Ok(living(self.home())?.and_then(|holder| holder.pid))
    }
}

fn living(home: &Home) -> Result<Option<Holder>, ClientError> {
    home.living_daemon().map_err(ClientError::io("check the lock of the daemon"))
}

/// Whether no daemon is running.
fn is_free(home: &Home) -> Result<bool, ClientError> {
    Ok(living(home)?.is_none())
}

fn becomes_free(home: &Home, deadline: Instant) -> Result<bool, ClientError> {
    while !is_free(home)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(CHECK_EVERY);
    }
    Ok(true)
}
