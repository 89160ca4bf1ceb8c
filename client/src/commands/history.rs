//! `bdctl history`: lists builds, newest first.

use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::{Builds, document};
use crate::render::paint::Paint;
use crate::render::{builds, table};
use crate::request;
use bd_client::{Client, StartPolicy, workspace_at};
use bd_protocol::Build;
use bd_protocol::service::{HISTORY_MAX, HistoryQuery};
use clap::Args;
use std::path::{Path, PathBuf};

/// List past builds: what ran or was joined, for how long, and how it ended
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bdctl history\n  bdctl history --under . --limit 5\n  bdctl history --all --json"
)]
pub(crate) struct HistoryArgs {
    /// List at most this many [default: 20]
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub(crate) limit: Option<u32>,
    /// List all builds that are kept, of all directories
    #[arg(long, conflicts_with = "under")]
    pub(crate) all: bool,
    /// List only builds that ran in this directory or below it
    #[arg(long, value_name = "DIR")]
    pub(crate) under: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &HistoryArgs, caller: &Caller) -> Result<u8, CommandError> {
    let client = caller.client(StartPolicy::IfNeeded)?;
    let under = args.under.as_deref().map(request::directory).transpose()?;
    let limit = args.limit.or(args.all.then_some(HISTORY_MAX));
    let found =
        client.history(HistoryQuery { limit, under: under.map(Into::into), workspace: None })?;
    if args.json {
        print(&document("bd.history/1", &Builds { builds: &found }))?;
    } else if found.is_empty() {
        print("no builds\n")?;
    } else {
        let stdout = std::io::stdout();
        let paint = Paint::new(caller.color, &stdout);
        print(&builds::past(&found, paint, table::width_of(&stdout)))?;
    }
    Ok(0)
}

/// The newest build of the workspace that this directory is in; with `all`, of any.
pub(super) fn newest(client: &Client, all: bool) -> Result<Build, CommandError> {
    let here = request::directory(Path::new("."))?;
    let workspace = (!all).then(|| workspace_at(here));
    let query = HistoryQuery { limit: Some(1), under: None, workspace };
    let newest = client.history(query)?.into_iter().next();
    newest.ok_or(if all { CommandError::NoBuild } else { CommandError::NoBuildHere })
}
