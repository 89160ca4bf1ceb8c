//! Maps every error of the server to the failure that clients get: a code, a tier (who can do something
//! about it), a message and a hint that fits the cause. The texts of these errors are whole sentences,
//! because they are shown as they are.

use super::builds::FindBuildError;
use super::confinement::{Difference, listed};
use super::convert::GlobsError;
use super::locate::LocateError;
use super::submit::SubmitError;
use super::wire::RequestError;
use super::workspace_query::WorkspaceQueryError;
use crate::engine::Refusal;
use crate::runtime::{self, EngineStopped};
use crate::store::HistoryError;
use crate::watch::WorkspaceError;
use bd_protocol::failure::{Failure, codes};
use bd_protocol::hello::{OUR_RANGE, PRODUCT_VERSION, ProtocolRange};
use std::io;
use std::path::PathBuf;

/// Hint for requests that arrive while the daemon stops.
const ASK_AGAIN: &str = "run the command again; it starts a new daemon";

/// Why a connection is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefusedConnection {
    #[error("this daemon belongs to another user")]
    ForeignPeer,
    #[error("the daemon serves {0} connections already")]
    TooMany(usize),
    /// The first frame is not understood.
    #[error("no hello: {0}")]
    NoHello(String),
    #[error(
        "client {version} speaks protocol {} to {}, daemon {PRODUCT_VERSION} speaks {} to {}",
        range.min, range.max, OUR_RANGE.min, OUR_RANGE.max
    )]
    NoCommonProtocol { version: String, range: ProtocolRange, client_is_newer: bool },
    /// A command would run in another confinement than its client.
    #[error("the client has {} than the daemon", listed(&.0.what))]
    Confined(Difference),
    /// Asked to end when idle.
    #[error("builds are waiting or running")]
    Busy,
}

/// There is no pipe for the standard input of a build.
#[derive(Debug, thiserror::Error)]
#[error("the standard input of the build cannot be connected: {0}")]
pub(super) struct NoPipe(pub(super) io::Error);

/// A command cannot be given the state of its client's process.
#[derive(Debug, thiserror::Error)]
#[error("the client has {0}")]
pub(super) struct OutOfReach(pub(super) String);

/// A clock is malformed.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a clock")]
pub(super) struct NoClock(pub(super) String);

/// A directory is in no workspace that the daemon knows.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnknownWorkspace {
    /// It could be one, but was not read yet.
    #[error("no workspace is known at {}", .0.display())]
    NotSeen(PathBuf),
    /// There is nothing to remove.
    #[error("no workspace is known at {}", .0.display())]
    NotKnown(PathBuf),
}

/// Why there is no trigger.
#[derive(Debug, thiserror::Error)]
pub(super) enum TriggerError {
    /// Nobody could provide its input.
    #[error("a command that is run on change has no terminal and no standard input")]
    Interactive,
    /// The workspace can not be observed.
    #[error("failed to {0}")]
    NoState(runtime::TriggerError),
    /// The connection has no such trigger.
    #[error("there is no watch '{0}' on this connection")]
    Unknown(String),
}

impl From<EngineStopped> for Failure {
    fn from(error: EngineStopped) -> Self {
        Self::environment(codes::DRAINING, error.to_string()).hint(ASK_AGAIN)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Draining => Self::environment(
                codes::DRAINING,
                "the daemon is stopping and accepts no new builds",
            )
            .hint(ASK_AGAIN),
            Refusal::QueueFull(builds) => Self::environment(
                codes::QUEUE_FULL,
                format!("{builds} builds are waiting or running already"),
            )
            .hint("wait for some of them to end; `bdctl status` lists them"),
        }
    }
}

impl From<OutOfReach> for Failure {
    fn from(error: OutOfReach) -> Self {
        Self::environment(codes::OUT_OF_REACH, error.to_string()).hint(
            "whoever started the daemon had less; `bdctl daemon restart` starts it with what this \
             process has",
        )
    }
}

