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
    /// From the daemon or the connection to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The reader of standard output has closed it.
    #[error("write the output: its reader has closed it")]
    OutputClosed,
    /// Standard output cannot be written.
    #[error("write the output: {0}")]
    Output(#[source] io::Error),
    /// An operation on a file or the terminal.
    #[error("{operation}: {source}")]
    Io { operation: String, source: io::Error },
    /// The daemon ended before the build did.
    #[error("get the outcome of build {build}: the daemon ended before the build")]
    DaemonGone { build: String },
    /// The daemon ended during a watch.
    #[error("continue watching {root}: the daemon ended")]
    WatchGone { root: String },
    /// The workspace cannot be watched any more.
    #[error("continue watching {root}: {message}")]
    WatchEnded { root: String, message: String },
    /// There is no build.
    #[error("find a build: none has run yet")]
    NoBuild,
    /// There is no build of the workspace.
    #[error("find a build: none has run in this workspace yet")]
    NoBuildHere,
    /// The configuration has a mistake, as the daemon's program says.
    #[error("restart the daemon: {said}; the one that runs goes on")]
    Config { said: String },
    /// The daemon broke the protocol.
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
                "`bdctl history` shows what became of it, `bdctl daemon logs` why the daemon ended"
                    .to_owned(),
            ),
            Self::WatchGone { .. } => Some(
                "`bdctl daemon logs` may say why; run the command again to start a new daemon"
                    .to_owned(),
            ),
            Self::NoBuild => Some("start one with `bdctl run -- COMMAND`".to_owned()),
            Self::NoBuildHere => Some(
                "`--all` takes the newest of any workspace; `bdctl history` lists them".to_owned(),
            ),
            _ => None,
        }
    }

    /// A stable name, for programs: that of the daemon's failure, or our own.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::OutputClosed | Self::Output(_) => "output",
            Self::Io { .. } => "io",
            Self::DaemonGone { .. } | Self::WatchGone { .. } => "daemon_gone",
            Self::WatchEnded { .. } => "no_state",
            Self::NoBuild | Self::NoBuildHere => codes::NOT_FOUND,
            Self::Broken(_) => "protocol",
            Self::Config { .. } => "config",
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => OUTPUT_CLOSED,
            // A wrong option or variable: wrong usage, as where clap reports it.
            Self::Client(ClientError::Session(_)) => USAGE,
            // A wrong option too, but only the daemon knows what a clock is.
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
    /// For writes to standard output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}
