//! The command line: what can be typed, and what `--help` says about it. Does nothing.

mod run;
mod watch;
mod workspaces;

pub(crate) use run::{RunArgs, Terms, WorkspaceLocator};
pub(crate) use watch::WatchArgs;
pub(crate) use workspaces::{ChangesArgs, StateArgs, StateCommand, WsArgs, WsCommand};

use crate::render::paint::ColorChoice;
use crate::values;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Runs builds through the build daemon: identical work runs once, whoever asks.
///
/// The daemon starts by itself with the first command.
#[derive(Debug, Parser)]
#[command(
    name = "bdctl",
    version,
    max_term_width = 100,
    after_help = "Exit codes: that of the command for run and wait; 124 a wait expired; 125 the \
                  daemon could not\ndo what was asked; 128+n signal n; 2 wrong usage.\n\n\
                  Examples:\n  bdctl run -- cargo check\n  bdctl watch -- cargo check\n  bdctl status\n  bdctl logs --follow\n  bdctl changes --wait"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Who asks: user, editor, agent, hook or ci, with an optional id [env: BD_SESSION]
    #[arg(long, global = true, value_name = "KIND[:ID]")]
    pub(crate) session: Option<String>,
    /// Colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Watch(Box<WatchArgs>),
    Status(StatusArgs),
    Wait(WaitArgs),
    Cancel(CancelArgs),
    Logs(LogsArgs),
    History(HistoryArgs),
    Explain(ExplainArgs),
    Changes(ChangesArgs),
    Ws(WsArgs),
    State(StateArgs),
    Version(VersionArgs),
    Completions(CompletionsArgs),
    Daemon(DaemonArgs),
}

/// Show the daemon and the builds that have not ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl status\n  bdctl status --watch\n  bdctl status --json | jq .builds"
)]
pub(crate) struct StatusArgs {
    /// Keep showing it; as lines where standard output is no terminal
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print JSON; JSON lines with --watch
    #[arg(long)]
    pub(crate) json: bool,
}

/// Wait for a build and exit as its command did
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl wait b04k2m\n  bdctl wait --timeout 45s --json b04k2m")]
pub(crate) struct WaitArgs {
    /// The build; the beginning of its id is enough
    pub(crate) id: String,
    /// Leave after so long with exit code 124
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Print the build as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing of our own but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Withdraw builds; returns when their processes are gone
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl cancel b04k2m\n  bdctl cancel b04k2m b04k2n")]
pub(crate) struct CancelArgs {
    /// The builds; the beginning of an id is enough
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Print the build as JSON; one document a build
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what a build printed
///
/// What went to standard output goes to standard output, and likewise for standard error.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl logs                          # the newest build below this directory\n  \
                  bdctl logs --follow b04k2m\n  bdctl logs --tail 20 --stderr\n  bdctl logs --grep '^error'"
)]
pub(crate) struct LogsArgs {
    /// The build; the beginning of its id is enough
    pub(crate) id: Option<String>,
    /// Go on until the build ends
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES")]
    pub(crate) tail: Option<usize>,
    /// Only lines in which this regular expression is found
    #[arg(long, value_name = "REGEX", value_parser = values::regex)]
    pub(crate) grep: Option<regex_lite::Regex>,
    /// Only standard output
    #[arg(long, conflicts_with = "stderr")]
    pub(crate) stdout: bool,
    /// Only standard error
    #[arg(long)]
    pub(crate) stderr: bool,
    /// Print the build and its output as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what ran: why it ran or joined, how long, how it ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl history\n  bdctl history --under . --limit 5\n  bdctl history --all --json"
)]
pub(crate) struct HistoryArgs {
    /// At most so many [default: 20]
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub(crate) limit: Option<u32>,
    /// Everything that is kept, in all directories
    #[arg(long, conflicts_with = "under")]
    pub(crate) all: bool,
    /// Only what ran in this directory or below it
    #[arg(long, value_name = "DIR")]
    pub(crate) under: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Explain a build, or what a command would be: root, program, identity, sharing
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl explain                    # the newest build below this directory\n  \
                  bdctl explain b04k2m\n  bdctl explain -- cargo check     # without running it"
)]
pub(crate) struct ExplainArgs {
    /// The build; the beginning of its id is enough
    #[arg(conflicts_with = "command")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) place: WorkspaceLocator,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Program and arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Show the versions of bdctl and of the running daemon
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bdctl version\n  bdctl version --json")]
pub(crate) struct VersionArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl completions bash > ~/.local/share/bash-completion/completions/bdctl"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Start, stop and look at the daemon
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl daemon status\n  bdctl daemon stop --when-idle\n  bdctl daemon logs --follow"
)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    pub(crate) command: DaemonCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Start it, if it is not running
    Start {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End it and its builds within five seconds
    Stop {
        /// Only if no build is waiting or running
        #[arg(long)]
        when_idle: bool,
    },
    /// End it and start it again
    Restart {
        /// Only if no build is waiting or running
        #[arg(long)]
        when_idle: bool,
    },
    /// Show whether it runs; does not start it
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show its own log
    Logs {
        /// Go on as it grows
        #[arg(long, short)]
        follow: bool,
        /// Only the last lines
        #[arg(long, short = 'n', value_name = "LINES")]
        tail: Option<usize>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