impl From<FindBuildError> for Failure {
    fn from(error: FindBuildError) -> Self {
        let message = error.to_string();
        match error {
            FindBuildError::Unknown(_) => {
                Self::user(codes::NOT_FOUND, message).hint("`bdctl history` lists the builds")
            }
            FindBuildError::Ambiguous { .. } => {
                Self::user(codes::AMBIGUOUS, message).hint("give more characters of the id")
            }
            FindBuildError::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        let failure = Self::environment(codes::STORE, error.to_string());
        match error {
            HistoryError::Stopping => failure.hint(ASK_AGAIN),
            HistoryError::Unavailable => failure.hint("`bdctl status` shows what is wrong with it"),
        }
    }
}

impl From<WorkspaceQueryError> for Failure {
    fn from(error: WorkspaceQueryError) -> Self {
        let message = error.to_string();
        match error {
            WorkspaceQueryError::Stopping => {
                Self::environment(codes::DRAINING, message).hint(ASK_AGAIN)
            }
            WorkspaceQueryError::NoState { source, .. } => no_state(message, &source),
        }
    }
}

impl From<TriggerError> for Failure {
    fn from(error: TriggerError) -> Self {
        let message = error.to_string();
        match error {
            TriggerError::Interactive => Self::user(codes::BAD_REQUEST, message)
                .hint("run it once with `bdctl run --tty` or `bdctl run --stdin`"),
            TriggerError::NoState(runtime::TriggerError::Workspace(source)) => {
                no_state(message, &source)
            }
            TriggerError::NoState(runtime::TriggerError::Globs { .. }) => {
                Self::user(codes::BAD_REQUEST, message)
            }
            TriggerError::Unknown(_) => Self::user(codes::NOT_FOUND, message),
        }
    }
}

/// A workspace cannot be observed; the hint fits the cause.
fn no_state(message: String, cause: &WorkspaceError) -> Failure {
    let hint = match cause {
        WorkspaceError::RootGone(_) => {
            "use a directory that exists; `bdctl ws list` lists the workspaces"
        }
        WorkspaceError::Unreadable { .. } => "make it readable for the user who runs the daemon",
        WorkspaceError::ResourceExhausted { .. } => {
            "run the command again when other programs have closed files; `bdctl daemon logs` may say more"
        }
        WorkspaceError::TooManyEntries(_) => "list files that are not inputs in .bdignore",
        WorkspaceError::KeepsChanging(_) => {
            "run the command again when fewer files change, or list those files in .bdignore"
        }
        WorkspaceError::StillReading { .. } => {
            "run the command again in a moment; list what is no input in .bdignore"
        }
        WorkspaceError::Distrusted(_) => "run the command again; everything is read again",
        WorkspaceError::Unobservable { .. } => {
            "`bdctl daemon logs` may say more; `bdctl ws remove` makes the daemon start afresh"
        }
    };
    Failure::environment(codes::NO_STATE, message).hint(hint)
}

impl From<UnknownWorkspace> for Failure {
    fn from(error: UnknownWorkspace) -> Self {
        let failure = Self::user(codes::NOT_FOUND, error.to_string());
        failure.hint(match error {
            UnknownWorkspace::NotSeen(_) => {
                "`bdctl ws info` reads it; `bdctl ws list` lists the workspaces that are known"
            }
            UnknownWorkspace::NotKnown(_) => "`bdctl ws list` lists the workspaces that are known",
        })
    }
}

impl From<LocateError> for Failure {
    fn from(error: LocateError) -> Self {
        let message = error.to_string();
        let bad_dir = |hint| Self::user(codes::BAD_DIR, message.clone()).hint(hint);
        match error {
            LocateError::NotAbsolute(_) => bad_dir("give an absolute path"),
            LocateError::NotADirectory(_) => bad_dir("give the directory that contains it"),
            LocateError::Inaccessible { .. } => {
                bad_dir("give a directory that exists; `bdctl ws list` lists the workspaces")
            }
            LocateError::System(_) => {
                Self::user(codes::BAD_ROOT, message).hint("give the directory of a project")
            }
            LocateError::Home(_) => Self::user(codes::BAD_ROOT, message)
                .hint("give the directory of a project; each is a workspace of its own"),
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::UnknownPriority
            | SubmitError::NoCommand
            | SubmitError::NulInArgument
            | SubmitError::BadVariable(_) => Self::user(codes::BAD_REQUEST, message),
            SubmitError::RelativeCwd(_)
            | SubmitError::CwdNotADirectory(_)
            | SubmitError::CwdInaccessible { .. } => Self::user(codes::BAD_CWD, message)
                .hint("choose the directory to run in with --cwd"),
        }
    }
}

impl From<GlobsError> for Failure {
    fn from(error: GlobsError) -> Self {
        Self::user(codes::BAD_REQUEST, error.to_string())
            .hint("write globs as lines of a .gitignore: 'src/**/*.rs', '!gen/'")
    }
}

impl From<NoClock> for Failure {
    fn from(error: NoClock) -> Self {
        Self::user(codes::BAD_CLOCK, error.to_string())
            .hint("give a clock as `bdctl changes` prints it: c:0123456789abcdef:42")
    }
}

impl From<NoPipe> for Failure {
    fn from(error: NoPipe) -> Self {
        Self::environment(codes::INTERNAL, error.to_string())
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::NoCall | RequestError::Malformed(_) => {
                Self::user(codes::BAD_REQUEST, message)
            }
            RequestError::UnknownMethod(_) => Self::user(codes::UNSUPPORTED, message)
                .hint("restart the daemon with the newer version: bdctl daemon restart"),
            RequestError::GivenUp(_) => Self::internal(message),
        }
    }
}

