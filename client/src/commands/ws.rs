//! `bdctl ws add|list|remove|info|trust|untrust|digest`: lists, shows, adds and removes workspaces,
//! and consents to what they have run on change.

use crate::args::WorkspaceArgs;
use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::{Workspaces, document, own_document};
use crate::render::paint::Paint;
use crate::render::table::width_of;
use crate::render::workspaces::{list, one, path};
use crate::request;
use bd_client::{Client, StartPolicy};
use bd_protocol::OsText;
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::io::stdout;
use std::path::PathBuf;

/// List, show, add and remove workspaces
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, the workspaces are listed. A build or a query in a directory adds its \
                  workspace.\n\nExamples:\n  bdctl ws\n  bdctl ws info\n  \
                  bdctl ws info --json ~/project | jq .tree_digest\n  bdctl ws remove ~/old-project"
)]
pub(crate) struct WsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<WsCommand>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WsCommand {
    /// Add a workspace, so that it is watched
    ///
    /// DIR itself becomes the root of a workspace, whatever is in it or around it. Without DIR, the
    /// workspace of the current directory is added. What its bd.toml has run on change is enabled and
    /// shown, as by `bdctl ws trust`.
    #[command(after_help = "Examples:\n  bdctl ws add\n  bdctl ws add ~/project/generated")]
    Add {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The root [default: that of the current workspace]
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
    /// Remove a workspace, its watches and its saved index; files are not touched
    #[command(after_help = "Examples:\n  bdctl ws remove\n  bdctl ws remove ~/old-project")]
    Remove(WorkspaceArgs),
    /// Show a workspace: files, bytes, watches, clock and digest
    #[command(after_help = "Examples:\n  bdctl ws info\n  bdctl ws info --json ~/project")]
    Info(WorkspaceArgs),
    /// Enable what the bd.toml of a workspace has run on change, and show it
    ///
    /// Enabled are these very commands in this very directory. When either is another, nothing is run
    /// until it is enabled again.
    #[command(
        after_help = "Examples:\n  bdctl ws info       # shows the commands before\n  bdctl ws trust\n  bdctl ws trust --json ~/project"
    )]
    Trust(WorkspaceArgs),
    /// Run nothing on change in a workspace any more
    #[command(after_help = "Examples:\n  bdctl ws untrust\n  bdctl ws untrust ~/project")]
    Untrust(WorkspaceArgs),
    /// Print the digest of a selection of files
    ///
    /// Equal files at equal paths have equal digests, in any workspace.
    #[command(
        after_help = "Examples:\n  bdctl ws digest --on 'src/**' --on Cargo.lock\n  bdctl ws digest --on '*.ts' --json"
    )]
    Digest {
        /// Which files: a line of a .gitignore in the root, `!` excludes; may be repeated
        #[arg(long, value_name = "GLOB")]
        on: Vec<OsString>,
        #[command(flatten)]
        of: WorkspaceArgs,
    },
}

pub(super) fn run(args: WsArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let paint = Paint::new(caller.color, &stdout());
    match args.command.unwrap_or(WsCommand::List { json: args.json }) {
        WsCommand::Add { json, dir } => {
            let place = request::workspace(dir.as_deref())?;
            let added = client.register(place, dir.is_some())?;
            print(&if json { own_document(&added) } else { one(&added, paint) })?;
        }
        WsCommand::List { json } => {
            let workspaces = client.workspaces()?;
            let body = Workspaces { workspaces: &workspaces };
            print(&match json {
                true => document("bd.ws_list/1", &body),
                false => list(&workspaces, paint, width_of(stdout())),
            })?;
        }
        WsCommand::Remove(of) => {
            let forgotten = client.forget(request::workspace(of.dir.as_deref())?)?;
            print(&match of.json {
                true => document("bd.ws_remove/1", &forgotten),
                false => format!("removed: {}\n", path(&forgotten.root)),
            })?;
        }
        WsCommand::Info(of) => {
            let found = client.workspace(request::workspace(of.dir.as_deref())?)?;
            print(&if of.json { own_document(&found) } else { one(&found, paint) })?;
        }
        WsCommand::Trust(of) => trust(&client, &of, true, paint)?,
        WsCommand::Untrust(of) => trust(&client, &of, false, paint)?,
        WsCommand::Digest { on, of } => {
            let on = on.into_iter().map(OsText).collect();
            let found = client.digest(request::workspace(of.dir.as_deref())?, on)?;
            print(&match of.json {
                true => document("bd.ws_digest/1", &found),
                false => format!("{}\n", found.digest),
            })?;
        }
    }
    Ok(0)
}

fn trust(
    client: &Client,
    of: &WorkspaceArgs,
    given: bool,
    paint: Paint,
) -> Result<(), CommandError> {
    let found = client.trust(request::workspace(of.dir.as_deref())?, given)?;
    print(&if of.json { own_document(&found) } else { one(&found, paint) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;
    use clap::Parser as _;

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
        assert!(matches!(info, Some(WsCommand::Info(WorkspaceArgs { json: true, dir: Some(_) }))));
        assert!(Cli::try_parse_from(["bdctl", "state"]).is_err());
    }
}
