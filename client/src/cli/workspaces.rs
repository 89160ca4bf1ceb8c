//! The command line of what is asked about workspaces: `changes`, `ws` and `state`. Does nothing.

use crate::values;
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Show what changed in a workspace since a moment
///
/// The last line is the clock to ask with next time. Everything written before the question has
/// been seen; what is ignored is not told. A clock that the daemon does not know, because it is of
/// another daemon or too old, gets a list of everything there is.
#[derive(Debug, Args)]
#[command(after_help = "Lines: A added, M modified, D removed, R renamed.\n\nExamples:\n  \
                  bdctl changes                                # only the clock\n  \
                  bdctl changes --since c:51f0c9a40d6e7b32:17\n  \
                  bdctl changes --wait                         # until something changes\n  \
                  bdctl changes --since c:51f0c9a40d6e7b32:17 --wait=30s --json   # 124 if nothing does")]
pub(crate) struct ChangesArgs {
    /// Since this moment; without it, only the clock is shown
    #[arg(long, value_name = "CLOCK")]
    pub(crate) since: Option<String>,
    /// Wait until something changed, from now on without --since; leave after DURATION with exit
    /// code 124
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true,
        value_parser = values::duration)]
    pub(crate) wait: Option<Option<Duration>>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A directory in the workspace [default: this one]
    pub(crate) dir: Option<PathBuf>,
}

/// Show the workspaces the daemon knows, or one of them; make it know or forget one
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, the workspaces are listed. Builds and questions make a workspace known by \
                  themselves.\n\nExamples:\n  bdctl ws\n  bdctl ws info\n  \
                  bdctl ws info --json ~/project | jq .tree_digest\n  bdctl ws remove ~/old-project"
)]
pub(crate) struct WsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<WsCommand>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A directory, and how to print.
#[derive(Debug, Args)]
pub(crate) struct OfWorkspace {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A directory in the workspace [default: this one]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WsCommand {
    /// Make a workspace known, so that it is watched
    ///
    /// A directory that is given becomes the root of one, whatever lies in it or around it.
    /// Without one, the workspace that this directory is in is meant.
    #[command(after_help = "Examples:\n  bdctl ws add\n  bdctl ws add ~/project/generated")]
    Add {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The root [default: that of the workspace this directory is in]
        dir: Option<PathBuf>,
    },
    /// List the workspaces, as they were last seen
    #[command(
        after_help = "Examples:\n  bdctl ws list\n  bdctl ws list --json | jq '.workspaces[].root'"
    )]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a workspace, with its watches and what is stored of it; files are not touched
    #[command(after_help = "Examples:\n  bdctl ws remove\n  bdctl ws remove ~/old-project")]
    Remove(OfWorkspace),
    /// Show what a workspace holds: files, bytes, watches, clock and digest
    #[command(after_help = "Examples:\n  bdctl ws info\n  bdctl ws info --json ~/project")]
    Info(OfWorkspace),
    /// Print the digest of those files that somebody takes as inputs
    ///
    /// Equal files at equal paths have equal digests, in any workspace.
    #[command(
        after_help = "Examples:\n  bdctl ws digest --on 'src/**' --on Cargo.lock\n  bdctl ws digest --on '*.ts' --json"
    )]
    Digest {
        /// Which files: a line as in a .gitignore in the root, `!` leaves out; may be repeated
        #[arg(long, value_name = "GLOB")]
        on: Vec<OsString>,
        #[command(flatten)]
        of: OfWorkspace,
    },
}

/// Look at what the daemon believes of a workspace, and compare it with the disk
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl state inspect\n  bdctl state verify\n  bdctl state verify --repair ~/project"
)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Show what is believed of a workspace, without a look at the disk
    #[command(
        after_help = "Examples:\n  bdctl state inspect\n  bdctl state inspect --json ~/project"
    )]
    Inspect(OfWorkspace),
    /// Read the whole workspace and tell where the state differs from it
    ///
    /// Exit code 0: they are equal, or the state was repaired. 1: they differ.
    #[command(
        after_help = "Examples:\n  bdctl state verify\n  bdctl state verify --repair --json ~/project"
    )]
    Verify {
        /// Mend what is wrong in the state; files are not touched
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        of: OfWorkspace,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    #[test]
    fn a_wait_may_have_a_duration_and_a_directory_is_none() {
        let changes = |arguments: &[&str]| {
            let cli = Cli::parse_from([&["bdctl", "changes"], arguments].concat());
            let Command::Changes(args) = cli.command else { panic!("not changes") };
            (args.wait, args.dir)
        };
        let seconds = Duration::from_secs;
        assert_eq!(changes(&[]), (None, None));
        assert_eq!(changes(&["--wait"]), (Some(None), None));
        assert_eq!(changes(&["--wait=2"]), (Some(Some(seconds(2))), None));
        assert_eq!(changes(&["--wait", "2"]), (Some(None), Some("2".into())));
        assert!(Cli::try_parse_from(["bdctl", "changes", "--wait=soon"]).is_err());
        assert!(Cli::try_parse_from(["bdctl", "changes", "--since"]).is_err());
    }

    #[test]
    fn ws_alone_is_a_list() {
        let ws = |arguments: &[&str]| {
            let cli = Cli::parse_from([&["bdctl", "ws"], arguments].concat());
            let Command::Ws(args) = cli.command else { panic!("not ws") };
            args
        };
        assert!(ws(&[]).command.is_none() && !ws(&[]).json);
        assert!(ws(&["--json"]).json);
        let info = ws(&["info", "x", "--json"]).command;
        assert!(matches!(info, Some(WsCommand::Info(OfWorkspace { json: true, dir: Some(_) }))));
        assert!(Cli::try_parse_from(["bdctl", "state"]).is_err());
    }
}
