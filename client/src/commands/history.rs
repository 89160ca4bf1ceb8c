//! `bdctl history`: lists builds, newest first.

use crate::caller::{Caller, print};
use crate::command_error::CommandError;
use crate::render::document::{Builds, document};
use crate::render::paint::Paint;
use crate::render::{builds, table};
use crate::request;
use bd_client::{Client, StartPolicy};
use bd_protocol::Build;
use bd_protocol::service::{HISTORY_MAX, HistoryQuery};
use clap::Args;
use std::path::PathBuf;

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
    let found = client.history(HistoryQuery { limit, under: under.map(Into::into) })?;
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

/// The newest build below this directory, else the newest of all.
pub(super) fn newest(client: &Client) -> Result<Build, CommandError> {
    let ask = |under| -> Result<Option<Build>, CommandError> {
        let query = HistoryQuery { limit: Some(1), under };
        Ok(client.history(query)?.into_iter().next())
    };
    let here = std::env::current_dir().ok();
    let found = here.map(|here| ask(Some(here.into()))).transpose()?.flatten();
    match found {
        Some(build) => Ok(build),
        None => ask(None)?.ok_or(CommandError::NoBuild),
    }
}
