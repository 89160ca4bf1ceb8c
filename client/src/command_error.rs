//! Why a command failed, what the user can do about it, and the exit code that it leads to.

use bd_client::ClientError;
use bd_protocol::failure::codes;
use std::io;

/// The daemon could not do what was asked.
pub(crate) const DAEMON_FAILED: u8 = 125;
/// Exit code for wrong usage, the same as clap's.
const USAGE: u8 = 2;
/// What a shell shows for a program that SIGPIPE ended.
const OUTPUT_CLOSED: u8 = 128 + 13;

/// Why a command did not do its part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The daemon, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nobody reads our output any more.
    #[error("write: nobody reads it")]
    OutputClosed,
    /// Our output can not be written.
    #[error("write the output: {0}")]
    Output(#[source] io::Error),
    /// A file or the terminal.
    #[error("{operation}: {source}")]
    Io { operation: String, source: io::Error },
    /// The daemon went away while its answer was awaited.
    #[error("get the result of build {build}: the daemon ended before it did")]
    DaemonGone { build: String },
    /// The daemon went away while changes were awaited.
    #[error("go on watching {root}: the daemon ended")]
    WatchGone { root: String },
    /// The workspace can not be watched any more.
    #[error("go on watching {root}: {message}")]
    WatchEnded { root: String, message: String },
    /// There is no build to speak of.
    #[error("find a build: none has run yet")]
    NoBuild,
    /// The daemon left its own rules.
    #[error("understand the daemon: {0}")]
    Broken(&'static str),
}

impl CommandError {
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Client(error) => error.sentence(),
            _ => format!("failed to {self}"),
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.hint(),
            Self::DaemonGone { .. } => Some(
                "`bdctl history` tells what became of it, `bdctl daemon logs` why the daemon ended"
                    .to_owned(),
            ),
            Self::WatchGone { .. } => Some(
                "`bdctl daemon logs` may tell why; the same command again starts a new daemon"
                    .to_owned(),
            ),
            Self::NoBuild => Some("`bdctl run -- COMMAND` runs one".to_owned()),
            _ => None,
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => OUTPUT_CLOSED,
            // Of an option or a variable: the caller's mistake, as clap's are.
            Self::Client(ClientError::Session(_)) => USAGE,
            // What a clock is, only the daemon knows.
            Self::Client(ClientError::Failure(failure)) if failure.code == codes::BAD_CLOCK => {
                USAGE
            }
            _ => DAEMON_FAILED,
        }
    }

    pub(crate) fn io(operation: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let operation = operation.into();
        move |source| Self::Io { operation, source }
    }
}

impl From<io::Error> for CommandError {
    /// For writes to our own output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}
