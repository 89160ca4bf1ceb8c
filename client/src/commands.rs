//! The commands of `bdctl`: which there are, and which function runs each. A command has one file,
//! with its arguments, its help and what it does.

pub(crate) mod cancel;
pub(crate) mod changes;
pub(crate) mod completions;
pub(crate) mod daemon;
pub(crate) mod daemon_logs;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod logs;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod version;
pub(crate) mod wait;
pub(crate) mod watch;
pub(crate) mod ws;

use crate::caller::Caller;
use crate::command_error::CommandError;
use clap::Subcommand;

/// What can be typed behind `bdctl`, in the order in which `--help` lists it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<run::RunArgs>),
    Watch(Box<watch::WatchArgs>),
    Status(status::StatusArgs),
    Wait(wait::WaitArgs),
    Cancel(cancel::CancelArgs),
    Logs(logs::LogsArgs),
    History(history::HistoryArgs),
    Explain(explain::ExplainArgs),
    Changes(changes::ChangesArgs),
    Ws(ws::WsArgs),
    State(state::StateArgs),
    Version(version::VersionArgs),
    Completions(completions::CompletionsArgs),
    Daemon(daemon::DaemonArgs),
}

/// Runs a command and returns its exit code.
pub(crate) fn dispatch(command: Command, caller: &Caller) -> Result<u8, CommandError> {
    match command {
        Command::Run(args) => run::run(*args, caller),
        Command::Watch(args) => watch::run(*args, caller),
        Command::Status(args) => status::run(&args, caller),
        Command::Wait(args) => wait::run(&args, caller),
        Command::Cancel(args) => cancel::run(&args, caller),
        Command::Logs(args) => logs::run(&args, caller),
        Command::History(args) => history::run(&args, caller),
        Command::Explain(args) => explain::run(args, caller),
        Command::Changes(args) => changes::run(args, caller),
        Command::Ws(args) => ws::run(args, caller),
        Command::State(args) => state::run(args, caller),
        Command::Version(args) => version::run(&args, caller),
        Command::Completions(args) => completions::run(&args, caller),
        Command::Daemon(args) => daemon::run(&args, caller),
    }
}
