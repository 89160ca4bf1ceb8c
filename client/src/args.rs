//! Groups of arguments that several commands have. Does nothing.

use crate::values;
use bd_protocol::Priority;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where and in which environment a command runs.
#[derive(Debug, Default, Args)]
pub(crate) struct CommandContext {
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
pub(crate) struct BuildOptions {
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

/// A directory, and how to print.
#[derive(Debug, Args)]
pub(crate) struct WorkspaceArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A directory in the workspace [default: this one]
    pub(crate) dir: Option<PathBuf>,
}
