//! `bdctl state inspect|verify`: shows the index of a workspace and compares it with the disk.

use crate::args::WorkspaceArgs;
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::{document, own_document};
use crate::render::paint::Paint;
use crate::render::workspaces::{one, verification};
use crate::request;
use bd_client::StartPolicy;
use clap::{Args, Subcommand};

/// Inspect the index of a workspace, and compare it with the disk
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
    /// Show a workspace as it was last seen, without reading the disk
    #[command(
        after_help = "Examples:\n  bdctl state inspect\n  bdctl state inspect --json ~/project"
    )]
    Inspect(WorkspaceArgs),
    /// Read the whole workspace and show where the index differs from it
    ///
    /// Exit code 0: they are equal, or the index was repaired. 1: they differ.
    #[command(
        after_help = "Examples:\n  bdctl state verify\n  bdctl state verify --repair --json ~/project"
    )]
    Verify {
        /// Correct the index where it is wrong; files are not touched
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        of: WorkspaceArgs,
    },
}

/// The index differs from the disk and was not repaired.
const DIFFERS: u8 = 1;

pub(super) fn run(args: StateArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &std::io::stdout());
    match args.command {
        StateCommand::Inspect(of) => {
            let found = client.inspect(request::workspace(of.dir.as_deref())?)?;
            print(&if of.json { own_document(&found) } else { one(&found, paint) })?;
            Ok(0)
        }
        StateCommand::Verify { repair, of } => {
            let verified = client.verify(request::workspace(of.dir.as_deref())?, repair)?;
            print(&match of.json {
                true => document("bd.state_verify/1", &verified),
                false => verification(&verified, paint),
            })?;
            Ok(if verified.equal() || verified.repaired { 0 } else { DIFFERS })
        }
    }
}