impl From<RefusedConnection> for Failure {
    fn from(error: RefusedConnection) -> Self {
        let message = error.to_string();
        match error {
            RefusedConnection::ForeignPeer => Self::user(codes::FOREIGN_PEER, message)
                .hint("set BD_HOME to a directory of your own"),
            RefusedConnection::TooMany(_) => {
                Self::environment(codes::TOO_MANY_CONNECTIONS, message)
                    .hint("try again when some have ended")
            }
            RefusedConnection::NoHello(_) => Self::user(codes::BAD_REQUEST, message),
            RefusedConnection::Confined(Difference { client_is_freer: false, .. }) => {
                Self::environment(codes::CONFINED_CLIENT, message).hint(
                    "run it outside of the sandbox, or give the sandbox a daemon of its own: set \
                     BD_HOME to a directory in it",
                )
            }
            RefusedConnection::Confined(_) => Self::environment(codes::CONFINED_DAEMON, message)
                .hint("the daemon was started in a sandbox; `bdctl daemon restart` starts it here"),
            RefusedConnection::Busy => {
                Self::environment(codes::BUSY, message).hint("`bdctl status` lists them")
            }
            RefusedConnection::NoCommonProtocol { client_is_newer: true, .. } => {
                Self::user(codes::PROTOCOL_MISMATCH, message)
                    .hint("restart the daemon with the newer version: bdctl daemon restart")
            }
            RefusedConnection::NoCommonProtocol { .. } => {
                Self::user(codes::PROTOCOL_MISMATCH, message)
                    .hint("the client is older than the daemon: upgrade bdctl")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::Tier;

    fn hint(failure: Failure) -> String {
        failure.hint.unwrap_or_default()
    }

    /// What cures one cause does not cure the other.
    #[test]
    fn a_hint_fits_its_cause_where_the_code_is_the_same() {
        let dir = || PathBuf::from("/x");
        let file = Failure::from(LocateError::NotADirectory(dir()));
        let relative = Failure::from(LocateError::NotAbsolute(dir()));
        assert_eq!((&*file.code, &*relative.code), (codes::BAD_DIR, codes::BAD_DIR));
        assert!(hint(file).contains("contains it") && hint(relative).contains("absolute"));

        let closed = Failure::from(HistoryError::Stopping);
        let broken = Failure::from(HistoryError::Unavailable);
        assert_eq!((&*closed.code, &*broken.code), (codes::STORE, codes::STORE));
        assert!(hint(closed).contains("new daemon") && hint(broken).contains("bdctl status"));

        let mismatch = |client_is_newer| {
            let (version, range) = ("9.9.9".to_owned(), OUR_RANGE);
            let refused = RefusedConnection::NoCommonProtocol { version, range, client_is_newer };
            hint(refused.into())
        };
        assert!(mismatch(true).contains("daemon restart") && mismatch(false).contains("upgrade"));
    }

    #[test]
    fn a_workspace_that_cannot_be_observed_has_a_hint_for_its_cause() {
        let hint_of = |source| {
            let root = PathBuf::from("/ws");
            let failure = Failure::from(WorkspaceQueryError::NoState { root, source });
            assert_eq!((&*failure.code, failure.tier), (codes::NO_STATE, Tier::Environment));
            hint(failure)
        };
        let path = || PathBuf::from("/ws/x");
        assert!(hint_of(WorkspaceError::RootGone(path())).contains("exists"));
        assert!(hint_of(WorkspaceError::TooManyEntries(path())).contains(".bdignore"));
        assert!(hint_of(WorkspaceError::Distrusted(path())).contains("again"));
    }

    #[test]
    fn a_daemon_that_stops_says_so_wherever_it_is_asked() {
        for failure in [
            EngineStopped.into(),
            Refusal::Draining.into(),
            FindBuildError::Stopped(EngineStopped).into(),
            WorkspaceQueryError::Stopping.into(),
        ] {
            let failure: Failure = failure;
            assert_eq!((&*failure.code, failure.tier), (codes::DRAINING, Tier::Environment));
            assert_eq!(hint(failure), ASK_AGAIN);
        }
    }
}
