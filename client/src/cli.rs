//! The command line as a whole: `bdctl` itself, and the options that every command has. What each
//! command takes is in [`commands`](crate::commands).

use crate::commands::Command;
use crate::render::paint::ColorChoice;
use bd_protocol::shown;
use clap::{Args, Parser};
use std::os::unix::ffi::OsStrExt as _;

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

impl Cli {
    /// Parses the command line; where that is wrong, says so and exits, `report` being called first.
    pub(crate) fn parse_all(report: impl Fn(&clap::Error)) -> Self {
        let error = match Self::try_parse() {
            Ok(cli) => return cli,
            Err(error) => error,
        };
        // What is quoted is quoted as it may be shown.
        let words = std::env::args_os().map(|word| shown::bytes(word.as_bytes()));
        if let Err(error) = Self::try_parse_from(words) {
            report(&error);
            error.exit();
        }
        report(&error);
        eprintln!("bdctl: {}", shown::lines(&error.to_string()));
        std::process::exit(error.exit_code())
    }
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
