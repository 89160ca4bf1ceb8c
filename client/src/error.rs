//! Errors of the library, each with a hint where something can be done. Texts read as the end of
//! "failed to …", except failures that the daemon reports: those are whole sentences.

use bd_protocol::rendezvous::HomeError;
use bd_protocol::session::ParseSessionError;
use bd_protocol::{Failure, hello::ProtocolRange};
use std::path::PathBuf;
use std::time::Duration;
use std::{io, process::ExitStatus};

/// An error of the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no directory in which the daemon can be trusted.
    #[error("find the daemon: {0}")]
    Home(#[from] HomeError),
    /// The session given by option or environment is malformed.
    #[error("determine the session: {0}")]
    Session(#[from] ParseSessionError),
    /// The socket exists, but a connection fails.
    #[error("connect to the daemon at {}: {source}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A process of another user listens on the socket.
    #[error("trust the daemon at {}: it belongs to another user (uid {uid})", socket.display())]
    ForeignDaemon {
        /// The socket.
        socket: PathBuf,
        /// The user.
        uid: u32,
    },
    /// No daemon is running, and none may be started.
    #[error("connect to the daemon: it is not running")]
    NotRunning {
        /// Whether `BD_NO_AUTOSTART` is the reason that none was started.
        forbidden: bool,
    },
    /// No daemon could be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The daemon accepted the connection and did not answer.
    #[error("get an answer from the daemon within {} s", waited.as_secs_f32().round())]
    Silent {
        /// For how long.
        waited: Duration,
    },
    /// The daemon closed the connection before it answered.
    #[error("get an answer: the daemon closed the connection")]
    Closed,
    /// The daemon refused the connection.
    #[error("{failure}")]
    Refused {
        /// Why.
        failure: Failure,
        /// Protocol versions it speaks.
        protocol: ProtocolRange,
        /// Its product version.
        version: String,
    },
    /// The daemon did not do what the request asked for.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A system call on the connection or on a file.
    #[error("{operation}: {source}")]
    Io {
        /// What failed: "write to the daemon".
        operation: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The daemon sent something that this version does not understand.
    #[error("understand the daemon's {what}: {detail}")]
    Protocol {
        /// Which part of the protocol: "hello", "reply", "event".
        what: &'static str,
        /// What was wrong with it.
        detail: String,
    },
}

/// Why no daemon could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program bdd was not found.
    #[error("start the daemon: bdd was not found (tried {})", tried.join(", "))]
    NoProgram {
        /// Where it was searched for, in order.
        tried: Vec<String>,
    },
    /// Another client has been starting it for too long.
    #[error("start the daemon: another bdctl has been holding {} for too long", path.display())]
    LockHeld {
        /// The lock.
        path: PathBuf,
    },
    /// A daemon is running, but neither listens nor ends.
    #[error("start the daemon: one is running (it holds {}) but does not listen", path.display())]
    Deaf {
        /// The lock.
        path: PathBuf,
    },
    /// The new daemon ended before it answered.
    #[error("start the daemon: {} exited at once{}{}", program.display(), status_text(*status),
        log_text(log_tail))]
    Died {
        /// The program that was started.
        program: PathBuf,
        /// How it ended, where that is known.
        status: Option<ExitStatus>,
        /// The last lines it wrote.
        log_tail: Vec<String>,
    },
    /// A system call failed.
    #[error("start the daemon: cannot {operation} {}: {source}", path.display())]
    Io {
        /// What failed: "lock", "bind".
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

fn status_text(status: Option<ExitStatus>) -> String {
    status.map(|status| format!(" ({status})")).unwrap_or_default()
}

fn log_text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

impl ClientError {
    /// A stable name, for programs: that of the daemon's failure, or one of `no_home`, `session`,
    /// `connect`, `foreign_daemon`, `not_running`, `start_failed`, `silent`, `closed`, `io` and
    /// `protocol`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { failure, .. } | Self::Failure(failure) => &failure.code,
            Self::Home(_) => "no_home",
            Self::Session(_) => "session",
            Self::Connect { .. } => "connect",
            Self::ForeignDaemon { .. } => "foreign_daemon",
            Self::NotRunning { .. } => "not_running",
            Self::Start(_) => "start_failed",
            Self::Silent { .. } => "silent",
            Self::Closed => "closed",
            Self::Io { .. } => "io",
            Self::Protocol { .. } => "protocol",
        }
    }

    /// The whole sentence, as shown to users.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused { .. } | Self::Failure(_) => self.to_string(),
            _ => format!("failed to {self}"),
        }
    }

    /// What to do about it, if something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Home(error) => return Some(error.hint()),
            Self::Failure(failure) | Self::Refused { failure, .. } => return failure.hint.clone(),
            Self::Start(error) => return Some(error.hint()),
            Self::NotRunning { forbidden: true } => {
                "start it with `bdctl daemon start`, or unset BD_NO_AUTOSTART"
            }
            Self::NotRunning { forbidden: false } => "start it with `bdctl daemon start`",
            Self::Silent { .. } => {
                "it may be suspended or stuck; `bdctl daemon stop` ends it, and the next command starts a new one"
            }
            Self::Closed => {
                "`bdctl daemon logs` may say why; run the command again to start a new daemon"
            }
            Self::Connect { .. } => "`bdctl daemon restart` creates a new socket",
            Self::ForeignDaemon { .. } => "set BD_HOME to a directory of your own",
            Self::Session(_) => "write it KIND or KIND:ID, for instance agent:reviewer",
            Self::Protocol { .. } => {
                "the versions of bdctl and bdd may differ: run `bdctl daemon restart`"
            }
            Self::Io { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// A reply that answers another request than the one it names.
    #[must_use]
    pub fn wrong_answer() -> Self {
        Self::Protocol { what: "reply", detail: "it answers another request".to_owned() }
    }

    pub(crate) fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoProgram { .. } => {
                "install bdd beside bdctl, or set BD_DAEMON to its path".to_owned()
            }
            Self::LockHeld { .. } => {
                "find the bdctl that hangs; the lock is free when it ends".to_owned()
            }
            Self::Deaf { .. } => {
                "end it with `bdctl daemon stop`, then run the command again".to_owned()
            }
            Self::Died { program, .. } => {
                format!("run `{}` in a terminal to see what it prints", program.display())
            }
            Self::Io { .. } => {
                "check free space and the permissions of that directory, or set BD_HOME".to_owned()
            }
        }
    }

    pub(crate) fn io(
        operation: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }
}
