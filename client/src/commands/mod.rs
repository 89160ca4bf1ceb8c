//! One file a command, and what they share: who calls, and how a command fails.

mod cancel;
mod changes;
mod completions;
mod daemon;
mod daemon_logs;
mod explain;
mod follow;
mod history;
mod logs;
mod output;
mod progress;
mod request;
mod run;
mod screen;
mod signals;
mod state;
mod status;
mod terminal;
mod version;
mod wait;
mod watch;
mod ws;

use crate::cli::{Command, DaemonCommand};
use crate::render::paint::ColorChoice;
use bd_client::{Client, ClientError, StartPolicy, recognise};
use bd_protocol::failure::codes;
use bd_protocol::rendezvous::Home;
use std::io::{self, Write as _};

/// A wait expired; what was waited for goes on.
const EXPIRED: u8 = 124;
/// The daemon could not do what was asked.
const DAEMON_FAILED: u8 = 125;
/// Exit code for wrong usage, the same as clap's.
const USAGE: u8 = 2;
/// What a shell shows for a program that SIGPIPE ended.
const OUTPUT_CLOSED: u8 = 128 + 13;

/// Options of every command.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) session: Option<String>,
    pub(crate) color: ColorChoice,
}

impl Caller {
    /// A client for this caller; its notes go to standard error.
    fn client(&self, start: StartPolicy) -> Result<Client, ClientError> {
        let home = Home::from_env()?;
        let session = recognise(self.session.as_deref())?;
        Ok(Client::new(home, session, start).with_notes(|note| eprintln!("bdctl: {note}")))
    }
}

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

    fn io(operation: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
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

/// Runs a command; the answer is the exit code.
pub(crate) fn dispatch(command: Command, caller: &Caller) -> Result<u8, CommandError> {
    match command {
        Command::Run(args) => run::run(*args, caller),
        Command::Watch(args) => watch::watch(*args, caller),
        Command::Status(args) => status::status(&args, caller),
        Command::Wait(args) => wait::wait(&args, caller),
        Command::Cancel(args) => cancel::cancel(&args, caller),
        Command::Logs(args) => logs::logs(&args, caller),
        Command::History(args) => history::history(&args, caller),
        Command::Explain(args) => explain::explain(args, caller),
        Command::Changes(args) => changes::changes(args, caller),
        Command::Ws(args) => ws::ws(args, caller),
        Command::State(args) => state::state(args, caller),
        Command::Version(args) => version::version(&args, caller),
        Command::Completions(args) => completions::completions(&args),
        Command::Daemon(args) => match args.command {
            DaemonCommand::Start { json } => daemon::start(json, caller),
            DaemonCommand::Stop { when_idle } => daemon::stop(when_idle, caller),
            DaemonCommand::Restart { when_idle } => daemon::restart(when_idle, caller),
            DaemonCommand::Status { json } => daemon::status(json, caller),
            DaemonCommand::Logs { follow, tail } => daemon_logs::logs(follow, tail, caller),
        },
    }
}

/// Prints to standard output, in one write.
fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
