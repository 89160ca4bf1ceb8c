//! The command line as a whole: `bdctl` itself, and the options that every command has. What each
//! command takes is in [`commands`](crate::commands).

use crate::commands::Command;
use crate::render::paint::ColorChoice;
use clap::{Args, Parser};

/// Runs builds through the build daemon: identical work runs once, whoever asks for it.
///
/// The first command starts the daemon.
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
    /// The session: user, editor, agent, hook or ci, with an optional id [env: BD_SESSION]
    #[arg(long, global = true, value_name = "KIND[:ID]")]
    pub(crate) session: Option<String>,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
