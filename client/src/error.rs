//! Why the library did not do what it was asked, and what the asker can do about it. Every text
//! but that of a refusal reads as the end of "failed to …".

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
    /// There is no trustworthy place to meet the daemon.
    #[error("find the daemon: {0}")]
    Home(#[from] HomeError),
    /// The session given by option or environment is not one.
    #[error("tell who asks: {0}")]
    Session(#[from] ParseSessionError),
    /// The socket is there and does not let us in.
    #[error("connect to the daemon at {}: {source}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Another user's process listens on our socket.
    #[error("trust the daemon at {}: it runs as another user (uid {uid})", socket.display())]
    ForeignDaemon {
        /// The socket.
        socket: PathBuf,
        /// Who runs it.
        uid: u32,
    },
    /// Nobody listens, and nobody may be started.
    #[error("reach the daemon: none is running")]
    NotRunning {
        /// Whether `BD_NO_AUTOSTART` is the reason that none was started.
        forbidden: bool,
    },
    /// No daemon could be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The daemon took the connection and said nothing.
    #[error("get an answer from the daemon within {} s", waited.as_secs_f32().round())]
    Silent {
        /// For how long.
        waited: Duration,
    },
    /// The connection ended before the answer came.
    #[error("keep the connection: the daemon ended it")]
    Closed,
    /// The daemon does not speak with us.
    #[error("{failure}")]
    Refused {
        /// Its reason.
        failure: Failure,
        /// Protocol versions it speaks.
        protocol: ProtocolRange,
        /// Its product version.
        version: String,
    },
    /// The daemon did not do what it was asked.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A system call on the connection or on one of our files.
    #[error("{operation}: {source}")]
    Io {
        /// What was tried: "write to the daemon".
        operation: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// The daemon said something that we do not understand.
    #[error("understand the daemon's {what}: {detail}")]
    Protocol {
        /// Part of the conversation: "hello", "reply", "event".
        what: &'static str,
        /// What was wrong with it.
        detail: String,
    },
}

/// Why no daemon could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no program to start.
    #[error("start the daemon: no bdd was found (tried {})", tried.join(", "))]
    NoProgram {
        /// Where it was looked for, in order.
        tried: Vec<String>,
    },
    /// Another client has been starting it for too long.
    #[error("start the daemon: another bdctl holds {} for too long", path.display())]
    LockHeld {
        /// The lock.
        path: PathBuf,
    },
    /// A daemon lives, but neither listens nor ends.
    #[error("start the daemon: one is alive (it holds {}) and does not listen", path.display())]
    Deaf {
        /// The lock.
        path: PathBuf,
    },
    /// The new daemon ended before it said anything.
    #[error("start the daemon: {} ended at once{}{}", program.display(), status_text(*status),
        log_text(log_tail))]
    Died {
        /// The program that was started.
        program: PathBuf,
        /// How it ended, where that is known.
        status: Option<ExitStatus>,
        /// The last lines it wrote.
        log_tail: Vec<String>,
    },
    /// The system said no.
    #[error("start the daemon: cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried: "lock", "bind".
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's own words.
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
    /// The whole sentence, as shown to people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Refused { .. } | Self::Failure(_) => self.to_string(),
            _ => format!("failed to {self}"),
        }
    }

    /// What to do about it, where something can be done.
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
                "it may be stopped or stuck; `bdctl daemon stop` ends it, the next command starts a new one"
            }
            Self::Closed => "`bdctl daemon logs` may tell why; asking again starts a new daemon",
            Self::Connect { .. } => "`bdctl daemon restart` puts a new socket there",
            Self::ForeignDaemon { .. } => "set BD_HOME to a directory of your own",
            Self::Session(_) => "write it KIND or KIND:ID, for instance agent:reviewer",
            Self::Protocol { .. } => {
                "bdctl and bdd may be of different versions: `bdctl daemon restart`"
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
                "look for a bdctl that hangs; when it ends, the lock is free".to_owned()
            }
            Self::Deaf { .. } => "`bdctl daemon stop` ends it; then ask again".to_owned(),
            Self::Died { program, .. } => {
                format!("run `{}` in a terminal to see what it says", program.display())
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
