//! Groups of arguments that several commands share. Does nothing.

use crate::values;
use bd_protocol::Priority;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// In which directory and environment a command runs.
#[derive(Debug, Default, Args)]
pub(crate) struct CommandContext {
    /// Run in this directory [default: the current one]
    #[arg(long, short = 'C', value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// Set an environment variable for the command; may be repeated
    #[arg(long, value_name = "NAME=VALUE",
        value_parser = OsStringValueParser::new().try_map(|given| values::variable(&given)))]
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// How long a build may take, its priority, and whether it is shared.
#[derive(Debug, Default, Args)]
pub(crate) struct BuildOptions {
    /// Stop the command after this time, waiting included
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Priority class: user, editor, agent or background [default: that of the session]
    #[arg(long, value_name = "CLASS")]
    pub(crate) priority: Option<Priority>,
    /// Share the run with others, whatever the command is
    #[arg(long, conflicts_with = "no_join")]
    pub(crate) join: bool,
    /// Never share the run
    #[arg(long)]
    pub(crate) no_join: bool,
}

/// A directory, and how to print.
#[derive(Debug, Args)]
pub(crate) struct WorkspaceArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A directory in the workspace [default: the current one]
    pub(crate) dir: Option<PathBuf>,
}
