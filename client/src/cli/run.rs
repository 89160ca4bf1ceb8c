//! The command line of `run`, and the options that it shares with whatever else runs commands.
//! Does nothing.

use crate::values;
use bd_protocol::Priority;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Run a command, or share the run of somebody who asked for the same
///
/// Standard output and standard error are the command's, byte for byte, and so is the exit code.
/// Ctrl-C withdraws: the command dies when nobody else wants it.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  bdctl run -- cargo check\n  bdctl run --timeout 10m -- cargo test\n  \
                  bdctl run --wait 45s -- cargo test   # 124 and an id if it takes longer\n  \
                  bdctl run --detach -- make all       # prints the id, see `bdctl wait`\n  \
                  bdctl run --tty -- htop"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) place: WorkspaceLocator,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Print the id of the build and leave; it goes on
    #[arg(long, conflicts_with_all = ["wait", "stdin", "tty", "events"])]
    pub(crate) detach: bool,
    /// Leave after so long with exit code 124; the build goes on
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) wait: Option<Duration>,
    /// Pass our standard input on to the command
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Run the command under a terminal of its own, connected to ours
    #[arg(long, conflicts_with_all = ["json", "events"])]
    pub(crate) tty: bool,
    /// Print what happens as JSON lines
    #[arg(long, conflicts_with = "json")]
    pub(crate) events: bool,
    /// Print the build as JSON at the end; the command's own output goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing of our own but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Where and in which environment a command runs.
#[derive(Debug, Default, Args)]
pub(crate) struct WorkspaceLocator {
    /// Directory to run in [default: this one]
    #[arg(long, short = 'C', value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// Set a variable for the command; may be repeated
    #[arg(long, value_name = "NAME=VALUE",
        value_parser = OsStringValueParser::new().try_map(|given| values::variable(&given)))]
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// For how long, before whom and with whom it runs.
#[derive(Debug, Default, Args)]
pub(crate) struct Terms {
    /// End the command after so long, waiting included
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Priority class: user, editor, agent or background [default: that of the session]
    #[arg(long, value_name = "CLASS")]
    pub(crate) priority: Option<Priority>,
    /// Share the run with others whatever the command is
    #[arg(long, conflicts_with = "no_join")]
    pub(crate) join: bool,
    /// Run alone
    #[arg(long)]
    pub(crate) no_join: bool,
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    #[test]
    fn options_after_the_command_are_the_commands() {
        let cli = Cli::parse_from(["bdctl", "run", "--quiet", "--", "cargo", "--json", "-q"]);
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert!(run.quiet && !run.json);
        assert_eq!(run.command, ["cargo", "--json", "-q"]);
        assert!(Cli::try_parse_from(["bdctl", "run", "--env", "=x", "--", "true"]).is_err());
    }
}
